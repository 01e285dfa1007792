//! What the node controller and its taint manager do to the pods of a node that is silent.

use serde_json::Value;

use super::super::World;
use super::super::store::kinds::PODS;
use super::super::store::{Key, seconds};
use super::WORKLOADS;

impl World {
    /// The node controller's word on the pods of a node that became Unknown
    /// (`MarkPodsNotReady`).
    pub(in crate::sim::world) fn mark_pods(&mut self, node: &str) {
        let at = seconds(self.wall());
        for key in self.pods_of(node) {
            let edit = |pod: &mut Value| {
                let all = pod["status"]["conditions"].as_array_mut().into_iter().flatten();
                for ready in all.filter(|it| it["type"] == "Ready" && it["status"] != "False") {
                    ready["status"] = "False".into();
                    ready["lastTransitionTime"] = at.clone().into();
                }
            };
            drop(self.store.change(&key, edit));
        }
        self.controllers_look();
    }

    /// Deletes the pods of a node that has borne its NoExecute taint for longer than they do. They
    /// stay, as terminating, until its kubelet says that they are gone.
    pub(in crate::sim::world) fn evict(&mut self, node: &str) {
        let at = seconds(self.wall());
        for key in self.pods_of(node) {
            let Some(pod) = self.store.get(&key) else { continue };
            let bears = pod["spec"]["tolerations"][0]["tolerationSeconds"].is_u64();
            if bears && pod["metadata"]["deletionTimestamp"].is_null() {
                let edit = |pod: &mut Value| {
                    pod["metadata"]["deletionTimestamp"] = at.clone().into();
                    pod["metadata"]["deletionGracePeriodSeconds"] = 30.into();
                };
                drop(self.store.change(&key, edit));
                self.controllers_look();
            }
        }
    }

    fn pods_of(&self, node: &str) -> Vec<Key> {
        let all = self.store.list(&PODS, None);
        all.filter(|(_, pod)| pod["spec"]["nodeName"] == node).map(|(key, _)| key.clone()).collect()
    }

    /// The truth about a workload: how many of its pods do their work.
    pub fn working_pods(&self, workload: &str) -> usize {
        let at = super::row(workload);
        let pods = self.pods.values().filter(|pod| Some(pod.workload) == at);
        pods.filter(|pod| self.works(pod)).count()
    }

    /// The truth about every workload: whether it answers, and what it works with does, too.
    pub fn works_of_all(&self) -> impl Iterator<Item = (&'static str, bool)> {
        WORKLOADS.iter().enumerate().map(|(at, row)| (row.name, self.answers(at)))
    }
}
