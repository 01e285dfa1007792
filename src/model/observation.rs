//! Everything that was seen for one tick.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cluster::ClusterFacts;
use super::facts::{ApiFacts, Blind, BlindKind, HostFacts, Link, Seen};
use super::hygiene::HygieneFacts;
use super::ids::MachineName;
use super::peers::PeerFacts;
use super::power::{UpsFacts, UpsName};
use super::probe::{Finding, ProbeName};
use super::time::{Mono, Span};

/// Every fact that a decision may use, each with its age or the reason why it is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Each machine of the inventory, over SSH.
    pub hosts: BTreeMap<MachineName, Seen<HostFacts>>,
    /// Each machine of the inventory, looked at closer, which is done less often.
    #[serde(default)]
    pub hygiene: BTreeMap<MachineName, Seen<HygieneFacts>>,
    /// Each UPS, over NUT. Empty where none is configured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub upses: BTreeMap<UpsName, Seen<UpsFacts>>,
    /// Each other ananke host, by its own word. Empty where there is none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub peers: BTreeMap<MachineName, Seen<PeerFacts>>,
    /// What is asked from outside, as users of the cluster do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub probes: BTreeMap<ProbeName, Seen<Finding>>,
    /// The Kubernetes API.
    pub api: ApiFacts,
    /// What lives in the cluster, through that API.
    pub cluster: ClusterFacts,
    /// Whether ananke's own disk takes records; the reason if it does not.
    pub disk: Result<(), String>,
}

impl Observation {
    /// Whether everything was looked at once, with whatever result.
    pub fn is_whole(&self, machines: usize) -> bool {
        fn looked<T>(seen: &Seen<T>) -> bool {
            match seen {
                Seen::Known { .. } => true,
                Seen::Unknown { why, .. } => why.kind != BlindKind::NotYet,
            }
        }
        self.hosts.len() >= machines
            && self.hosts.values().all(looked)
            && self.upses.values().all(looked)
            && self.peers.values().all(looked)
            && self.probes.values().all(looked)
            && self.api.link != Link::Probing
    }
}

/// Machines at which nobody has looked yet.
pub fn not_looked_at<'a, T>(
    machines: impl Iterator<Item = &'a MachineName>,
    now: Mono,
) -> BTreeMap<MachineName, Seen<T>> {
    let why = || Blind::new(BlindKind::NotYet, "nobody has looked yet");
    machines.map(|name| (name.clone(), Seen::Unknown { why: why(), since: now })).collect()
}

/// Files what one look at a machine, or one question to a service, gave, and says whether it is
/// news: a new age alone is none. Who can't be seen has not been seen since the first look that
/// failed.
pub fn file_look<N: Ord + Clone, T: Steady>(
    hosts: &mut BTreeMap<N, Seen<T>>,
    name: &N,
    seen: Result<T, Blind>,
    now: Mono,
) -> bool {
    let before = hosts.get(name);
    let (after, news) = match seen {
        Ok(value) => {
            let same = before
                .and_then(Seen::any_age)
                .is_some_and(|before| before.steady() == value.steady());
            (Seen::Known { value, at: now }, !same)
        }
        Err(why) => {
            let (since, same) = match before {
                Some(Seen::Unknown { why: old, since }) => (*since, *old == why),
                Some(Seen::Known { .. }) | None => (now, false),
            };
            (Seen::Unknown { why, since }, !same)
        }
    };
    hosts.insert(name.clone(), after);
    news
}

/// Facts of which some part changes at every look.
pub trait Steady {
    /// The same without that part.
    type Still: PartialEq;

    /// What is news when it changes.
    fn steady(&self) -> Self::Still;
}

impl Steady for HostFacts {
    type Still = Self;

    fn steady(&self) -> Self {
        let mut facts = self.clone();
        facts.up_for = Span::ZERO;
        facts.wall = jiff::Timestamp::UNIX_EPOCH;
        facts.clock = None;
        // Pods come and go; that there are none any more is news.
        facts.leftovers.tasks = facts.leftovers.tasks.map(|tasks| tasks.min(1));
        facts.leftovers.mounts = facts.leftovers.mounts.min(1);
        for unit in facts.units.values_mut() {
            (unit.for_time, unit.clock_set) = (None, None);
        }
        facts
    }
}

impl Steady for HygieneFacts {
    type Still = Self;

    fn steady(&self) -> Self {
        let mut facts = self.clone();
        for disk in facts.disks.values_mut().flatten() {
            (disk.free, disk.free_inodes) = (0, None);
        }
        facts
    }
}
