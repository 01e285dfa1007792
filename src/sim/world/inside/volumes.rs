//! Volumes: attached to one node at a time, by the storage driver that runs as pods itself.
//!
//! The rules are those of the attach-detach controller and of the kubelet's volume manager: a
//! volume is detached when the last pod that has it is gone from the node, at once where the node's
//! kubelet says so, after six minutes where it is silent. A pod that is only terminating still has
//! it. `CSINode` keeps the driver through a reboot; what a kubelet knows of drivers lives in its
//! memory.

use serde_json::{Value, json};

use super::super::World;
use super::super::rates::FORCE_DETACH;
use super::super::store::Key;
use super::super::store::kinds::{CSI_NODES, VOLUME_ATTACHMENTS};
use super::objects::{DRIVER, hash};
use super::{CSI_ATTACHER, CSI_PLUGIN, WORKLOADS, row};
use crate::model::ids::MachineName;
use crate::model::time::Mono;

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::sim::world) struct Volume {
    /// The node that it hangs on, or will.
    pub(super) on: Option<MachineName>,
    /// Since when nobody uses it there.
    unused_since: Option<Mono>,
}

/// The name of an attachment, as the controller makes it: a hash of volume, driver and node.
fn attachment(volume: &str, node: &MachineName) -> Key {
    let text = format!("{volume}{DRIVER}{node}");
    let (one, other) = (hash(&text), hash(&format!("{text}.")));
    Key::global(&VOLUME_ATTACHMENTS, &format!("csi-{one:016x}{other:016x}"))
}

fn attachment_object(volume: &str, node: &MachineName, attached: bool) -> Value {
    json!({
        "metadata": {"finalizers": ["external-attacher/driver-longhorn-io"]},
        "spec": {"attacher": DRIVER, "nodeName": node.as_str(),
            "source": {"persistentVolumeName": volume}},
        "status": {"attached": attached},
    })
}

impl World {
    /// The volumes of a cluster that has been up for days: each where its pod is.
    pub(super) fn populate_volumes(&mut self) {
        let at = self.wall();
        for (workload, row) in WORKLOADS.iter().enumerate().filter(|(_, row)| row.volume) {
            let pod = self.pods.values().find(|pod| pod.workload == workload);
            let Some(node) = pod.map(|pod| pod.node.clone()) else { continue };
            let object = attachment_object(&row.pv(), &node, true);
            drop(self.store.create(attachment(&row.pv(), &node), object, at).map(drop));
            let volume = Volume { on: Some(node), unused_since: None };
            self.inside.volumes.insert(workload, volume);
        }
    }

    /// One round of the attach-detach controller and of the driver's attacher.
    pub(in crate::sim::world) fn volumes_round(&mut self) {
        for workload in self.inside.volumes.keys().copied().collect::<Vec<_>>() {
            let users: Vec<MachineName> = self
                .pods
                .values()
                .filter(|pod| pod.workload == workload && self.store.get(&pod.key).is_some())
                .map(|pod| pod.node.clone())
                .collect();
            self.volume_round(workload, &users);
        }
    }

    fn volume_round(&mut self, workload: usize, users: &[MachineName]) {
        let name = WORKLOADS[workload].pv();
        let Some(mut volume) = self.inside.volumes.get(&workload).cloned() else { return };
        if let Some(on) = volume.on.clone() {
            let key = attachment(&name, &on);
            let deleted = self.store.get(&key).is_none_or(|it| {
                !it["metadata"]["deletionTimestamp"].is_null() && self.attacher_answers()
            });
            if deleted {
                // Somebody deleted it: the attacher detaches, and it is attached anew if need be.
                drop(self.store.delete(&key));
                volume = Volume::default();
            } else if users.contains(&on) {
                volume.unused_since = None;
                self.attacher_attaches(&key);
            } else {
                let since = *volume.unused_since.get_or_insert(self.now);
                let lives = self.kubelet_works(&on) && self.api_for(&on);
                if lives || self.now.since(since) >= FORCE_DETACH {
                    drop(self.store.delete(&key));
                    volume = Volume::default();
                }
            }
        }
        if volume.on.is_none()
            && let Some(node) = users.first()
        {
            let object = attachment_object(&name, node, false);
            let at = self.wall();
            drop(self.store.create(attachment(&name, node), object, at).map(drop));
            volume.on = Some(node.clone());
        }
        self.inside.volumes.insert(workload, volume);
    }

    fn attacher_attaches(&mut self, key: &Key) {
        let waits = self.store.get(key).is_some_and(|it| it["status"]["attached"] == false);
        if waits && self.attacher_answers() {
            drop(self.store.change(key, |it| it["status"]["attached"] = true.into()));
        }
    }

    fn attacher_answers(&self) -> bool {
        row(CSI_ATTACHER).is_some_and(|it| self.answers(it))
    }

    /// Whether a pod's volume hangs on its node, and the node's kubelet has the driver for it.
    pub(in crate::sim::world) fn has_volume(&self, workload: usize, node: &MachineName) -> bool {
        let row = &WORKLOADS[workload];
        let key = attachment(&row.pv(), node);
        !row.volume
            || self.has_driver(node)
                && self.store.get(&key).is_some_and(|it| it["status"]["attached"] == true)
    }

    /// The kubelet of a node knows the driver while the driver's pod runs there.
    fn has_driver(&self, node: &MachineName) -> bool {
        let plugin = row(CSI_PLUGIN);
        let mut here = self.pods.values().filter(|pod| pod.node == *node);
        here.any(|pod| Some(pod.workload) == plugin && self.works(pod))
    }

    /// The driver's pod on a node registers itself with the kubelet, or takes itself away.
    pub(in crate::sim::world) fn driver_says(&mut self, node: &MachineName, there: bool) {
        let drivers = match there {
            true => json!([{"name": DRIVER, "nodeID": node.as_str(),
                "topologyKeys": ["kubernetes.io/hostname"]}]),
            false => json!([]),
        };
        let key = Key::global(&CSI_NODES, node.as_str());
        if self.store.get(&key).is_none() {
            let at = self.wall();
            let object = json!({"spec": {"drivers": drivers}});
            drop(self.store.create(key, object, at).map(drop));
        } else {
            drop(self.store.change(&key, |it| it["spec"]["drivers"] = drivers));
        }
    }
}
