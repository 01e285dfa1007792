//! What is written down: the ledger's records and the flight recorder's ticks. Both are versioned.

use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, from_value, to_value};

use super::action::Action;
use super::assessment::Phase;
use super::intent::Desired;
use super::memory::Durable;
use super::outcome::Outcome;
use super::tick::{Decision, Order, TickInput};
use super::time::Moment;

/// The version of the ledger's format. A file of a higher one is never read as an empty one.
pub const FORMAT: u32 = 1;

/// The version of a recorded tick's format. Version 1 held the decision's memory whole, and is
/// still read.
pub const TICK_FORMAT: u32 = 2;

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

/// One recorded tick, for `replay`. Of the decision's memory only the difference to what went in
/// is written (RFC 6902): most of a large memory is the same before and after a tick.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written<TickInput>")]
pub struct TickRecord {
    /// [`TICK_FORMAT`] at the time of writing.
    pub format: u32,
    /// The program's version.
    pub version: String,
    /// What went in.
    pub input: TickInput,
    /// What came out.
    pub decision: Decision,
}

/// A tick as it is written. `I` is the input: borrowed where it is written, owned where it is read.
#[derive(Serialize, Deserialize)]
struct Written<I> {
    format: u32,
    version: String,
    input: I,
    decision: Value,
}

/// Where the decision has its memory.
const MEMORY: &str = "memory";

impl Serialize for TickRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shortened = || -> serde_json::Result<Value> {
            let mut decision = to_value(&self.decision)?;
            if let Some(memory) = decision.get_mut(MEMORY) {
                let before = to_value(&self.input.memory)?;
                *memory = to_value(json_patch::diff(&before, memory))?;
            }
            Ok(decision)
        };
        let decision = shortened().map_err(S::Error::custom)?;
        let (format, version) = (TICK_FORMAT, self.version.clone());
        Written { format, version, input: &self.input, decision }.serialize(serializer)
    }
}

impl TryFrom<Written<TickInput>> for TickRecord {
    type Error = String;

    fn try_from(written: Written<TickInput>) -> Result<Self, String> {
        let Written { format, version, input, mut decision } = written;
        if let Some(memory) = decision.get_mut(MEMORY).filter(|memory| memory.is_array()) {
            let what = |error: &dyn std::fmt::Display| format!("the decision's memory: {error}");
            let changes: json_patch::Patch =
                from_value(memory.take()).map_err(|error| what(&error))?;
            *memory = to_value(&input.memory).map_err(|error| what(&error))?;
            json_patch::patch(memory, &changes).map_err(|error| what(&error))?;
        }
        let decision = from_value(decision).map_err(|error| format!("the decision: {error}"))?;
        Ok(Self { format, version, input, decision })
    }
}

impl TickRecord {
    /// Whether the end of the way down is the begin of the way up: somebody asked for that when it
    /// could not be taken back any more.
    pub fn turns_round(&self) -> bool {
        let intent = &self.decision.memory.durable.intent;
        self.decision.phase == Phase::Down && intent.desired == Desired::Up
    }
}
