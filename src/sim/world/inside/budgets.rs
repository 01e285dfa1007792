//! Disruption budgets: what the disruption controller counts. An eviction asks them.

use serde_json::{Value, json};

use super::super::World;
use super::super::objects;
use super::super::store::Key;
use super::super::store::kinds::PDBS;
use super::WORKLOADS;

impl World {
    /// One round of the disruption controller.
    pub(super) fn budgets_round(&mut self) {
        for (workload, row) in WORKLOADS.iter().enumerate().filter(|(_, it)| it.budget.is_some()) {
            let keeps = row.budget.unwrap_or_default();
            let of = self.pods.values().filter(|pod| pod.workload == workload);
            let objects: Vec<_> = of
                .filter_map(|pod| self.store.get(&pod.key))
                .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
                .collect();
            let healthy = objects.iter().filter(|pod| objects::ready(pod) == Some("True")).count();
            let allowed = healthy.saturating_sub(keeps);
            let (status, reason) = match allowed {
                0 => ("False", "InsufficientPods"),
                _ => ("True", "SufficientPods"),
            };
            let expected = objects.len();
            let at = self.wall();
            let write = |object: &mut Value| {
                let generation = object["metadata"]["generation"].clone();
                let conditions = object["status"]["conditions"].clone();
                object["status"] = json!({"currentHealthy": healthy, "desiredHealthy": keeps,
                    "disruptionsAllowed": allowed, "expectedPods": expected,
                    "observedGeneration": generation, "conditions": conditions});
                let said = super::conditions::Said {
                    kind: "DisruptionAllowed",
                    status,
                    reason,
                    message: "",
                };
                super::conditions::set(object, said, at);
            };
            drop(self.store.change(&Key::of(&PDBS, row.namespace, row.name), write));
        }
    }
}
