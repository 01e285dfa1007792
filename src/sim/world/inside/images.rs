//! Images: what a node has, and what it must pull from the registry that runs inside the cluster.

use super::super::World;
use super::{INGRESS, Image, REGISTRY, WORKLOADS, row};
use crate::model::ids::MachineName;

impl World {
    /// Whether a node has a workload's image.
    pub(in crate::sim::world) fn has_image(&self, node: &MachineName, workload: usize) -> bool {
        WORKLOADS[workload].image == Image::Brought
            || self.inside.images.get(node).is_some_and(|it| it.contains(&workload))
    }

    /// Whether a pull by this node would succeed now: nodes reach the registry by its host name,
    /// through the ingress.
    pub(in crate::sim::world) fn can_pull(&self, node: &MachineName) -> bool {
        let island = self.island_of(node);
        [INGRESS, REGISTRY, "harbor-core"]
            .iter()
            .all(|name| row(name).is_some_and(|it| self.answers_on(it, island)))
            && self.inside.faults.routeless.len() < self.ingress_pods()
    }

    fn ingress_pods(&self) -> usize {
        let of = self.pods.values().filter(|pod| WORKLOADS[pod.workload].name == INGRESS);
        of.count().max(1)
    }

    /// The node has the image from now on.
    pub(in crate::sim::world) fn keeps_image(&mut self, node: &MachineName, workload: usize) {
        if WORKLOADS[workload].image == Image::Registry {
            self.inside.images.entry(node.clone()).or_default().insert(workload);
        }
    }
}
