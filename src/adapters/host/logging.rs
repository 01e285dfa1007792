//! Where log lines go: the journal with its fields when we run under it, else plain lines on
//! stderr.

use std::ffi::OsStr;
use std::io::{self, IsTerminal};

use rustix::fs::fstat;
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Libraries may warn; only ananke itself speaks at the level that was asked for. kube's own trace
/// logs every request that fails as an error: while the API is down that is each probe, and the
/// link says it once.
const LIBRARIES: &str = "warn,kube_client=off";

/// Where log lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogTarget {
    /// systemd's journal, over its native protocol.
    Journal,
    /// Lines on stderr.
    Stderr,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The level is none that exists: correct the argument.
    #[error("{level:?} is not a log level (error, warn, info, debug, trace) or a filter")]
    Level {
        /// As it was given.
        level: String,
        /// What the parser says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It was set up before, and can be only once in a process.
    #[error("logging is set up already")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Sets logging up, once in a process. `level` is one word, or a filter such as
/// `info,ananke::engine=debug`; `journal_stream` is the environment's `JOURNAL_STREAM`.
///
/// # Errors
/// [`LoggingError`]: a level that does not exist, or a second call.
pub fn init(level: &str, journal_stream: Option<&OsStr>) -> Result<LogTarget, LoggingError> {
    let registry = tracing_subscriber::registry().with(filter(level)?);
    if journal_stream.is_some_and(stderr_is) {
        match tracing_journald::layer() {
            Ok(journal) => {
                let journal = journal
                    .with_syslog_identifier("ananke".to_owned())
                    .with_field_prefix(Some("ANANKE".to_owned()));
                registry.with(journal).try_init().map_err(LoggingError::Twice)?;
                return Ok(LogTarget::Journal);
            }
            Err(_unreachable) => {
                // stderr leads into the journal too, without the fields.
            }
        }
    }
    let lines = tracing_subscriber::fmt::layer()
        .compact()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    registry.with(lines).try_init().map_err(LoggingError::Twice)?;
    Ok(LogTarget::Stderr)
}

fn filter(level: &str) -> Result<EnvFilter, LoggingError> {
    // An empty word would mean "trace" to the filter's parser, so words are parsed as levels.
    let parsed = if level.contains(['=', ',']) {
        EnvFilter::try_new(level).map_err(Into::into)
    } else {
        level
            .parse::<Level>()
            .map(|level| EnvFilter::new(format!("{LIBRARIES},ananke={level}")))
            .map_err(Into::into)
    };
    parsed.map_err(|source| LoggingError::Level { level: level.to_owned(), source })
}

/// Whether `JOURNAL_STREAM` (`device:inode`) names our stderr. A program that was started from a
/// service with its stderr elsewhere inherits the variable, so its presence alone says nothing
/// (systemd.exec(5)).
fn stderr_is(journal_stream: &OsStr) -> bool {
    let Ok(stat) = fstat(io::stderr()) else { return false };
    journal_stream.to_str() == Some(format!("{}:{}", stat.st_dev, stat.st_ino).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_word_or_a_filter() {
        let table = [
            ("info", Some("ananke=info")),
            ("debug", Some("ananke=debug")),
            ("info,ananke::engine=trace", Some("ananke::engine=trace")),
            ("loud", None),
            ("", None),
        ];
        for (level, part) in table {
            match (filter(level), part) {
                (Ok(filter), Some(part)) => assert!(filter.to_string().contains(part), "{level}"),
                (Err(LoggingError::Level { .. }), None) => {}
                (got, _) => panic!("{level:?}: {got:?}"),
            }
        }
    }
}
