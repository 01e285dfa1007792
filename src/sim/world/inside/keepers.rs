//! The controllers of Deployments, StatefulSets and DaemonSets, and the scheduler: rounds of
//! whoever holds the control plane's leases. Without a holder nothing is made anew, and every
//! status stays what it was.

use serde_json::{Value, json};

use super::super::World;
use super::super::objects;
use super::super::store::kinds::{NODES, PODS, REPLICASETS};
use super::super::store::{Key, seconds};
use super::conditions;
use super::objects::{letters, owner_key};
use super::{Keeper, WORKLOADS, Workload};
use crate::model::ids::MachineName;
use crate::sim::site::Arch;

/// What a round counted of one workload.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    wanted: usize,
    there: usize,
    ready: usize,
}

impl World {
    /// One round of the controllers, if there is anything that they have not seen.
    pub(in crate::sim::world) fn workloads_round(&mut self) {
        self.volumes_round();
        if !std::mem::take(&mut self.inside.unseen) {
            return;
        }
        for (at, workload) in WORKLOADS.iter().enumerate() {
            let owner = Key::of(workload.kind(), workload.namespace, workload.name);
            let Some(object) = self.store.get(&owner) else {
                // Whose owner is gone goes too (the garbage collector).
                self.surplus(at, 0);
                continue;
            };
            let replicas = object["spec"]["replicas"].as_u64().unwrap_or(1);
            let replicas = usize::try_from(replicas).unwrap_or(0);
            let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            self.ensure_replica_set(workload, replicas, &uid);
            let wanted = match workload.keeper {
                Keeper::DaemonSet => self.one_on_each(at),
                Keeper::Deployment(_) | Keeper::StatefulSet => {
                    self.so_many(at, replicas);
                    replicas
                }
            };
            let count = self.counted(at, wanted);
            self.tell(workload, &owner, count);
        }
        self.endpoints_round();
        self.budgets_round();
    }

    /// The controllers have something new to look at, in their next round.
    pub(in crate::sim::world) const fn controllers_look(&mut self) {
        self.inside.unseen = true;
    }

    /// The pods of a workload that are not being deleted, by number.
    fn living(&self, workload: usize) -> Vec<u32> {
        let of = self.pods.iter().filter(|(_, pod)| pod.workload == workload);
        let alive = of.filter(|(_, pod)| {
            let object = self.store.get(&pod.key);
            object.is_some_and(|it| it["metadata"]["deletionTimestamp"].is_null())
        });
        alive.map(|(id, _)| *id).collect()
    }

    fn so_many(&mut self, workload: usize, wanted: usize) {
        let row = &WORKLOADS[workload];
        let living = self.living(workload);
        // A StatefulSet's next pod has the name of the one before, and waits until it is gone.
        let any = self.pods.values().any(|pod| pod.workload == workload);
        let waits = row.keeper == Keeper::StatefulSet && any;
        for _ in living.len()..if waits { 0 } else { wanted } {
            if self.refuses_pods() {
                break;
            }
            if let Some(node) = self.scheduled(row) {
                self.make_pod(workload, &node);
            }
        }
        self.surplus(workload, wanted);
    }

    /// Deletes what is too much, the newest first.
    fn surplus(&mut self, workload: usize, wanted: usize) {
        let at = seconds(self.wall());
        for id in self.living(workload).into_iter().skip(wanted) {
            let Some(key) = self.pods.get(&id).map(|pod| pod.key.clone()) else { continue };
            let edit = |pod: &mut Value| {
                pod["metadata"]["deletionTimestamp"] = at.clone().into();
                pod["metadata"]["deletionGracePeriodSeconds"] = 30.into();
            };
            drop(self.store.change(&key, edit));
        }
    }

    /// A DaemonSet's pods tolerate what keeps others off a node.
    fn one_on_each(&mut self, workload: usize) -> usize {
        let nodes: Vec<MachineName> =
            self.store.list(&NODES, None).map(|(key, _)| MachineName::new(&*key.name)).collect();
        let of = self.pods.values().filter(|pod| pod.workload == workload);
        let on: Vec<MachineName> = of.map(|pod| pod.node.clone()).collect();
        for node in nodes.iter().filter(|node| !on.contains(node)) {
            if self.refuses_pods() {
                break;
            }
            self.make_pod(workload, node);
        }
        nodes.len()
    }

    fn counted(&self, workload: usize, wanted: usize) -> Count {
        let living = self.living(workload);
        let ready = |id: &&u32| {
            let object = self.pods.get(id).and_then(|pod| self.store.get(&pod.key));
            object.is_some_and(|pod| objects::ready(pod) == Some("True"))
        };
        Count { wanted, there: living.len(), ready: living.iter().filter(ready).count() }
    }

    /// The node with the fewest pods of those on which a workload's pods may be started.
    fn scheduled(&self, row: &Workload) -> Option<MachineName> {
        let fit = self.store.list(&NODES, None).filter(|(_, node)| {
            let taints = node["spec"]["taints"].as_array();
            let kept_off = taints.is_some_and(|all| all.iter().any(|it| it["effect"] != ""));
            let arch = &node["metadata"]["labels"]["kubernetes.io/arch"];
            !kept_off
                && node["spec"]["unschedulable"] != true
                && objects::ready(node) == Some("True")
                && (!row.volume || *arch == Arch::Amd64.as_str())
        });
        let names = fit.map(|(key, _)| MachineName::new(&*key.name));
        names.min_by_key(|node| self.pods.values().filter(|pod| pod.node == *node).count())
    }

    /// A pod of a workload on a node: its number.
    pub(super) fn make_pod(&mut self, workload: usize, node: &MachineName) -> u32 {
        let row = &WORKLOADS[workload];
        let name = match row.keeper {
            Keeper::StatefulSet => format!("{}-0", row.name),
            Keeper::Deployment(_) => {
                format!("{}-{}", row.replica_set(), letters(self.chance.draw(), 5))
            }
            Keeper::DaemonSet => format!("{}-{}", row.name, letters(self.chance.draw(), 5)),
        };
        let key = Key::of(&PODS, row.namespace, &name);
        let owner = self.store.get(&owner_key(row));
        let uid = owner.and_then(|it| it["metadata"]["uid"].as_str()).unwrap_or_default();
        let pod = row.pod(&self.site.cluster, node, uid);
        let at = self.wall();
        drop(self.store.create(key.clone(), pod, at).map(drop));
        self.controllers_look();
        self.new_pod(workload, node, key)
    }

    pub(super) fn ensure_replica_set(&mut self, row: &Workload, replicas: usize, uid: &str) {
        if !matches!(row.keeper, Keeper::Deployment(_)) {
            return;
        }
        let key = Key::of(&REPLICASETS, row.namespace, &row.replica_set());
        if self.store.get(&key).is_none() {
            let at = self.wall();
            let object = row.replica_set_object(&self.site.cluster, uid);
            drop(self.store.create(key.clone(), object, at).map(drop));
        }
        let edit = |object: &mut Value| {
            if object["spec"]["replicas"] != replicas {
                object["spec"]["replicas"] = replicas.into();
                let generation = object["metadata"]["generation"].as_u64().unwrap_or(1);
                object["metadata"]["generation"] = (generation + 1).into();
            }
        };
        drop(self.store.change(&key, edit));
    }

    /// The status of a workload, as its controller writes it.
    fn tell(&mut self, row: &Workload, owner: &Key, count: Count) {
        let at = self.wall();
        let write = |object: &mut Value| match row.keeper {
            Keeper::Deployment(_) => deployment(object, row, count, at),
            Keeper::StatefulSet => stateful_set(object, row, count),
            Keeper::DaemonSet => daemon_set(object, count),
        };
        drop(self.store.change(owner, |object| {
            write(object);
            object["status"]["observedGeneration"] = object["metadata"]["generation"].clone();
        }));
        if matches!(row.keeper, Keeper::Deployment(_)) {
            let key = Key::of(&REPLICASETS, row.namespace, &row.replica_set());
            drop(self.store.change(&key, |object| {
                let mut status = json!({"replicas": count.there,
                    "observedGeneration": object["metadata"]["generation"]});
                positive(&mut status, "fullyLabeledReplicas", count.there);
                positive(&mut status, "readyReplicas", count.ready);
                positive(&mut status, "availableReplicas", count.ready);
                object["status"] = status;
            }));
        }
    }
}

/// Go leaves out a number of a status that is zero (`omitempty`).
fn positive(status: &mut Value, field: &str, number: usize) {
    if number > 0 {
        status[field] = number.into();
    }
}

fn deployment(object: &mut Value, row: &Workload, count: Count, at: jiff::Timestamp) {
    let conditions = object["status"]["conditions"].clone();
    let mut status = json!({});
    positive(&mut status, "replicas", count.there);
    positive(&mut status, "updatedReplicas", count.there);
    positive(&mut status, "readyReplicas", count.ready);
    positive(&mut status, "availableReplicas", count.ready);
    positive(&mut status, "unavailableReplicas", count.wanted.saturating_sub(count.ready));
    if conditions.is_array() {
        status["conditions"] = conditions;
    }
    object["status"] = status;
    // maxUnavailable is a quarter, rounded down: none of so few.
    let available = count.ready >= count.wanted;
    let (status, reason, message) = match available {
        true => ("True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
        false => {
            let message = "Deployment does not have minimum availability.";
            ("False", "MinimumReplicasUnavailable", message)
        }
    };
    transition(object, "Available", [status, reason, message], at);
    let name = row.replica_set();
    let done = format!("ReplicaSet \"{name}\" has successfully progressed.");
    transition(object, "Progressing", ["True", "NewReplicaSetAvailable", &done], at);
}

/// A condition as Deployments have it: with lastUpdateTime, without observedGeneration.
fn transition(object: &mut Value, kind: &str, words: [&str; 3], at: jiff::Timestamp) {
    let [status, reason, message] = words;
    let before = conditions::get(object, kind).filter(|it| it["status"] == status);
    let since = before.map_or_else(|| seconds(at).into(), |it| it["lastTransitionTime"].clone());
    let new = json!({"type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": since, "lastUpdateTime": since});
    let all = &mut object["status"]["conditions"];
    if let Some(old) = all.as_array_mut().and_then(|it| it.iter_mut().find(|it| it["type"] == kind))
    {
        *old = new;
    } else if let Some(list) = all.as_array_mut() {
        list.push(new);
    } else {
        *all = json!([new]);
    }
}

fn stateful_set(object: &mut Value, row: &Workload, count: Count) {
    let revision = row.revision();
    let mut status = json!({"replicas": count.there, "currentRevision": revision,
        "updateRevision": revision, "collisionCount": 0, "availableReplicas": count.ready});
    positive(&mut status, "readyReplicas", count.ready);
    positive(&mut status, "currentReplicas", count.there);
    positive(&mut status, "updatedReplicas", count.there);
    object["status"] = status;
}

fn daemon_set(object: &mut Value, count: Count) {
    let mut status = json!({"currentNumberScheduled": count.there, "numberMisscheduled": 0,
        "desiredNumberScheduled": count.wanted, "numberReady": count.ready});
    positive(&mut status, "updatedNumberScheduled", count.there);
    positive(&mut status, "numberAvailable", count.ready);
    positive(&mut status, "numberUnavailable", count.wanted.saturating_sub(count.ready));
    object["status"] = status;
}
