//! What a driver sees of a site, from outside of ananke and in its own records.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::model::ids::{BootId, MachineName};
use crate::model::record::{LedgerRecord, TickRecord};
use crate::model::time::Span;

/// One look. Read in this order, so that an end is never seen before what led to it: the process
/// first, then its records, then the machines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// The process with ananke's loop.
    pub ananke: Process,
    /// The ticks since the last look, in order.
    pub ticks: Vec<Arc<TickRecord>>,
    /// The ledger's records since the last look, in order.
    pub ledger: Vec<LedgerRecord>,
    /// The machines as they are.
    pub truth: Truth,
    /// What machines did since the last look, for the timeline.
    pub happened: Vec<Entry>,
}

/// The process with ananke's loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Process {
    /// It was not started yet.
    #[default]
    Never,
    /// It runs.
    Running,
    /// It ended by itself, with this code.
    Exited(i32),
    /// It was killed.
    Killed,
}

/// The machines as they are, whatever ananke knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Truth {
    /// Whether the API answers. While it does not, nothing is known of nodes.
    pub api: bool,
    /// Every machine of the site.
    pub machines: BTreeMap<MachineName, Body>,
    /// What runs inside the cluster, and whether it does its work. Empty where nobody can say.
    pub works: BTreeMap<String, bool>,
    /// The Kustomizations, and whether the API shows them as Ready.
    pub applied: BTreeMap<String, bool>,
}

/// One machine as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body {
    /// The boot that runs; none if it is off.
    pub boot_id: Option<BootId>,
    /// Whether its k3s unit is active; none if nobody can say.
    pub active: Option<bool>,
    /// The node in the API.
    pub node: Option<Node>,
    /// How often its guard changed something for ananke, over all its life.
    pub changes: u32,
}

/// A node as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The Ready condition is True.
    pub ready: bool,
    /// The boot that its status speaks of.
    pub boot_id: BootId,
    /// It takes no new pods.
    pub unschedulable: bool,
    /// It has a record of a recovery cordon of ananke's.
    pub ours: bool,
    /// It has ananke's mark for a person.
    pub manual: bool,
}

impl Body {
    /// Ready, in the boot that runs.
    pub fn is_fresh(&self) -> bool {
        let node = self.node.as_ref();
        node.is_some_and(|node| node.ready && Some(&node.boot_id) == self.boot_id.as_ref())
    }
}

/// Whose line of the timeline it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// The scenario: what befell.
    Fate,
    /// ananke: what it decided and learned.
    Ananke,
    /// What a machine did.
    Machine(String),
}

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When, since the run began, in the site's time: milliseconds.
    pub at: Span,
    /// Who.
    pub who: Who,
    /// What.
    pub text: String,
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seconds, who) = (
            self.at.as_secs(),
            match &self.who {
                Who::Fate => "fate",
                Who::Ananke => "ananke",
                Who::Machine(name) => name,
            },
        );
        let (minutes, millis) = (seconds / 60, self.at.as_millis() % 1_000);
        write!(f, "{minutes:>3}:{:02}.{:01}  {who:<9}  {}", seconds % 60, millis / 100, self.text)
    }
}
