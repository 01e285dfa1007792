//! The end of a process, at any place that makes a difference.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts the places at which a run touches the outside, and kills it at one of them: from then on
/// nothing that it does has an effect, and [`Fuse::burnt`] returns so that it can be dropped.
///
/// The places are: before and after each record, on each action's way out, on its way back, and
/// before each tick is shown.
#[derive(Debug, Clone, Default)]
pub struct Fuse(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// At which place. 0 is never.
    at: u64,
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
    pub(super) fn pass(&self) -> bool {
        if self.is_burnt() {
            return false;
        }
        let place = self.0.places.fetch_add(1, Ordering::Relaxed) + 1;
        if place == self.0.at {
            self.burn();
        }
        place != self.0.at
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
