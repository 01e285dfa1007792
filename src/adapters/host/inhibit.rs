//! A lock of logind (`org.freedesktop.login1`, Inhibit, mode `delay`): whoever switches this host
//! off or restarts it waits until ananke has written that down.
//!
//! There is no D-Bus library. `systemd-inhibit` holds the lock for as long as a child of it runs,
//! and that child, `busctl monitor`, says when logind begins to wait: one line of JSON. Both come
//! with systemd. A `delay` lock never forbids anything: after `InhibitDelayMaxSec` (5 s, unless
//! somebody changed it) logind goes on without its holder.

use serde_json::Value;

use crate::adapters::process::{ChildSpec, Follower, ProcessError};
use crate::model::time::Span;

/// A child lives so long, then another takes its place: one that was forgotten, because ananke was
/// killed, does not delay every shutdown of the host for ever.
const LIFE: Span = Span::mins(15);

/// The signal that logind sends before it waits, and after it changed its mind.
const SIGNAL: &str = "PrepareForShutdown";

/// The longest line that is read, in bytes. The signal takes some 400.
const LINE: usize = 8_192;

/// What logind says of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It is about to be switched off or restarted.
    Stops,
    /// Nothing comes of it.
    Stays,
}

/// Why nobody is told any more.
#[derive(Debug, thiserror::Error)]
pub enum InhibitError {
    /// It can't be started: is systemd on this host?
    #[error(transparent)]
    Start(#[from] ProcessError),
    /// Its output broke.
    #[error("what logind says can't be read")]
    Read(#[source] std::io::Error),
    /// It ended. Its life was over, or there is no logind, or no right to listen.
    #[error("nobody says any more when this host is stopped: {said}")]
    Ended {
        /// Its last words.
        said: String,
    },
}

/// The programs that hold the lock.
#[derive(Debug, Clone)]
pub struct Inhibitor {
    program: String,
}

impl Inhibitor {
    /// Those of this host.
    pub fn installed() -> Self {
        Self::at("systemd-inhibit")
    }

    /// Another program that takes the same words.
    pub fn at(program: impl Into<String>) -> Self {
        Self { program: program.into() }
    }

    /// Takes the lock. It is held until the value is dropped, and for 15 minutes at most.
    ///
    /// # Errors
    /// [`InhibitError::Start`]. Whether logind gives the lock shows at [`Lock::next`].
    pub fn take(&self) -> Result<Lock, InhibitError> {
        let spec = ChildSpec::new(&self.program, LIFE).args(words()).output_limit(LINE);
        Ok(Lock { child: Follower::start(&spec)? })
    }
}

/// The whole line. `timeout` stays in the family (`--foreground`), so that it is killed with it.
fn words() -> Vec<String> {
    let rule = format!(
        "type='signal',sender='org.freedesktop.login1',path='/org/freedesktop/login1',\
         interface='org.freedesktop.login1.Manager',member='{SIGNAL}'"
    );
    let fixed = [
        "--what=shutdown",
        "--mode=delay",
        "--who=ananke",
        "--why=it looks after a cluster, and writes down that it has to stop",
        "timeout",
        "--foreground",
    ];
    let fixed = fixed.map(str::to_owned).into_iter();
    let life = LIFE.as_secs().to_string();
    let busctl = ["busctl", "--system", "--json=short"].map(str::to_owned);
    let last = [format!("--match={rule}"), "monitor".to_owned()];
    fixed.chain([life]).chain(busctl).chain(last).collect()
}

/// The lock, while it is held.
#[derive(Debug)]
pub struct Lock {
    child: Follower,
}

impl Lock {
    /// The next word of logind.
    ///
    /// # Errors
    /// [`InhibitError`]: the lock is not held any more.
    pub async fn next(&mut self) -> Result<Word, InhibitError> {
        loop {
            match self.child.line().await.map_err(InhibitError::Read)? {
                None => return Err(InhibitError::Ended { said: self.child.last_words().await }),
                Some(line) => {
                    if let Some(word) = word(&line) {
                        return Ok(word);
                    }
                }
            }
        }
    }
}

/// What a line of `busctl --json=short monitor` says, if it is of that signal.
fn word(line: &str) -> Option<Word> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message.get("member")?.as_str()? != SIGNAL {
        return None;
    }
    let stops = message.pointer("/payload/data/0")?.as_bool()?;
    Some(if stops { Word::Stops } else { Word::Stays })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_signal_itself_is_a_word() {
        let of = |member: &str, data: &str| {
            format!(
                "{{\"type\":\"signal\",\"endian\":\"l\",\"flags\":1,\"version\":1,\"cookie\":7,\
                 \"sender\":\":1.3\",\"path\":\"/org/freedesktop/login1\",\
                 \"interface\":\"org.freedesktop.login1.Manager\",\"member\":\"{member}\",\
                 \"payload\":{{\"type\":\"b\",\"data\":[{data}]}}}}"
            )
        };
        let table = [
            (of(SIGNAL, "true"), Some(Word::Stops)),
            (of(SIGNAL, "false"), Some(Word::Stays)),
            (of("PrepareForSleep", "true"), None),
            (of(SIGNAL, "\"yes\""), None),
            (of(SIGNAL, ""), None),
            ("Monitoring bus message stream.".to_owned(), None),
            (String::new(), None),
        ];
        for (line, expected) in table {
            assert_eq!(word(&line), expected, "{line}");
        }
    }

    #[test]
    fn the_lock_only_delays() {
        let words = words();
        assert!(words.contains(&"--mode=delay".to_owned()), "{words:?}");
        assert!(words.contains(&"--what=shutdown".to_owned()), "{words:?}");
    }
}
