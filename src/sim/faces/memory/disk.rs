//! A ledger in memory, which may be full, and which outlives the runs that write it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fuse::Fuse;
use crate::decide::{LIBRARY, obeyed};
use crate::model::memory::Durable;
use crate::model::record::{FORMAT, LedgerRecord};
use crate::model::tick::Order;
use crate::model::time::Moment;
use crate::ports::{Ledger, LedgerError};

/// The disk of ananke's host. Cheap to clone; all clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Each with its line, so that two runs can be compared byte by byte.
    records: Vec<(LedgerRecord, String)>,
    full: bool,
    behind: bool,
}

impl State {
    fn next_seq(&self) -> u64 {
        self.records.last().map_or(1, |(record, _)| record.seq + 1)
    }

    /// What a real ledger refuses whether the disk is full or not: a gap, another's record.
    fn check(&self, record: &LedgerRecord) -> io::Result<()> {
        let ours = self.records.first().is_none_or(|(first, _)| first.cluster == record.cluster);
        if ours && record.seq == self.next_seq() && record.format == FORMAT {
            return Ok(());
        }
        let wrong = format!("record {} of '{}' does not fit here", record.seq, record.cluster);
        Err(io::Error::new(io::ErrorKind::InvalidInput, wrong))
    }
}

impl Disk {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it takes no record, or takes them again.
    pub fn fill(&self, full: bool) {
        self.lock().full = full;
    }

    /// Loses its newest records, as a disk does that said that they were safe.
    pub fn lose(&self, records: usize) {
        let mut state = self.lock();
        let left = state.records.len().saturating_sub(records);
        state.records.truncate(left);
        state.behind |= records > 0;
    }

    /// Every record, oldest first.
    pub fn records(&self) -> Vec<LedgerRecord> {
        self.lock().records.iter().map(|(record, _)| record.clone()).collect()
    }

    /// The records after the first `seen`, oldest first.
    pub fn after(&self, seen: usize) -> Vec<LedgerRecord> {
        let state = self.lock();
        state.records.iter().skip(seen).map(|(record, _)| record.clone()).collect()
    }

    /// The ledger as it lies on the disk, a record a line.
    pub fn text(&self) -> String {
        self.lock().records.iter().map(|(_, line)| line.as_str()).collect()
    }

    /// An order that is given while no loop runs goes into the ledger, and the next loop finds it
    /// obeyed.
    ///
    /// # Errors
    /// The disk is full.
    pub fn obey(&self, order: Order, now: Moment, cluster: &str) -> Result<(), LedgerError> {
        let memory = obeyed(&LIBRARY, &order, &now, &self.remembered(&now));
        let mut ledger = self.ledger(Fuse::never());
        ledger.append(&LedgerRecord {
            format: FORMAT,
            seq: ledger.next_seq(),
            at: now,
            cluster: cluster.to_owned(),
            orders: vec![order],
            outcomes: Vec::new(),
            begin: Vec::new(),
            memory,
        })
    }

    /// What a process that begins now remembers.
    pub fn remembered(&self, now: &Moment) -> Durable {
        let mut state = self.lock();
        let last = state.records.last().map(|(record, _)| record.memory.clone());
        let mut memory = last.unwrap_or_else(|| Durable::fresh(now));
        if std::mem::take(&mut state.behind) {
            memory.pass_over_lost();
        }
        memory
    }

    fn write(&self, record: &LedgerRecord) -> Result<(), LedgerError> {
        let mut state = self.lock();
        state.check(record).map_err(LedgerError::Write)?;
        if state.full {
            return Err(LedgerError::Write(io::ErrorKind::StorageFull.into()));
        }
        let line = serde_json::to_string(record);
        let line = line.map_err(|error| LedgerError::Write(io::Error::other(error)))?;
        state.records.push((record.clone(), line + "\n"));
        Ok(())
    }

    /// The ledger of a run.
    pub fn ledger(&self, fuse: Fuse) -> MemoryLedger {
        MemoryLedger { disk: self.clone(), fuse }
    }
}

/// The ledger of one run.
#[derive(Debug)]
pub struct MemoryLedger {
    disk: Disk,
    fuse: Fuse,
}

impl Ledger for MemoryLedger {
    fn append(&mut self, record: &LedgerRecord) -> Result<(), LedgerError> {
        self.fuse.around(record, || self.disk.write(record))
    }

    fn next_seq(&self) -> u64 {
        self.disk.lock().next_seq()
    }
}
