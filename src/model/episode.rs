//! One stretch of trouble, or of a person's will. Budgets count within it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::EpisodeId;
use super::peers::PeerLeave;
use super::time::Mono;

/// An open or closed episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// Its number.
    pub id: EpisodeId,
    /// What opened it.
    pub cause: Cause,
    /// When, on the monotonic clock of the boot that memory belongs to.
    pub opened: Mono,
    /// When, for people.
    pub opened_wall: Timestamp,
    /// Who allowed it to start machines on battery, if a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_battery: Option<String>,
    /// Who allowed a peer to start the cluster, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_peer: Option<PeerLeave>,
    /// How it ended, if it did.
    pub end: Option<EpisodeEnd>,
}

/// What opened an episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A command with `--execute`.
    Command {
        /// Which verb.
        verb: String,
        /// Who gave it.
        by: String,
    },
    /// The boot ids of many machines changed.
    Rebooted {
        /// How many.
        machines: usize,
    },
    /// The control plane was good and was lost.
    ControlPlaneLost,
    /// A battery gave out.
    Ups {
        /// The UPSes that said so.
        names: Vec<String>,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { verb, by } => write!(f, "{verb} by {by}"),
            Self::Rebooted { machines } => write!(f, "{machines} machines booted anew"),
            Self::ControlPlaneLost => f.write_str("the control plane was lost"),
            Self::Ups { names } => write!(f, "the battery of {} gave out", names.join(", ")),
        }
    }
}

/// How an episode ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpisodeEnd {
    /// Converged, degraded, or ended by a person.
    pub how: EndKind,
    /// When, for people.
    pub wall: Timestamp,
    /// How many actions it took, proofs not counted.
    pub actions: u64,
}

/// The ends that an episode can have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndKind {
    /// Everything was proven good for the whole soak.
    Converged,
    /// The same, without machines that had their time.
    Degraded,
    /// Everything that was wanted down is down.
    Down,
    /// Somebody wants the other way since.
    Overtaken,
    /// A person ended it.
    Person {
        /// Who.
        by: String,
    },
}

impl fmt::Display for EndKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Converged => f.pad("converged"),
            Self::Degraded => f.pad("converged, degraded"),
            Self::Down => f.pad("down"),
            Self::Overtaken => f.pad("overtaken by a wish for the other way"),
            Self::Person { by } => write!(f, "ended by {by}"),
        }
    }
}
