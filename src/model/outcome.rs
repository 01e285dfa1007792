//! What became of an action. The input of the next tick.

use serde::{Deserialize, Serialize};

use super::ids::ActionId;
use super::time::Mono;

/// What became of one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which action.
    pub action: ActionId,
    /// How it ended.
    pub result: ActionResult,
    /// When it began, on ananke's monotonic clock.
    pub began: Mono,
    /// When its end was known.
    pub ended: Mono,
}

/// How an action ended. None of these proves that it helped: a check does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionResult {
    /// The receiver did it.
    Done,
    /// The receiver had done it before (same action id), or it was so already.
    AlreadyDone,
    /// The receiver refused: the precondition no longer holds, an older epoch, a foreign mark.
    /// Nothing was changed.
    Refused {
        /// The receiver's reason.
        why: String,
    },
    /// Disruption budgets do not let it happen now, and nothing else is in the way.
    Held {
        /// Whose budget, in the receiver's words.
        why: String,
    },
    /// It was tried and did not work.
    Failed {
        /// What went wrong.
        why: String,
    },
    /// Nobody knows whether it was done: connection lost, time-out, ananke killed.
    Unknown {
        /// What was lost.
        why: String,
    },
}

impl ActionResult {
    /// The one word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::AlreadyDone => "already done",
            Self::Refused { .. } => "refused",
            Self::Held { .. } => "held",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The reason, where there is one.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Done | Self::AlreadyDone => None,
            Self::Refused { why }
            | Self::Held { why }
            | Self::Failed { why }
            | Self::Unknown { why } => Some(why),
        }
    }
}
