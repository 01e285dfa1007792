//! The clocks of ananke's own host. The one place that reads them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::model::ids::BootId;
use crate::model::time::{Moment, Mono};
use crate::ports::Clock;

/// Where the kernel tells the id of this boot (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// systemd-timesyncd touches this file whenever it has set the clock (systemd-timesyncd(8)).
/// `/run` is empty after a boot, so the file speaks of this boot only.
const TIMESYNCD_FLAG: &str = "/run/systemd/timesync/synchronized";

/// The longest single nap. Timers of the runtime count `CLOCK_MONOTONIC`, which stands still while
/// the machine sleeps; after a resume a sleeper is late by this much at the most.
const LONGEST_NAP: Duration = Duration::from_secs(5);

/// `CLOCK_BOOTTIME` for every time-out, and the wall clock with the question whether to trust it.
///
/// The wall clock is trusted when systemd-timesyncd has set it in this boot, or when somebody who
/// asked another time daemon said so ([`HostClock::note_synchronised`]). The kernel's own answer
/// (`adjtimex`, `STA_UNSYNC`) can't be had without unsafe code. Unknown counts as not trusted.
#[derive(Debug, Clone)]
pub struct HostClock {
    boot: BootId,
    synchronised: Arc<AtomicBool>,
}

/// The host doesn't tell which boot this is: no time-out could be compared over a restart.
#[derive(Debug, thiserror::Error)]
#[error("{BOOT_ID} can't be read")]
pub struct ClockError(#[source] std::io::Error);

impl HostClock {
    /// Reads the boot id, once.
    ///
    /// # Errors
    /// [`ClockError`] where `/proc` does not give one.
    pub fn new() -> Result<Self, ClockError> {
        let text = std::fs::read_to_string(BOOT_ID).map_err(ClockError)?;
        let boot = BootId::new(text.trim());
        Ok(Self { boot, synchronised: Arc::new(AtomicBool::new(false)) })
    }

    /// Takes note of what a time daemon other than systemd-timesyncd says of the wall clock. All
    /// clones of this clock share it.
    pub fn note_synchronised(&self, yes: bool) {
        self.synchronised.store(yes, Ordering::Relaxed);
    }

    /// Whether anybody vouches for the wall clock.
    fn wall_trusted(&self) -> bool {
        self.synchronised.load(Ordering::Relaxed) || Path::new(TIMESYNCD_FLAG).exists()
    }
}

impl Clock for HostClock {
    fn now(&self) -> Moment {
        Moment {
            boot: self.boot.clone(),
            mono: boottime(),
            wall: wall(),
            wall_trusted: self.wall_trusted(),
        }
    }

    async fn sleep_until(&self, at: Mono) {
        loop {
            let left = boottime().until(at).to_std();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LONGEST_NAP)).await;
        }
    }
}

/// Milliseconds since the boot, sleep included.
fn boottime() -> Mono {
    let now = clock_gettime(ClockId::Boottime);
    let secs = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    Mono(secs.saturating_mul(1_000).saturating_add(nanos / 1_000_000))
}

#[expect(clippy::disallowed_methods, reason = "this is the adapter that reads the wall clock")]
fn wall() -> Timestamp {
    Timestamp::now()
}
