//! Everything that was seen for one tick.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::{ApiFacts, BlindKind, HostFacts, Link, Seen};
use super::ids::MachineName;

/// Every fact that a decision may use, each with its age or the reason why it is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Each machine of the inventory, over SSH.
    pub hosts: BTreeMap<MachineName, Seen<HostFacts>>,
    /// The Kubernetes API.
    pub api: ApiFacts,
    /// Whether ananke's own disk takes records; the reason if it does not.
    pub disk: Result<(), String>,
}

impl Observation {
    /// Whether everything was looked at once, with whatever result.
    pub fn is_whole(&self, machines: usize) -> bool {
        let looked = |seen: &Seen<HostFacts>| match seen {
            Seen::Known { .. } => true,
            Seen::Unknown { why, .. } => why.kind != BlindKind::NotYet,
        };
        self.hosts.len() >= machines
            && self.hosts.values().all(looked)
            && self.api.link != Link::Probing
    }
}
