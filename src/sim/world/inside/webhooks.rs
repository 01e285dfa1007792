//! Webhooks: whom the API server asks before it takes a pod. One that can't be asked, and whose
//! failurePolicy is not Ignore, refuses; the objects of before stay, so that nobody notices until
//! a pod has to be made. Selectors are not looked at: what a webhook is for, it is for everywhere.

use serde_json::{Value, json};

use super::super::World;
use super::super::machine::MAINLAND;
use super::super::store::Key;
use super::super::store::kinds::{MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS};
use super::{WORKLOADS, Workload};

/// The webhook of a workload.
fn webhook(row: &Workload) -> Key {
    Key::global(&VALIDATING_WEBHOOKS, &format!("{}-judges-pods", row.name))
}

fn webhook_object(row: &Workload) -> Value {
    let service = row.service.map_or(row.name, |(name, _)| name);
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
        "resources": ["pods"], "scope": "Namespaced"});
    json!({"webhooks": [{
        "name": format!("{}.{}.svc", row.name, row.namespace),
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": {"namespace": row.namespace, "name": service,
            "path": "/validate", "port": 443}},
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "rules": [rule],
        "sideEffects": "None",
        "timeoutSeconds": 10,
    }]})
}

impl World {
    /// Somebody lets a workload judge every pod, or ends that.
    pub(in crate::sim::world) fn judges_pods(&mut self, workload: usize, judges: bool) {
        let row = &WORKLOADS[workload];
        if judges {
            let at = self.wall();
            drop(self.store.create(webhook(row), webhook_object(row), at).map(drop));
        } else {
            drop(self.store.delete(&webhook(row)));
        }
        self.controllers_look();
    }

    /// Whether the API server refuses a new pod, because a webhook that it has to ask is away. The
    /// controllers try again.
    pub(super) fn refuses_pods(&mut self) -> bool {
        let kinds = [&VALIDATING_WEBHOOKS, &MUTATING_WEBHOOKS].into_iter();
        let refuses = kinds.flat_map(|kind| self.store.list(kind, None)).any(|(_, config)| {
            let mut webhooks = config["webhooks"].as_array().into_iter().flatten();
            webhooks.any(|it| about_pods(it) && !self.judge_answers(it))
        });
        if refuses {
            self.controllers_look();
        }
        refuses
    }

    /// A service that nobody here has has nobody who answers.
    fn judge_answers(&self, webhook: &Value) -> bool {
        let service = &webhook["clientConfig"]["service"];
        let found = WORKLOADS.iter().position(|row| {
            let name = row.service.map_or(row.name, |(name, _)| name);
            service["namespace"] == row.namespace && service["name"] == name
        });
        found.is_some_and(|workload| self.answers_on(workload, Some(MAINLAND)))
    }
}

fn about_pods(webhook: &Value) -> bool {
    let rules = webhook["rules"].as_array().into_iter().flatten();
    let mut resources = rules.flat_map(|rule| rule["resources"].as_array().into_iter().flatten());
    webhook["failurePolicy"] != "Ignore"
        && resources.any(|it| *it == "pods" || *it == "*" || *it == "*/*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Span;
    use crate::sim::deed::{Deed, Within};
    use crate::sim::site::Site;

    fn suffer(world: &mut World, within: Within) {
        world.suffer(&Deed::Inside(within)).expect("the site has it");
    }

    fn scale(world: &mut World, workload: &str, replicas: u32) {
        suffer(world, Within::Scaled { workload: workload.into(), replicas });
    }

    fn idle(world: &World) -> Vec<&'static str> {
        world.works_of_all().filter(|(_, works)| !works).map(|(name, _)| name).collect()
    }

    #[test]
    fn a_judge_that_is_away_refuses_every_new_pod_and_so_itself() {
        let mut world = World::new(&Site::of("test", 3, 4), 3);
        suffer(&mut world, Within::Judges { workload: "wiki".into(), on: true });
        // While it is there it hinders nobody.
        scale(&mut world, "grafana", 0);
        world.pass(Span::secs(60));
        scale(&mut world, "grafana", 1);
        world.pass(Span::mins(5));
        assert_eq!(idle(&world), [""; 0]);
        for workload in ["wiki", "homeassistant"] {
            scale(&mut world, workload, 0);
        }
        world.pass(Span::secs(60));
        for workload in ["wiki", "homeassistant"] {
            scale(&mut world, workload, 1);
        }
        world.pass(Span::mins(30));
        assert_eq!(idle(&world), ["wiki", "homeassistant"], "what runs goes on");
        suffer(&mut world, Within::Judges { workload: "wiki".into(), on: false });
        world.pass(Span::mins(5));
        assert_eq!(idle(&world), [""; 0]);
    }
}
