//! Pods on their machines: containers that end with the power, start again, and back off.

use super::World;
use super::agenda::{Event, Here};
use super::inside::WORKLOADS;
use super::rates::{
    BACK_OFF, BACK_OFF_MAX, BACK_OFF_RESET, CONTAINER_GIVES_UP, CONTAINER_STARTS, IMAGE_PULL,
    PULL_BACK_OFF, PULL_BACK_OFF_MAX, STATUS_UPDATE,
};
use super::store::Key;
use crate::model::ids::MachineName;
use crate::model::time::{Mono, Span};

/// One pod, with its one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pod {
    pub(super) workload: usize,
    pub(super) node: MachineName,
    pub(super) key: Key,
    pub(super) container: Container,
    pub(super) restarts: u32,
    back_off: Span,
    /// The back-off of its image, which belongs to this pod alone.
    pull_back_off: Span,
    /// The boot of the machine in which the container was started.
    pub(super) boot: u32,
    /// When it came to be as it is.
    pub(super) since: Mono,
    /// It runs and waits for a key: the vault.
    pub(super) sealed: bool,
    /// How the container before ended, and when it ran.
    pub(super) last: Option<Ended>,
    /// The API does not know its present state.
    unsaid: bool,
}

/// A container that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    /// 255 with the reason `Unknown` where the machine took it with it; 1 where it gave up.
    pub(super) code: u8,
    pub(super) began: Mono,
    pub(super) at: Mono,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// It will be started.
    Creating,
    /// Its image is being pulled.
    Pulls,
    /// Its image can't be had, and is tried again later.
    NoImage,
    /// It runs, and has what it needs.
    Works,
    /// It runs, lacks what it needs, and will end.
    Fails,
    /// It ended, and waits for its next start.
    BacksOff,
}

/// Doubles a pause, from `first` to `most`.
fn longer(pause: Span, first: Span, most: Span) -> Span {
    if pause == Span::ZERO { first } else { pause.times(2).min(most) }
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
            pull_back_off: Span::ZERO,
            boot,
            since: self.now,
            sealed: false,
            last: None,
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

    /// Whether a pod's program runs and has what it needs: truth, not status.
    pub(super) fn works(&self, pod: &Pod) -> bool {
        pod.container == Container::Works
            && self.machines.get(&pod.node).is_some_and(|it| it.runs() && it.boots == pod.boot)
    }

    /// The kubelet is ready: containers of another boot are started again.
    pub(super) fn pods_return(&mut self, name: &MachineName) {
        let Some(boots) = self.machines.get(name).map(|it| it.boots) else { return };
        let now = self.now;
        let old = self.pods.iter().filter(|(_, pod)| pod.node == *name && pod.boot != boots);
        for id in old.map(|(id, _)| *id).collect::<Vec<_>>() {
            let takes = CONTAINER_STARTS + self.chance.up_to(CONTAINER_STARTS);
            if let Some(pod) = self.pods.get_mut(&id) {
                if matches!(pod.container, Container::Works | Container::Fails) {
                    pod.last = Some(Ended { code: 255, began: pod.since, at: now });
                    pod.restarts += 1;
                }
                pod.boot = boots;
                pod.container = Container::Creating;
                // The kubelet's back-off lived in its memory.
                (pod.back_off, pod.pull_back_off) = (Span::ZERO, Span::ZERO);
                pod.unsaid = true;
            }
            self.container_in(id, takes);
        }
    }

    /// A container's next step.
    pub(super) fn container_goes_on(&mut self, id: u32) {
        let Some(pod) = self.pods.get(&id) else { return };
        let (container, name) = (pod.container, pod.node.clone());
        match container {
            Container::Fails | Container::Works => self.container_ends(id),
            Container::Pulls => {
                let workload = pod.workload;
                self.keeps_image(&name, workload);
                self.container_starts(id);
            }
            Container::Creating | Container::NoImage | Container::BacksOff => {
                self.container_starts(id);
            }
        }
        self.pods_say(&name);
    }

    /// A start, or what stands in its way: no kubelet, no volume, no image.
    fn container_starts(&mut self, id: u32) {
        let Some(pod) = self.pods.get(&id) else { return };
        let (workload, name) = (pod.workload, pod.node.clone());
        let kubelet = self.machines.get(&name).is_some_and(|it| it.kubelet.registered);
        if !kubelet || !self.kubelet_works(&name) || !self.has_volume(workload, &name) {
            self.container_in(id, STATUS_UPDATE);
            return;
        }
        if !self.has_image(&name, workload) {
            let can = self.can_pull(&name);
            let Some(pod) = self.pods.get_mut(&id) else { return };
            let next = match can {
                true => {
                    pod.container = Container::Pulls;
                    IMAGE_PULL
                }
                false => {
                    pod.container = Container::NoImage;
                    pod.pull_back_off = longer(pod.pull_back_off, PULL_BACK_OFF, PULL_BACK_OFF_MAX);
                    pod.pull_back_off
                }
            };
            pod.unsaid = true;
            self.container_in(id, next);
            return;
        }
        let has_needs = self.has_needs(workload, &name);
        let now = self.now;
        let Some(pod) = self.pods.get_mut(&id) else { return };
        pod.restarts += u32::from(pod.container == Container::BacksOff);
        pod.container = if has_needs { Container::Works } else { Container::Fails };
        (pod.since, pod.unsaid) = (now, true);
        if has_needs {
            self.container_works(id);
        } else {
            self.container_in(id, CONTAINER_GIVES_UP);
        }
    }

    /// A container ends by itself, and its next start waits.
    pub(super) fn container_ends(&mut self, id: u32) {
        let now = self.now;
        let Some(pod) = self.pods.get_mut(&id) else { return };
        let ran = now.since(pod.since);
        let before = if ran >= BACK_OFF_RESET { Span::ZERO } else { pod.back_off };
        pod.back_off = longer(before, BACK_OFF, BACK_OFF_MAX);
        pod.last = Some(Ended { code: 1, began: pod.since, at: now });
        pod.container = Container::BacksOff;
        (pod.since, pod.unsaid) = (now, true);
        let pause = pod.back_off;
        self.container_in(id, pause);
    }

    /// The part of the network in which a machine is.
    pub(super) fn island_of(&self, name: &MachineName) -> Option<u32> {
        self.machines.get(name).map(|it| it.island)
    }

    /// Whether everything answers that a workload needs when it starts on a node.
    fn has_needs(&self, workload: usize, node: &MachineName) -> bool {
        let island = self.island_of(node);
        let mut needs = WORKLOADS[workload].needs.iter();
        needs.all(|need| super::inside::row(need).is_some_and(|it| self.answers_on(it, island)))
    }

    /// Whether a pod of a workload answers whoever is in a part of the network.
    pub(super) fn answers_on(&self, workload: usize, island: Option<u32>) -> bool {
        !self.inside.is_mute(workload)
            && self.pods.values().any(|pod| {
                pod.workload == workload
                    && !pod.sealed
                    && self.works(pod)
                    && self.island_of(&pod.node) == island
            })
    }

    /// The truth about a workload: whether it does its work, and what it works with does, too.
    pub(super) fn answers(&self, workload: usize) -> bool {
        let main = Some(super::machine::MAINLAND);
        self.answers_on(workload, main)
            && WORKLOADS[workload]
                .needs
                .iter()
                .all(|need| super::inside::row(need).is_some_and(|it| self.answers(it)))
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
                self.container_gone(id);
                self.pods.remove(&id);
                self.forget_step(id);
                self.controllers_look();
            }
        }
    }

    /// The kubelet came back: the node controller has called its pods not ready meanwhile.
    pub(super) fn pods_unsaid(&mut self, name: &MachineName) {
        let here = self.pods.values_mut().filter(|pod| pod.node == *name);
        here.for_each(|pod| pod.unsaid = true);
    }

    /// The probes of a workload's pods say something else from now on.
    pub(super) fn readiness_changes(&mut self, workload: usize) {
        let mut nodes = Vec::new();
        for pod in self.pods.values_mut().filter(|pod| pod.workload == workload) {
            pod.unsaid = true;
            nodes.push(pod.node.clone());
        }
        for node in nodes {
            self.pods_say(&node);
        }
    }

    fn say(&mut self, id: u32) {
        let Some(pod) = self.pods.get_mut(&id) else { return };
        pod.unsaid = false;
        let pod = pod.clone();
        let status = self.pod_status(id, &pod);
        drop(self.store.change(&pod.key, |object| {
            let begun = object["status"]["startTime"].clone();
            object["status"] = status;
            if !begun.is_null() {
                object["status"]["startTime"] = begun;
            }
        }));
        self.controllers_look();
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
