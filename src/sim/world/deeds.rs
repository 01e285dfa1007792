//! What befalls the site, and what people do.

use serde_json::Value;

use super::World;
use super::agenda::Event;
use super::doors::Unfit;
use super::kinds::NODE;
use super::machine::{MAINLAND, Machine, Service};
use super::store::Key;
use crate::model::facts::Unit;
use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::model::time::Span;
use crate::sim::deed::{Deed, Which};

/// Whether the API answers anybody, besides what etcd and the servers make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Api {
    pub(super) down: bool,
    /// It answers for the first span, and not for the second.
    turns: Option<(Span, Span)>,
}

impl World {
    /// Something befalls the site. A person who cordons a node while no server answers does so as
    /// soon as one does.
    ///
    /// # Errors
    /// [`Unfit`] names what the site does not have; nothing was changed.
    pub fn suffer(&mut self, deed: &Deed) -> Result<(), Unfit> {
        match deed {
            Deed::PowerOff(which)
            | Deed::PowerOn(which)
            | Deed::Freeze(which)
            | Deed::Thaw(which) => self.power_deed(deed, which),
            Deed::UnitFails(which, unit, _)
            | Deed::UnitSlow(which, unit, _)
            | Deed::UnitNotAtBoot(which, unit)
            | Deed::UnitStopped(which, unit)
            | Deed::UnitStarted(which, unit) => self.unit_deed(deed, which, *unit),
            Deed::NetCut(which) => {
                self.islands += 1;
                self.join(which, self.islands)
            }
            Deed::NetJoin(which) => self.join(which, MAINLAND),
            Deed::BootTakes(which, _)
            | Deed::NeverBoots(which)
            | Deed::BootLoop(which, _)
            | Deed::ClockLost(which)
            | Deed::ClockRight(which)
            | Deed::KubeletHangs(which)
            | Deed::KubeletHangsThrough(which, _)
            | Deed::SudoRefused(which)
            | Deed::SudoWorks(which)
            | Deed::HostKeyChanged(which) => {
                let mut machines = std::mem::take(&mut self.machines);
                let named = self.named(which, &machines);
                for name in named.iter().flatten() {
                    machines.get_mut(name).into_iter().for_each(|it| property(it, deed));
                }
                self.machines = machines;
                named.map(drop)
            }
            Deed::ApiDown => Ok(self.api_turn(true, None)),
            Deed::ApiUp => Ok(self.api_turn(false, None)),
            Deed::ApiFlaps { up, down } => Ok(self.api_turn(false, Some((*up, *down)))),
            Deed::Cordon(node) => self.wish(node, true),
            Deed::Uncordon(node) => self.wish(node, false),
            Deed::UpsMains { ups, .. }
            | Deed::UpsCharge { ups, .. }
            | Deed::UpsSilent { ups, .. } => self.ups_deed(deed, ups),
        }
    }

    fn named(
        &self,
        which: &Which,
        machines: &std::collections::BTreeMap<MachineName, Machine>,
    ) -> Result<Vec<MachineName>, Unfit> {
        let with = |role: Role| {
            let those = machines.iter().filter(move |(_, it)| it.role == role);
            Ok(those.map(|(name, _)| name.clone()).collect())
        };
        match which {
            Which::All => Ok(machines.keys().cloned().collect()),
            Which::Servers => with(Role::Server),
            Which::Agents => with(Role::Agent),
            Which::FedBy(ups) if self.upses.contains_key(ups) => Ok(self.fed_by(ups)),
            Which::FedBy(ups) => Err(Unfit::Ups(ups.clone())),
            Which::Named(names) => match names.iter().find(|it| !machines.contains_key(it)) {
                Some(unknown) => Err(Unfit::Machine(unknown.clone())),
                None => Ok(names.clone()),
            },
        }
    }

    fn power_deed(&mut self, deed: &Deed, which: &Which) -> Result<(), Unfit> {
        for name in self.named(which, &self.machines)? {
            match deed {
                Deed::PowerOff(_) => self.power_off(&name),
                Deed::PowerOn(_) => self.power_on(&name),
                Deed::Freeze(_) => self.freeze(&name),
                _ => self.thaw(&name),
            }
        }
        Ok(())
    }

    /// Those that are named must have the unit; of a whole class those have it that have it.
    fn unit_deed(&mut self, deed: &Deed, which: &Which, unit: Unit) -> Result<(), Unfit> {
        let mut named = self.named(which, &self.machines)?;
        let has = |name: &MachineName| {
            let service = self.machines.get(name).and_then(|it| it.service.as_ref());
            service.is_some_and(|service| service.unit == unit)
        };
        if let (Which::Named(_), Some(without)) = (which, named.iter().find(|it| !has(it))) {
            return Err(Unfit::Unit(without.clone(), unit));
        }
        named.retain(has);
        for name in named {
            let runs = self.machines.get(&name).is_some_and(Machine::runs);
            match deed {
                Deed::UnitStopped(..) if runs => self.stop_unit(&name),
                Deed::UnitStarted(..) if runs => self.start_unit(&name),
                _ => self.service(&name).into_iter().for_each(|it| unit_property(it, deed)),
            }
        }
        Ok(())
    }

    fn join(&mut self, which: &Which, island: u32) -> Result<(), Unfit> {
        for name in self.named(which, &self.machines)? {
            self.machines.get_mut(&name).into_iter().for_each(|it| it.island = island);
        }
        self.settle();
        Ok(())
    }

    fn api_turn(&mut self, down: bool, turns: Option<(Span, Span)>) {
        self.agenda.cancel(|event| *event == Event::ApiTurns);
        self.api = Api { down, turns };
        if let Some((up, _)) = turns {
            self.agenda.add(self.now + up, Event::ApiTurns);
        }
        self.settle();
    }

    pub(super) fn api_turns(&mut self) {
        let Some((up, down)) = self.api.turns else { return };
        self.api.down = !self.api.down;
        // A turn takes some time, or time would stand still.
        let takes = if self.api.down { down } else { up }.max(Span::millis(1));
        self.agenda.add(self.now + takes, Event::ApiTurns);
        self.settle();
    }

    fn wish(&mut self, node: &MachineName, cordoned: bool) -> Result<(), Unfit> {
        if !self.machines.get(node).is_some_and(|it| it.role.is_node()) {
            return Err(Unfit::Machine(node.clone()));
        }
        self.wishes.push((node.clone(), cordoned));
        self.people_go_on();
        Ok(())
    }

    /// People with kubectl get through when a server answers.
    pub(super) fn people_go_on(&mut self) {
        if self.wishes.is_empty() || !self.etcd.voters.iter().any(|it| self.serves(it)) {
            return;
        }
        for (node, cordoned) in std::mem::take(&mut self.wishes) {
            let edit = |node: &mut Value| match cordoned {
                true => node["spec"]["unschedulable"] = true.into(),
                false => {
                    node["spec"].as_object_mut().into_iter().for_each(|spec| {
                        spec.remove("unschedulable");
                    });
                }
            };
            drop(self.store.change(&Key::global(&NODE, node.as_str()), edit));
        }
    }

    fn ups_deed(&mut self, deed: &Deed, name: &str) -> Result<(), Unfit> {
        let ups = self.upses.get_mut(name).ok_or_else(|| Unfit::Ups(name.to_owned()))?;
        match deed {
            Deed::UpsMains { on, .. } => self.ups_mains(name, *on),
            Deed::UpsCharge { percent, .. } => self.ups_charge(name, *percent),
            Deed::UpsSilent { on, .. } => ups.silent = *on,
            _ => {}
        }
        Ok(())
    }
}

/// What is only written down on a machine, and shows later.
fn property(it: &mut Machine, deed: &Deed) {
    match deed {
        Deed::BootTakes(_, span) => it.boot_takes = *span,
        Deed::NeverBoots(_) => it.never_boots = true,
        Deed::BootLoop(_, times) => it.loops_left = *times,
        Deed::ClockLost(_) => it.clock.lost = true,
        Deed::ClockRight(_) => {
            it.clock.lost = false;
            it.clock.began = None;
        }
        Deed::KubeletHangs(_) => it.kubelet.hangs = Some(0),
        Deed::KubeletHangsThrough(_, restarts) => it.kubelet.hangs = Some(*restarts),
        Deed::SudoRefused(_) => it.sudo = false,
        Deed::SudoWorks(_) => it.sudo = true,
        Deed::HostKeyChanged(_) => it.host_key += 1,
        _ => {}
    }
}

fn unit_property(service: &mut Service, deed: &Deed) {
    match deed {
        Deed::UnitFails(_, _, times) => service.fails = *times,
        Deed::UnitSlow(_, _, span) => service.slow = Some(*span),
        Deed::UnitNotAtBoot(..) => service.at_boot = false,
        _ => {}
    }
}
