//! What a run decided, kept for who asks afterwards.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::company::Company;
use super::fuse::{Fuse, Place};
use crate::model::record::TickRecord;
use crate::ports::{Recorder, Sink};

/// The ticks of one or several runs. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub struct Ticks {
    state: Arc<Mutex<State>>,
    count: Arc<watch::Sender<u64>>,
}

#[derive(Debug)]
struct State {
    kept: VecDeque<Arc<TickRecord>>,
    most: usize,
    count: u64,
}

impl Ticks {
    /// Keeps the newest `most`.
    pub fn keep(most: usize) -> Self {
        let state = State { kept: VecDeque::new(), most, count: 0 };
        Self { state: Arc::new(Mutex::new(state)), count: Arc::new(watch::Sender::new(0)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// Those that are kept, oldest first.
    pub fn kept(&self) -> Vec<Arc<TickRecord>> {
        self.lock().kept.iter().cloned().collect()
    }

    /// Those after the first `seen` that are still kept, oldest first.
    pub fn after(&self, seen: u64) -> Vec<Arc<TickRecord>> {
        let state = self.lock();
        let new = usize::try_from(state.count.saturating_sub(seen)).unwrap_or(usize::MAX);
        let skip = state.kept.len().saturating_sub(new);
        state.kept.iter().skip(skip).cloned().collect()
    }

    /// Returns when there were more than `seen`.
    pub async fn beyond(&self, seen: u64) {
        let mut count = self.count.subscribe();
        if count.wait_for(|count| *count > seen).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The newest.
    pub fn last(&self) -> Option<Arc<TickRecord>> {
        self.lock().kept.back().cloned()
    }

    pub(super) fn recorder(&self, fuse: Fuse) -> MemoryRecorder {
        MemoryRecorder { ticks: self.clone(), fuse }
    }
}

/// Keeps the ticks of one run.
#[derive(Debug)]
pub(super) struct MemoryRecorder {
    ticks: Ticks,
    fuse: Fuse,
}

impl Recorder for MemoryRecorder {
    fn keep(&mut self, tick: &Arc<TickRecord>) {
        if self.fuse.is_burnt() {
            return;
        }
        let mut state = self.ticks.lock();
        state.count += 1;
        if state.most > 0 {
            if state.kept.len() == state.most {
                state.kept.pop_front();
            }
            state.kept.push_back(Arc::clone(tick));
        }
        self.ticks.count.send_replace(state.count);
    }
}

/// Shows nothing to anybody but the other ananke hosts. The place at which a killed run stops.
#[derive(Debug)]
pub(super) struct MemorySink {
    pub(super) fuse: Fuse,
    pub(super) company: Company,
}

impl Sink for MemorySink {
    async fn publish(&mut self, record: &Arc<TickRecord>) {
        if !self.fuse.pass(Place::Shown) {
            std::future::pending::<()>().await;
        }
        if !record.input.policy.coordination.is_alone() {
            self.company.say(record);
        }
    }
}
