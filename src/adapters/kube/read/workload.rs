//! Workloads and pods.

use serde_json::Value;

use super::{behind, condition, count, list};
use crate::adapters::kube::nodes::{annotation, text};
use crate::adapters::kube::wire::short;
use crate::model::cluster::{Trouble, TroubledPod, Workload};
use crate::model::ids::MachineName;
use crate::model::object::ObjectName;

/// The longest message that is kept.
const MAX_WHY: usize = 120;
/// The longest name that is kept.
const MAX_NAME: usize = 253;

/// A Deployment or a StatefulSet.
pub(crate) fn replicated(object: &Value) -> Workload {
    // One is what the API fills in where nothing is said.
    let wanted = count(object, "/spec/replicas").unwrap_or(1);
    workload(object, wanted, "/status/readyReplicas", "/status/updatedReplicas")
}

/// A DaemonSet.
pub(crate) fn daemon_set(object: &Value) -> Workload {
    let wanted = count(object, "/status/desiredNumberScheduled").unwrap_or(0);
    workload(object, wanted, "/status/numberReady", "/status/updatedNumberScheduled")
}

fn workload(object: &Value, wanted: u32, ready: &str, updated: &str) -> Workload {
    Workload {
        wanted,
        // The API leaves a count of none out.
        lacking: wanted.saturating_sub(count(object, ready).unwrap_or(0)),
        outdated: count(object, updated).map_or(0, |updated| wanted.saturating_sub(updated)),
        behind: behind(object),
        left_alone: left_alone(object).to_owned(),
    }
}

/// With this annotation a person takes an object out of Flux's hands.
const RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";

/// Why the number of pods is somebody else's to say. An autoscaler has no mark of its own on the
/// object: it is who wrote the scale last, from within the controller manager.
fn left_alone(object: &Value) -> &'static str {
    let scales =
        |it: &Value| it["subresource"] == "scale" && it["manager"] == "kube-controller-manager";
    if annotation(object, RECONCILE).is_some_and(|it| it == "disabled") {
        "a person took it out of Flux's hands"
    } else if list(object, "/metadata/managedFields").any(scales) {
        "an autoscaler scales it"
    } else {
        ""
    }
}

/// What is kept of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pod {
    /// Its node, once it has one.
    pub node: Option<MachineName>,
    /// Its version, if it says that it is ready.
    pub ready: Option<Option<u64>>,
    /// What is wrong with it.
    pub trouble: Option<TroubledPod>,
    /// Whether it may be evicted.
    pub evictable: bool,
}

/// A pod.
pub(crate) fn pod(object: &Value) -> Pod {
    let node = Some(text(object, "/spec/nodeName")).filter(|name| !name.is_empty());
    let node = node.map(|name| MachineName::new(short(&name, MAX_NAME)));
    let ready = condition(object, "Ready").is_some_and(|it| it["status"] == "True");
    let version = text(object, "/metadata/resourceVersion").parse().ok();
    let trouble = trouble(object, ready).map(|(trouble, why)| TroubledPod {
        uid: short(&text(object, "/metadata/uid"), MAX_NAME),
        node: node.clone(),
        of: owner(object),
        trouble,
        why: short(&why, MAX_WHY),
        restarts: restarts(object),
    });
    Pod { node, ready: ready.then_some(version), trouble, evictable: evictable(object) }
}

/// Pods of these priorities are what the cluster itself stands on: its name server, its storage
/// drivers.
const SYSTEM: [&str; 2] = ["system-cluster-critical", "system-node-critical"];
/// Written on what the kubelet runs from a file of its own.
const MIRROR: &str = "/metadata/annotations/kubernetes.io~1config.mirror";

/// Whether a pod may be evicted: somebody makes it anew, and not on the same node at once. A pod
/// of nobody would be gone for good.
pub(crate) fn evictable(object: &Value) -> bool {
    let over = ["Succeeded", "Failed"].contains(&text(object, "/status/phase").as_str());
    let system = SYSTEM.contains(&text(object, "/spec/priorityClassName").as_str());
    let owner = list(object, "/metadata/ownerReferences").find(|it| it["controller"] == true);
    let made_anew = owner.is_some_and(|it| it["kind"] != Workload::DAEMON_SET);
    made_anew && !over && !system && object.pointer(MIRROR).is_none()
}

/// What a pod is in, if it is not as it should be. One that is being deleted is on its way.
fn trouble(object: &Value, ready: bool) -> Option<(Trouble, String)> {
    if ready || object.pointer("/metadata/deletionTimestamp").is_some_and(|it| !it.is_null()) {
        return None;
    }
    match object.pointer("/status/phase").and_then(Value::as_str) {
        Some("Succeeded") => return None,
        Some("Failed") => {
            let why =
                format!("{} {}", text(object, "/status/reason"), text(object, "/status/message"));
            return Some((Trouble::LeftOver, why.trim().to_owned()));
        }
        Some(_) | None => {}
    }
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let waiting = statuses.iter().flat_map(|at| list(object, at)).find_map(|container| {
        let waiting = container.pointer("/state/waiting")?;
        let reason = text(waiting, "/reason");
        let why = format!("{reason}: {}", text(waiting, "/message"));
        Some((reason, why))
    });
    Some(match waiting {
        Some((reason, why)) => match reason.as_str() {
            "CrashLoopBackOff" => (Trouble::BacksOff, why),
            "ImagePullBackOff" | "ErrImagePull" => (Trouble::NoImage, why),
            _ => (Trouble::Waits, why),
        },
        None => match condition(object, "PodScheduled") {
            Some(it) if it["status"] == "False" => (Trouble::Waits, text(it, "/message")),
            Some(_) | None => (Trouble::NotReady, String::new()),
        },
    })
}

fn restarts(object: &Value) -> u32 {
    list(object, "/status/containerStatuses")
        .filter_map(|it| count(it, "/restartCount"))
        .fold(0, u32::saturating_add)
}

/// The workload that makes a pod anew. The ReplicaSet between a Deployment and its pods is called
/// as the Deployment, with the hash of the template behind it.
fn owner(object: &Value) -> Option<ObjectName> {
    let owner = list(object, "/metadata/ownerReferences").find(|it| it["controller"] == true)?;
    let (kind, name) = (text(owner, "/kind"), text(owner, "/name"));
    let namespace = text(object, "/metadata/namespace");
    let (kind, name) = match kind.as_str() {
        "ReplicaSet" => {
            let hash = text(object, "/metadata/labels/pod-template-hash");
            let base = name.strip_suffix(&hash)?.strip_suffix('-')?;
            (Workload::DEPLOYMENT, base.to_owned())
        }
        Workload::DEPLOYMENT => (Workload::DEPLOYMENT, name),
        Workload::STATEFUL_SET => (Workload::STATEFUL_SET, name),
        Workload::DAEMON_SET => (Workload::DAEMON_SET, name),
        _ => return None,
    };
    Some(ObjectName::in_namespace(kind, namespace, short(&name, MAX_NAME)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_web(status: &Value) -> Value {
        json!({"metadata": {"name": "web-1a2b-x", "namespace": "apps", "uid": "u",
            "resourceVersion": "77", "labels": {"pod-template-hash": "1a2b"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-1a2b", "controller": true}]},
            "spec": {"nodeName": "w-1"}, "status": status})
    }

    #[test]
    fn pods_in_trouble_are_told_apart() {
        let waiting = |reason: &str| {
            json!({"phase": "Running", "containerStatuses": [
                {"restartCount": 3, "state": {"waiting": {"reason": reason, "message": "m"}}}]})
        };
        for (status, trouble) in [
            (waiting("CrashLoopBackOff"), Some(Trouble::BacksOff)),
            (waiting("ImagePullBackOff"), Some(Trouble::NoImage)),
            (waiting("ContainerCreating"), Some(Trouble::Waits)),
            (json!({"phase": "Failed", "reason": "Evicted"}), Some(Trouble::LeftOver)),
            (json!({"phase": "Succeeded"}), None),
            (json!({"phase": "Running"}), Some(Trouble::NotReady)),
            (json!({"conditions": [{"type": "Ready", "status": "True"}]}), None),
        ] {
            let read = pod(&of_web(&status));
            assert_eq!(read.trouble.as_ref().map(|it| it.trouble), trouble, "{status}");
            if let Some(it) = read.trouble {
                assert_eq!(it.of.map(|of| of.to_string()).as_deref(), Some("Deployment apps/web"));
            }
        }
        let ready = pod(&of_web(&json!({"conditions": [{"type": "Ready", "status": "True"}]})));
        assert_eq!(ready.ready, Some(Some(77)));
    }

    #[test]
    fn who_else_scales_a_workload_is_named() {
        let fields = |manager: &str, part: &str| {
            let one = json!({"manager": manager, "subresource": part});
            json!({"metadata": {"managedFields": [one]}})
        };
        let glass = json!({"metadata": {"annotations": {RECONCILE: "disabled"}}});
        for (object, word) in [
            (fields("kube-controller-manager", "scale"), "autoscaler"),
            (fields("kube-controller-manager", "status"), ""),
            (fields("kubectl", "scale"), ""),
            (glass, "a person"),
            (json!({"metadata": {"annotations": 7, "managedFields": "x"}}), ""),
        ] {
            let said = replicated(&object).left_alone;
            assert!(said.contains(word) && said.is_empty() == word.is_empty(), "{object}: {said}");
        }
    }

    #[test]
    fn a_pod_is_evicted_only_when_somebody_makes_it_anew_elsewhere() {
        let web = of_web(&json!({"phase": "Running"}));
        let with = |change: Value| {
            let mut pod = web.clone();
            json_patch::merge(&mut pod, &change);
            pod
        };
        let owner = |kind: &str| {
            with(json!({"metadata": {"ownerReferences": [{"kind": kind, "controller": true}]}}))
        };
        for (what, object, may) in [
            ("a pod of a ReplicaSet", web.clone(), true),
            ("a pod of a Job", owner("Job"), true),
            ("a pod of a DaemonSet", owner("DaemonSet"), false),
            ("a pod of nobody", with(json!({"metadata": {"ownerReferences": null}})), false),
            ("one that is over", with(json!({"status": {"phase": "Succeeded"}})), false),
            ("a name server", with(json!({"spec": {"priorityClassName": SYSTEM[0]}})), false),
            (
                "one from a file",
                with(json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}})),
                false,
            ),
            ("nonsense", json!(7), false),
        ] {
            assert_eq!(evictable(&object), may, "{what}");
        }
    }

    #[test]
    fn counts_that_are_left_out_are_none() {
        let object = json!({"metadata": {"generation": 1}, "spec": {"replicas": 3},
            "status": {"observedGeneration": 1}});
        let read = replicated(&object);
        assert_eq!((read.wanted, read.lacking, read.behind), (3, 3, false));
        let absurd = json!({"spec": {"replicas": -4}, "status": {"readyReplicas": "all"}});
        assert_eq!(replicated(&absurd).lacking, 1);
        assert_eq!(daemon_set(&json!({})).wanted, 0);
        assert_eq!(pod(&json!(7)).node, None);
    }
}
