//! What befalls the site, and what people do.

use serde_json::Value;

use super::World;
use super::agenda::Event;
use super::doors::Unfit;
use super::machine::{MAINLAND, Machine, Service};
use super::store::Key;
use super::store::kinds::NODES;
use super::ups::Ups;
use crate::model::facts::Unit;
use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::model::time::Span;
use crate::sim::deed::{Deed, Which, Within};

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
            Deed::PowerOff(which) => self.each(which, Self::power_off)?,
            Deed::PowerOn(which) => self.each(which, Self::power_on)?,
            Deed::Freeze(which) => self.each(which, Self::freeze)?,
            Deed::Thaw(which) => self.each(which, Self::thaw)?,
            Deed::NetCut(which) => self.join(which, self.islands + 1)?,
            Deed::NetJoin(which) => self.join(which, MAINLAND)?,
            Deed::BootTakes(which, span) => self.edit(which, |it| it.boot_takes = *span)?,
            Deed::NeverBoots(which) => self.edit(which, |it| it.never_boots = true)?,
            Deed::HangsInPowerOff(which) => {
                self.edit(which, |it| it.hangs_in_power_off = true)?;
            }
            Deed::BootLoop(which, times) => self.edit(which, |it| it.loops_left = *times)?,
            Deed::ClockLost(which) => self.edit(which, |it| it.clock.lost = true)?,
            Deed::ClockRight(which) => self.edit(which, |it| {
                it.clock.lost = false;
                it.clock.began = None;
                it.clock.told = true;
            })?,
            Deed::UnitFails(which, unit, times) => {
                self.edit_unit(which, *unit, |it| it.fails = *times)?;
            }
            Deed::UnitSlow(which, unit, span) => {
                self.edit_unit(which, *unit, |it| it.slow = Some(*span))?;
            }
            Deed::UnitNotAtBoot(which, unit) => {
                self.edit_unit(which, *unit, |it| it.at_boot = false)?;
            }
            Deed::UnitStopped(which, unit) => self.by_hand(which, *unit, Self::stop_unit)?,
            Deed::UnitStarted(which, unit) => self.by_hand(which, *unit, Self::start_unit)?,
            Deed::KubeletHangs(which) => self.edit(which, |it| it.kubelet.hangs = Some(0))?,
            Deed::KubeletHangsThrough(which, restarts) => {
                self.edit(which, |it| it.kubelet.hangs = Some(*restarts))?;
            }
            Deed::SudoRefused(which) => self.edit(which, |it| it.sudo = false)?,
            Deed::SudoWorks(which) => self.edit(which, |it| it.sudo = true)?,
            Deed::HostKeyChanged(which) => self.edit(which, |it| it.host_key += 1)?,
            Deed::ApiDown => self.api_turn(true, None),
            Deed::ApiUp => self.api_turn(false, None),
            Deed::ApiFlaps { up, down } => self.api_turn(false, Some((*up, *down))),
            Deed::Cordon(node) => self.wish(node, true)?,
            Deed::Uncordon(node) => self.wish(node, false)?,
            Deed::UpsMains { ups, on } => {
                self.known(ups)?;
                self.ups_mains(ups, *on);
            }
            Deed::UpsCharge { ups, percent } => {
                self.known(ups)?;
                self.ups_charge(ups, *percent);
            }
            Deed::UpsDriver { ups, on } => self.known(ups)?.driverless = !*on,
            Deed::UpsSilent { ups, on } => self.known(ups)?.silent = *on,
            Deed::Inside(within) => self.suffer_inside(within)?,
        }
        Ok(())
    }

    fn suffer_inside(&mut self, within: &Within) -> Result<(), Unfit> {
        match within {
            Within::Mute { workload, on } => self.mute(Self::workload(workload)?, *on),
            Within::ImageGone(workload) => self.images_gone(Self::workload(workload)?),
            Within::Scaled { workload, replicas } => {
                self.scale(Self::workload(workload)?, *replicas);
            }
            Within::PodsDeleted(workload) => self.delete_pods(Self::workload(workload)?),
            Within::Judges { workload, on } => self.judges_pods(Self::workload(workload)?, *on),
            Within::KustomizationFails { name, on } => self.break_part(Self::part(name)?, *on),
            Within::FluxBranch(branch) => self.follow_branch(branch),
            Within::FluxSuspended(on) => self.suspend_flux(*on),
            Within::IngressForgets => self.forget_routes(),
            Within::VaultSeals(on) => self.vault_seals(*on),
            Within::VaultUnsealed => drop(self.unseal()),
            Within::VaultRekeyed => self.rekey_vault(),
        }
        Ok(())
    }

    fn named(&self, which: &Which) -> Result<Vec<MachineName>, Unfit> {
        let machines = &self.machines;
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

    fn each(
        &mut self,
        which: &Which,
        mut act: impl FnMut(&mut Self, &MachineName),
    ) -> Result<(), Unfit> {
        self.named(which)?.iter().for_each(|name| act(self, name));
        Ok(())
    }

    fn edit(&mut self, which: &Which, mut edit: impl FnMut(&mut Machine)) -> Result<(), Unfit> {
        self.each(which, |world, name| {
            world.machines.get_mut(name).into_iter().for_each(&mut edit);
        })
    }

    /// Those that have the unit. Who is named must have it; of a whole class those do that do.
    fn with_unit(&self, which: &Which, unit: Unit) -> Result<Vec<MachineName>, Unfit> {
        let mut named = self.named(which)?;
        let has = |name: &MachineName| {
            let service = self.machines.get(name).and_then(|it| it.service.as_ref());
            service.is_some_and(|service| service.unit == unit)
        };
        match (which, named.iter().find(|it| !has(it))) {
            (Which::Named(_), Some(without)) => Err(Unfit::Unit(without.clone(), unit)),
            _ => {
                named.retain(has);
                Ok(named)
            }
        }
    }

    fn edit_unit(
        &mut self,
        which: &Which,
        unit: Unit,
        mut edit: impl FnMut(&mut Service),
    ) -> Result<(), Unfit> {
        for name in self.with_unit(which, unit)? {
            self.service(&name).into_iter().for_each(&mut edit);
        }
        Ok(())
    }

    /// A person at the machine; one that does not run takes no orders.
    fn by_hand(
        &mut self,
        which: &Which,
        unit: Unit,
        act: impl Fn(&mut Self, &MachineName),
    ) -> Result<(), Unfit> {
        for name in self.with_unit(which, unit)? {
            if self.machines.get(&name).is_some_and(Machine::runs) {
                act(self, &name);
            }
        }
        Ok(())
    }

    fn join(&mut self, which: &Which, island: u32) -> Result<(), Unfit> {
        for name in self.named(which)? {
            self.machines.get_mut(&name).into_iter().for_each(|it| it.island = island);
        }
        self.islands = self.islands.max(island);
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
            drop(self.store.change(&Key::global(&NODES, node.as_str()), edit));
        }
    }

    fn known(&mut self, ups: &str) -> Result<&mut Ups, Unfit> {
        self.upses.get_mut(ups).ok_or_else(|| Unfit::Ups(ups.to_owned()))
    }
}
