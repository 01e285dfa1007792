//! A pod's status, as its kubelet writes it.

use serde_json::{Value, json};

use super::super::World;
use super::super::look;
use super::super::pods::{Container, Pod};
use super::super::store::seconds;
use super::objects::hash;
use super::{Inside, WORKLOADS};
use crate::model::time::Mono;

impl Inside {
    /// Whether a workload's pods run and answer nobody.
    pub(in crate::sim::world) fn is_mute(&self, workload: usize) -> bool {
        self.faults.mute.contains(&workload)
    }
}

impl World {
    /// What the kubelet of a pod's node says of it.
    pub(in crate::sim::world) fn pod_status(&self, id: u32, pod: &Pod) -> Value {
        let row = &WORKLOADS[pod.workload];
        let at = self.shown(pod.since);
        let image = row.image_name(&self.site.cluster);
        let waits = |reason: &str, message: String| match message.is_empty() {
            true => json!({"waiting": {"reason": reason}}),
            false => json!({"waiting": {"reason": reason, "message": message}}),
        };
        let running = json!({"running": {"startedAt": at}});
        let state = match pod.container {
            Container::Creating | Container::Pulls => waits("ContainerCreating", String::new()),
            Container::NoImage => {
                waits("ImagePullBackOff", format!("Back-off pulling image \"{image}\""))
            }
            Container::BacksOff => waits(
                "CrashLoopBackOff",
                format!("back-off restarting failed container={} pod={}", row.name, pod.key.name),
            ),
            Container::Fails | Container::Works => running,
        };
        let started = matches!(pod.container, Container::Fails | Container::Works);
        let ready =
            pod.container == Container::Works && !pod.sealed && !self.inside.is_mute(pod.workload);
        let never = !started && pod.restarts == 0 && pod.last.is_none();
        let mut container = json!({
            "name": row.name, "image": image, "ready": ready, "started": started,
            "restartCount": pod.restarts, "state": state, "lastState": self.last(id, pod),
            "imageID": if never { String::new() } else { image_id(&image) },
        });
        if !never {
            container["containerID"] = container_id(id, pod.restarts).into();
        }
        let mut status = json!({
            "phase": if never { "Pending" } else { "Running" },
            "qosClass": "BestEffort",
            "startTime": at,
            "hostIP": self.site.address(&pod.node).unwrap_or_default(),
            "conditions": conditions(started, ready, &at),
            "containerStatuses": [container],
        });
        if started || !never {
            let ip = self.pod_ip(id, pod);
            status["podIP"] = ip.clone().into();
            status["podIPs"] = json!([{"ip": ip}]);
        }
        status
    }

    fn shown(&self, at: Mono) -> String {
        seconds(look::later(super::super::beginning(), at.since(Mono(0))))
    }

    fn last(&self, id: u32, pod: &Pod) -> Value {
        let Some(ended) = pod.last else { return json!({}) };
        let reason = if ended.code == 255 { "Unknown" } else { "Error" };
        json!({"terminated": {"exitCode": ended.code, "reason": reason,
            "startedAt": self.shown(ended.began), "finishedAt": self.shown(ended.at),
            "containerID": container_id(id, pod.restarts.saturating_sub(1))}})
    }

    fn pod_ip(&self, id: u32, pod: &Pod) -> String {
        let at = self.site.machines.keys().position(|name| *name == pod.node).unwrap_or(0);
        format!("10.42.{at}.{}", 2 + id % 250)
    }
}

fn conditions(started: bool, ready: bool, at: &str) -> Value {
    let one = |kind: &str, is: bool| {
        let word = if is { "True" } else { "False" };
        let mut it = json!({"type": kind, "status": word, "lastProbeTime": null,
            "lastTransitionTime": at});
        if !is {
            it["reason"] = "ContainersNotReady".into();
        }
        it
    };
    json!([
        one("PodReadyToStartContainers", started),
        one("Initialized", true),
        one("Ready", ready),
        one("ContainersReady", ready),
        one("PodScheduled", true),
    ])
}

/// Each start of a container is a container of its own.
fn container_id(pod: u32, restarts: u32) -> String {
    format!("containerd://{:032x}{:032x}", hash(&pod.to_string()), u64::from(restarts) + 1)
}

fn image_id(image: &str) -> String {
    format!("sha256:{:064x}", hash(image))
}
