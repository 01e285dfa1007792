//! What a run decided, kept for who asks afterwards.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fuse::Fuse;
use crate::model::record::TickRecord;
use crate::ports::{Recorder, Sink};

/// The ticks of one or several runs. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub struct Ticks(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    kept: VecDeque<TickRecord>,
    most: usize,
    count: u64,
}

impl Ticks {
    /// Keeps the newest `most`.
    pub fn keep(most: usize) -> Self {
        Self(Arc::new(Mutex::new(State { kept: VecDeque::new(), most, count: 0 })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// Those that are kept, oldest first.
    pub fn kept(&self) -> Vec<TickRecord> {
        self.lock().kept.iter().cloned().collect()
    }

    /// The newest.
    pub fn last(&self) -> Option<TickRecord> {
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
    fn keep(&mut self, tick: &TickRecord) {
        if self.fuse.is_burnt() {
            return;
        }
        let mut state = self.ticks.lock();
        state.count += 1;
        if state.most > 0 {
            if state.kept.len() == state.most {
                state.kept.pop_front();
            }
            state.kept.push_back(tick.clone());
        }
    }
}

/// Shows nothing to anybody. The place at which a killed run stops.
#[derive(Debug)]
pub(super) struct MemorySink(pub(super) Fuse);

impl Sink for MemorySink {
    async fn publish(&mut self, _: &TickRecord) {
        if !self.0.pass() {
            std::future::pending::<()>().await;
        }
    }
}
