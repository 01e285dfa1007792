//! What is remembered of a way down, from its first word until the cluster is good again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::action::PodTier;
use super::ids::{BootId, GateId, MachineName};
use super::intent::Author;
use super::object::ObjectName;
use super::time::Mono;

/// One way down. What is wanted in the end stands in the intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descent {
    /// When it was ordered, on the clock of the boot that memory belongs to.
    pub began: Mono,
    /// When, for people.
    pub began_wall: Timestamp,
    /// Whether pods are evicted before they are stopped (`--skip-drain`).
    pub drain: bool,
    /// Whether the datastore is saved (`--skip-etcd-snapshot`).
    pub snapshot: bool,
    /// When the energy ends. `None` while nothing drains.
    pub deadline: Option<Mono>,
    /// How far each stage is.
    pub stages: BTreeMap<GateId, StageMark>,
    /// Machines that answered since it was ordered, each with the boot in which it did last before
    /// it was switched off. Only these are switched on again.
    pub up_before: BTreeMap<MachineName, BootId>,
    /// The order in which the servers stop, the etcd leader last. Written down before the first.
    pub servers: Vec<MachineName>,
    /// Machines that were told to switch themselves off. Whether they heard it, and whether they
    /// did, are other things.
    pub told: BTreeSet<MachineName>,
    /// Machines that said that they do. Only of these silence proves anything.
    pub accepted: BTreeSet<MachineName>,
    /// Machines that are proven to be off.
    pub off: BTreeSet<MachineName>,
    /// Machines that the way goes on without, and why: their time was spent.
    pub left: BTreeMap<MachineName, String>,
    /// Machines without an answer that a person answered for (`ananke ack`).
    pub vouched: BTreeSet<MachineName>,
    /// Flux objects that ananke suspended. Written down before it is done.
    pub suspended: BTreeSet<ObjectName>,
    /// Nodes of which disruption budgets hold pods that were asked to go.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held: BTreeMap<MachineName, HeldPods>,
    /// Whether it may say how long another one takes: it began on a good day, and went on in one
    /// piece and within one boot of ananke's host.
    #[serde(default)]
    pub teaches: bool,
    /// The server on which the datastore was saved on this way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<MachineName>,
    /// What was begun that can't be taken back: from here it is finished first.
    pub past_return: Option<NoReturn>,
    /// Who wants the cluster up again as soon as it is down.
    pub turn: Option<Author>,
    /// Why ananke's own host stays on at the end, by the word of who ordered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_stays: Option<String>,
    /// The boot in which ananke's own host was told to switch itself off, as the last of all.
    /// Written down before it is done. Another boot is the proof that it went off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_told: Option<BootId>,
}

impl Descent {
    /// A way down that was ordered just now.
    pub fn ordered(now: Mono, wall: Timestamp, drain: bool, snapshot: bool) -> Self {
        Self {
            began: now,
            began_wall: wall,
            drain,
            snapshot,
            deadline: None,
            stages: BTreeMap::new(),
            up_before: BTreeMap::new(),
            servers: Vec::new(),
            told: BTreeSet::new(),
            accepted: BTreeSet::new(),
            off: BTreeSet::new(),
            left: BTreeMap::new(),
            vouched: BTreeSet::new(),
            suspended: BTreeSet::new(),
            held: BTreeMap::new(),
            teaches: false,
            saved: None,
            past_return: None,
            turn: None,
            host_stays: None,
            host_told: None,
        }
    }

    /// Whether ananke's own host was switched off at the end of this way, and has booted since.
    pub fn host_went_off(&self, boot: &BootId) -> bool {
        self.host_told.as_ref().is_some_and(|told| told != boot)
    }

    /// How a stage ended, if it did.
    pub fn end(&self, stage: &GateId) -> Option<&StageEnd> {
        self.stages.get(stage)?.end.as_ref()
    }
}

/// Pods that a disruption budget holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPods {
    /// Of which tier.
    pub tier: PodTier,
    /// Since the first answer that said so. Ended by one that lets all of them go.
    pub since: Mono,
}

/// How far a stage is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageMark {
    /// When its turn came.
    pub began: Mono,
    /// When it ended.
    pub ended: Option<Mono>,
    /// How it ended.
    pub end: Option<StageEnd>,
}

/// How a stage ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageEnd {
    /// All of it was seen to be so.
    Done,
    /// It was broken off, because the energy is needed for what must not be left out.
    Cut {
        /// What was not done.
        why: String,
    },
}

/// The point of no return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoReturn {
    /// When, for people.
    pub at: Timestamp,
    /// What was begun.
    pub what: String,
}
