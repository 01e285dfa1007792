//! UPSes: they carry what hangs on them for so long, and then they don't. The fewer machines draw
//! from one, the longer it lasts.

use super::World;
use super::agenda::Event;
use super::rates::{UPS_LEAST_LOAD, UPS_RECHARGE};
use crate::model::ids::MachineName;
use crate::model::time::{Mono, Span};

/// A full battery, in millionths.
const FULL: u64 = 1_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ups {
    pub(super) mains: bool,
    pub(super) output: bool,
    pub(super) silent: bool,
    /// Its outlet is on: it can be switched by command, whatever the mains.
    outlet: bool,
    /// Its driver does not run.
    pub(super) driverless: bool,
    /// How full the battery was, in millionths, and when.
    charge: (u64, Mono),
    /// How long a full battery carries everything that hangs on it.
    runtime: Span,
    /// What hangs on it and draws, in thousandths of everything.
    load: u64,
}

impl Ups {
    pub(super) const fn new(runtime: Span) -> Self {
        Self {
            mains: true,
            output: true,
            silent: false,
            outlet: true,
            driverless: false,
            charge: (FULL, Mono(0)),
            runtime,
            load: 1_000,
        }
    }

    /// How long a full battery would carry the load of now.
    fn whole(&self) -> Span {
        Span::millis(self.runtime.as_millis() * 1_000 / self.load.max(UPS_LEAST_LOAD))
    }

    fn charge(&self, now: Mono) -> u64 {
        let (then, at) = self.charge;
        let share = |of: Span| now.since(at).as_millis() * FULL / of.as_millis().max(1);
        match (self.mains, self.output) {
            (true, _) => (then + share(UPS_RECHARGE)).min(FULL),
            (false, true) => then.saturating_sub(share(self.whole())),
            (false, false) => then,
        }
    }

    pub(super) fn percent(&self, now: Mono) -> u8 {
        u8::try_from(self.charge(now) * 100 / FULL).unwrap_or(100)
    }

    /// How long it would carry the load of now from now on.
    pub(super) fn left(&self, now: Mono) -> Span {
        Span::millis(self.whole().as_millis() * self.charge(now) / FULL)
    }

    /// `ups.load`, in percent of everything that hangs on it.
    pub(super) fn load(&self) -> u8 {
        u8::try_from(self.load.div_ceil(10)).unwrap_or(100)
    }
}

impl World {
    pub(super) fn ups_mains(&mut self, name: &str, on: bool) {
        let now = self.now;
        let Some(ups) = self.upses.get_mut(name).filter(|ups| ups.mains != on) else { return };
        ups.charge = (ups.charge(now), now);
        ups.mains = on;
        let was_out = !ups.output;
        if on {
            ups.output = true;
        }
        self.ups_goes_on(name);
        if on && was_out && self.gives_power(name) {
            for machine in self.fed_by(name) {
                self.power_on(&machine);
            }
        }
    }

    pub(super) fn ups_charge(&mut self, name: &str, percent: u8) {
        let now = self.now;
        if let Some(ups) = self.upses.get_mut(name) {
            ups.charge = (u64::from(percent.min(100)) * FULL / 100, now);
        }
        self.ups_goes_on(name);
    }

    /// The outlet of a UPS is switched, by its own command: what hangs on it loses its power, or
    /// has it again. Without mains and battery there is none to give.
    pub fn outlet(&mut self, name: &str, on: bool) {
        let now = self.now;
        let Some(ups) = self.upses.get_mut(name).filter(|ups| ups.outlet != on) else { return };
        ups.charge = (ups.charge(now), now);
        ups.outlet = on;
        for machine in self.fed_by(name) {
            match on {
                true if self.gives_power(name) => self.power_on(&machine),
                true => {}
                false => self.power_off(&machine),
            }
        }
    }

    fn gives_power(&self, name: &str) -> bool {
        self.upses.get(name).is_some_and(|ups| ups.output && ups.outlet)
    }

    /// A machine draws, or ceases to: the battery that feeds it lasts for another time.
    pub(super) fn load_changes(&mut self, machine: &MachineName) {
        let spec = self.site.machines.get(machine);
        let Some(name) = spec.and_then(|spec| spec.ups.clone()) else { return };
        let (mut draws, mut all) = (0, 0);
        for fed in self.fed_by(&name) {
            let watts = u64::from(self.site.machines.get(&fed).map_or(0, |spec| spec.watts));
            all += watts;
            if self.machines.get(&fed).is_some_and(super::machine::Machine::draws) {
                draws += watts;
            }
        }
        let now = self.now;
        let Some(ups) = self.upses.get_mut(&name) else { return };
        let load = draws * 1_000 / all.max(1);
        if load != ups.load {
            ups.charge = (ups.charge(now), now);
            ups.load = load;
            self.ups_goes_on(&name);
        }
    }

    /// When its battery will be empty, as things stand.
    fn ups_goes_on(&mut self, name: &str) {
        let event = Event::UpsEmpty(name.to_owned());
        self.agenda.cancel(|it| *it == event);
        if let Some(ups) = self.upses.get(name).filter(|ups| !ups.mains && ups.output) {
            self.agenda.add(self.now + ups.left(self.now), event);
        }
    }

    pub(super) fn ups_empty(&mut self, name: &str) {
        let now = self.now;
        if let Some(ups) = self.upses.get_mut(name) {
            ups.charge = (0, now);
            ups.output = false;
        }
        for machine in self.fed_by(name) {
            self.power_off(&machine);
        }
    }

    pub(super) fn fed_by(&self, ups: &str) -> Vec<MachineName> {
        let fed = self.site.machines.iter().filter(|(_, it)| it.ups.as_deref() == Some(ups));
        fed.map(|(name, _)| name.clone()).collect()
    }
}
