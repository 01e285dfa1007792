//! What can be known about a machine and about the cluster: small typed facts, no raw JSON.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cordon::CordonMark;
use super::hygiene::ClockFacts;
use super::ids::{BootId, MachineId, MachineName};
use super::peers::{Fence, LeaseHolder};
use super::time::{Mono, Skew, Span};

/// A fact with the time at which it was seen, or the reason why it could not be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen<T> {
    /// Seen at `at`, on ananke's monotonic clock.
    Known {
        /// What was seen.
        value: T,
        /// When it was seen.
        at: Mono,
    },
    /// Not seen, since `since`.
    Unknown {
        /// Why not.
        why: Blind,
        /// Since when nobody could see it.
        since: Mono,
    },
}

impl<T> Seen<T> {
    /// The value if it was seen at most `fresh_for` before `now`.
    ///
    /// # Errors
    /// [`Blind`] with the reason, which is [`BlindKind::Stale`] for a fact that is too old.
    pub fn fresh(&self, now: Mono, fresh_for: Span) -> Result<&T, Blind> {
        self.if_fresh(now, fresh_for).ok_or_else(|| match self {
            Self::Known { at, .. } => {
                Blind::new(BlindKind::Stale, format!("last seen {} ago", now.since(*at)))
            }
            Self::Unknown { why, .. } => why.clone(),
        })
    }

    /// The same for who does not ask why.
    pub fn if_fresh(&self, now: Mono, fresh_for: Span) -> Option<&T> {
        match self {
            Self::Known { value, at } if now.since(*at) <= fresh_for => Some(value),
            Self::Known { .. } | Self::Unknown { .. } => None,
        }
    }

    /// The value however old it is. For display and for learning, never for an effect.
    pub fn any_age(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::Unknown { .. } => None,
        }
    }
}

/// Why something can't be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blind {
    /// The class of the reason: it decides what helps.
    pub kind: BlindKind,
    /// The reason in words, without the name of the thing that can't be seen.
    pub detail: String,
}

impl Blind {
    /// A reason with its words.
    pub fn new(kind: BlindKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl fmt::Display for Blind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// Classes of not seeing. The kind says what to do next; the detail is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlindKind {
    /// Nobody has looked yet.
    NotYet,
    /// Nothing answers there: no route, connect time-out.
    Unreachable,
    /// The connection is refused: a kernel runs there, and nobody listens.
    Refused,
    /// Something answers but did not finish in time.
    TimedOut,
    /// The other side is not who it should be: unknown, changed or revoked host key, wrong
    /// machine id, certificate of somebody else.
    Identity,
    /// The other side refused us: authentication, sudo, RBAC.
    Denied,
    /// The answer made no sense.
    Garbled,
    /// Seen once, too long ago.
    Stale,
    /// The configuration says that nobody looks there.
    NotAsked,
}

/// The units through which ananke starts and stops Kubernetes on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// `k3s.service` on a server.
    K3s,
    /// `k3s-agent.service` on an agent.
    K3sAgent,
}

impl Unit {
    /// The unit's name as systemctl takes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::K3s => "k3s",
            Self::K3sAgent => "k3s-agent",
        }
    }

    /// All units, for parsers and lists.
    pub const ALL: [Self; 2] = [Self::K3s, Self::K3sAgent];
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one look at a machine over SSH tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The boot that answered.
    pub boot_id: BootId,
    /// The machine that answered.
    pub machine_id: MachineId,
    /// How long that machine has been up, by its own monotonic clock.
    pub up_for: Span,
    /// The machine's own wall clock, in whole seconds.
    pub wall: Timestamp,
    /// That clock against ananke's own. `None` where nobody knows when the machine was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockFacts>,
    /// The script through which changes go.
    pub guard: GuardState,
    /// What sudo answered, without asking for a password.
    pub sudo: Sudo,
    /// The k3s units that the machine has.
    pub units: BTreeMap<Unit, UnitFacts>,
    /// Where this machine keeps the cluster's data. `None` on a machine that is not a server, and
    /// on one where only root could tell and there is no guard.
    pub datastore: Option<Datastore>,
    /// The etcd member's own word, if there is a member on this machine.
    pub etcd: Option<EtcdFacts>,
    /// What there is of pods.
    #[serde(default)]
    pub leftovers: Leftovers,
    /// Whose word counts for the guard. `None` where it did not say: only root can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<Fence>,
}

/// What there is of pods on a machine, whoever looks after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Leftovers {
    /// Tasks below kubepods. `None` where the kernel does not count them.
    pub tasks: Option<u32>,
    /// File systems below kubelet's folder.
    pub mounts: u32,
}

/// Whether ananke's script is on the machine, and which one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuardState {
    /// The script that belongs to this program answered through sudo.
    Current,
    /// A script of another version is there, or one that sudo does not let us run. Nothing is
    /// sent to it, nor past it.
    Other {
        /// What it calls itself.
        version: String,
    },
    /// There is none.
    Absent,
}

/// Whether sudo lets ananke do what it is made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sudo {
    /// It does.
    Works,
    /// It does not.
    Refused {
        /// sudo's own words.
        why: String,
    },
}

/// The state of a systemd unit, in systemd's own words (systemd.unit(5), `systemctl show`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitFacts {
    /// Whether systemd knows the unit and a person let it be started.
    pub load: UnitLoad,
    /// Whether it runs.
    pub active: UnitActive,
    /// Why it failed, if it did: `success`, `exit-code`, `start-limit-hit`, ...
    pub result: String,
    /// How often systemd restarted it by itself since the last start by hand.
    pub restarts: u32,
    /// How long it has been in its present state. `None` if systemd does not say.
    pub for_time: Option<Span>,
    /// By how much the machine's wall clock was set since the unit's process began, forward if it
    /// is ahead. `None` if systemd does not say when that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_set: Option<Skew>,
}

/// systemd's LoadState, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitLoad {
    /// There, and may be started.
    Loaded,
    /// Masked: a person does not want it to run.
    Masked,
    /// There is no such unit.
    NotFound,
    /// Any other word: bad-setting, error.
    Broken,
}

/// systemd's ActiveState.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitActive {
    /// Running, and said that it is ready.
    Active,
    /// Starting. A server without quorum stays here for as long as nobody else comes.
    Activating,
    /// Stopping.
    Deactivating,
    /// Not running.
    Inactive,
    /// Not running because it failed.
    Failed,
}

impl fmt::Display for UnitActive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::Activating => "activating",
            Self::Deactivating => "deactivating",
            Self::Inactive => "inactive",
            Self::Failed => "failed",
        })
    }
}

/// Where a server keeps the cluster's data. A fact, never a setting: it decides what quorum is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Datastore {
    /// etcd members inside the servers: a majority is needed.
    Etcd,
    /// One file on one server.
    Sqlite,
    /// A database elsewhere.
    External,
}

/// What an etcd member says of itself on its loopback metrics port (127.0.0.1:2381).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdFacts {
    /// `/health` says `"health":"true"`.
    pub healthy: bool,
    /// `etcd_server_has_leader`.
    pub has_leader: bool,
    /// `etcd_server_is_leader`.
    pub is_leader: bool,
}

/// What the Kubernetes API says of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFacts {
    /// A node that was deleted and made anew has another one.
    pub uid: String,
    /// For optimistic writes.
    pub resource_version: String,
    /// `status.nodeInfo.bootID`.
    pub boot_id: BootId,
    /// `status.nodeInfo.machineID`.
    pub machine_id: MachineId,
    /// The Ready condition, which may be from before the outage.
    pub ready: Ready,
    /// Its message, if not ready.
    pub ready_why: String,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// Our record of a cordon, if the node carries one.
    pub cordon: CordonMark,
    /// A person's wish that this node be left alone (`ananke.bstein.dev/hold`).
    pub hold: Option<String>,
    /// Our mark that a person is needed (`ananke.bstein.dev/manual-action`).
    pub manual: Option<String>,
    /// Marks of other tools that cordon nodes; while there is one the cordon is not ours to clear.
    pub foreign: Vec<String>,
    /// `kube-node-lease/<node>`, while freshness is still to be proven.
    pub lease: Option<LeaseFacts>,
}

/// A condition's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    /// `True`
    True,
    /// `False`
    False,
    /// `Unknown`, or no such condition.
    Unknown,
}

/// The heartbeat of a kubelet. Its time is the kubelet's clock: only "did it change" is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseFacts {
    /// `metadata.resourceVersion`, which changes with every renewal.
    pub resource_version: String,
    /// `spec.renewTime` as text.
    pub renew_time: String,
}

/// The way to the Kubernetes API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Nothing answers `/readyz` with 200.
    Down {
        /// Since when.
        since: Mono,
        /// What the endpoints said.
        why: Blind,
    },
    /// Not known yet.
    Probing,
    /// An endpoint answers.
    Up {
        /// Since when.
        since: Mono,
        /// Which one is used.
        endpoint: String,
    },
}

/// What is known about the Kubernetes API and through it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiFacts {
    /// The way there.
    pub link: Link,
    /// Each endpoint's own `/readyz`.
    pub endpoints: BTreeMap<String, Seen<bool>>,
    /// The server's version, as it names it.
    pub version: Option<String>,
    /// The nodes, by name.
    pub nodes: Seen<BTreeMap<MachineName, NodeFacts>>,
    /// The last write of ours that the API accepted: proof that it is more than readable.
    pub canary: Seen<Canary>,
    /// Group/version/kind of what this cluster serves, of the kinds that ananke looks at.
    pub serves: Vec<String>,
    /// Who acts, by the Lease of the ananke hosts. `None` where nobody looks: there is one host,
    /// or the Lease can't be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<LeaseHolder>,
}

/// An accepted write of our own Lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// The Lease's resourceVersion after the write.
    pub resource_version: String,
}
