//! What the loop needs from outside, as traits. Adapters implement them; nothing here decides.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use crate::model::action::Action;
use crate::model::ids::MachineName;
use crate::model::memory::Durable;
use crate::model::observation::Observation;
use crate::model::outcome::{ActionResult, Outcome};
use crate::model::record::{LedgerRecord, TickRecord};
use crate::model::tick::Order;
use crate::model::time::{Moment, Mono, Span};

/// The only source of time.
pub trait Clock: Send + Sync {
    /// Both clocks, now.
    fn now(&self) -> Moment;

    /// Returns when the monotonic clock has reached `at`.
    fn sleep_until(&self, at: Mono) -> impl Future<Output = ()> + Send;
}

/// What is seen. Observers collect at their own pace; a tick takes what is there.
pub trait Observer: Send + Sync {
    /// The newest snapshot. Never waits for a slow machine.
    fn snapshot(&self) -> Observation;

    /// Returns when something new was seen since the last call. Carries no data.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;

    /// Says whose heartbeat is still to be proven. Nobody else's is read.
    fn attend(&self, unproven: BTreeSet<MachineName>);
}

/// An order for the running loop, and the way to say that the loop took it.
pub struct Told {
    /// What a person wants.
    pub order: Order,
    /// Called with the number of the tick that took it, once the ledger has it. Dropped without
    /// a call if it could not be written down.
    pub taken: Box<dyn FnOnce(u64) + Send>,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Told").field("order", &self.order).finish_non_exhaustive()
    }
}

/// What acts. The only trait with effects on the cluster.
pub trait Hands: Send + Sync + 'static {
    /// Carries out one action and says what became of it. Bounded by the action's own limit.
    /// Never retries: the next tick is the retry.
    fn perform(&self, action: Action) -> impl Future<Output = Outcome> + Send;
}

/// What switches ananke's own host off.
pub trait HostSwitch: Send + Sync + 'static {
    /// Asks for the host to be stopped in order and switched off. A good end says that it was
    /// asked, and no more: the proof is another boot. Bounded by `limit`.
    fn power_off(&self, limit: Span) -> impl Future<Output = ActionResult> + Send;
}

/// The write-ahead record. When `append` returns, the record is on disk.
pub trait Ledger: Send {
    /// Writes one record durably.
    ///
    /// # Errors
    /// [`LedgerError`]: the record counts as not written, and nothing that depends on it may be
    /// done. A failed fsync is never retried on the same file.
    fn append(&mut self, record: &LedgerRecord) -> Result<(), LedgerError>;

    /// The next record's number.
    fn next_seq(&self) -> u64;
}

/// Why a record could not be written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No space, read-only, I/O error: nothing new may be begun until it is mended.
    #[error("the ledger takes no record")]
    Write(#[source] std::io::Error),
}

/// What a ledger gave back when it was opened.
#[derive(Debug)]
pub struct Recovered {
    /// The last durable memory, or `None` for a state directory that was never used.
    pub memory: Option<Durable>,
    /// What was found and mended, for the log: a torn last record, an older generation used.
    pub notes: Vec<String>,
}

/// Keeps ticks for `replay`. Bounded, not synced, may be lost.
pub trait Recorder: Send {
    /// Keeps one tick. A failure is logged by the adapter and never stops the loop.
    fn keep(&mut self, tick: &Arc<TickRecord>);
}

/// Shows what was decided: status file, socket, journal, notification.
pub trait Sink: Send {
    /// Publishes one tick. Bounded in time; a failure is logged and never stops the loop.
    fn publish(&mut self, tick: &Arc<TickRecord>) -> impl Future<Output = ()> + Send;
}
