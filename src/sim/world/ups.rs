//! UPSes: they carry what hangs on them for so long, and then they don't.

use super::World;
use super::agenda::Event;
use super::rates::UPS_RECHARGE;
use crate::model::ids::MachineName;
use crate::model::time::{Mono, Span};

/// A full battery, in millionths.
const FULL: u64 = 1_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ups {
    pub(super) mains: bool,
    pub(super) output: bool,
    pub(super) silent: bool,
    /// How full the battery was, in millionths, and when.
    charge: (u64, Mono),
    runtime: Span,
}

impl Ups {
    pub(super) const fn new(runtime: Span) -> Self {
        Self { mains: true, output: true, silent: false, charge: (FULL, Mono(0)), runtime }
    }

    fn charge(&self, now: Mono) -> u64 {
        let (then, at) = self.charge;
        let share = |of: Span| now.since(at).as_millis() * FULL / of.as_millis().max(1);
        match (self.mains, self.output) {
            (true, _) => (then + share(UPS_RECHARGE)).min(FULL),
            (false, true) => then.saturating_sub(share(self.runtime)),
            (false, false) => then,
        }
    }

    pub(super) fn percent(&self, now: Mono) -> u8 {
        u8::try_from(self.charge(now) * 100 / FULL).unwrap_or(100)
    }

    /// How long it would carry the full load from now on.
    pub(super) fn left(&self, now: Mono) -> Span {
        Span::millis(self.runtime.as_millis() * self.charge(now) / FULL)
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
        if on && was_out {
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
