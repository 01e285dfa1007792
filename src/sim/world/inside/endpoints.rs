//! EndpointSlices: who answers for a Service, as the endpoint slice controller knows it. They stay
//! what they were while nobody holds its lease.

use serde_json::{Value, json};

use super::super::World;
use super::super::objects;
use super::super::store::Key;
use super::super::store::kinds::{ENDPOINT_SLICES, SERVICES};
use super::objects::{hash, letters};
use super::{WORKLOADS, Workload};

/// The one slice of a Service.
fn slice(row: &Workload, service: &str) -> Key {
    let name = format!("{service}-{}", letters(hash(service), 5));
    Key::of(&ENDPOINT_SLICES, row.namespace, &name)
}

impl World {
    /// One round of the endpoint slice controller.
    pub(super) fn endpoints_round(&mut self) {
        for (workload, row) in WORKLOADS.iter().enumerate() {
            let Some((service, port)) = row.service else { continue };
            let key = slice(row, service);
            let owner = self.store.get(&Key::of(&SERVICES, row.namespace, service));
            let Some(uid) = owner.map(|it| it["metadata"]["uid"].clone()) else {
                drop(self.store.delete(&key));
                continue;
            };
            let endpoints = self.endpoints(workload);
            if self.store.get(&key).is_none() {
                let owner = json!({"apiVersion": "v1", "kind": "Service", "name": service,
                    "uid": uid, "controller": true, "blockOwnerDeletion": true});
                let labels = json!({"kubernetes.io/service-name": service,
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"});
                let object = json!({
                    "metadata": {"labels": labels, "ownerReferences": [owner]},
                    "addressType": "IPv4",
                    "endpoints": endpoints,
                    "ports": [{"name": "", "port": port, "protocol": "TCP"}],
                });
                let at = self.wall();
                drop(self.store.create(key, object, at).map(drop));
            } else {
                drop(self.store.change(&key, |it| it["endpoints"] = endpoints));
            }
        }
    }

    fn endpoints(&self, workload: usize) -> Value {
        let of = self.pods.values().filter(|pod| pod.workload == workload);
        let all: Vec<Value> = of
            .filter_map(|pod| {
                let object = self.store.get(&pod.key)?;
                let ready = objects::ready(object) == Some("True");
                let ends = !object["metadata"]["deletionTimestamp"].is_null();
                let address = object["status"]["podIP"].as_str()?;
                Some(json!({
                    "addresses": [address],
                    "conditions": {"ready": ready && !ends, "serving": ready, "terminating": ends},
                    "nodeName": pod.node.as_str(),
                    "targetRef": {"kind": "Pod", "namespace": pod.key.namespace,
                        "name": pod.key.name, "uid": object["metadata"]["uid"]},
                }))
            })
            .collect();
        all.into()
    }
}
