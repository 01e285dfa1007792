//! The end of a process, at any place that makes a difference.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::model::record::LedgerRecord;
use crate::ports::LedgerError;
use crate::sim::scenario::ast::Boundary;

/// Where a run touches the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A record is about to be written that says what became of an action.
    Learned,
    /// A record is about to be written.
    Decided,
    /// A record is on the disk, and nothing of it was begun.
    Written,
    /// An action arrives.
    Sent,
    /// An action was done, and nobody has heard of it.
    Acted,
    /// A tick is about to be shown.
    Shown,
}

impl Place {
    /// The place that a scenario means (`engine::failpoint` has the same names).
    fn of(boundary: &Boundary) -> Option<Self> {
        match boundary.name.as_str() {
            "decided" => Some(Self::Decided),
            "written" => Some(Self::Written),
            "acted" => Some(Self::Acted),
            "learned" => Some(Self::Learned),
            _ => None,
        }
    }
}

/// Counts the places at which a run touches the outside, and kills it at one of them: from then on
/// nothing that it does has an effect, and [`Fuse::burnt`] returns so that it can be dropped.
#[derive(Debug, Clone, Default)]
pub struct Fuse(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// At which place. 0 is never.
    at: u64,
    /// Only places of this kind count; of any kind if there is none.
    only: Option<Place>,
    places: AtomicU64,
    burnt: AtomicBool,
    told: Notify,
}

impl Fuse {
    /// Never burns, and counts the places.
    pub fn never() -> Self {
        Self::default()
    }

    /// Burns at the `at`-th place, counted from 1.
    pub fn at(at: u64) -> Self {
        Self(Arc::new(Inner { at, ..Inner::default() }))
    }

    /// Burns where the scenario says; never without a boundary.
    pub fn until(boundary: Option<&Boundary>) -> Self {
        let place = boundary.and_then(|it| Some((Place::of(it)?, it.times)));
        let Some((place, times)) = place else { return Self::never() };
        let at = u64::from(times);
        Self(Arc::new(Inner { at, only: Some(place), ..Inner::default() }))
    }

    /// How many places there were so far.
    pub fn places(&self) -> u64 {
        self.0.places.load(Ordering::Relaxed)
    }

    /// Whether the run is dead.
    pub fn is_burnt(&self) -> bool {
        self.0.burnt.load(Ordering::Relaxed)
    }

    /// Kills the run here and now.
    pub fn burn(&self) {
        self.0.burnt.store(true, Ordering::Relaxed);
        self.0.told.notify_waiters();
    }

    /// Passes a place. `false`: the run is dead, and must not have an effect any more.
    pub fn pass(&self, place: Place) -> bool {
        if self.is_burnt() {
            return false;
        }
        if self.0.only.is_some_and(|only| only != place) {
            return true;
        }
        let count = self.0.places.fetch_add(1, Ordering::Relaxed) + 1;
        if count == self.0.at {
            self.burn();
        }
        count != self.0.at
    }

    /// Writes a record, for a run that may die before it, behind it, or when it has an outcome to
    /// tell. Dead behind the record: it is there, and nothing that follows from it happens.
    ///
    /// # Errors
    /// What the ledger says; of a dead run, that it was interrupted.
    pub fn around(
        &self,
        record: &LedgerRecord,
        write: impl FnOnce() -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let dead = || LedgerError::Write(io::ErrorKind::Interrupted.into());
        let learned = record.outcomes.is_empty() || self.pass(Place::Learned);
        if !learned || !self.pass(Place::Decided) {
            return Err(dead());
        }
        write()?;
        if self.pass(Place::Written) { Ok(()) } else { Err(dead()) }
    }

    /// Returns when the run is dead.
    pub async fn burnt(&self) {
        loop {
            let told = self.0.told.notified();
            if self.is_burnt() {
                return;
            }
            told.await;
        }
    }
}
