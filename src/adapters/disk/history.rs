//! All records that are still there, in order, for `replay --verify` and `history`. Needs no
//! lock: it may be read while a loop appends.

use std::path::Path;

use crate::model::record::LedgerRecord;

use super::dir::StateDir;
use super::recover::{BACKUP, LEDGER, Loaded, OpenError};

/// What is left of a ledger's past.
#[derive(Debug)]
pub struct History {
    /// In order. Where records are missing, the numbers show it.
    pub records: Vec<LedgerRecord>,
    /// What could not be read.
    pub notes: Vec<String>,
}

/// Reads every generation in `dir`. With `cluster` it must belong to that one.
///
/// # Errors
/// [`OpenError`] where it was written by a newer ananke, belongs to another cluster, or can't be
/// read at all. A directory without a ledger has no records.
pub fn history(dir: &Path, cluster: Option<&str>) -> Result<History, OpenError> {
    let dir = StateDir::at(dir);
    // The present one first: if a new generation is begun meanwhile, the one that was read here
    // is the one that is read next, and nothing is missing between them.
    let current = Loaded::read(&dir, LEDGER, cluster)?;
    let before = Loaded::read(&dir, BACKUP, cluster)?;
    // What the generation before holds beyond this was never acknowledged.
    let start = current.as_ref().and_then(|current| current.scan.start.as_ref());
    let after = start.map_or(u64::MAX, |start| start.after);
    let mut history = History { records: Vec::new(), notes: Vec::new() };
    if let Some(before) = &before {
        collect(&mut history, before, after, cluster)?;
    }
    if let Some(current) = &current {
        collect(&mut history, current, u64::MAX, cluster)?;
    }
    Ok(history)
}

fn collect(
    history: &mut History,
    file: &Loaded,
    up_to: u64,
    cluster: Option<&str>,
) -> Result<(), OpenError> {
    history.notes.extend(file.fault());
    for entry in file.scan.entries.iter().filter(|entry| entry.seq <= up_to) {
        let record = file.record(entry, cluster)?;
        match history.records.last() {
            // The copy of the last record with which a generation starts.
            Some(last) if last.seq == record.seq => {
                if *last != record {
                    let name = file.file.display();
                    history.notes.push(format!("{name} starts with another record {}", last.seq));
                }
            }
            _ => history.records.push(record),
        }
    }
    Ok(())
}
