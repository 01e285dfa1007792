//! Kubelets: the node's status, and the lease that says that they live.

use super::World;
use super::agenda::{Event, Here};
use super::machine::Kubelet;
use super::objects::{self, Condition};
use super::rates::{
    BOOT_JITTER, KUBELET_REGISTERS, LEASE_RENEWAL, LEASE_RETRY, NETWORK_PLUGIN, STATUS_REPORT,
    STATUS_UPDATE,
};
use super::store::Key;
use super::store::kinds::{LEASES, NODE_LEASES, NODES};
use crate::model::ids::MachineName;
use crate::model::time::Span;

/// What a kubelet says whose network plugin is not there yet.
const NO_NETWORK: &str = "container runtime network not ready: NetworkReady=false \
    reason:NetworkPluginNotReady message:Network plugin returns error: \
    cni plugin not initialized";

impl World {
    pub(super) fn kubelet_starts(&mut self, name: &MachineName) {
        let Some(it) = self.machines.get_mut(name) else { return };
        let hangs = match it.kubelet.hangs {
            None | Some(0) => None,
            Some(left) => Some(left - 1),
        };
        it.kubelet = Kubelet { runs: true, hangs, ..Kubelet::default() };
        let takes = self.chance.around(KUBELET_REGISTERS, BOOT_JITTER);
        self.kubelet_in(name, Here::KubeletRegisters, takes);
    }

    /// The first status of the node after a start, with the boot that runs.
    pub(super) fn kubelet_registers(&mut self, name: &MachineName) {
        if !self.kubelet_may(name, Here::KubeletRegisters, LEASE_RETRY) {
            return;
        }
        if let Some(it) = self.machines.get_mut(name) {
            it.kubelet.registered = true;
        }
        self.register(name);
        self.pods_unsaid(name);
        self.post(name);
        self.kubelet_renews(name);
        let plugin = self.chance.around(NETWORK_PLUGIN, BOOT_JITTER);
        self.kubelet_in(name, Here::KubeletNetwork, plugin);
        self.kubelet_in(name, Here::KubeletPosts, STATUS_UPDATE);
    }

    pub(super) fn kubelet_has_network(&mut self, name: &MachineName) {
        if let Some(it) = self.machines.get_mut(name) {
            it.kubelet.network = true;
        }
        if self.kubelet_works(name) && self.api_for(name) {
            self.post(name);
        }
        self.pods_return(name);
    }

    pub(super) fn kubelet_renews(&mut self, name: &MachineName) {
        if !self.kubelet_may(name, Here::KubeletRenews, LEASE_RETRY) {
            return;
        }
        let now = self.now;
        let Some(it) = self.machines.get_mut(name) else { return };
        it.kubelet.renewed = now;
        let Some(wall) = self.machines.get(name).map(|it| self.wall_of(it)) else { return };
        let key = Key::of(&LEASES, NODE_LEASES, name.as_str());
        let renewed = objects::micro(wall);
        let done = self.store.change(&key, |lease| lease["spec"]["renewTime"] = renewed.into());
        if done.is_err() {
            // A lease that somebody deleted is made anew.
            let lease = objects::lease(name, wall);
            drop(self.store.create(key, lease, self.wall()).map(drop));
        }
        // component-helpers apimachinery/lease, `JitterUntil`, 4 %.
        let soon = self.chance.around(LEASE_RENEWAL, 4);
        self.kubelet_in(name, Here::KubeletRenews, soon);
    }

    pub(super) fn kubelet_posts(&mut self, name: &MachineName) {
        if !self.kubelet_may(name, Here::KubeletPosts, STATUS_UPDATE) {
            return;
        }
        let Some(it) = self.machines.get(name) else { return };
        let wanted = if it.kubelet.network { "True" } else { "False" };
        let differs = self.node(name).is_some_and(|node| objects::ready(node) != Some(wanted));
        if differs || self.now.since(it.kubelet.posted) >= STATUS_REPORT {
            self.post(name);
        }
        if differs {
            self.pods_unsaid(name);
        }
        self.pods_say(name);
        self.kubelet_in(name, Here::KubeletPosts, STATUS_UPDATE);
    }

    /// It runs, and does what it should.
    pub(super) fn kubelet_works(&self, name: &MachineName) -> bool {
        self.machines
            .get(name)
            .is_some_and(|it| it.runs() && it.kubelet.runs && it.kubelet.hangs.is_none())
    }

    /// Whether it can do this now. If only the API is missing it tries again; a kubelet that
    /// hangs tries nothing any more.
    fn kubelet_may(&mut self, name: &MachineName, here: Here, again: Span) -> bool {
        if !self.kubelet_works(name) {
            return false;
        }
        let may = self.api_for(name);
        if !may {
            self.kubelet_in(name, here, again);
        }
        may
    }

    fn kubelet_in(&mut self, name: &MachineName, here: Here, span: Span) {
        self.agenda.add(self.now + span, Event::On(name.clone(), here));
    }

    /// Writes the node's status.
    fn post(&mut self, name: &MachineName) {
        let now = self.now;
        let Some(it) = self.machines.get_mut(name) else { return };
        it.kubelet.posted = now;
        let condition = if it.kubelet.network {
            Condition { status: "True", reason: "KubeletReady", message: objects::POSTS_READY }
        } else {
            Condition { status: "False", reason: "KubeletNotReady", message: NO_NETWORK }
        };
        let Some(it) = self.machines.get(name) else { return };
        let heart = self.wall_of(it);
        let (machine_id, boot_id) = (it.id.clone(), it.boot_id.clone());
        let edit = |node: &mut serde_json::Value| {
            node["status"]["nodeInfo"]["bootID"] =
                boot_id.as_ref().map_or("", |it| it.as_str()).into();
            node["status"]["nodeInfo"]["machineID"] = machine_id.as_str().into();
            objects::post_conditions(node, condition, heart);
        };
        // A node that somebody deleted stays so until the next start (`registerWithAPIServer`).
        drop(self.store.change(&Key::global(&NODES, name.as_str()), edit));
    }

    /// Makes the node if there is none.
    fn register(&mut self, name: &MachineName) {
        let at = self.wall();
        let key = Key::global(&NODES, name.as_str());
        let spec = self.site.machines.get(name).filter(|_| self.store.get(&key).is_none());
        if let Some(spec) = spec {
            let node = objects::node(name, spec, &self.site);
            drop(self.store.create(key, node, at).map(drop));
        }
    }
}
