//! What runs in the cluster: a few workloads, the smallest set in which one waits for another.
//! Deployments and DaemonSets are kept by the holder of the control plane's leases.

use serde_json::{Value, json};

use super::World;
use super::objects;
use super::store::kinds::{DAEMONSETS, DEPLOYMENTS, NODES, PODS};
use super::store::{Key, Kind, seconds};
use crate::model::ids::MachineName;

/// One workload.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    /// How many pods; one on every node if it says nothing.
    pub(super) replicas: Option<usize>,
    /// Its container ends unless this workload answers when it starts.
    pub(super) needs: Option<&'static str>,
}

/// All of them. What an application needs is a name server and its own backend.
pub(super) const WORKLOADS: [Workload; 4] = [
    Workload { namespace: "kube-system", name: "coredns", replicas: Some(1), needs: None },
    Workload { namespace: "kube-system", name: "node-agent", replicas: None, needs: None },
    Workload { namespace: "default", name: "backend", replicas: Some(2), needs: Some("coredns") },
    Workload { namespace: "default", name: "web", replicas: Some(2), needs: Some("backend") },
];

impl Workload {
    fn kind(&self) -> &'static Kind {
        if self.replicas.is_some() { &DEPLOYMENTS } else { &DAEMONSETS }
    }

    fn object(&self) -> Value {
        let labels = json!({"app": self.name});
        let template = json!({
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": self.name, "image": self.image()}]},
        });
        let mut spec = json!({"selector": {"matchLabels": labels}, "template": template});
        if let Some(replicas) = self.replicas {
            spec["replicas"] = replicas.into();
        }
        json!({"metadata": {"labels": labels, "generation": 1}, "spec": spec, "status": {}})
    }

    fn image(&self) -> String {
        format!("registry.example/{}:1", self.name)
    }

    fn pod(&self, node: &MachineName) -> Value {
        let for_ever = self.replicas.is_none();
        let tolerations: Vec<Value> = [objects::NOT_READY, objects::UNREACHABLE]
            .into_iter()
            .map(|key| match for_ever {
                true => json!({"key": key, "operator": "Exists", "effect": "NoExecute"}),
                false => json!({"key": key, "operator": "Exists", "effect": "NoExecute",
                    "tolerationSeconds": super::rates::EVICTION.as_secs()}),
            })
            .collect();
        json!({
            "metadata": {
                "labels": {"app": self.name},
                "ownerReferences": [{"kind": self.kind().kind, "name": self.name,
                    "apiVersion": "apps/v1", "controller": true}],
            },
            "spec": {
                "nodeName": node.as_str(),
                "containers": [{"name": self.name, "image": self.image()}],
                "tolerations": tolerations,
            },
            "status": {"phase": "Pending"},
        })
    }
}

impl World {
    /// One round of the Deployment and DaemonSet controllers and of the scheduler.
    pub(super) fn workloads_round(&mut self) {
        for (at, workload) in WORKLOADS.iter().enumerate() {
            let owner = Key::of(workload.kind(), workload.namespace, workload.name);
            if self.store.get(&owner).is_none() {
                continue;
            }
            let all = self.store.list(&PODS, Some(workload.namespace));
            let pods: Vec<&Value> = all
                .map(|(_, pod)| pod.as_ref())
                .filter(|pod| pod["metadata"]["labels"]["app"] == workload.name)
                .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
                .collect();
            let ready = pods.iter().filter(|pod| objects::ready(pod) == Some("True")).count();
            let on: Vec<MachineName> = pods
                .iter()
                .filter_map(|pod| pod["spec"]["nodeName"].as_str().map(MachineName::new))
                .collect();
            let wanted = match workload.replicas {
                Some(wanted) => {
                    for _ in on.len()..wanted {
                        if let Some(node) = self.scheduled() {
                            self.make_pod(at, &node);
                        }
                    }
                    wanted
                }
                None => self.one_on_each(at, &on),
            };
            self.count(&owner, wanted, ready);
        }
    }

    /// A DaemonSet's pods tolerate what keeps others off a node.
    fn one_on_each(&mut self, workload: usize, on: &[MachineName]) -> usize {
        let nodes: Vec<MachineName> =
            self.store.list(&NODES, None).map(|(key, _)| MachineName::new(&*key.name)).collect();
        for node in nodes.iter().filter(|node| !on.contains(node)) {
            self.make_pod(workload, node);
        }
        nodes.len()
    }

    fn count(&mut self, owner: &Key, wanted: usize, ready: usize) {
        let names = match owner.kind.kind {
            "Deployment" => ["replicas", "readyReplicas", "availableReplicas"],
            _ => ["desiredNumberScheduled", "numberReady", "numberAvailable"],
        };
        let edit = |object: &mut Value| {
            for (name, count) in names.into_iter().zip([wanted, ready, ready]) {
                object["status"][name] = count.into();
            }
            object["status"]["observedGeneration"] = object["metadata"]["generation"].clone();
        };
        drop(self.store.change(owner, edit));
    }

    /// The node with the fewest pods of those on which pods may be started.
    fn scheduled(&self) -> Option<MachineName> {
        let fit = self.store.list(&NODES, None).filter(|(_, node)| {
            let taints = node["spec"]["taints"].as_array();
            let kept_off = taints.is_some_and(|all| all.iter().any(|it| it["effect"] != ""));
            !kept_off
                && node["spec"]["unschedulable"] != true
                && objects::ready(node) == Some("True")
        });
        let names = fit.map(|(key, _)| MachineName::new(&*key.name));
        names.min_by_key(|node| self.pods.values().filter(|pod| pod.node == *node).count())
    }

    /// The workloads and their pods, which have run for days.
    pub(super) fn populate_workloads(&mut self) {
        let began = self.wall();
        for (at, workload) in WORKLOADS.iter().enumerate() {
            let key = Key::of(workload.kind(), workload.namespace, workload.name);
            drop(self.store.create(key, workload.object(), began).map(drop));
            let nodes = self.site.machines.iter().filter(|(_, spec)| spec.role.is_node());
            let nodes: Vec<MachineName> = nodes.map(|(name, _)| name.clone()).collect();
            let wanted = workload.replicas.unwrap_or(nodes.len());
            for _ in 0..wanted {
                let taken: Vec<_> = self.pods.values().filter(|pod| pod.workload == at).collect();
                let free = nodes.iter().filter(|node| taken.iter().all(|pod| pod.node != **node));
                let few =
                    |node: &&MachineName| self.pods.values().filter(|it| it.node == **node).count();
                if let Some(node) = free.min_by_key(few).cloned() {
                    let id = self.make_pod(at, &node);
                    self.pod_has_run(id);
                }
            }
        }
        self.workloads_round();
    }

    /// A pod of a workload on a node: its number.
    fn make_pod(&mut self, workload: usize, node: &MachineName) -> u32 {
        let of = &WORKLOADS[workload];
        let name = format!("{}-{:08x}", of.name, self.chance.below(1 << 32));
        let key = Key::of(&PODS, of.namespace, &name);
        let at = self.wall();
        drop(self.store.create(key.clone(), of.pod(node), at).map(drop));
        self.new_pod(workload, node, key)
    }

    /// The node controller's word on the pods of a node that became Unknown
    /// (`MarkPodsNotReady`).
    pub(super) fn mark_pods(&mut self, node: &str) {
        let at = seconds(self.wall());
        for key in self.pods_of(node) {
            let edit = |pod: &mut Value| {
                pod["status"]["conditions"] =
                    json!([{"type": "Ready", "status": "False", "lastTransitionTime": at}]);
            };
            drop(self.store.change(&key, edit));
        }
    }

    /// Deletes the pods of a node that has borne its NoExecute taint for longer than they do. They
    /// stay, as terminating, until its kubelet says that they are gone.
    pub(super) fn evict(&mut self, node: &str) {
        let at = seconds(self.wall());
        for key in self.pods_of(node) {
            let Some(pod) = self.store.get(&key) else { continue };
            let bears = pod["spec"]["tolerations"][0]["tolerationSeconds"].is_u64();
            if bears && pod["metadata"]["deletionTimestamp"].is_null() {
                let edit = |pod: &mut Value| {
                    pod["metadata"]["deletionTimestamp"] = at.clone().into();
                };
                drop(self.store.change(&key, edit));
            }
        }
    }

    fn pods_of(&self, node: &str) -> Vec<Key> {
        let all = self.store.list(&PODS, None);
        all.filter(|(_, pod)| pod["spec"]["nodeName"] == node).map(|(key, _)| key.clone()).collect()
    }

    /// The truth about a workload: how many of its pods do their work.
    pub fn working_pods(&self, workload: &str) -> usize {
        let at = WORKLOADS.iter().position(|it| it.name == workload);
        let pods = self.pods.values().filter(|pod| Some(pod.workload) == at);
        pods.filter(|pod| self.works(pod)).count()
    }
}
