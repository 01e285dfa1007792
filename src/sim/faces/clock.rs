//! The time of a simulated site.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::model::ids::BootId;
use crate::model::time::{Moment, Mono};
use crate::ports::Clock;

/// Nanoseconds in a millisecond.
const NANOS: u128 = 1_000_000;

/// The world's time, made of tokio's: so many times as fast. While the runtime's time is paused it
/// jumps from timer to timer, and the very same clock is virtual time.
///
/// Monotonic time is the world's own, so that what the loop writes down and what befalls the
/// world can be read side by side.
#[derive(Debug, Clone)]
pub struct SimClock {
    origin: Instant,
    began: Mono,
    speed: NonZeroU32,
    /// The wall clock when the world's time was zero.
    epoch: Timestamp,
    boot: BootId,
    /// How often ananke's own host was switched off since. All clones share it.
    boots: Arc<AtomicU32>,
}

impl SimClock {
    /// A clock that shows `now` at this moment, and the wall clock `wall` with it.
    ///
    /// `boot` is the boot of ananke's own host, which no power loss of the site touches: it ends
    /// when ananke switches it off.
    pub fn start(now: Mono, wall: Timestamp, speed: NonZeroU32, boot: BootId) -> Self {
        let epoch = wall.checked_sub(signed(now)).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { origin: Instant::now(), began: now, speed, epoch, boot, boots: Arc::default() }
    }

    /// ananke's own host goes off: what runs on it next runs in another boot. Its monotonic clock
    /// goes on all the same, because it is the world's.
    pub fn boot_anew(&self) {
        self.boots.fetch_add(1, Ordering::Relaxed);
    }

    fn boot(&self) -> BootId {
        match self.boots.load(Ordering::Relaxed) {
            0 => self.boot.clone(),
            boots => BootId::new(format!("{}-{boots}", self.boot)),
        }
    }

    /// How many times as fast as real time.
    pub const fn speed(&self) -> NonZeroU32 {
        self.speed
    }

    /// The world's time now.
    pub fn mono(&self) -> Mono {
        let passed = self.origin.elapsed().as_nanos() * u128::from(self.speed.get()) / NANOS;
        Mono(self.began.0.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)))
    }

    /// When the world's time will be `at`. `None` is later than any timer.
    fn instant(&self, at: Mono) -> Option<Instant> {
        let nanos = u128::from(at.since(self.began).as_millis()) * NANOS;
        let nanos = u64::try_from(nanos.div_ceil(u128::from(self.speed.get()))).ok()?;
        self.origin.checked_add(std::time::Duration::from_nanos(nanos))
    }
}

/// Milliseconds, as a length that wall clocks take.
fn signed(mono: Mono) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(mono.0).unwrap_or(i64::MAX))
}

impl Clock for SimClock {
    fn now(&self) -> Moment {
        let mono = self.mono();
        let wall = self.epoch.checked_add(signed(mono)).unwrap_or(Timestamp::MAX);
        Moment { boot: self.boot(), mono, wall, wall_trusted: true }
    }

    async fn sleep_until(&self, at: Mono) {
        // A timer may be a fraction of a millisecond early, which is a whole one at high speed.
        while self.mono() < at {
            match self.instant(at) {
                Some(instant) => tokio::time::sleep_until(instant).await,
                None => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Span;

    fn clock(speed: u32) -> SimClock {
        let wall = Timestamp::from_second(1_800_000_000).unwrap();
        let speed = NonZeroU32::new(speed).unwrap();
        SimClock::start(Mono(5_000), wall, speed, BootId::fixed("b"))
    }

    #[tokio::test(start_paused = true)]
    async fn time_passes_so_many_times_as_fast_and_never_short_of_what_was_waited_for() {
        for speed in [1, 7, 60, 1_000] {
            let clock = clock(speed);
            let before = Instant::now();
            let wall = clock.now().wall;
            for later in [1, 10, 3_333, 600_000] {
                let at = Mono(5_000) + Span::millis(later);
                clock.sleep_until(at).await;
                let late = clock.mono().since(at).as_millis();
                assert!(clock.mono() >= at && late <= u64::from(speed), "{speed} {later} {late}");
            }
            let real = u64::try_from(before.elapsed().as_millis()).unwrap();
            let expected = 600_000 / u64::from(speed);
            assert!((expected..=expected + 1).contains(&real), "{speed}: {real} ms");
            let passed = clock.now().wall.duration_since(wall).as_millis();
            assert_eq!(passed, i128::from(clock.mono().since(Mono(5_000)).as_millis()));
        }
    }
}
