//! The objects of nodes as the API shows them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::store::seconds;
use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::model::time::Span;
use crate::sim::site::{Arch, Site, Spec};

/// What a kubelet says that is well.
pub(super) const POSTS_READY: &str = "kubelet is posting ready status";

/// What the node controller says of a kubelet that is silent.
const STOPPED: &str = "Kubelet stopped posting node status.";

/// The taint of a node whose kubelet is silent.
pub(super) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// The taint of a node whose kubelet says no.
pub(super) const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// The taint of a cordoned node.
pub(super) const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// The version that nodes and `/version` show.
pub const KUBERNETES_VERSION: &str = "v1.34.1+k3s1";

/// The conditions of a node besides Ready: type, reason, message. All are False on a good node.
const PRESSURES: [(&str, &str, &str); 3] = [
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
];

/// A Ready condition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition {
    pub(super) status: &'static str,
    pub(super) reason: &'static str,
    pub(super) message: &'static str,
}

/// The status of a node's Ready condition.
pub(super) fn ready(node: &Value) -> Option<&str> {
    let conditions = node["status"]["conditions"].as_array()?;
    conditions.iter().find(|it| it["type"] == "Ready")?["status"].as_str()
}

/// A time as Kubernetes writes a MicroTime.
pub(super) fn micro(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// A node before its kubelet has said anything.
pub(super) fn node(name: &MachineName, spec: &Spec, site: &Site) -> Value {
    let address = site.address(name).unwrap_or_default();
    let mut labels = json!({
        "kubernetes.io/arch": spec.arch.as_str(),
        "kubernetes.io/hostname": name.as_str(),
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "k3s",
    });
    if spec.role == Role::Server {
        labels["node-role.kubernetes.io/control-plane"] = "true".into();
        labels["node-role.kubernetes.io/etcd"] = "true".into();
    }
    let resources = match spec.arch {
        Arch::Amd64 => json!({"cpu": "8", "memory": "32768Mi", "pods": "110"}),
        Arch::Arm64 => json!({"cpu": "4", "memory": "8192Mi", "pods": "110"}),
    };
    json!({
        "metadata": {"labels": labels, "annotations": {"k3s.io/internal-ip": address}},
        "spec": {"providerID": format!("k3s://{name}")},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": name.as_str()},
            ],
            "allocatable": resources,
            "capacity": resources,
            "conditions": [],
            "nodeInfo": {
                "architecture": spec.arch.as_str(),
                "bootID": "",
                "containerRuntimeVersion": "containerd://2.1.4-k3s1",
                "kernelVersion": "6.12.43",
                "kubeletVersion": KUBERNETES_VERSION,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 13 (trixie)",
            },
        },
    })
}

/// A node's lease.
pub(super) fn lease(name: &MachineName, renewed: Timestamp) -> Value {
    json!({"spec": {
        "holderIdentity": name.as_str(),
        "leaseDurationSeconds": super::rates::LEASE_SECONDS,
        "renewTime": micro(renewed),
    }})
}

/// What a kubelet writes: all conditions, with its own heartbeat. The time of a transition moves
/// only with the status.
pub(super) fn post_conditions(node: &mut Value, condition: Condition, at: Timestamp) {
    let at = seconds(at);
    let pressures = PRESSURES.map(|(kind, reason, message)| {
        one(node, kind, Condition { status: "False", reason, message }, &at, &at)
    });
    let ready = one(node, "Ready", condition, &at, &at);
    let mut all = pressures.to_vec();
    all.push(ready);
    node["status"]["conditions"] = all.into();
}

/// What the node controller writes of a node that is silent: the heartbeats stay.
pub(super) fn lose(node: &mut Value, at: Timestamp) {
    let at = seconds(at);
    let unknown = Condition { status: "Unknown", reason: "NodeStatusUnknown", message: STOPPED };
    let kinds = PRESSURES.map(|(kind, ..)| kind).into_iter().chain(["Ready"]);
    let all: Vec<Value> = kinds
        .map(|kind| {
            let old = condition(node, kind).and_then(|it| it["lastHeartbeatTime"].as_str());
            let heart = old.unwrap_or(&at).to_owned();
            one(node, kind, unknown, &heart, &at)
        })
        .collect();
    node["status"]["conditions"] = all.into();
}

fn condition<'a>(node: &'a Value, kind: &str) -> Option<&'a Value> {
    node["status"]["conditions"].as_array()?.iter().find(|it| it["type"] == kind)
}

fn one(node: &Value, kind: &str, new: Condition, heart: &str, at: &str) -> Value {
    let before = condition(node, kind).filter(|it| it["status"] == new.status);
    let since = before.and_then(|it| it["lastTransitionTime"].as_str()).unwrap_or(at);
    json!({
        "type": kind,
        "status": new.status,
        "reason": new.reason,
        "message": new.message,
        "lastHeartbeatTime": heart,
        "lastTransitionTime": since,
    })
}

/// For how long the oldest NoExecute taint has been there.
pub(super) fn no_execute_for(taints: &Value, now: Timestamp) -> Span {
    let all = taints.as_array().into_iter().flatten();
    let added = all
        .filter(|taint| taint["effect"] == "NoExecute")
        .filter_map(|taint| taint["timeAdded"].as_str()?.parse::<Timestamp>().ok());
    let age = added.min().map_or(0, |at| now.as_millisecond() - at.as_millisecond());
    Span::millis(u64::try_from(age).unwrap_or(0))
}

/// Whether a node has a taint.
pub(super) fn has_taint(node: &Value, key: &str, effect: &str) -> bool {
    let taints = node["spec"]["taints"].as_array();
    taints.is_some_and(|all| all.iter().any(|it| it["key"] == key && it["effect"] == effect))
}

/// A node's taints of these keys become these, others stay. `None` if they are so already.
/// A taint that stays keeps its time.
pub(super) fn taints(
    node: &Value,
    wanted: &[(&'static str, &'static str)],
    at: Timestamp,
) -> Option<Value> {
    let empty = Vec::new();
    let before = node["spec"]["taints"].as_array().unwrap_or(&empty);
    let is = |taint: &Value, (key, effect): (&str, &str)| {
        taint["key"] == key && taint["effect"] == effect
    };
    let ours = [UNREACHABLE, NOT_READY, UNSCHEDULABLE];
    let stays = |taint: &&Value| {
        ours.iter().all(|key| taint["key"] != *key) || wanted.iter().any(|it| is(taint, *it))
    };
    let mut after: Vec<Value> = before.iter().filter(stays).cloned().collect();
    for (key, effect) in wanted {
        if !after.iter().any(|taint| is(taint, (key, effect))) {
            after.push(json!({"key": key, "effect": effect, "timeAdded": seconds(at)}));
        }
    }
    (after != *before).then(|| after.into())
}
