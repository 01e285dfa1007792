//! Pods on their machines: containers that end with the power, start again, and back off.

use serde_json::json;

use super::World;
use super::agenda::{Event, Here};
use super::look;
use super::rates::{
    BACK_OFF, BACK_OFF_MAX, BACK_OFF_RESET, CONTAINER_GIVES_UP, CONTAINER_STARTS, STATUS_UPDATE,
};
use super::store::{Key, seconds};
use super::workloads::WORKLOADS;
use crate::model::ids::MachineName;
use crate::model::time::{Mono, Span};

/// One pod, with its one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pod {
    pub(super) workload: usize,
    pub(super) node: MachineName,
    key: Key,
    container: Container,
    restarts: u32,
    back_off: Span,
    /// The boot of the machine in which the container was started.
    boot: u32,
    since: Mono,
    /// The API does not know its present state.
    unsaid: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    /// It will be started.
    Creating,
    /// It runs, and has what it needs.
    Works,
    /// It runs, lacks what it needs, and will end.
    Fails,
    /// It ended, and waits for its next start.
    BacksOff,
}

impl World {
    /// A pod that its node's kubelet has not seen yet.
    pub(super) fn new_pod(&mut self, workload: usize, node: &MachineName, key: Key) -> u32 {
        let id = self.next_pod;
        self.next_pod += 1;
        let boot = self.machines.get(node).map_or(0, |it| it.boots);
        let pod = Pod {
            workload,
            node: node.clone(),
            key,
            container: Container::Creating,
            restarts: 0,
            back_off: Span::ZERO,
            boot,
            since: self.now,
            unsaid: true,
        };
        self.pods.insert(id, pod);
        self.container_in(id, CONTAINER_STARTS);
        id
    }

    /// It did so before the world began.
    pub(super) fn pod_has_run(&mut self, id: u32) {
        self.forget_step(id);
        if let Some(pod) = self.pods.get_mut(&id) {
            pod.container = Container::Works;
        }
        self.say(id);
    }

    /// Whether a pod does its work: truth, not status.
    pub(super) fn works(&self, pod: &Pod) -> bool {
        pod.container == Container::Works
            && self.machines.get(&pod.node).is_some_and(|it| it.runs() && it.boots == pod.boot)
    }

    /// The kubelet is ready: containers of another boot are started again.
    pub(super) fn pods_return(&mut self, name: &MachineName) {
        let Some(boots) = self.machines.get(name).map(|it| it.boots) else { return };
        let old = self.pods.iter().filter(|(_, pod)| pod.node == *name && pod.boot != boots);
        for id in old.map(|(id, _)| *id).collect::<Vec<_>>() {
            let takes = CONTAINER_STARTS + self.chance.up_to(CONTAINER_STARTS);
            if let Some(pod) = self.pods.get_mut(&id) {
                pod.boot = boots;
                pod.container = Container::Creating;
                // The kubelet's back-off lived in its memory.
                pod.back_off = Span::ZERO;
                pod.restarts += 1;
                pod.unsaid = true;
            }
            self.container_in(id, takes);
        }
    }

    /// A container's next step.
    pub(super) fn container_goes_on(&mut self, id: u32) {
        let Some(pod) = self.pods.get(&id) else { return };
        let kubelet = self.machines.get(&pod.node).is_some_and(|it| it.kubelet.registered);
        let (container, name) = (pod.container, pod.node.clone());
        let may_start = kubelet && self.kubelet_works(&name);
        let has_needs = self.has_needs(pod);
        let now = self.now;
        let Some(pod) = self.pods.get_mut(&id) else { return };
        let next = match container {
            Container::Creating | Container::BacksOff if !may_start => Some(STATUS_UPDATE),
            Container::Creating | Container::BacksOff => {
                pod.restarts += u32::from(container == Container::BacksOff);
                pod.container = if has_needs { Container::Works } else { Container::Fails };
                (pod.since, pod.unsaid) = (now, true);
                (!has_needs).then_some(CONTAINER_GIVES_UP)
            }
            Container::Fails | Container::Works => {
                let ran = now.since(pod.since);
                pod.back_off = match pod.back_off {
                    Span::ZERO => BACK_OFF,
                    _ if ran >= BACK_OFF_RESET => BACK_OFF,
                    last => last.times(2).min(BACK_OFF_MAX),
                };
                pod.container = Container::BacksOff;
                (pod.since, pod.unsaid) = (now, true);
                Some(pod.back_off)
            }
        };
        if let Some(span) = next {
            self.container_in(id, span);
        }
        self.pods_say(&name);
    }

    /// Whether somebody answers for what the pod needs, whom it can reach.
    fn has_needs(&self, pod: &Pod) -> bool {
        let Some(needs) = WORKLOADS[pod.workload].needs else { return true };
        let island = |name: &MachineName| self.machines.get(name).map(|it| it.island);
        self.pods.values().any(|other| {
            WORKLOADS[other.workload].name == needs
                && self.works(other)
                && island(&other.node) == island(&pod.node)
        })
    }

    /// The kubelet tells the API what changed, and ends what was deleted there.
    pub(super) fn pods_say(&mut self, name: &MachineName) {
        if !self.kubelet_works(name) || !self.api_for(name) {
            return;
        }
        let here = self.pods.iter().filter(|(_, pod)| pod.node == *name);
        for id in here.map(|(id, _)| *id).collect::<Vec<_>>() {
            let Some(pod) = self.pods.get(&id) else { continue };
            let (key, unsaid) = (pod.key.clone(), pod.unsaid);
            let deleted = self.store.get(&key).map(|it| &it["metadata"]["deletionTimestamp"]);
            if deleted.is_some_and(serde_json::Value::is_null) {
                if unsaid {
                    self.say(id);
                }
            } else {
                drop(self.store.delete(&key));
                self.pods.remove(&id);
                self.forget_step(id);
            }
        }
    }

    /// The kubelet came back: the node controller has called its pods not ready meanwhile.
    pub(super) fn pods_unsaid(&mut self, name: &MachineName) {
        let here = self.pods.values_mut().filter(|pod| pod.node == *name);
        here.for_each(|pod| pod.unsaid = true);
    }

    fn say(&mut self, id: u32) {
        let since = self.pods.get(&id).map(|pod| pod.since).unwrap_or_default();
        let at = seconds(look::later(super::beginning(), since.since(Mono(0))));
        let Some(pod) = self.pods.get_mut(&id) else { return };
        pod.unsaid = false;
        let waiting = |reason: &str| json!({"waiting": {"reason": reason}});
        let (state, ready) = match pod.container {
            Container::Creating => (waiting("ContainerCreating"), false),
            Container::BacksOff => (waiting("CrashLoopBackOff"), false),
            Container::Fails => (json!({"running": {"startedAt": at}}), false),
            Container::Works => (json!({"running": {"startedAt": at}}), true),
        };
        let word = if ready { "True" } else { "False" };
        let phase = if pod.container == Container::Creating && pod.restarts == 0 {
            "Pending"
        } else {
            "Running"
        };
        let status = json!({
            "phase": phase,
            "conditions": [{"type": "Ready", "status": word, "lastTransitionTime": at}],
            "containerStatuses": [{
                "name": WORKLOADS[pod.workload].name,
                "ready": ready,
                "restartCount": pod.restarts,
                "state": state,
            }],
        });
        let key = pod.key.clone();
        drop(self.store.change(&key, |object| object["status"] = status));
    }

    fn container_in(&mut self, id: u32, span: Span) {
        self.forget_step(id);
        if let Some(pod) = self.pods.get(&id) {
            let event = Event::On(pod.node.clone(), Here::Container(id));
            self.agenda.add(self.now + span, event);
        }
    }

    fn forget_step(&mut self, id: u32) {
        self.agenda.cancel(|it| matches!(it, Event::On(_, Here::Container(at)) if *at == id));
    }
}
