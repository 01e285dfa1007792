//! What a ledger gives back when it is opened. Every record holds all durable memory, so the
//! newest record that can be read is the memory, whatever happened to the others.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::record::{FORMAT, LedgerRecord};

use super::dir::StateDir;
use super::lines::{Entry, Scan, Tail, scan};

pub(super) const LEDGER: &str = "ledger.jsonl";
pub(super) const BACKUP: &str = "ledger.jsonl.bak";
pub(super) const DAMAGED: &str = "ledger.jsonl.damaged";
pub(super) const MARKER: &str = "ledger.marker";

/// Four times what an append ever lets a file grow to.
pub(super) const READ_MAX: u64 = 64 << 20;

/// Files that only a loop with a ledger writes. Where one of them is, it is not a first start.
const TRACES: [&str; 7] = [
    MARKER,
    DAMAGED,
    "intent.json",
    "runs.json",
    "startup-progress.json",
    "last-startup-report.json",
    "last-shutdown-report.json",
];

/// Why a ledger was not opened. Nothing was changed, and nothing may be done without it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another loop works here. There is one for each host.
    #[error(
        "another ananke{} already works with {}; hand it the request, or end it first",
        .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(), .dir.display()
    )]
    Locked {
        /// The process that holds it, if it said so.
        pid: Option<u32>,
        /// The state directory.
        dir: PathBuf,
    },
    /// A newer ananke wrote it. Only that one, or a newer one, may go on.
    #[error(
        "{} is of format {found} and this ananke knows {known}: install the newer ananke again",
        .file.display()
    )]
    Future {
        /// Which file.
        file: PathBuf,
        /// Its format.
        found: u64,
        /// The newest that is known here.
        known: u32,
    },
    /// It belongs to another cluster.
    #[error(
        "{} belongs to the cluster '{found}', and the configuration says '{expected}': correct \
         the name, or give this cluster a state directory of its own",
        .file.display()
    )]
    Foreign {
        /// Which file.
        file: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// ananke worked here before, and its ledger is gone.
    #[error(
        "{} was in use ({} is there) and its ledger is gone: put ledger.jsonl back, or move the \
         directory away and start anew if you accept that what ananke knew is lost (who wanted \
         the cluster down, which cordons are its own)",
        .dir.display(), .seen.join(", ")
    )]
    Lost {
        /// The state directory.
        dir: PathBuf,
        /// What shows that it was in use.
        seen: Vec<String>,
    },
    /// Nothing in it can be read, and there is no older generation that can.
    #[error(
        "{} is damaged ({why}) and no older generation can be read: put a copy back, or move \
         the directory away and start anew if you accept that what ananke knew is lost",
        .file.display()
    )]
    Corrupt {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The record is intact and this program does not understand it.
    #[error(
        "record {seq} of {} is intact, but this ananke does not understand it ({why}): install \
         the ananke that wrote it",
        .file.display()
    )]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Which record.
        seq: u64,
        /// What is not understood.
        why: String,
    },
    /// The disk refused.
    #[error("can't use {}", .path.display())]
    Io {
        /// What was asked for.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// What must be done before the first append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repair {
    /// Nothing: append at this offset.
    Keep(u64),
    /// Cut the torn line off, then append at this offset.
    Cut(u64),
    /// Begin a new generation; the file, damaged or not, becomes the one before it.
    Rotate,
    /// Begin a new generation after the one before; the file can't be used and is set aside.
    SetAside,
    /// There is nothing yet.
    First,
}

/// The state of a directory, before anything is changed in it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) newest: Option<Newest>,
    pub(super) repair: Repair,
    /// The number of the newest generation that is known.
    pub(super) generation: u64,
    pub(super) notes: Vec<String>,
    /// Why the memory may be older than what was acknowledged last.
    pub(super) behind: Option<String>,
}

/// The newest record that can be read.
#[derive(Debug)]
pub(super) struct Newest {
    pub(super) record: LedgerRecord,
    pub(super) line: Vec<u8>,
}

/// A file and what can be read of it.
pub(super) struct Loaded {
    pub(super) file: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) scan: Scan,
}

impl Loaded {
    /// `None` if there is no such file.
    pub(super) fn read(
        dir: &StateDir,
        name: &str,
        cluster: Option<&str>,
    ) -> Result<Option<Self>, OpenError> {
        let file = dir.path(name);
        let bytes = match dir.read(name, READ_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return Err(OpenError::Corrupt { file, why: error.to_string() });
            }
            Err(source) => return Err(OpenError::Io { path: file, source }),
        };
        let loaded = Self { scan: scan(&bytes), file, bytes };
        if let Some(found) = loaded.scan.format {
            loaded.known(found)?;
        }
        if let Some(start) = &loaded.scan.start {
            loaded.ours(&start.cluster, cluster)?;
        }
        Ok(Some(loaded))
    }

    fn known(&self, found: u64) -> Result<(), OpenError> {
        if found <= u64::from(FORMAT) {
            return Ok(());
        }
        Err(OpenError::Future { file: self.file.clone(), found, known: FORMAT })
    }

    fn ours(&self, found: &str, cluster: Option<&str>) -> Result<(), OpenError> {
        match cluster {
            Some(expected) if expected != found => Err(OpenError::Foreign {
                file: self.file.clone(),
                found: found.to_owned(),
                expected: expected.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// The record of an intact line.
    pub(super) fn record(
        &self,
        entry: &Entry,
        cluster: Option<&str>,
    ) -> Result<LedgerRecord, OpenError> {
        #[derive(Deserialize)]
        struct Version {
            format: u64,
        }
        let json = &self.bytes[entry.json.clone()];
        let unreadable = |error: serde_json::Error| OpenError::Unreadable {
            file: self.file.clone(),
            seq: entry.seq,
            why: error.to_string(),
        };
        // The version first: a newer record need not look like ours at all.
        let version: Version = serde_json::from_slice(json).map_err(unreadable)?;
        self.known(version.format)?;
        let record: LedgerRecord = serde_json::from_slice(json).map_err(unreadable)?;
        self.ours(&record.cluster, cluster)?;
        Ok(record)
    }

    fn newest(&self, up_to: u64, cluster: &str) -> Result<Option<Newest>, OpenError> {
        let within = self.scan.entries.iter().filter(|entry| entry.seq <= up_to);
        let Some(entry) = within.max_by_key(|entry| entry.seq) else { return Ok(None) };
        let record = self.record(entry, Some(cluster))?;
        Ok(Some(Newest { record, line: self.bytes[entry.line.clone()].to_vec() }))
    }

    fn generation(&self) -> u64 {
        self.scan.start.as_ref().map_or(0, |start| start.generation)
    }

    /// What is wrong with it, for people. `None` if nothing is.
    pub(super) fn fault(&self) -> Option<String> {
        let name = self.file.display();
        if self.bytes.is_empty() {
            return Some(format!("{name} is empty"));
        }
        let mut faults = Vec::new();
        if !self.scan.damaged.is_empty() {
            let lines: Vec<_> = self.scan.damaged.iter().take(8).map(usize::to_string).collect();
            let more = if self.scan.damaged.len() > lines.len() { " and more" } else { "" };
            faults.push(format!("damaged in line {}{more}", lines.join(", ")));
        } else if self.scan.start.is_none() {
            faults.push("without a first line that can be read".to_owned());
        }
        match self.scan.tail {
            Tail::Intact => {}
            Tail::Torn => faults.push("torn in its last line, which was never in force".to_owned()),
            Tail::Changed => faults.push("damaged at its end".to_owned()),
        }
        (!faults.is_empty()).then(|| format!("{name} is {}", faults.join(" and ")))
    }
}

/// Looks at the directory and changes nothing.
pub(super) fn find(dir: &StateDir, cluster: &str) -> Result<Found, OpenError> {
    let current = Loaded::read(dir, LEDGER, Some(cluster))?;
    if let Some(current) = &current
        && let Some(newest) = current.newest(u64::MAX, cluster)?
    {
        return Ok(usable(current, Some(newest)));
    }
    match (current, Loaded::read(dir, BACKUP, Some(cluster))?) {
        (None, None) => first(dir),
        (None, Some(before)) => {
            let why = format!("{} is gone", dir.path(LEDGER).display());
            older(None, &before, why, cluster)
        }
        (Some(current), before) => {
            let why = current.fault().unwrap_or_else(|| {
                format!("{} lacks the record that it starts with", current.file.display())
            });
            let after = current.scan.start.as_ref().map(|start| start.after);
            match before {
                Some(before) => older(Some(&current), &before, why, cluster),
                // Killed before the first record was ever written.
                None if after == Some(0) && current.scan.tail != Tail::Changed => {
                    Ok(usable(&current, None))
                }
                None => Err(OpenError::Corrupt { file: current.file, why }),
            }
        }
    }
}

fn first(dir: &StateDir) -> Result<Found, OpenError> {
    let mut seen = Vec::new();
    for name in TRACES {
        if dir.has(name).map_err(OpenError::io(&dir.path(name)))? {
            seen.push(name.to_owned());
        }
    }
    if !seen.is_empty() {
        return Err(OpenError::Lost { dir: dir.root().to_owned(), seen });
    }
    Ok(Found {
        newest: None,
        repair: Repair::First,
        generation: 0,
        notes: Vec::new(),
        behind: None,
    })
}

/// The file at hand has the newest record, or is intact and has none yet.
fn usable(current: &Loaded, newest: Option<Newest>) -> Found {
    let scan = &current.scan;
    let good = scan.good as u64;
    let whole = scan.start.is_some() && scan.damaged.is_empty();
    let repair = match scan.tail {
        Tail::Intact if whole => Repair::Keep(good),
        Tail::Torn if whole => Repair::Cut(good),
        Tail::Intact | Tail::Torn | Tail::Changed => Repair::Rotate,
    };
    let seq = newest.as_ref().map_or(0, |newest| newest.record.seq);
    let fault = current.fault();
    let notes = fault.iter().map(|fault| format!("{fault}; record {seq} is in force")).collect();
    let behind = fault.filter(|_| scan.tail == Tail::Changed);
    Found { newest, repair, generation: current.generation(), notes, behind }
}

/// The file at hand can't be used; the generation before it can, perhaps.
fn older(
    current: Option<&Loaded>,
    before: &Loaded,
    why: String,
    cluster: &str,
) -> Result<Found, OpenError> {
    let start = current.and_then(|current| current.scan.start.as_ref());
    let after = start.map(|start| start.after).filter(|after| *after > 0);
    let Some(newest) = before.newest(after.unwrap_or(u64::MAX), cluster)? else {
        return Err(OpenError::Corrupt { file: before.file.clone(), why });
    };
    let seq = newest.record.seq;
    let note = format!("{why}; the generation before it is used, up to record {seq}");
    let generation = current.map_or(0, Loaded::generation).max(before.generation());
    // Nothing was appended to a generation whose only line so far is its own first one.
    let complete = after == Some(seq)
        && current.is_some_and(|c| c.scan.tail == Tail::Intact && c.scan.damaged.is_empty());
    Ok(Found {
        newest: Some(newest),
        repair: Repair::SetAside,
        generation,
        behind: (!complete).then(|| note.clone()),
        notes: vec![note],
    })
}
