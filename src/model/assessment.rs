//! What the checks say, gate by gate.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{CheckId, GateId};
use super::plan::Missing;
use super::time::Mono;
use super::verdict::{Target, Verdict};

/// Every gate of the way that is walked, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Assessment {
    /// The gates, in the order of the list.
    pub gates: Vec<GateView>,
    /// Machines that the degraded end does without.
    pub missing: Vec<Missing>,
}

impl Assessment {
    /// The view of one gate.
    pub fn gate(&self, id: &GateId) -> Option<&GateView> {
        self.gates.iter().find(|gate| gate.id == *id)
    }
}

/// One gate as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateView {
    /// Which gate.
    pub id: GateId,
    /// Open or why not.
    pub state: GateState,
    /// Good for enough servers to make a majority: gates after it may go on with what is good.
    pub most: bool,
    /// Since when in a state of this kind.
    pub since: Mono,
    /// What its checks say of each target that does not simply pass.
    pub findings: Vec<Finding>,
    /// How many verdicts were `Pass`.
    pub passing: usize,
}

/// A verdict that is not a plain pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Who says it.
    pub check: CheckId,
    /// Of what.
    pub target: Target,
    /// What.
    pub verdict: Verdict,
    /// Since when this target has not passed this check.
    pub since: Mono,
}

/// Whether a gate is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateState {
    /// Everything passes.
    Open,
    /// Quorum and every critical machine are good; the missing ones had their time.
    Degraded,
    /// Good, but not for long enough yet.
    Soaking {
        /// When it opens if nothing regresses.
        until: Mono,
    },
    /// Something does not pass.
    Closed,
    /// A gate before it is not open; its own checks are shown but not acted on.
    Waiting {
        /// Which one.
        on: GateId,
    },
    /// Broken off on the way down: the energy is needed for what must not be left out.
    Cut {
        /// What was not done.
        why: String,
    },
    /// Left out by the configuration, or because it is no part of the way.
    Skipped {
        /// Why.
        why: String,
    },
}

impl GateState {
    /// Whether what comes after it may go on.
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Degraded | Self::Cut { .. } | Self::Skipped { .. })
    }

    /// The word for [`GateState::Closed`].
    pub const CLOSED: &'static str = "closed";

    /// The word for [`GateState::Waiting`].
    pub const WAITING: &'static str = "waiting";

    /// The one word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Open => "ok",
            Self::Degraded => "degraded",
            Self::Soaking { .. } => "soaking",
            Self::Closed => Self::CLOSED,
            Self::Waiting { .. } => Self::WAITING,
            Self::Cut { .. } => "cut",
            Self::Skipped { .. } => "skipped",
        }
    }
}

/// Where the cluster stands as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Too little is known to say.
    Looking,
    /// Something is closed, and ananke works on it or waits for it.
    Recovering,
    /// Everything is good, but not for long enough yet.
    Soaking,
    /// Everything is proven good.
    Converged,
    /// The same, without the machines that had their time.
    Degraded,
    /// What may be done was done. A person is needed.
    Blocked,
    /// A person or a UPS wants it down, and ananke works on it or waits for it.
    GoingDown,
    /// Everything that was wanted down is down.
    Down,
    /// Somebody wants it down and nobody works on it, or ananke is paused.
    Held,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Looking => "looking",
            Self::Recovering => "recovering",
            Self::Soaking => "soaking",
            Self::Converged => "converged",
            Self::Degraded => "converged, degraded",
            Self::Blocked => "blocked",
            Self::GoingDown => "going down",
            Self::Down => "down",
            Self::Held => "held",
        })
    }
}
