//! The write-ahead record: one append-only file whose every line carries its checksum.
//!
//! A generation starts with a copy of the last record before it, so each file stands on its own.
//! The next one is written beside it, made durable and renamed into place: at no moment is there
//! no usable `ledger.jsonl`. The space of the next record is reserved ahead of the end of the
//! file, so that a full disk does not take the record of a shutdown away.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::FallocateFlags;

use crate::model::record::{FORMAT, LedgerRecord};
use crate::ports::{Ledger, LedgerError, Recovered};

use super::dir::StateDir;
use super::lines::{Start, encode_record, encode_start};
use super::recover::{BACKUP, DAMAGED, LEDGER, MARKER, OpenError, Repair, find};

const LOCK: &str = "ledger.lock";

/// A generation of this size, in bytes, is followed by the next one. About 200 records of a
/// cluster of 25 nodes; read in some ten milliseconds.
const LIMIT: u64 = 4 << 20;

/// If no new generation can be begun (no space for it), the present one goes on up to this many
/// times the limit.
const STRETCH: u64 = 4;

/// The longest record, in bytes. One of a cluster of 25 nodes has about 20 kB.
const RECORD_MAX: usize = 4 << 20;

/// Space is reserved in steps of this many bytes.
const RESERVE: u64 = 256 << 10;

/// The ledger on disk. Holds the directory's lock for as long as it lives.
#[derive(Debug)]
pub struct FileLedger {
    dir: StateDir,
    _lock: File,
    cluster: String,
    generation: u64,
    /// `None` once a write or an fsync on it failed: what is in it is then unknown, and a
    /// second fsync would report success for data that the kernel has dropped.
    file: Option<File>,
    len: u64,
    reserved: u64,
    limit: u64,
    last_seq: u64,
    /// The last acknowledged record as it was written; the next generation starts with it.
    last_line: Vec<u8>,
    behind: Option<String>,
}

impl FileLedger {
    /// Opens the ledger of `cluster` in `dir`, mends what a crash left, and gives back the last
    /// durable memory. Makes the directory if it is missing.
    ///
    /// # Errors
    /// [`OpenError`], whose kind says what a person must do. Nothing was changed then, apart
    /// from the directory and its lock file having been made.
    pub fn open(dir: &Path, cluster: &str) -> Result<(Self, Recovered), OpenError> {
        let made = StateDir::create(dir).map_err(OpenError::io(dir))?;
        Self::open_in(made, cluster, LIMIT)
    }

    pub(super) fn open_in(
        dir: StateDir,
        cluster: &str,
        limit: u64,
    ) -> Result<(Self, Recovered), OpenError> {
        let lock = take_lock(&dir)?;
        let found = find(&dir, cluster)?;
        let root = dir.root().to_owned();
        let (record, last_line) = found.newest.map(|newest| (newest.record, newest.line)).unzip();
        let mut ledger = Self {
            dir,
            _lock: lock,
            cluster: cluster.to_owned(),
            generation: found.generation,
            file: None,
            len: 0,
            reserved: 0,
            limit,
            last_seq: record.as_ref().map_or(0, |record| record.seq),
            last_line: last_line.unwrap_or_default(),
            behind: found.behind,
        };
        ledger.mend(found.repair).map_err(OpenError::io(&root))?;
        Ok((ledger, Recovered { memory: record.map(|record| record.memory), notes: found.notes }))
    }

    /// Why the recovered memory may be older than what was acknowledged last: the newest record
    /// was damaged, not merely torn. `None` after every crash that a sound disk can survive.
    ///
    /// Whoever goes on in spite of it must expect that numbers of actions are given out again.
    pub fn behind(&self) -> Option<&str> {
        self.behind.as_deref()
    }

    fn mend(&mut self, repair: Repair) -> io::Result<()> {
        match repair {
            Repair::Keep(len) | Repair::Cut(len) => {
                let file = self.dir.open(LEDGER)?;
                if matches!(repair, Repair::Cut(_)) {
                    self.dir.cut(&file, LEDGER, len)?;
                }
                // Records that a killed process had written and not yet made durable are read
                // back from the page cache: what is built on them must not be ahead of them.
                self.dir.sync(&file, LEDGER)?;
                (self.file, self.len, self.reserved) = (Some(file), len, len);
            }
            Repair::Rotate | Repair::SetAside | Repair::First => {
                let next = self.write_generation()?;
                self.switch(next, repair)?;
            }
        }
        if !self.dir.has(MARKER)? {
            let text = format!(
                "ananke keeps its state of the cluster '{}' here. If ledger.jsonl is gone, this \
                 is not a first start.\n",
                self.cluster
            );
            self.dir.replace(MARKER, text.as_bytes())?;
        }
        Ok(())
    }

    /// The next generation as a file of its own, durable and not in force yet.
    fn write_generation(&self) -> io::Result<Generation> {
        let start = Start {
            format: FORMAT,
            cluster: self.cluster.clone(),
            generation: self.generation + 1,
            after: self.last_seq,
        };
        let mut bytes = encode_start(&start)?;
        bytes.extend_from_slice(&self.last_line);
        let (file, name) = self.dir.write_new(LEDGER, &bytes)?;
        Ok(Generation { file, name, len: bytes.len() as u64, number: start.generation })
    }

    /// Puts the next generation in force. After an error nobody knows which one is.
    fn switch(&mut self, next: Generation, repair: Repair) -> io::Result<()> {
        self.file = None;
        match repair {
            Repair::SetAside if self.dir.has(LEDGER)? => self.dir.rename(LEDGER, DAMAGED)?,
            Repair::Rotate if self.dir.has(LEDGER)? => {
                self.dir.remove(BACKUP)?;
                self.dir.link(LEDGER, BACKUP)?;
                // Before the rename: the two generations together have no gap at any moment.
                self.dir.sync_dir()?;
            }
            Repair::Keep(_)
            | Repair::Cut(_)
            | Repair::Rotate
            | Repair::SetAside
            | Repair::First => {}
        }
        self.dir.rename(&next.name, LEDGER)?;
        self.dir.sync_dir()?;
        self.file = Some(next.file);
        self.generation = next.number;
        (self.len, self.reserved) = (next.len, next.len);
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let next = self.write_generation()?;
        self.switch(next, Repair::Rotate)
    }

    /// Makes room for `more` bytes: a new generation when this one is full or can't be trusted.
    fn make_room(&mut self, more: u64) -> io::Result<()> {
        let deleted = match &self.file {
            Some(file) => file.metadata()?.nlink() == 0,
            None => false,
        };
        if deleted {
            tracing::error!("{LEDGER} was deleted while in use; it is written anew");
            self.file = None;
        }
        if self.file.is_none() {
            return self.rotate();
        }
        if self.len + more <= self.limit {
            return Ok(());
        }
        match self.write_generation() {
            Ok(next) => self.switch(next, Repair::Rotate),
            // What has room in this generation need not wait for space for the next.
            Err(error) if self.len + more <= self.limit * STRETCH => {
                tracing::warn!(%error, "no new generation of {LEDGER} can be begun");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Reserves space beyond the end of the file. A file system that can't does without.
    fn reserve(&mut self, file: &File, more: u64) {
        while self.reserved < self.len + more {
            let step =
                rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, self.reserved, RESERVE);
            if step.is_err() {
                return;
            }
            self.reserved += RESERVE;
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let more = line.len() as u64;
        self.make_room(more)?;
        // Out of its place until both calls were good: no path leads back to it after an error.
        let Some(file) = self.file.take() else {
            return Err(io::Error::other("no ledger file is open"));
        };
        self.reserve(&file, more);
        self.dir.write(&file, LEDGER, self.len, line)?;
        self.dir.sync(&file, LEDGER)?;
        self.file = Some(file);
        self.len += more;
        Ok(())
    }

    fn check(&self, record: &LedgerRecord) -> io::Result<()> {
        let wrong = if record.seq != self.next_seq() {
            format!("record {} was offered where {} is next", record.seq, self.next_seq())
        } else if record.cluster != self.cluster {
            format!("a record of '{}' was offered to '{}'", record.cluster, self.cluster)
        } else if record.format != FORMAT {
            format!("a record of format {} was offered, {FORMAT} is written", record.format)
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, wrong))
    }
}

impl Ledger for FileLedger {
    fn append(&mut self, record: &LedgerRecord) -> Result<(), LedgerError> {
        self.check(record).map_err(LedgerError::Write)?;
        let json = serde_json::to_string(record).map_err(io::Error::from);
        let line = json.map(|json| encode_record(record.seq, &json)).map_err(LedgerError::Write)?;
        if line.len() > RECORD_MAX {
            let why = format!("the record has {} bytes, {RECORD_MAX} at most", line.len());
            return Err(LedgerError::Write(io::Error::new(io::ErrorKind::InvalidInput, why)));
        }
        self.write(&line).map_err(LedgerError::Write)?;
        self.last_seq = record.seq;
        self.last_line = line;
        Ok(())
    }

    fn next_seq(&self) -> u64 {
        self.last_seq + 1
    }
}

struct Generation {
    file: File,
    name: String,
    len: u64,
    number: u64,
}

/// The kernel gives the lock back when the process ends, however it ends.
fn take_lock(dir: &StateDir) -> Result<File, OpenError> {
    let path = dir.path(LOCK);
    let mut file = dir.open_or_create(LOCK).map_err(OpenError::io(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut text = String::new();
            let read = Read::by_ref(&mut file).take(32).read_to_string(&mut text);
            let pid = read.ok().and_then(|_| text.trim().parse().ok());
            return Err(OpenError::Locked { pid, dir: dir.root().to_owned() });
        }
        Err(std::fs::TryLockError::Error(source)) => return Err(OpenError::Io { path, source }),
    }
    // Only for the message above; on a full disk the lock holds all the same.
    let named = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(error) = named {
        tracing::debug!(%error, "{LOCK} does not name this process");
    }
    Ok(file)
}
