//! Whether ananke's own disk takes records. Without one, nothing new is begun.

use std::io;
use std::path::Path;

use crate::model::time::{Mono, Span};

use super::dir::StateDir;

const PROBE: &str = "disk-probe";

/// More than one record of the largest cluster ananke is made for, in bytes.
const PROBE_BYTES: usize = 64 << 10;

/// A write that takes longer counts as not taken: a dying card blocks for minutes.
const HANGS: Span = Span::secs(10);

/// Writes a small file, makes it durable, removes it. Blocks for as long as the disk does: call
/// it where blocking is allowed, and tell [`DiskHealth`] before and after.
///
/// # Errors
/// What the disk said, in words.
pub fn probe(dir: &Path) -> Result<(), String> {
    let attempt = || -> io::Result<()> {
        let dir = StateDir::at(dir);
        let (_, name) = dir.write_new(PROBE, &vec![b'.'; PROBE_BYTES])?;
        dir.remove(&name)
    };
    attempt().map_err(|error| format!("{}: {error}", dir.display()))
}

/// What is known of the disk: the last probe and the last append, whichever came later, and
/// whether a probe hangs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskHealth {
    last: Result<(), String>,
    probing: Option<Mono>,
}

impl DiskHealth {
    /// Right after the ledger was opened, which wrote to the disk.
    pub const fn after_open() -> Self {
        Self { last: Ok(()), probing: None }
    }

    /// A probe begins. While one is under way the next is not begun.
    pub fn begin(&mut self, now: Mono) -> bool {
        if self.probing.is_some() {
            return false;
        }
        self.probing = Some(now);
        true
    }

    /// The probe came back.
    pub fn ended(&mut self, result: Result<(), String>) {
        self.probing = None;
        self.last = result;
    }

    /// An append came back: better proof than any probe.
    pub fn appended(&mut self, result: Result<(), String>) {
        self.last = result;
    }

    /// For `Observation::disk`.
    ///
    /// # Errors
    /// Why the disk takes no record.
    pub fn verdict(&self, now: Mono) -> Result<(), String> {
        match self.probing {
            Some(since) if now.since(since) > HANGS => {
                Err(format!("a write has not come back for {}", now.since(since)))
            }
            _ => self.last.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_hangs_is_a_broken_disk_until_it_comes_back() {
        let mut health = DiskHealth::after_open();
        assert!(health.begin(Mono(0)));
        assert!(!health.begin(Mono(5_000)), "one probe at a time");
        assert_eq!(health.verdict(Mono(10_000)), Ok(()));
        assert!(health.verdict(Mono(10_001)).is_err());
        health.ended(Ok(()));
        assert_eq!(health.verdict(Mono(20_000)), Ok(()));
    }

    #[test]
    fn a_refused_append_counts_until_something_is_taken_again() {
        let mut health = DiskHealth::after_open();
        health.appended(Err("no space".into()));
        assert_eq!(health.verdict(Mono(0)), Err("no space".to_owned()));
        health.ended(Ok(()));
        assert_eq!(health.verdict(Mono(0)), Ok(()));
    }
}
