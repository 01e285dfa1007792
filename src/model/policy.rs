//! The checked settings that a decision may use. Addresses, keys and paths are not among them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::action::PodTier;
use super::cluster::ObjectPath;
use super::facts::Unit;
use super::ids::{GateId, MachineName};
use super::ingress::IngressPolicy;
use super::peers::Coordination;
use super::power::PowerPolicy;
use super::probe::{Probe, ProbeName};
use super::time::Span;

/// Everything that `tick` may know of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The cluster's name, for people.
    pub cluster: String,
    /// The name of this ananke host.
    pub owner: String,
    /// The inventory.
    pub machines: BTreeMap<MachineName, Machine>,
    /// Gates that are not asked, with the reason that is shown.
    pub skip: BTreeMap<GateId, String>,
    /// Every length of time that a decision uses.
    pub timing: Timing,
    /// Every count that a decision uses.
    pub limits: Limits,
    /// What is expected of Flux.
    #[serde(default)]
    pub flux: FluxPolicy,
    /// Whose clocks must be right. `None`: clocks are not judged.
    #[serde(default)]
    pub time: Option<TimeSync>,
    /// What the nodes must have.
    #[serde(default)]
    pub hosts: HostNeeds,
    /// The UPSes and what they feed.
    #[serde(default)]
    pub power: PowerPolicy,
    /// The way down.
    #[serde(default)]
    pub shutdown: ShutdownRules,
    /// What is asked from outside.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub probes: BTreeMap<ProbeName, Probe>,
    /// How the hosts of ingresses are asked.
    #[serde(default)]
    pub ingress: IngressPolicy,
    /// Whether this host knows where the keys of its vaults are. The keys are not settings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vault_keys: bool,
    /// The ananke hosts.
    #[serde(default, skip_serializing_if = "Coordination::is_alone")]
    pub coordination: Coordination,
}

/// What is expected of Flux.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FluxPolicy {
    /// The source and the Kustomization from which everything else comes: both have this name.
    pub root: ObjectPath,
    /// The branch that the root source must follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The repository that the root source must follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl FluxPolicy {
    /// What `flux bootstrap` calls the root.
    pub const ROOT: &str = "flux-system/flux-system";
}

impl Default for FluxPolicy {
    fn default() -> Self {
        Self { root: ObjectPath::new(Self::ROOT), branch: None, url: None }
    }
}

/// Whose clocks must be right before the cluster is started (`startup.time_sync_mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeSync {
    /// Those of all nodes.
    Strict,
    /// Those of so many servers, and never of fewer than a majority.
    Quorum(usize),
}

/// What the nodes must have (`hosts`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct HostNeeds {
    /// What servers need.
    pub servers: Needs,
    /// What agents need.
    pub agents: Needs,
    /// Folders whose file systems must be writable and not full; one that is not there is none.
    pub disks: BTreeSet<String>,
    /// Below this percentage of free space or inodes a file system counts as full.
    pub full_below: u8,
    /// Whether there must be a default route.
    pub default_route: bool,
}

impl HostNeeds {
    /// What a machine of this role needs. `None` for one that is no node.
    pub const fn of(&self, role: Role) -> Option<&Needs> {
        match role {
            Role::Server => Some(&self.servers),
            Role::Agent => Some(&self.agents),
            Role::Other => None,
        }
    }
}

/// What one kind of node needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Needs {
    /// Debian packages.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub packages: BTreeSet<String>,
    /// Programs, wherever they come from.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub programs: BTreeSet<String>,
    /// Kernel modules, loaded or built in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub modules: BTreeSet<String>,
    /// systemd units that must be active.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub services: BTreeSet<String>,
}

/// How long the stages of the way down may take while no battery says otherwise. Then a person is
/// asked; for a UPS the way goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShutdownRules {
    /// What is written through the API: Flux, cordons.
    pub api: Span,
    /// Saving the datastore.
    pub snapshot: Span,
    /// Evicting pods, all tiers together.
    pub drain: Span,
    /// Waiting for volumes to be detached.
    pub volumes: Span,
    /// Stopping k3s on the machines of one kind.
    pub stop: Span,
    /// Ending what still runs of pods on the machines of one kind.
    pub pods: Span,
    /// From the word to a machine that is off.
    pub power_off: Span,
    /// No answer at all for so long, after the word, proves that a machine is off.
    pub quiet: Span,
    /// The machine through which others are reached: it goes after them.
    pub jump: Option<MachineName>,
    /// Machines that ananke has a way to switch on.
    pub wakes: BTreeSet<MachineName>,
    /// What becomes of ananke's own host at the end. `None`: nobody said that it may go off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_host: Option<OwnHost>,
    /// Namespaces of what applications depend on: their pods go after the applications.
    #[serde(default = "ShutdownRules::known_services")]
    pub services: BTreeSet<String>,
    /// Namespaces whose pods are not evicted at all. They end with their nodes.
    #[serde(default = "ShutdownRules::known_to_stay")]
    pub stays: BTreeSet<String>,
    /// Namespaces whose pods go against their disruption budgets when the whole cluster goes
    /// down, each with how long they are asked to go before. There is no default: whose budgets
    /// may be overruled only a person knows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub against_budgets: BTreeMap<String, Span>,
}

/// What becomes of ananke's own host when all other machines were switched off
/// (`shutdown.own_host`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnHost {
    /// It switches itself off.
    Poweroff,
    /// It stays on: something else feeds it, or somebody else switches it off.
    StaysOn,
}

impl OwnHost {
    /// The word that the configuration has for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Poweroff => "poweroff",
            Self::StaysOn => "stays-on",
        }
    }
}

impl ShutdownRules {
    /// Namespaces by the names that the usual charts and manuals give them.
    pub const SERVICES: &[&str] = &[
        "cert-manager",
        "cnpg-system",
        "database",
        "databases",
        "external-secrets",
        "flux-system",
        "forgejo",
        "gitea",
        "ingress-nginx",
        "kube-system",
        "metallb-system",
        "mysql",
        "postgres",
        "redis",
        "traefik",
        "vault",
    ];
    /// Storage, because what is evicted there can no longer detach the volumes of others. And
    /// what images are pulled from: on another node it would need an image from itself.
    pub const STAYS: &[&str] = &[
        "democratic-csi",
        "harbor",
        "linstor",
        "longhorn-system",
        "mayastor",
        "openebs",
        "piraeus-datastore",
        "registry",
        "rook-ceph",
        "zot",
    ];

    fn known_services() -> BTreeSet<String> {
        Self::SERVICES.iter().map(|name| (*name).to_owned()).collect()
    }

    fn known_to_stay() -> BTreeSet<String> {
        Self::STAYS.iter().map(|name| (*name).to_owned()).collect()
    }

    /// How long ananke's own host may take to go off. None at all where it does not.
    pub const fn own_host_off(&self) -> Span {
        match self.own_host {
            Some(OwnHost::Poweroff) => self.power_off,
            Some(OwnHost::StaysOn) | None => Span::ZERO,
        }
    }

    /// With which tier the pods of a namespace go. `None`: they are not evicted.
    pub fn tier(&self, namespace: &str) -> Option<PodTier> {
        if self.stays.contains(namespace) {
            return None;
        }
        let depended_on = self.services.contains(namespace);
        Some(if depended_on { PodTier::Services } else { PodTier::Applications })
    }
}

impl Default for ShutdownRules {
    /// As the configuration has them where it says nothing.
    fn default() -> Self {
        Self {
            api: Span::mins(2),
            snapshot: Span::mins(3),
            drain: Span::mins(5),
            volumes: Span::mins(2),
            stop: Span::mins(5),
            pods: Span::mins(3),
            power_off: Span::mins(3),
            quiet: Span::secs(10),
            jump: None,
            wakes: BTreeSet::new(),
            own_host: None,
            services: Self::known_services(),
            stays: Self::known_to_stay(),
            against_budgets: BTreeMap::new(),
        }
    }
}

/// One machine of the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// What it is.
    pub role: Role,
    /// The end is never degraded without it.
    pub critical: bool,
    /// Whether ananke may change it (`ssh_managed_nodes`).
    pub managed: bool,
}

/// What a machine is to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs `k3s.service`: datastore and API, and a node as well.
    Server,
    /// Runs `k3s-agent.service`.
    Agent,
    /// No node: jump host, storage, switch, peer.
    Other,
}

impl Role {
    /// The unit that makes a machine of this role part of the cluster.
    pub const fn unit(self) -> Option<Unit> {
        match self {
            Self::Server => Some(Unit::K3s),
            Self::Agent => Some(Unit::K3sAgent),
            Self::Other => None,
        }
    }

    /// Whether Kubernetes has a node of that name.
    pub const fn is_node(self) -> bool {
        matches!(self, Self::Server | Self::Agent)
    }
}

/// Every length of time that a decision uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// How old an observation may be and still count.
    pub fresh_for: Span,
    /// How long a machine may take to boot and answer.
    pub boot: Span,
    /// How long a server may take from start to ready.
    pub server_start: Span,
    /// How long an agent may take from start to fresh-Ready.
    pub agent_start: Span,
    /// How long a missing machine is waited for before the end is degraded without it.
    pub patience: Span,
    /// How long everything must stay good.
    pub soak: Span,
    /// The cordon lease, in cluster-up time.
    pub cordon_lease: Span,
    /// The first wait between two attempts; it doubles.
    pub backoff: Span,
    /// The pause between two looks when nothing happens.
    pub tick: Span,
}

/// Every count that a decision uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Agents that are started at once.
    pub wave: usize,
    /// Recovery cordons of ours at once.
    pub cordons: usize,
    /// Percent of the nodes that may fail freshness at once before it counts as one cause.
    pub storm_percent: u8,
}

impl Policy {
    /// The machines of a role, in order of name.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &MachineName> {
        self.machines.iter().filter(move |(_, m)| m.role == role).map(|(name, _)| name)
    }

    /// How many servers make a majority.
    pub fn quorum(&self) -> usize {
        quorum(self.with_role(Role::Server).count())
    }

    /// How many of the nodes that ananke may change make a majority: so many guards must have
    /// accepted a claim.
    pub fn majority_of_guards(&self) -> usize {
        let guarded = self.machines.values().filter(|it| it.managed && it.role.is_node());
        quorum(guarded.count())
    }
}

/// How many of so many make a majority.
pub const fn quorum(all: usize) -> usize {
    all / 2 + 1
}
