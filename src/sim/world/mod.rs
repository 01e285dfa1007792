//! The model: what the machines, etcd, the kubelets and the control plane do by themselves, in
//! their own time. Pure and seeded: the same site, seed and deeds give the same world, byte for
//! byte. It knows no gate, check or remedy.
//!
//! Time is the world's own, in milliseconds since it began; [`World::advance`] lets it pass. What
//! ananke sees and does goes through the doors: [`World::ssh_door`], [`World::facts`],
//! [`World::guard`] for machines, [`World::api_door`] and [`World::store`] for Kubernetes. The
//! truth, for onlookers and tests, is in [`World::view`].
//!
//! Every clock and rule that is copied stands in [`rates`], with its source.

mod agenda;
mod control;
mod deeds;
mod digest;
mod doors;
mod etcd;
mod guard;
mod inside;
mod kubelet;
mod look;
mod machine;
mod objects;
mod pods;
mod power;
pub mod rates;
mod service;
pub mod store;
mod ups;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use self::doors::{ApiDoor, Door, GuardAnswer, Life, MachineView, Unfit, UpsView};
pub use self::inside::{Reached, VAULT_KEYS, Web};
pub use self::objects::KUBERNETES_VERSION;

use self::agenda::{Agenda, Event, Here};
use self::control::Control;
use self::deeds::Api;
use self::inside::Inside;
use self::machine::{Clock, Kubelet, MAINLAND, Machine, Memory, Phase, Service};
use self::objects::Condition;
use self::pods::Pod;
use self::store::kinds::{LEASES, NAMESPACES, NODE_LEASES, NODES};
use self::store::{Key, Store};
use self::ups::Ups;
use crate::model::ids::{BootId, MachineId, MachineName};
use crate::model::time::{Mono, Span};
use crate::sim::chance::Chance;
use crate::sim::site::{Site, Spec};

/// When the world begins, in seconds since 1970: 2026-01-01T00:00:00Z. Any date would do, as
/// long as it is always the same.
const BEGINNING: i64 = 1_767_225_600;

/// A simulated site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    site: Site,
    now: Mono,
    chance: Chance,
    agenda: Agenda,
    machines: BTreeMap<MachineName, Machine>,
    etcd: Etcd,
    api: Api,
    control: Control,
    upses: BTreeMap<String, Ups>,
    /// Cordons that people want and that no server took yet.
    wishes: Vec<(MachineName, bool)>,
    islands: u32,
    pods: BTreeMap<u32, Pod>,
    inside: Inside,
    next_pod: u32,
    store: Store,
}

fn beginning() -> Timestamp {
    Timestamp::from_second(BEGINNING).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// etcd as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Etcd {
    /// The members that see a majority.
    voters: BTreeSet<MachineName>,
    leader: Option<MachineName>,
}

impl World {
    /// A site at time 0: everything is up, converged and settled, and has been for days.
    pub fn new(site: &Site, seed: u64) -> Self {
        let upses = site.upses.iter().map(|(name, ups)| (name.clone(), Ups::new(ups.runtime)));
        let mut world = Self {
            site: site.clone(),
            now: Mono(0),
            chance: Chance::new(seed),
            agenda: Agenda::default(),
            machines: BTreeMap::new(),
            etcd: Etcd::default(),
            api: Api::default(),
            control: Control::default(),
            upses: upses.collect(),
            wishes: Vec::new(),
            islands: MAINLAND,
            pods: BTreeMap::new(),
            inside: Inside::default(),
            next_pod: 0,
            store: Store::default(),
        };
        for (name, spec) in &site.machines {
            let machine = world.settled(spec);
            world.machines.insert(name.clone(), machine);
        }
        world.populate();
        world.populate_inside();
        world.settle();
        world.agenda.cancel(|event| *event == Event::Elected);
        let voters = world.etcd.voters.clone();
        world.etcd.leader = world.chance.pick(voters.into_iter());
        world.holder_found();
        world.settle();
        world
    }

    /// A machine that has been up for days.
    fn settled(&mut self, spec: &Spec) -> Machine {
        let began = self.wall();
        let machine_id = self.chance.hex();
        let boot_id = power::dashed(&self.chance.hex());
        let service = spec.role.unit().map(|unit| Service {
            phase: Phase::Active,
            since: Some(Mono(0)),
            began: Some((Mono(0), began)),
            ..Service::new(unit)
        });
        let node = service.is_some();
        Machine {
            role: spec.role,
            id: MachineId::new(machine_id),
            powered: true,
            life: Life::Up,
            boots: 0,
            boot_id: Some(BootId::new(boot_id)),
            kernel_since: Mono(0),
            up_before: rates::UP_BEFORE,
            boot_takes: spec.boot,
            never_boots: false,
            hangs_in_power_off: false,
            loops_left: 0,
            restores: spec.restores,
            frozen: None,
            island: MAINLAND,
            clock: Clock {
                began: None,
                told: true,
                lost: false,
                battery: spec.clock_battery,
                stamp: self.wall(),
            },
            sudo: true,
            host_key: 0,
            service,
            kubelet: Kubelet { runs: node, registered: node, network: node, ..Kubelet::default() },
            guard: spec.guard.then(Memory::default),
        }
    }

    /// The objects of a cluster that has been up for days.
    fn populate(&mut self) {
        let began = self.wall();
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            let phase = json!({"status": {"phase": "Active"}});
            drop(self.store.create(Key::global(&NAMESPACES, name), phase, began).map(drop));
        }
        let well =
            Condition { status: "True", reason: "KubeletReady", message: objects::POSTS_READY };
        for (name, spec) in self.site.machines.clone() {
            if !spec.role.is_node() {
                continue;
            }
            let mut node = objects::node(&name, &spec, &self.site);
            if let Some(it) = self.machines.get(&name) {
                let boot = it.boot_id.as_ref().map_or("", BootId::as_str);
                node["status"]["nodeInfo"]["bootID"] = boot.into();
                node["status"]["nodeInfo"]["machineID"] = it.id.as_str().into();
            }
            objects::post_conditions(&mut node, well, began);
            drop(self.store.create(Key::global(&NODES, name.as_str()), node, began).map(drop));
            let lease = objects::lease(&name, began);
            let key = Key::of(&LEASES, NODE_LEASES, name.as_str());
            drop(self.store.create(key, lease, began).map(drop));
            let rounds = [
                (Here::KubeletRenews, rates::LEASE_RENEWAL),
                (Here::KubeletPosts, rates::STATUS_UPDATE),
            ];
            for (here, round) in rounds {
                let at = self.now + self.chance.up_to(round);
                self.agenda.add(at, Event::On(name.clone(), here));
            }
        }
    }

    /// What the site consists of.
    pub const fn site(&self) -> &Site {
        &self.site
    }

    /// Milliseconds since the world began.
    pub const fn now(&self) -> Mono {
        self.now
    }

    /// The true wall clock.
    pub fn wall(&self) -> Timestamp {
        look::later(beginning(), self.now.since(Mono(0)))
    }

    /// When something happens by itself next. `Mono(u64::MAX)` if nothing ever will.
    pub fn next(&self) -> Mono {
        self.agenda.next().unwrap_or(Mono(u64::MAX))
    }

    /// Lets time pass until `to`, one transition after the other. Never goes back.
    pub fn advance(&mut self, to: Mono) {
        while let Some((at, event)) = self.agenda.pop(to) {
            self.now = self.now.max(at);
            self.happens(event);
        }
        self.now = self.now.max(to);
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::UpsEmpty(ups) => self.ups_empty(&ups),
            Event::On(name, here) => self.happens_on(&name, here),
            Event::Elected => self.elected(),
            Event::HolderGivesUp => self.holder_gives_up(),
            Event::HolderFound => self.holder_found(),
            Event::Monitor => self.monitor(),
            Event::ApiTurns => self.api_turns(),
            Event::Written => self.hear(),
            Event::FluxLeads(pod) => self.flux_leads(pod),
            Event::FluxRenews(controller) => self.flux_renews(controller),
            Event::Source => self.source_due(),
            Event::Kustomization(name) => self.kustomization_due(&name),
            Event::Applied(name) => self.kustomization_applied(&name),
            Event::Health(name) => self.kustomization_health(&name),
            Event::Release => self.release_due(),
        }
    }

    fn happens_on(&mut self, name: &MachineName, here: Here) {
        match here {
            Here::Kernel => self.kernel_starts(name),
            Here::Sshd => self.sshd_answers(name),
            Here::LosesItself => self.loses_itself(name),
            Here::PoweredOff => self.is_powered_off(name),
            Here::NetworkTime => self.network_tells_time(name),
            Here::UnitStep => self.unit_step(name),
            Here::KubeletRegisters => self.kubelet_registers(name),
            Here::KubeletNetwork => self.kubelet_has_network(name),
            Here::KubeletRenews => self.kubelet_renews(name),
            Here::KubeletPosts => self.kubelet_posts(name),
            Here::Container(pod) => self.container_goes_on(pod),
        }
    }

    /// What etcd holds.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// For the writes of API clients. Flux sees them at once, others in their next round.
    pub fn store_mut(&mut self) -> &mut Store {
        self.agenda.add(self.now, Event::Written);
        &mut self.store
    }

    fn node(&self, name: &MachineName) -> Option<&Arc<Value>> {
        self.store.get(&Key::global(&NODES, name.as_str()))
    }

    fn phase(&self, name: &MachineName) -> Phase {
        self.machines.get(name).map_or(Phase::Inactive, Machine::phase)
    }

    fn service(&mut self, name: &MachineName) -> Option<&mut Service> {
        self.machines.get_mut(name).and_then(|it| it.service.as_mut())
    }

    /// A number for the whole state: equal worlds have equal ones. FNV-1a over the debug form.
    pub fn digest(&self) -> u64 {
        digest::of(self)
    }

    /// Lets so much time pass.
    pub fn pass(&mut self, span: Span) {
        self.advance(self.now + span);
    }
}

#[cfg(test)]
mod tests;
