//! What is said loudly: to the journal, the wall, the notify command, the report.

use serde::{Deserialize, Serialize};

use super::ids::{CheckId, GateId, RemedyId};
use super::time::Mono;
use super::verdict::Target;

/// The end of what ananke may do for something: what is wrong, what was tried, what a person must
/// do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The gate that stays closed, or opens without the target.
    pub gate: GateId,
    /// The check that fails.
    pub check: CheckId,
    /// For what.
    pub target: Target,
    /// What is wrong.
    pub what: String,
    /// Since when.
    pub since: Mono,
    /// Whether this is the first tick that says it. It is told once, and shown for as long as it
    /// stands.
    pub new: bool,
    /// What was tried.
    pub tried: Vec<Tried>,
    /// What a person must do: commands that fit this very state.
    pub by_hand: Vec<String>,
}

impl Alarm {
    /// What stands in place of a check where this host itself is stopped by somebody.
    pub const HOST_STOPS: CheckId = CheckId::fixed("host-stops");

    /// Whether it says that ananke's own host is being stopped, past ananke.
    pub fn is_of_host_end(&self) -> bool {
        self.check == Self::HOST_STOPS
    }
}

/// A remedy that was tried for a target in this episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Which.
    pub remedy: RemedyId,
    /// How often.
    pub attempts: u32,
    /// How the last attempt ended, in one word with its reason.
    pub last: String,
}
