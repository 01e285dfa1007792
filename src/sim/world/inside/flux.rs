//! Flux' controllers: pods like others, of which one at a time holds the lease and works.
//!
//! After a loss of power each waits for its own old lease to run out, since the process that held
//! it gave nothing back. Until then every status is the one from before.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::super::World;
use super::super::agenda::Event;
use super::super::objects::micro;
use super::super::rates::{FLUX_LEASE, FLUX_RENEW_DEADLINE, FLUX_RETRY};
use super::super::store::kinds::{GIT_REPOSITORIES, HELM_RELEASES, KUSTOMIZATIONS, LEASES};
use super::super::store::{Became, Change, Key};
use super::{CSI_PLUGIN, FLUX, PARTS, VAULT, WORKLOADS};
use crate::model::ids::MachineName;
use crate::model::time::{Mono, Span};

/// The controllers of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sim::world) enum Controller {
    Source,
    Kustomize,
    Helm,
}

impl Controller {
    const ALL: [Self; 3] = [Self::Source, Self::Kustomize, Self::Helm];

    const fn name(self) -> &'static str {
        match self {
            Self::Source => "source-controller",
            Self::Kustomize => "kustomize-controller",
            Self::Helm => "helm-controller",
        }
    }

    fn of(workload: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == WORKLOADS[workload].name)
    }

    fn lease(self) -> Key {
        Key::of(&LEASES, FLUX, &format!("{}-leader-election", self.name()))
    }
}

/// A process that holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leader {
    pub(super) pod: u32,
    restarts: u32,
    renewed: Mono,
}

/// What the controllers have in memory, and the artifact on the source-controller's disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::sim::world) struct Flux {
    pub(super) leaders: BTreeMap<Controller, Leader>,
    /// How often the source failed in a row.
    pub(super) source_failures: u32,
    /// The artifact in the emptyDir of this pod, which outlives its containers and not it.
    pub(super) stored: Option<(u32, String)>,
    /// The Kustomizations that hold a worker.
    pub(super) runs: BTreeMap<String, Run>,
    /// Those that wait for one.
    pub(super) queue: VecDeque<String>,
}

/// One run of a Kustomization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) token: Option<String>,
    pub(super) revision: String,
    pub(super) since: Mono,
    pub(super) tries: u32,
}

/// The token by which somebody asks for a run now.
pub(super) fn requested(object: &Value) -> Option<String> {
    let annotations = &object["metadata"]["annotations"];
    annotations["reconcile.fluxcd.io/requestedAt"].as_str().map(str::to_owned)
}

/// The token counts as handled, whatever became of the run.
pub(super) fn handled(object: &mut Value, token: Option<&String>) {
    if let Some(token) = token {
        object["status"]["lastHandledReconcileAt"] = token.clone().into();
    }
}

impl World {
    /// Where the process runs that holds a controller's lease.
    pub(super) fn leading(&self, controller: Controller) -> Option<MachineName> {
        let leader = self.inside.flux.leaders.get(&controller)?;
        let pod = self.pods.get(&leader.pod).filter(|pod| pod.restarts == leader.restarts)?;
        self.works(pod).then(|| pod.node.clone())
    }

    /// Where it runs, if the API answers there. If it runs and the API does not answer it, the
    /// same is tried again.
    pub(super) fn at_work(&mut self, controller: Controller, what: &Event) -> Option<MachineName> {
        let node = self.leading(controller)?;
        if self.api_for(&node) {
            return Some(node);
        }
        self.flux_in(what.clone(), FLUX_RETRY);
        None
    }

    /// A container has come up: what its program does first.
    pub(in crate::sim::world) fn container_works(&mut self, id: u32) {
        let Some(pod) = self.pods.get(&id) else { return };
        let (workload, node) = (pod.workload, pod.node.clone());
        self.inside.faults.routeless.remove(&id);
        if WORKLOADS[workload].name == CSI_PLUGIN {
            self.driver_says(&node, true);
        }
        if WORKLOADS[workload].name == VAULT
            && let Some(pod) = self.pods.get_mut(&id)
        {
            pod.sealed = self.inside.faults.sealing;
            self.inside.faults.given.clear();
        }
        let Some(controller) = Controller::of(workload) else { return };
        let lease = self.store.get(&controller.lease());
        let free = lease.is_none_or(|it| it["spec"]["holderIdentity"] == "");
        let waits = if free { Span::ZERO } else { FLUX_LEASE };
        let takes = waits + self.chance.up_to(FLUX_RETRY);
        self.flux_in(Event::FluxLeads(id), takes);
    }

    /// A pod is gone from its node for good, in order: its program had the time to say goodbye.
    pub(in crate::sim::world) fn container_gone(&mut self, id: u32) {
        let Some(pod) = self.pods.get(&id) else { return };
        let (workload, node) = (pod.workload, pod.node.clone());
        if WORKLOADS[workload].name == CSI_PLUGIN {
            self.driver_says(&node, false);
        }
        let Some(controller) = Controller::of(workload) else { return };
        if self.inside.flux.leaders.get(&controller).is_some_and(|it| it.pod == id) {
            self.inside.flux.leaders.remove(&controller);
            let free = |lease: &mut Value| lease["spec"]["holderIdentity"] = "".into();
            drop(self.store.change(&controller.lease(), free));
        }
    }

    /// A candidate has seen the lease unchanged for its whole length.
    pub(in crate::sim::world) fn flux_leads(&mut self, id: u32) {
        let Some(pod) = self.pods.get(&id).filter(|pod| self.works(pod)) else { return };
        let Some(controller) = Controller::of(pod.workload) else { return };
        if !self.api_for(&pod.node.clone()) {
            self.flux_in(Event::FluxLeads(id), FLUX_RETRY);
            return;
        }
        self.takes_lease(controller, id);
        match controller {
            Controller::Source => {
                self.inside.flux.source_failures = 0;
                self.flux_soon(Event::Source);
            }
            Controller::Kustomize => {
                self.inside.flux.runs.clear();
                self.inside.flux.queue.clear();
                for part in &PARTS {
                    self.flux_soon(Event::Kustomization(part.name.to_owned()));
                }
            }
            Controller::Helm => self.flux_soon(Event::Release),
        }
    }

    /// The lease is this pod's from now on.
    pub(super) fn takes_lease(&mut self, controller: Controller, id: u32) {
        let Some(pod) = self.pods.get(&id) else { return };
        let leader = Leader { pod: id, restarts: pod.restarts, renewed: self.now };
        let holder =
            format!("{}_{}", pod.key.name, super::super::power::dashed(&self.chance.hex()));
        let at = micro(self.wall());
        let key = controller.lease();
        if self.store.get(&key).is_none() {
            let wall = self.wall();
            let empty = json!({"spec": {"leaseTransitions": 0}});
            drop(self.store.create(key.clone(), empty, wall).map(drop));
        }
        drop(self.store.change(&key, |lease| {
            let transitions = lease["spec"]["leaseTransitions"].as_u64().unwrap_or_default();
            lease["spec"] = json!({"holderIdentity": holder, "acquireTime": at, "renewTime": at,
                "leaseDurationSeconds": FLUX_LEASE.as_secs(), "leaseTransitions": transitions + 1});
        }));
        self.inside.flux.leaders.insert(controller, leader);
        self.flux_in(Event::FluxRenews(controller), FLUX_RETRY);
    }

    pub(in crate::sim::world) fn flux_renews(&mut self, controller: Controller) {
        let Some(node) = self.leading(controller) else { return };
        let (reaches, now, at) = (self.api_for(&node), self.now, micro(self.wall()));
        let Some(leader) = self.inside.flux.leaders.get_mut(&controller) else { return };
        if reaches {
            leader.renewed = now;
            let renew = |lease: &mut Value| lease["spec"]["renewTime"] = at.into();
            drop(self.store.change(&controller.lease(), renew));
        } else if now.since(leader.renewed) >= FLUX_RENEW_DEADLINE {
            // `leader election lost`: the process ends.
            let pod = leader.pod;
            self.inside.flux.leaders.remove(&controller);
            self.container_ends(pod);
            return;
        }
        self.flux_in(Event::FluxRenews(controller), FLUX_RETRY);
    }

    /// It happens now, and not again when it would have otherwise.
    pub(super) fn flux_soon(&mut self, event: Event) {
        self.flux_in(event, Span::ZERO);
    }

    pub(super) fn flux_in(&mut self, event: Event, span: Span) {
        self.agenda.cancel(|it| *it == event);
        self.agenda.add(self.now + span, event);
    }

    /// Clients of the API wrote something: controllers see what concerns them.
    pub(in crate::sim::world) fn hear(&mut self) {
        let wanted: Vec<Event> = match self.store.since(self.inside.heard) {
            Some(changes) => changes.filter_map(asks).collect(),
            None => Vec::new(),
        };
        self.inside.heard = self.store.revision();
        self.controllers_look();
        for event in wanted {
            self.flux_soon(event);
        }
    }
}

/// What a change asks Flux for: another wish, or a token.
fn asks(change: &Change) -> Option<Event> {
    let kind = change.key.kind;
    let event = if kind == &KUSTOMIZATIONS {
        Event::Kustomization(change.key.name.clone())
    } else if kind == &GIT_REPOSITORIES {
        Event::Source
    } else if kind == &HELM_RELEASES {
        Event::Release
    } else {
        return None;
    };
    let differs = change.before.as_ref().is_none_or(|before| {
        requested(before) != requested(&change.object)
            || before["metadata"]["generation"] != change.object["metadata"]["generation"]
    });
    (differs && change.what != Became::Deleted).then_some(event)
}
