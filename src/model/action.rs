//! What ananke can do: one closed enum of typed effects. A dry run prints exactly these.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cluster::ObjectPath;
use super::cordon::{CordonKind, CordonRecord};
use super::facts::Unit;
use super::ids::{ActionId, BootId, CordonId, Epoch, MachineId, MachineName, RemedyId};
use super::object::ObjectName;
use super::probe::ProbeName;
use super::time::Span;
use super::verdict::Target;

mod words;

/// One change of the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// `systemctl start --no-block UNIT`: a first server would wait for quorum for ever.
    StartUnit {
        /// On which machine.
        host: MachineName,
        /// Which unit.
        unit: Unit,
    },
    /// `systemctl restart --no-block UNIT`. Containers go on running (`KillMode=process`).
    RestartUnit {
        /// On which machine.
        host: MachineName,
        /// Which unit.
        unit: Unit,
    },
    /// `systemctl reset-failed UNIT`: forget failures and the start limit.
    ResetFailedUnit {
        /// On which machine.
        host: MachineName,
        /// Which unit.
        unit: Unit,
    },
    /// Make a node unschedulable and write the record, in one request.
    Cordon {
        /// Which node.
        node: MachineName,
        /// The record that is written with it.
        record: CordonRecord,
    },
    /// Make a node schedulable and remove the record, in one request.
    Uncordon {
        /// Which node.
        node: MachineName,
        /// The cordon that is given back; any other is left alone.
        id: CordonId,
    },
    /// Mark a node for a person. If a recovery cordon of ours is on it, it becomes a manual one.
    MarkManual {
        /// Which node.
        node: MachineName,
        /// What the person reads.
        reason: String,
        /// Wall-clock time, for people.
        since: Timestamp,
        /// The cordon whose lease ran out.
        cordon: Option<CordonId>,
    },
    /// Take our mark for a person off a node, after the person said that the part was done. A
    /// cordon that was left to the person becomes ours again, with a new lease.
    ClearMark {
        /// Which node.
        node: MachineName,
    },
    /// Renew our own Lease: proof that the API takes writes.
    WriteCanary,
    /// Have a node's guard take the word of this ananke host, under the number of the action, and
    /// no older one's. Nothing else changes.
    Claim {
        /// On which machine.
        host: MachineName,
    },
    /// Put something on a host right that is below Kubernetes.
    MendHost {
        /// On which machine.
        host: MachineName,
        /// What.
        mending: Mending,
    },
    /// `systemctl stop UNIT`. The containers go on running (`KillMode=process`).
    StopUnit {
        /// On which machine.
        host: MachineName,
        /// Which unit.
        unit: Unit,
    },
    /// End everything that runs below kubepods, first TERM and then KILL, and take away what the
    /// kubelet mounted. Only once its unit is stopped.
    EndPods {
        /// On which machine.
        host: MachineName,
    },
    /// Save the cluster's datastore on a server (`k3s etcd-snapshot save`).
    SaveDatastore {
        /// On which server.
        host: MachineName,
    },
    /// Write everything to disk and switch the machine off (`systemctl poweroff --no-block`).
    PowerOff {
        /// Which machine.
        host: MachineName,
    },
    /// Switch ananke's own host off, as the last of all: after the reports are on disk.
    PowerOffHere {
        /// Its name.
        host: MachineName,
    },
    /// Switch a machine on: by Wake-on-LAN, an outlet, or a configured command.
    Wake {
        /// Which machine.
        machine: MachineName,
    },
    /// Stop a Flux object from changing anything, and write on it who did so.
    SuspendFlux {
        /// Which object.
        object: ObjectName,
    },
    /// Let a Flux object go on that ananke suspended, and take the note off.
    ResumeFlux {
        /// Which object.
        object: ObjectName,
    },
    /// Ask Flux to look at an object now. Its answer is a word of now.
    RequestReconcile {
        /// Which object.
        object: ObjectName,
        /// By what its answer is known (`reconcile.fluxcd.io/requestedAt`).
        token: String,
    },
    /// Ask the API to evict what may be evicted of a tier of a node's pods.
    EvictPods {
        /// Which node.
        node: MachineName,
        /// Which pods of it.
        tier: PodTier,
        /// The namespaces in which they are: what is in others is not touched.
        namespaces: BTreeSet<String>,
        /// Those of them in which a pod that a disruption budget holds is deleted instead.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        overruled: BTreeSet<String>,
    },
    /// Delete a pod that its workload makes anew. A successor of the same name has another uid.
    DeletePod {
        /// Which pod.
        pod: ObjectPath,
        /// By which uid it was observed.
        uid: String,
    },
    /// Give a workload that stands at zero its number of pods back.
    Scale {
        /// Which workload.
        object: ObjectName,
        /// How many.
        replicas: u32,
    },
    /// Give a sealed vault its keys. They are no part of this: whoever carries it out reads them at
    /// the last moment.
    UnsealVault {
        /// Which, by its name among the services.
        vault: ProbeName,
    },
}

/// What is put right on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mending {
    /// Let the time daemon ask again, and set the clock at once.
    ResyncClock,
    /// Set the clock, forward only.
    SetClock {
        /// The right time of the moment at which the machine had been up for so long.
        to: Timestamp,
        /// So long.
        up: Span,
    },
    /// `modprobe MODULE`
    LoadModule(String),
    /// `systemctl reset-failed` and `systemctl start --no-block` of a host service.
    StartService(String),
    /// Install packages from the machine's own cache, without a network.
    InstallPackages(BTreeSet<String>),
}

impl fmt::Display for Mending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResyncClock => f.write_str("synchronise the clock"),
            Self::SetClock { .. } => f.write_str("set the clock forward"),
            Self::LoadModule(module) => write!(f, "load the module {module}"),
            Self::StartService(service) => write!(f, "start {service}"),
            Self::InstallPackages(packages) => {
                let names: Vec<&str> = packages.iter().map(String::as_str).collect();
                write!(f, "install {}", names.join(", "))
            }
        }
    }
}

/// In which order pods leave a node. What depends on others goes before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PodTier {
    /// What nothing in the cluster depends on.
    Applications,
    /// What applications need: databases, git, registry, secrets, ingress.
    Services,
}

impl fmt::Display for PodTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Applications => "applications",
            Self::Services => "services",
        })
    }
}

impl Effect {
    /// Whether the write exists only to prove something. Shown apart from repairs.
    pub const fn is_proof(&self) -> bool {
        matches!(self, Self::WriteCanary | Self::RequestReconcile { .. })
    }

    /// Whether something runs afterwards that did not before: not while power may be gone soon.
    pub const fn starts(&self) -> bool {
        matches!(
            self,
            Self::StartUnit { .. }
                | Self::RestartUnit { .. }
                | Self::Wake { .. }
                | Self::Scale { .. }
        )
    }

    /// To which end the effect leads. Against a wish for the other end it is not done.
    pub const fn leads(&self) -> Leads {
        match self {
            Self::StartUnit { .. }
            | Self::RestartUnit { .. }
            | Self::Wake { .. }
            | Self::Uncordon { .. }
            | Self::ResumeFlux { .. }
            | Self::DeletePod { .. }
            | Self::Scale { .. }
            | Self::UnsealVault { .. } => Leads::Up,
            Self::StopUnit { .. }
            | Self::EndPods { .. }
            | Self::SaveDatastore { .. }
            | Self::PowerOff { .. }
            | Self::PowerOffHere { .. }
            | Self::SuspendFlux { .. }
            | Self::EvictPods { .. } => Leads::Down,
            Self::Cordon { record, .. } => match record.kind {
                CordonKind::Shutdown => Leads::Down,
                CordonKind::Recovery | CordonKind::Manual => Leads::Up,
            },
            Self::ResetFailedUnit { .. }
            | Self::MarkManual { .. }
            | Self::ClearMark { .. }
            | Self::MendHost { .. }
            | Self::Claim { .. }
            | Self::RequestReconcile { .. }
            | Self::WriteCanary => Leads::Neither,
        }
    }

    /// Whether ananke's own host ends with it.
    pub const fn ends_host(&self) -> bool {
        matches!(self, Self::PowerOffHere { .. })
    }

    /// The machine whose guard carries the effect out, if it goes over SSH.
    pub const fn host(&self) -> Option<&MachineName> {
        match self {
            Self::StartUnit { host, .. }
            | Self::RestartUnit { host, .. }
            | Self::ResetFailedUnit { host, .. }
            | Self::StopUnit { host, .. }
            | Self::MendHost { host, .. }
            | Self::Claim { host }
            | Self::EndPods { host }
            | Self::SaveDatastore { host }
            | Self::PowerOff { host } => Some(host),
            Self::Cordon { .. }
            | Self::Uncordon { .. }
            | Self::MarkManual { .. }
            | Self::ClearMark { .. }
            | Self::WriteCanary
            | Self::PowerOffHere { .. }
            | Self::Wake { .. }
            | Self::SuspendFlux { .. }
            | Self::ResumeFlux { .. }
            | Self::RequestReconcile { .. }
            | Self::DeletePod { .. }
            | Self::Scale { .. }
            | Self::UnsealVault { .. }
            | Self::EvictPods { .. } => None,
        }
    }
}

/// To which end an effect leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leads {
    /// To a cluster that runs.
    Up,
    /// To a cluster that is down.
    Down,
    /// To neither: nothing stops or starts by it.
    Neither,
}

/// What must still be true where the action arrives; the receiver checks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Expect {
    /// The boot that was observed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub boot_id: Option<BootId>,
    /// The machine that was observed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub machine_id: Option<MachineId>,
    /// The object that was observed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uid: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource_version: Option<String>,
}

/// By which way a change reaches a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Through the node's guard.
    Guard,
    /// Plain `sudo -n systemctl start|stop`, where no guard is installed.
    Unguarded,
    /// Through the Kubernetes API.
    Api,
    /// From ananke's own host, past everything else.
    Here,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Guard => "guard",
            Self::Unguarded => "unguarded",
            Self::Api => "api",
            Self::Here => "here",
        })
    }
}

/// One effect that was decided, with all that its receiver needs to refuse it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Unique for the life of the state directory.
    pub id: ActionId,
    /// The remedy that asked for it.
    pub remedy: RemedyId,
    /// What it is meant to cure.
    pub target: Target,
    /// What is done.
    pub effect: Effect,
    /// What must be true for it to be done.
    pub expect: Expect,
    /// By which way.
    pub channel: Channel,
    /// The fencing number.
    pub epoch: Epoch,
    /// The ananke host that decided it.
    pub owner: String,
    /// How long the effect may take, all told.
    pub limit: Span,
}
