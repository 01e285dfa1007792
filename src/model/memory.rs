//! All that must survive a tick. The durable part also survives a crash; the rest is re-learned.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::action::Action;
use super::cluster::{Drivers, ObjectPath};
use super::cordon::CordonRecord;
use super::descent::Descent;
use super::episode::Episode;
use super::ids::{ActionId, BootId, CheckId, EpisodeId, Epoch, GateId, MachineName, RemedyId};
use super::intent::{Author, Desired, Intent, Progress, Scope};
use super::object::ObjectName;
use super::outcome::ActionResult;
use super::peers::{PartMemory, Standing};
use super::power::{PowerView, StageTimes, UpsKept, UpsMemory, UpsName};
use super::time::{Moment, Mono, Span};
use super::verdict::Target;

/// What ananke remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Written to the ledger before anything that depends on it is done.
    pub durable: Durable,
    /// Streaks and timings: lost at a restart, and then started again.
    pub passing: Passing,
}

/// What must never be lost. An attempt is counted here before the act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durable {
    /// The boot of ananke's host in which the [`Mono`] values below count.
    pub boot: BootId,
    /// The life of this state directory: part of every action id, so that a directory that was
    /// wiped does not give out ids again that the guards remember.
    pub life: String,
    /// The fencing number under which this host acts.
    pub epoch: Epoch,
    /// The number of the last episode that was opened.
    pub last_episode: EpisodeId,
    /// The number of the last action that was given out.
    pub last_action: u64,
    /// The episode that is open, or the last one that was.
    pub episode: Option<Episode>,
    /// What the cluster is wanted to be.
    pub intent: Intent,
    /// A person said stop.
    pub paused: Option<Pause>,
    /// What was tried in this episode.
    pub attempts: BTreeMap<RemedyId, BTreeMap<Target, Attempts>>,
    /// Actions that were given out and whose outcome is not known yet.
    pub in_flight: BTreeMap<ActionId, InFlight>,
    /// Proofs that a node's status is of its present boot.
    pub proofs: BTreeMap<MachineName, FreshProof>,
    /// Cordons that ananke holds.
    pub cordons: BTreeMap<MachineName, HeldCordon>,
    /// Machines and gates that wait for a person, and since when.
    pub manual: BTreeMap<Target, ManualMark>,
    /// Marks that a person ended (`ananke ack`) and that may still be on the node.
    pub acked: BTreeSet<Target>,
    /// Alarms that were raised in this episode, so that each is raised once.
    pub alarms: BTreeSet<(GateId, Target)>,
    /// What must not be forgotten of each UPS.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub upses: BTreeMap<UpsName, UpsKept>,
    /// What a person wanted before a UPS wanted more: it holds again when mains are back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beneath: Option<Intent>,
    /// What a good day looks like.
    pub normal: Normal,
    /// The way down that is under way, or that is not taken back whole yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descent: Option<Descent>,
    /// What the stages of the last ways down added to them.
    #[serde(default, skip_serializing_if = "StageTimes::is_empty")]
    pub stage_times: StageTimes,
    /// Since when ananke's own host is being stopped in this boot, as its service manager said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_stops: Option<HostStops>,
    /// The part of this host among several. `None`: it is the only one, or its state is new and it
    /// has to learn first what the others and the nodes know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PartMemory>,
}

/// When ananke's own host was about to be switched off or restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStops {
    /// On the clock of the boot that ends by it.
    pub at: Mono,
    /// For people.
    pub wall: Timestamp,
}

impl Durable {
    /// The memory of a host that never ran ananke before.
    pub fn fresh(now: &Moment) -> Self {
        Self {
            boot: now.boot.clone(),
            life: life(now),
            epoch: Epoch(1),
            last_episode: EpisodeId(0),
            last_action: 0,
            episode: None,
            intent: Intent {
                desired: Desired::Up,
                progress: Progress::Normal,
                scope: Scope::Whole,
                by: Author::Ananke,
                reason: "nobody has said otherwise".to_owned(),
                since: now.wall,
                epoch: Epoch(1),
            },
            paused: None,
            attempts: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            proofs: BTreeMap::new(),
            cordons: BTreeMap::new(),
            manual: BTreeMap::new(),
            acked: BTreeSet::new(),
            alarms: BTreeSet::new(),
            upses: BTreeMap::new(),
            beneath: None,
            normal: Normal::default(),
            descent: None,
            stage_times: StageTimes::default(),
            host_stops: None,
            part: None,
        }
    }
}

/// More actions than a lost end of the ledger can have held: it is one record of one tick.
const LOST_ACTIONS: u64 = 1_000;

impl Durable {
    /// What was acknowledged last may be missing: the numbers of its actions, which a guard may
    /// remember, are not given out again.
    pub const fn pass_over_lost(&mut self) {
        self.last_action += LOST_ACTIONS;
    }
}

/// A name for the life of a state directory that begins now. Two lives begin in different boots,
/// or at different times of one.
fn life(now: &Moment) -> String {
    let seed = format!("{} {} {}", now.boot, now.mono.0, now.wall);
    format!("{:08x}", crc32fast::hash(seed.as_bytes()))
}

/// A person said stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// Since when, for people.
    pub since: Timestamp,
}

/// How often a remedy was tried on a target in this episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// How often. Counted before the act, so a crash may over-count and never lose one.
    pub count: u32,
    /// When the last one was given out.
    pub last: Mono,
    /// What became of the last one, as far as its receiver said.
    pub result: Option<ActionResult>,
    /// Until when the last one is being verified. `None` once it has helped or failed to.
    pub verify_until: Option<Mono>,
}

/// An action that was given out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// What.
    pub action: Action,
    /// When.
    pub since: Mono,
}

/// A proof that what the API says of a node is newer than the node's last boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreshProof {
    /// The boot for which it was proven, seen over SSH and in the API.
    pub boot_id: BootId,
    /// When.
    pub at: Mono,
    /// The number of the last action that was given out before it: what a later one brought is
    /// newer than the proof.
    #[serde(default)]
    pub action: u64,
    /// The version of the last status of another boot that the node was seen with; 0 if none was.
    /// What has a lower one was written before this boot.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A cordon that ananke holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldCordon {
    /// The record as it was written to the node.
    pub record: CordonRecord,
    /// How much of the lease is used, in cluster-up time. Written in steps of a minute, rounded
    /// up at a restart.
    pub used: Span,
}

/// Something waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManualMark {
    /// What the person reads.
    pub reason: String,
    /// Since when, for people.
    pub since: Timestamp,
}

/// What recovery needs to know about a good day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Normal {
    /// The boots in which everything was good.
    pub boots: BTreeMap<MachineName, BootId>,
    /// The etcd leader when it was last seen: it is started first.
    pub leader: Option<MachineName>,
    /// Whether the control plane was open when everything was last good.
    pub control_plane: bool,
    /// The objects of Flux that were there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub flux: BTreeSet<ObjectName>,
    /// How many pods each workload had, by its kind. One that stood at zero is not in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replicas: BTreeMap<String, BTreeMap<ObjectPath, u32>>,
    /// The services behind an Ingress for which somebody answered.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub services: BTreeSet<ObjectPath>,
    /// The storage drivers that each node had.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drivers: BTreeMap<MachineName, Drivers>,
    /// Claims and attachments that were out of order already: that is not the outage's doing.
    /// `None` while nobody has seen a good day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amiss: Option<BTreeSet<ObjectName>>,
}

impl Normal {
    /// How many pods a workload had on the last good day.
    pub fn replicas_of(&self, name: &ObjectName) -> Option<u32> {
        self.replicas.get(&name.kind)?.get(&ObjectPath::of(name)).copied()
    }
}

/// Streaks and timings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Passing {
    /// The tick's number in this run of the program.
    pub tick: u64,
    /// When the first tick of this run of the program was.
    #[serde(default)]
    pub began: Mono,
    /// When the last tick was.
    pub last_tick: Mono,
    /// Since when each gate has been in a state of its kind.
    pub gates: BTreeMap<GateId, GateMemory>,
    /// Since when a target has not passed a check.
    pub failing: BTreeMap<CheckId, BTreeMap<Target, Mono>>,
    /// Since when each held repair has been held, with the name of the reason.
    pub held: BTreeMap<RemedyId, BTreeMap<Target, HeldSince>>,
    /// The heartbeat of each node, while its freshness is to be proven.
    pub leases: BTreeMap<MachineName, LeaseWatch>,
    /// The version of each node's last status that was of another boot than the machine's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outlived: BTreeMap<MachineName, u64>,
    /// Since when each machine answers without a break. One that does not is not in it.
    #[serde(default)]
    pub answering: BTreeMap<MachineName, Mono>,
    /// Since when a machine gives no answer at all. One that answers, with whatever, or at which
    /// nobody looked, is not in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub silent: BTreeMap<MachineName, Mono>,
    /// Cluster-up time used by each cordon since it was last written down.
    pub cordon_extra: BTreeMap<MachineName, Span>,
    /// Each UPS.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub upses: BTreeMap<UpsName, UpsMemory>,
    /// What the UPSes mean, as this tick has it. Worked out anew each time, so it is never kept.
    #[serde(skip)]
    pub power: PowerView,
    /// What was told of each UPS, by the kind of the alarm.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub power_told: BTreeMap<UpsName, BTreeMap<String, PowerTold>>,
    /// Since when the API has not answered. `None` while it does.
    pub control_plane_lost: Option<Mono>,
    /// Who acts, as this tick has it. Worked out anew each time, so it is never kept.
    #[serde(skip)]
    pub standing: Standing,
    /// What was told of the other ananke hosts, and since when it stands.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told_of_peers: BTreeMap<String, Mono>,
}

/// An alarm about a UPS that was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerTold {
    /// Since when it stands.
    pub since: Mono,
    /// When it last stood.
    pub last: Mono,
}

/// Since when a repair has been held, and for what kind of reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSince {
    /// The name of the reason.
    pub name: String,
    /// Since when.
    pub since: Mono,
}

/// How a gate stood at the last tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateMemory {
    /// The word of its state.
    pub word: String,
    /// Since when.
    pub since: Mono,
    /// Since when it and all gates before it have been good, for the soak.
    pub good_since: Option<Mono>,
    /// Since when what it asks for can be expected: since nothing before it was in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Mono>,
}

/// A heartbeat as ananke saw it move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseWatch {
    /// The boot of the node while it was watched.
    pub boot_id: BootId,
    /// The last renewal that was seen.
    pub renew_time: String,
    /// How often it changed while we looked.
    pub moves: u32,
}
