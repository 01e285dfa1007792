//! Talks to the service manager: ready, status, alive, stopping (sd_notify(3)).
//!
//! The words are the library's; the sending is ours. The library reads the environment at each
//! message and sends in a blocking way, so that a stuck service manager would stop the loop.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sd_notify::NotifyState;

use crate::model::time::Span;

/// How long a status line may be, in bytes. It is one line of `systemctl status`.
const STATUS_LIMIT: usize = 200;

/// How many beats should fall into one watchdog period: one may be late without harm.
const BEATS_PER_PERIOD: u64 = 3;

/// What each tick asks for once the end has begun. An action may take longer than the unit's stop
/// time; a loop that hangs has this long from its last tick, and ticks follow each other faster.
const GOING_ON: Span = Span::mins(2);

/// The service manager, or nobody where ananke was started by hand.
#[derive(Debug, Clone)]
pub struct ServiceManager(Option<Arc<Link>>);

#[derive(Debug)]
struct Link {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Span>,
    /// The end has begun.
    stopping: AtomicBool,
    /// A failure was logged; the next ones are the same one.
    failing: AtomicBool,
}

/// The service manager's socket was announced and can't be used: the unit would be killed for
/// its silence, so the start fails instead.
#[derive(Debug, thiserror::Error)]
#[error("the service manager's socket {socket} can't be used")]
pub struct ServiceManagerError {
    socket: String,
    #[source]
    source: io::Error,
}

impl ServiceManager {
    /// Nobody to talk to.
    pub const fn nobody() -> Self {
        Self(None)
    }

    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` through `read`, which `main`
    /// gives: the environment is read there only.
    ///
    /// # Errors
    /// [`ServiceManagerError`] where a socket is named that can't be used.
    pub fn from_environment(
        read: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ServiceManagerError> {
        let Some(name) = read("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(Self(None));
        };
        let failed =
            |source| ServiceManagerError { socket: name.to_string_lossy().into_owned(), source };
        // A leading @ stands for the abstract name space (sd_notify(3)).
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(hidden) => SocketAddr::from_abstract_name(hidden),
            None => SocketAddr::from_pathname(&name),
        }
        .map_err(failed)?;
        let socket = UnixDatagram::unbound().map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let number = |key| read(key).and_then(|text| text.to_str()?.parse::<u64>().ok());
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC")
            .filter(|usec| ours && *usec > 0)
            .map(|usec| Span::millis((usec / 1_000).max(1)));
        let (stopping, failing) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Self(Some(Arc::new(Link { socket, address, watchdog, stopping, failing }))))
    }

    /// Whether there is somebody to talk to.
    pub const fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// The first tick is done: what waits for this unit may go on.
    pub fn ready(&self, status: &str) {
        self.send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
    }

    /// The line that `systemctl status` shows.
    pub fn status(&self, status: &str) {
        self.send(&[NotifyState::Status(&one_line(status))]);
    }

    /// The end has begun. The service manager's stop timer runs from here; ticks that follow ask
    /// it for more.
    pub fn stopping(&self, status: &str) {
        if let Some(link) = &self.0 {
            link.stopping.store(true, Ordering::Relaxed);
        }
        self.send(&[NotifyState::Stopping, NotifyState::Status(&one_line(status))]);
    }

    /// Asks for more time to start or to stop, counted from now; 71 minutes at the most.
    /// To be repeated before it has passed, by the work that needs the time.
    pub fn extend_timeout(&self, by: Span) {
        let usec = by.as_millis().saturating_mul(1_000);
        self.send(&[NotifyState::ExtendTimeoutUsec(u32::try_from(usec).unwrap_or(u32::MAX))]);
    }

    /// How the loop shows that it goes on.
    pub fn progress(&self) -> Progress {
        Progress(self.clone())
    }

    fn send(&self, words: &[NotifyState<'_>]) {
        let Some(link) = &self.0 else { return };
        match link.send(words) {
            Ok(()) => link.failing.store(false, Ordering::Relaxed),
            Err(error) => {
                if !link.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the service manager takes no message");
                }
            }
        }
    }
}

impl Link {
    fn send(&self, words: &[NotifyState<'_>]) -> io::Result<()> {
        let mut text = String::new();
        for word in words {
            // Writing into a String can't fail.
            writeln!(text, "{word}").map_err(io::Error::other)?;
        }
        self.socket.send_to_addr(text.as_bytes(), &self.address).map(|_| ())
    }
}

/// Feeds the watchdog by the loop's own progress. There is no timer behind it: a loop that hangs
/// stops feeding, and the service manager starts ananke anew.
#[derive(Debug, Clone)]
pub struct Progress(ServiceManager);

impl Progress {
    /// Called by the loop at each tick, after the tick did its work.
    pub fn beat(&self) {
        if self.0.0.as_ref().is_some_and(|link| link.stopping.load(Ordering::Relaxed)) {
            self.0.extend_timeout(GOING_ON);
        }
        if self.beat_every().is_some() {
            self.0.send(&[NotifyState::Watchdog]);
        }
    }

    /// The loop must tick at least this often. `None` where no watchdog waits for it.
    pub fn beat_every(&self) -> Option<Span> {
        let period = self.0.0.as_ref()?.watchdog?;
        Some(Span::millis((period.as_millis() / BEATS_PER_PERIOD).max(1)))
    }
}

/// A message is made of lines, so a line break in a status would begin another order to the
/// service manager.
fn one_line(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let end = clean.floor_char_boundary(STATUS_LIMIT);
    clean.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_bounded_line() {
        let table = [
            ("converged", "converged".to_owned()),
            ("a\nMAINPID=1\r\tb", "a MAINPID=1  b".to_owned()),
            (&"ä".repeat(150), "ä".repeat(100)),
            (&format!("x{}", "ä".repeat(150)), format!("x{}", "ä".repeat(99))),
        ];
        for (text, expected) in table {
            assert_eq!(one_line(text), expected);
        }
    }
}
