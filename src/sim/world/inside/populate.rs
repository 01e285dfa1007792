//! The inside of a cluster that has been up for days: applied, running, and said to be so.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::World;
use super::super::agenda::Event;
use super::super::rates::{FLUX_INTERVAL, SOURCE_INTERVAL};
use super::super::store::Key;
use super::super::store::kinds::NAMESPACES;
use super::flux::Controller;
use super::objects::BRANCH;
use super::{Keeper, PARTS, WORKLOADS, Workload, row};
use crate::model::ids::MachineName;
use crate::sim::site::Arch;

impl World {
    /// The workloads and their pods, which have run for days.
    pub(in crate::sim::world) fn populate_inside(&mut self) {
        let (began, cluster) = (self.wall(), self.site.cluster.clone());
        let namespaces: BTreeSet<&str> = WORKLOADS.iter().map(|row| row.namespace).collect();
        for name in namespaces {
            let labels = json!({"kubernetes.io/metadata.name": name});
            let object = json!({"metadata": {"labels": labels}, "status": {"phase": "Active"}});
            drop(self.store.create(Key::global(&NAMESPACES, name), object, began).map(drop));
        }
        for part in &PARTS {
            self.apply(part);
        }
        self.install();
        // What k3s brings itself.
        for row in WORKLOADS.iter().filter(|row| row.part.is_none()) {
            let own = Key::of(row.kind(), row.namespace, row.name);
            drop(self.store.create(own, row.object(&cluster), began).map(drop));
            for (company, object) in row.company(&cluster) {
                drop(self.store.create(company, object, began).map(drop));
            }
        }
        for (workload, row) in WORKLOADS.iter().enumerate() {
            let own = Key::of(row.kind(), row.namespace, row.name);
            let uid = self.store.get(&own).and_then(|it| it["metadata"]["uid"].as_str());
            let uid = uid.unwrap_or_default().to_owned();
            self.ensure_replica_set(row, row.wanted(), &uid);
            self.populate_pods(workload);
        }
        self.populate_volumes();
        self.controllers_look();
        self.workloads_round();
        self.populate_flux();
        self.inside.heard = self.store.revision();
    }

    fn populate_pods(&mut self, workload: usize) {
        let row: &Workload = &WORKLOADS[workload];
        let fits = |spec: &crate::sim::site::Spec| {
            spec.role.is_node() && (!row.volume || spec.arch == Arch::Amd64)
        };
        let nodes = self.site.machines.iter().filter(|(_, spec)| fits(spec));
        let nodes: Vec<MachineName> = nodes.map(|(name, _)| name.clone()).collect();
        let wanted = match row.keeper {
            Keeper::DaemonSet => nodes.len(),
            Keeper::Deployment(_) | Keeper::StatefulSet => row.wanted(),
        };
        for _ in 0..wanted {
            let taken: Vec<_> = self.pods.values().filter(|it| it.workload == workload).collect();
            let free = nodes.iter().filter(|node| taken.iter().all(|pod| pod.node != **node));
            let few =
                |node: &&MachineName| self.pods.values().filter(|it| it.node == **node).count();
            if let Some(node) = free.min_by_key(few).cloned() {
                let id = self.make_pod(workload, &node);
                self.keeps_image(&node, workload);
                self.pod_has_run(id);
                if row.name == super::CSI_PLUGIN {
                    self.driver_says(&node, true);
                }
            }
        }
    }

    /// Flux, which leads, has fetched and has applied.
    fn populate_flux(&mut self) {
        let at = self.wall();
        for (controller, name) in [
            (Controller::Source, "source-controller"),
            (Controller::Kustomize, "kustomize-controller"),
            (Controller::Helm, "helm-controller"),
        ] {
            let pod = self.pods.iter().find(|(_, pod)| Some(pod.workload) == row(name));
            if let Some(id) = pod.map(|(id, _)| *id) {
                self.takes_lease(controller, id);
            }
        }
        let head = self.inside.faults.branches.get(BRANCH).cloned().unwrap_or_default();
        let revision = format!("{BRANCH}@sha1:{head}");
        self.stores(&revision, at);
        for part in &PARTS {
            self.succeeded(part.name, &revision, None);
            let soon = self.chance.up_to(FLUX_INTERVAL);
            self.flux_in(Event::Kustomization(part.name.to_owned()), soon);
        }
        let soon = self.chance.up_to(SOURCE_INTERVAL);
        self.flux_in(Event::Source, soon);
        let soon = self.chance.up_to(FLUX_INTERVAL);
        self.flux_in(Event::Release, soon);
    }
}
