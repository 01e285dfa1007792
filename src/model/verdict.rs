//! What a check says of a target. Failed, unknown and skipped are three things.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::MachineName;
use super::time::Mono;

/// What a verdict, a remedy or a mark is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Target {
    /// The cluster as a whole.
    Cluster,
    /// One machine, or the node on it.
    Machine(MachineName),
}

/// How the whole cluster is written where a machine's name could stand.
const CLUSTER: &str = "(cluster)";

impl Target {
    /// The machine, if the target is one.
    pub const fn machine(&self) -> Option<&MachineName> {
        match self {
            Self::Cluster => None,
            Self::Machine(name) => Some(name),
        }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl From<String> for Target {
    fn from(text: String) -> Self {
        if text == CLUSTER { Self::Cluster } else { Self::Machine(MachineName::new(text)) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.pad(CLUSTER),
            Self::Machine(name) => name.fmt(f),
        }
    }
}

/// The answer of a check for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Good, with proof that is fresh.
    Pass,
    /// Not good yet, but within the time that it may take.
    Settling {
        /// What is awaited.
        why: String,
        /// When it becomes a failure.
        until: Mono,
    },
    /// Not good.
    Fail {
        /// What is wrong.
        why: String,
    },
    /// Nobody can say. Holds every remedy for this target.
    Unknown {
        /// Why not.
        why: String,
    },
    /// Not asked, for a reason that the user reads.
    Skipped {
        /// Why not.
        why: String,
    },
}

impl Verdict {
    /// Whether a gate may open on it.
    pub const fn lets_open(&self) -> bool {
        matches!(self, Self::Pass | Self::Skipped { .. })
    }

    /// The reason, where there is one.
    pub fn why(&self) -> &str {
        match self {
            Self::Pass => "",
            Self::Settling { why, .. }
            | Self::Fail { why }
            | Self::Unknown { why }
            | Self::Skipped { why } => why,
        }
    }

    /// A failure with its reason.
    pub fn fail(why: impl Into<String>) -> Self {
        Self::Fail { why: why.into() }
    }

    /// A blindness with its reason.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into() }
    }

    /// A skipped check with its reason.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self::Skipped { why: why.into() }
    }
}
