//! What is written down: the ledger's records and the flight recorder's ticks. Both are versioned.

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::memory::Durable;
use super::outcome::Outcome;
use super::tick::{Decision, Order, TickInput};
use super::time::Moment;

/// The version of both formats. A file of a higher one is never read as an empty one.
pub const FORMAT: u32 = 1;

/// One durable entry of the ledger: what was learned and what is about to be done.
/// It is on disk before any of `begin` is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRecord {
    /// [`FORMAT`] at the time of writing.
    pub format: u32,
    /// Numbered without gaps, over compactions too.
    pub seq: u64,
    /// When.
    pub at: Moment,
    /// Which cluster this ledger belongs to.
    pub cluster: String,
    /// What a person ordered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<Order>,
    /// What became of earlier actions. Each that was begun has an outcome in a later record, one
    /// that ananke did not live to see end too: unknown, in the first record of its next run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Outcome>,
    /// What is about to be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub begin: Vec<Action>,
    /// All durable memory, as it is after this record.
    pub memory: Durable,
}

/// One recorded tick, for `replay`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickRecord {
    /// [`FORMAT`] at the time of writing.
    pub format: u32,
    /// The program's version.
    pub version: String,
    /// What went in.
    pub input: TickInput,
    /// What came out.
    pub decision: Decision,
}
