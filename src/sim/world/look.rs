//! What can be seen of the machines: from ananke's host, and by an onlooker who knows the truth.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::World;
use super::doors::{Door, Life, MachineView, UpsView};
use super::guard::PASSWORD;
use super::machine::{MAINLAND, Machine, Memory, Phase};
use super::rates::LEASE_SECONDS;
use crate::model::facts::{
    Datastore, EtcdFacts, GuardState, HostFacts, Leftovers, Sudo, UnitFacts, UnitLoad,
};
use crate::model::hygiene::{DiskFacts, HygieneFacts};
use crate::model::ids::{BootId, MachineName};
use crate::model::policy::Role;
use crate::model::time::{Mono, Skew, Span};

impl World {
    /// What connecting to port 22 finds, from ananke's host. Silent for a machine that is not of
    /// the site.
    pub fn ssh_door(&self, machine: &MachineName) -> Door {
        match self.machines.get(machine) {
            Some(it) if it.frozen.is_some() || it.island != MAINLAND => Door::Silent,
            Some(it) => match it.life {
                Life::Off | Life::Firmware { .. } => Door::Silent,
                Life::Kernel { .. } | Life::Stopping { .. } => Door::Refused,
                Life::Up => Door::Open,
            },
            None => Door::Silent,
        }
    }

    /// What a look at the machine tells, whoever can reach it. `None` if it is not up, or hangs.
    pub fn facts(&self, machine: &MachineName) -> Option<HostFacts> {
        let it = self.machines.get(machine).filter(|it| it.runs())?;
        let server = it.role == Role::Server;
        Some(HostFacts {
            boot_id: it.boot_id.clone()?,
            machine_id: it.id.clone(),
            up_for: self.up_for(it),
            wall: self.wall_of(it),
            clock: None,
            guard: match (&it.guard, it.sudo) {
                (Some(_), true) => GuardState::Current,
                // There, and of no use to anybody whom sudo does not let through.
                (Some(_), false) => GuardState::Other { version: "1".to_owned() },
                (None, _) => GuardState::Absent,
            },
            sudo: match it.sudo {
                true => Sudo::Works,
                false => Sudo::Refused { why: PASSWORD.to_owned() },
            },
            units: it.service.iter().map(|service| (service.unit, self.unit_facts(it))).collect(),
            datastore: server.then_some(Datastore::Etcd),
            etcd: self.etcd_facts(machine),
            leftovers: Leftovers { tasks: Some(0), mounts: 0 },
            fence: it.guard.as_ref().filter(|_| it.sudo).map(Memory::shown),
        })
    }

    /// How long the machine has been up.
    pub(super) fn up_for(&self, it: &Machine) -> Span {
        it.up_before + self.now.since(it.kernel_since)
    }

    /// What a closer look at the machine tells. `None` if it is not up, or hangs.
    pub fn hygiene(&self, machine: &MachineName) -> Option<HygieneFacts> {
        let it = self.machines.get(machine).filter(|it| it.runs())?;
        let disk = DiskFacts { read_only: false, free: 60, free_inodes: Some(90) };
        Some(HygieneFacts {
            boot_id: it.boot_id.clone()?,
            synchronised: Some(it.clock.told),
            default_route: true,
            disks: BTreeMap::from([("/".to_owned(), Some(disk))]),
            missing_packages: Some(BTreeSet::new()),
            missing_programs: BTreeSet::new(),
            missing_modules: BTreeSet::new(),
            idle_services: Some(BTreeMap::new()),
        })
    }

    fn unit_facts(&self, it: &Machine) -> UnitFacts {
        let service = it.service.as_ref();
        UnitFacts {
            load: UnitLoad::Loaded,
            active: it.phase().active(),
            result: service.map_or("success", |service| service.result).to_owned(),
            restarts: service.map_or(0, |service| service.restarts),
            for_time: service.and_then(|service| service.since).map(|since| {
                // What was so when the world began was so since the machine's boot was over.
                let up = it.up_before.less(it.boot_takes);
                let before = if since == Mono(0) { up } else { Span::ZERO };
                before + self.now.since(since)
            }),
            clock_set: service.and_then(|service| service.began).map(|(began, face)| {
                let by_wall = self.wall_of(it).as_millisecond() - face.as_millisecond();
                Skew::millis(by_wall - self.now.since(began).as_millis().cast_signed())
            }),
        }
    }

    fn etcd_facts(&self, machine: &MachineName) -> Option<EtcdFacts> {
        let it = self.machines.get(machine).filter(|it| it.role == Role::Server)?;
        matches!(it.phase(), Phase::Member | Phase::Rises | Phase::Active).then(|| {
            let leader = self.leader_of(machine);
            EtcdFacts {
                healthy: leader.is_some(),
                has_leader: leader.is_some(),
                is_leader: leader == Some(machine),
            }
        })
    }

    /// Counts up when the machine shows another host key. 0 for a machine that is not of the site.
    pub fn host_key(&self, machine: &MachineName) -> u32 {
        self.machines.get(machine).map_or(0, |it| it.host_key)
    }

    /// The machine's own wall clock.
    pub(super) fn wall_of(&self, it: &Machine) -> Timestamp {
        match it.clock.began {
            None => self.wall(),
            Some(began) => later(began, self.now.since(it.kernel_since)),
        }
    }

    /// The truth about a machine. One that is not of the site is off.
    pub fn view(&self, machine: &MachineName) -> MachineView {
        let Some(it) = self.machines.get(machine) else {
            return MachineView {
                power: false,
                life: Life::Off,
                frozen: false,
                cut: false,
                clock_right: false,
                boot_id: None,
                units: BTreeMap::new(),
                kubelet: false,
                node_ready: false,
                cordoned: false,
                boots: 0,
                changes: 0,
            };
        };
        let service = it.service.iter();
        let kubelet = it.runs() && it.kubelet.runs && it.kubelet.hangs.is_none();
        let renewed = self.now.since(it.kubelet.renewed) <= Span::secs(LEASE_SECONDS);
        let node = self.node(machine);
        MachineView {
            power: it.powered,
            life: it.life,
            frozen: it.frozen.is_some(),
            cut: it.island != MAINLAND,
            clock_right: it.clock.began.is_none(),
            boot_id: it.boot_id.clone(),
            units: service.map(|service| (service.unit, service.phase.active())).collect(),
            kubelet,
            node_ready: kubelet
                && it.kubelet.registered
                && renewed
                && node.is_some_and(|node| {
                    node["status"]["nodeInfo"]["bootID"].as_str()
                        == it.boot_id.as_ref().map(BootId::as_str)
                        && super::objects::ready(node) == Some("True")
                }),
            cordoned: node.is_some_and(|node| node["spec"]["unschedulable"] == true),
            boots: it.boots,
            changes: it.guard.as_ref().map_or(0, |guard| guard.changes),
        }
    }

    /// The truth about a UPS.
    pub fn ups(&self, name: &str) -> Option<UpsView> {
        let ups = self.upses.get(name)?;
        let left = ups.left(self.now);
        Some(UpsView {
            mains: ups.mains,
            charge: ups.percent(self.now),
            runtime: left.as_secs(),
            load: ups.load(),
            output: ups.output,
            // A UPS whose battery is empty says nothing either.
            silent: ups.silent || !ups.output,
            driverless: ups.driverless,
        })
    }
}

/// A time so much later; the same where the calendar ends.
pub(super) fn later(from: Timestamp, by: Span) -> Timestamp {
    from.checked_add(by.to_std()).unwrap_or(from)
}
