//! kube-controller-manager: who holds its lease, and what its node controller makes of leases.

use std::collections::BTreeMap;

use super::World;
use super::agenda::Event;
use super::machine::Phase;
use super::objects::{self, NOT_READY, UNREACHABLE, UNSCHEDULABLE};
use super::rates::{
    EVICTION, LEADER_LEASE, LEADER_RETRY, NODE_GRACE, NODE_MONITOR, RENEW_DEADLINE, UNHEALTHY_ZONE,
    UNHEALTHY_ZONE_MIN,
};
use super::store::Key;
use super::store::kinds::{LEASES, NODE_LEASES, NODES};
use crate::model::ids::MachineName;
use crate::model::time::Mono;

/// What the holder of the lease knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Control {
    pub(super) holder: Option<MachineName>,
    /// The lease and the status of each node, as it last saw them move: their versions, and when.
    /// A new holder begins anew, which is why Ready from before an outage outlives the return of
    /// the API by the whole grace period.
    pub(super) seen: BTreeMap<String, (String, Mono)>,
}

/// `ZoneState` of the node controller: whether silent nodes are believed to be dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    /// They are: their pods are evicted.
    Good,
    /// Rather the network is: no node gets NoExecute any more.
    ManySilent,
    /// Surely it is: those that have NoExecute lose it.
    AllSilent,
}

impl World {
    /// The holder loses the lease, somebody else may get it.
    pub(super) fn holder_goes_on(&mut self) {
        if let Some(holder) = self.control.holder.clone() {
            if self.serves(&holder) {
                self.agenda.cancel(|it| matches!(it, Event::HolderGivesUp | Event::HolderFound));
                return;
            }
            let it = self.machines.get(&holder);
            if !it.is_some_and(|it| it.runs() && it.phase() == Phase::Active) {
                self.agenda.cancel(|event| *event == Event::HolderGivesUp);
                self.control.holder = None;
            } else if !self.agenda.has(&Event::HolderGivesUp) {
                self.agenda.add(self.now + RENEW_DEADLINE, Event::HolderGivesUp);
            }
        }
        let candidates = self.etcd.voters.iter().any(|server| self.serves(server));
        if !candidates {
            self.agenda.cancel(|event| *event == Event::HolderFound);
        } else if !self.agenda.has(&Event::HolderFound) {
            let takes = LEADER_LEASE + self.chance.up_to(LEADER_RETRY);
            self.agenda.add(self.now + takes, Event::HolderFound);
        }
    }

    /// `leaderelection lost`: k3s ends, and systemd starts it anew. While the API is down by a
    /// deed it lives on: only the lease is lost.
    pub(super) fn holder_gives_up(&mut self) {
        let Some(holder) = self.control.holder.take() else { return };
        if self.api.down {
            self.settle();
        } else {
            self.unit_exits(&holder);
        }
    }

    pub(super) fn holder_found(&mut self) {
        let serving: Vec<_> =
            self.etcd.voters.iter().filter(|it| self.serves(it)).cloned().collect();
        self.control.holder = self.chance.pick(serving.into_iter());
        self.control.seen.clear();
        self.controllers_look();
        if !self.agenda.has(&Event::Monitor) {
            self.agenda.add(self.now, Event::Monitor);
        }
    }

    /// One round of the node controller.
    pub(super) fn monitor(&mut self) {
        let Some(holder) = self.control.holder.clone() else { return };
        self.agenda.add(self.now + NODE_MONITOR, Event::Monitor);
        if !self.serves(&holder) || self.machines.get(&holder).is_none_or(|it| !it.runs()) {
            return;
        }
        let nodes: Vec<Key> = self.store.list(&NODES, None).map(|(key, _)| key.clone()).collect();
        for key in &nodes {
            self.judge(key);
        }
        let silent = nodes.iter().filter(|key| {
            self.store.get(key).is_none_or(|node| objects::ready(node) != Some("True"))
        });
        let silent = silent.count();
        let many = silent >= UNHEALTHY_ZONE_MIN && silent * 100 >= nodes.len() * UNHEALTHY_ZONE;
        let zone = match many {
            _ if silent == nodes.len() => Zone::AllSilent,
            true => Zone::ManySilent,
            false => Zone::Good,
        };
        for key in &nodes {
            self.taint(key, zone);
            let node = self.store.get(key).map(|node| &node["spec"]["taints"]);
            if node.is_some_and(|taints| objects::no_execute_for(taints, self.wall()) > EVICTION) {
                self.evict(&key.name);
            }
        }
        self.workloads_round();
    }

    /// A node that was silent for the whole grace period becomes Unknown.
    fn judge(&mut self, key: &Key) {
        let lease = self.store.get(&Key::of(&LEASES, NODE_LEASES, &key.name));
        let heart = lease.and_then(|lease| lease["spec"]["renewTime"].as_str()).unwrap_or("");
        let now = self.now;
        let seen = self.control.seen.get(&key.name).filter(|(last, _)| last == heart);
        let since = match seen {
            Some((_, since)) => *since,
            None => {
                self.control.seen.insert(key.name.clone(), (heart.to_owned(), now));
                now
            }
        };
        let ready = self.store.get(key).and_then(|node| objects::ready(node));
        if now.since(since) > NODE_GRACE && ready != Some("Unknown") {
            let at = self.wall();
            drop(self.store.change(key, |node| objects::lose(node, at)));
            self.mark_pods(&key.name);
        }
    }

    /// The taints that follow from a node's state and from that of all.
    fn taint(&mut self, key: &Key, zone: Zone) {
        let Some(node) = self.store.get(key) else { return };
        let mut wanted = Vec::new();
        let trouble = match objects::ready(node) {
            Some("True") => None,
            Some("False") => Some(NOT_READY),
            _ => Some(UNREACHABLE),
        };
        if let Some(trouble) = trouble {
            wanted.push((trouble, "NoSchedule"));
            let evicts = match zone {
                Zone::Good => true,
                Zone::ManySilent => objects::has_taint(node, trouble, "NoExecute"),
                Zone::AllSilent => false,
            };
            if evicts {
                wanted.push((trouble, "NoExecute"));
            }
        }
        if node["spec"]["unschedulable"] == true {
            wanted.push((UNSCHEDULABLE, "NoSchedule"));
        }
        if let Some(taints) = objects::taints(node, &wanted, self.wall()) {
            drop(self.store.change(key, |node| node["spec"]["taints"] = taints));
        }
    }
}
