//! The ways in: what is asked before an object is taken, and what answers from outside.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ObjectPath, is_default};
use crate::model::ids::MachineName;

/// Services without which the API takes no object: those behind webhooks that refuse when they
/// can't be asked (`failurePolicy: Fail`), each with whether its own pods are among the objects.
pub type Judges = BTreeMap<ObjectPath, Grip>;

/// Whether a webhook has to be asked about the pods of its own service: if it has, nobody can make
/// one while none is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Grip {
    /// Only about others.
    #[default]
    Others,
    /// That hangs on labels, or on an expression, that are not looked at.
    Perhaps,
    /// About its own pods as well.
    Own,
}

/// What is reachable from outside under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Ingress {
    /// The names.
    pub hosts: BTreeSet<String>,
    /// The services behind them.
    pub services: BTreeSet<ObjectPath>,
}

/// Who answers for a service, by its EndpointSlices. They outlive an outage: what they say is as
/// good as what is proven of the nodes that they name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Answerers {
    /// How many endpoints are ready, by node.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on: BTreeMap<MachineName, u32>,
    /// How many are ready and name no node: they are outside of the cluster.
    #[serde(default, skip_serializing_if = "is_default")]
    pub elsewhere: u32,
    /// Nodes with endpoints that are not ready.
    #[serde(default, skip_serializing_if = "is_default")]
    pub waiting: BTreeSet<MachineName>,
}

impl Answerers {
    /// More nodes of one service than this are not kept: one that is proven is enough.
    const MAX_NODES: usize = 64;

    /// Whether any endpoint says that it is ready.
    pub fn are_ready(&self) -> bool {
        self.elsewhere > 0 || !self.on.is_empty()
    }

    /// Takes in an endpoint.
    pub fn count(&mut self, node: Option<MachineName>, ready: bool, number: u32) {
        match (node, ready) {
            (Some(node), true) => {
                if self.on.len() < Self::MAX_NODES || self.on.contains_key(&node) {
                    let sum = self.on.entry(node).or_default();
                    *sum = sum.saturating_add(number);
                }
            }
            (Some(node), false) => {
                if self.waiting.len() < Self::MAX_NODES {
                    self.waiting.insert(node);
                }
            }
            (None, true) => self.elsewhere = self.elsewhere.saturating_add(number),
            (None, false) => {}
        }
    }

    /// Takes in what another slice of the same service says.
    pub fn add(&mut self, other: &Self) {
        for (node, number) in &other.on {
            self.count(Some(node.clone()), true, *number);
        }
        for node in &other.waiting {
            self.count(Some(node.clone()), false, 0);
        }
        self.count(None, true, other.elsewhere);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_of_one_service_add_up_and_stay_small() {
        let node = |n: u32| Some(MachineName::new(format!("w-{n}")));
        let mut one = Answerers::default();
        one.count(node(1), true, 1);
        one.count(node(2), false, 1);
        let mut all = Answerers::default();
        assert!(!all.are_ready());
        all.add(&one);
        all.add(&one);
        assert_eq!(all.on.values().copied().collect::<Vec<_>>(), [2]);
        assert_eq!(all.waiting.len(), 1);
        for n in 0..10_000 {
            all.count(node(n), n % 2 == 0, 1);
        }
        assert_eq!((all.on.len(), all.waiting.len()), (64, 64));
    }
}
