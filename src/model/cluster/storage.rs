//! Storage, as the API tells it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::ids::MachineName;

/// The CSI drivers that are registered on a node.
pub type Drivers = BTreeSet<String>;

/// A volume that should hang on a node and does not, or does not come off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// On which node.
    pub node: MachineName,
    /// Which volume.
    pub volume: String,
    /// What its driver said; empty while it tries.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// How many volumes hang on each node, by the namespace of the claim that they belong to. A volume
/// of no claim stands under an empty name.
pub type Volumes = BTreeMap<MachineName, BTreeMap<String, u32>>;

/// A claim without a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Its phase: `Pending`, `Lost`.
    pub phase: String,
    /// The volume that it had, if any: losing one is another thing than waiting for the first.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub volume: String,
}

impl Claim {
    /// It had a volume, and that is gone.
    pub fn is_lost(&self) -> bool {
        self.phase == "Lost"
    }
}
