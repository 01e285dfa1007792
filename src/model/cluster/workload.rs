//! What runs in the cluster: workloads, and those of their pods that are in trouble.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ObjectPath, is_default};
use crate::model::ids::MachineName;
use crate::model::object::ObjectName;

/// A Deployment, a StatefulSet or a DaemonSet, by its controller's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// How many pods there should be.
    pub wanted: u32,
    /// How many of them are not ready.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lacking: u32,
    /// How many of them are not of the present template.
    #[serde(default, skip_serializing_if = "is_default")]
    pub outdated: u32,
    /// Its controller has not looked at it since its spec changed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub behind: bool,
    /// Why its number of pods is somebody else's to say; empty if it is not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub left_alone: String,
}

impl Workload {
    /// The kind of workloads whose pods have no names of their own.
    pub const DEPLOYMENT: &str = "Deployment";
    /// The kind of workloads whose pods keep their names and volumes.
    pub const STATEFUL_SET: &str = "StatefulSet";
    /// The kind of workloads with a pod on every node.
    pub const DAEMON_SET: &str = "DaemonSet";

    /// The kinds, in the order in which they are asked about.
    pub const KINDS: [&str; 3] = [Self::DEPLOYMENT, Self::STATEFUL_SET, Self::DAEMON_SET];

    /// Whether its controller says that it is as it should be.
    pub const fn is_whole(&self) -> bool {
        self.lacking == 0 && self.outdated == 0 && !self.behind
    }
}

/// The pods, without those that are as they should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Pods {
    /// The pods of each node, as numbers.
    pub on: BTreeMap<MachineName, PodCount>,
    /// Those in trouble, the first ones by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub troubled: BTreeMap<ObjectPath, TroubledPod>,
    /// How many more are in trouble than are named.
    #[serde(default, skip_serializing_if = "is_default")]
    pub more: u32,
}

impl Pods {
    /// The kind of a pod.
    pub const KIND: &str = "Pod";
}

/// The pods of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct PodCount {
    /// How many say that they are ready.
    pub ready: u32,
    /// The lowest `resourceVersion` of those. A kubelet writes every pod anew after a boot, so a
    /// lower one than the boot's own says that a pod's state is from before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<u64>,
    /// How many may be evicted, by namespace: a controller makes them anew elsewhere, and the
    /// cluster itself does not stand on them. One that is going still counts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evictable: BTreeMap<String, u32>,
}

/// A pod in trouble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubledPod {
    /// A pod that was made anew has another one.
    pub uid: String,
    /// Where it runs, or should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<MachineName>,
    /// The workload that makes it anew; `None` for a pod of nobody, or of a Job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<ObjectName>,
    /// What it is in.
    pub trouble: Trouble,
    /// The kubelet's or the scheduler's own words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// How often its containers were started again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub restarts: u32,
}

/// What a pod is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// A container waits before it is started again (`CrashLoopBackOff`).
    BacksOff,
    /// An image waits before it is pulled again (`ImagePullBackOff`, `ErrImagePull`).
    NoImage,
    /// It ended and stays as a record of that (`Evicted`, `NodeShutdown`).
    LeftOver,
    /// It waits for something else: a node, a volume, a secret.
    Waits,
    /// It runs and is not ready.
    NotReady,
}
