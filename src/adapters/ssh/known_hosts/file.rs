//! The file in use: read again when it changes, kept when the disk fails.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::{KnownHosts, KnownHostsError};

/// Larger files are refused. 4 MiB is about 40,000 keys.
const MAX_BYTES: u64 = 4 << 20;

/// How old the last look at the file may be. A key that a person accepts or revokes counts after
/// this time at the latest.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a look may take. A disk that hangs must not hold back a machine.
const LOOK_LIMIT: Duration = Duration::from_secs(1);

/// A known_hosts file that is in use.
#[derive(Debug)]
pub(in crate::adapters::ssh) struct Trust {
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stamp: Stamp,
    known: Arc<KnownHosts>,
    looked: Option<Instant>,
    warned: bool,
}

/// Tells one state of the file from another, also when it was replaced by a rename.
type Stamp = (u64, u64, i64, i64);

impl Trust {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// [`KnownHostsError`]: missing, unreadable, too large, or with a line that must not be
    /// passed over.
    pub(in crate::adapters::ssh) fn open(file: &Path) -> Result<Self, KnownHostsError> {
        let (stamp, known) = load(file)?;
        let state = State { stamp, known: Arc::new(known), looked: None, warned: false };
        Ok(Self { file: file.to_owned(), state: Mutex::new(state) })
    }

    /// The same, but a file that is missing is an empty one: nobody is trusted yet.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for that.
    pub(in crate::adapters::ssh) fn open_or_empty(file: &Path) -> Result<Self, KnownHostsError> {
        if !stamp_of(file).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Self::open(file);
        }
        // There is no good state that would stay in use, so nothing to warn of.
        let (known, warned) = (Arc::new(KnownHosts::default()), true);
        let state = State { stamp: Stamp::default(), known, looked: None, warned };
        Ok(Self { file: file.to_owned(), state: Mutex::new(state) })
    }

    /// Where it lies.
    pub(in crate::adapters::ssh) fn file(&self) -> &Path {
        &self.file
    }

    /// What it says now. If it can't be read any more, what it said last: a disk that fails in an
    /// outage must not take the machines away, and the last state trusted nobody new.
    pub(in crate::adapters::ssh) async fn current(&self) -> Arc<KnownHosts> {
        let (due, stamp, known) = {
            let mut state = self.lock();
            let due = state.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
            if due {
                // Set before looking, so that only one of many callers does.
                state.looked = Some(Instant::now());
            }
            (due, state.stamp, Arc::clone(&state.known))
        };
        if !due {
            return known;
        }
        let file = self.file.clone();
        let look = tokio::task::spawn_blocking(move || match stamp_of(&file) {
            Ok(now) if now == stamp => Ok(None),
            _ => load(&file).map(Some),
        });
        match tokio::time::timeout(LOOK_LIMIT, look).await {
            Ok(Ok(Ok(None))) => known,
            Ok(Ok(Ok(Some((stamp, new))))) => {
                let mut state = self.lock();
                state.stamp = stamp;
                state.known = Arc::new(new);
                state.warned = false;
                Arc::clone(&state.known)
            }
            Ok(Ok(Err(error))) => self.keep(known, &error.to_string()),
            Ok(Err(_)) => self.keep(known, "reading it was broken off"),
            Err(_) => self.keep(known, "reading it takes too long"),
        }
    }

    fn keep(&self, known: Arc<KnownHosts>, why: &str) -> Arc<KnownHosts> {
        let mut state = self.lock();
        if !state.warned {
            state.warned = true;
            let file = self.file.display();
            warn!(%file, why, "known_hosts: the last good state stays in use");
        }
        known
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamp_of(file: &Path) -> std::io::Result<Stamp> {
    std::fs::metadata(file).map(|m| (m.ino(), m.size(), m.mtime(), m.mtime_nsec()))
}

fn load(file: &Path) -> Result<(Stamp, KnownHosts), KnownHostsError> {
    let unreadable = |why: String| KnownHostsError::Unreadable { file: file.to_owned(), why };
    // The stamp first: if the file changes in between, the next look sees it.
    let stamp = stamp_of(file).map_err(|e| unreadable(e.to_string()))?;
    if stamp.1 > MAX_BYTES {
        return Err(unreadable(format!("larger than {MAX_BYTES} bytes")));
    }
    let content = std::fs::read(file).map_err(|e| unreadable(e.to_string()))?;
    let known = KnownHosts::parse(&content).map_err(|bad| KnownHostsError::Malformed {
        file: file.to_owned(),
        line: bad.line,
        why: bad.why,
    })?;
    for bad in known.unread() {
        warn!(file = %file.display(), line = bad.line, why = bad.why, "known_hosts: line not used");
    }
    Ok((stamp, known))
}
