//! The UPSes as a watcher of upsd would have them.

use std::collections::BTreeMap;

use crate::config::settings::NutSettings;
use crate::model::facts::{Blind, BlindKind, Seen};
use crate::model::power::{Reading, UpsFacts, UpsName, UpsSource, UpsStatus};
use crate::model::time::{Mono, Span};
use crate::sim::world::{UpsView, World};

/// How often a battery that drains is looked at: its charge is news then.
const DRAINING: Span = Span::secs(1);

/// The looks at all UPSes.
#[derive(Debug)]
pub(super) struct Gauges {
    seen: BTreeMap<UpsName, Seen<UpsFacts>>,
    due: Mono,
}

impl Gauges {
    pub(super) fn new(nut: &NutSettings, now: Mono) -> Self {
        let unseen =
            || Seen::Unknown { why: Blind::new(BlindKind::NotYet, "not asked yet"), since: now };
        let seen = nut.upses.keys().map(|name| (name.clone(), unseen())).collect();
        Self { seen, due: now }
    }

    /// What was seen so far.
    pub(super) const fn seen(&self) -> &BTreeMap<UpsName, Seen<UpsFacts>> {
        &self.seen
    }

    /// When to look again, if the world does not change before.
    pub(super) const fn due(&self) -> Mono {
        self.due
    }

    /// Looks at all of them, and says whether there is news: the same that wakes the real loop.
    pub(super) fn step(&mut self, world: &World, now: Mono) -> bool {
        let mut news = false;
        let mut drains = false;
        for (name, seen) in &mut self.seen {
            let new = look(world.ups(name.ups()), seen, now);
            drains |= matches!(&new, Seen::Known { value, .. } if value.status.to_string() == "OB");
            news |= match (&*seen, &new) {
                (Seen::Known { value: old, .. }, Seen::Known { value: new, .. }) => {
                    old.status != new.status || drains && old.charge != new.charge
                }
                (Seen::Unknown { why: old, .. }, Seen::Unknown { why: new, .. }) => old != new,
                (Seen::Known { .. }, Seen::Unknown { .. })
                | (Seen::Unknown { .. }, Seen::Known { .. }) => true,
            };
            *seen = new;
        }
        self.due = if drains { now + DRAINING } else { Mono(u64::MAX) };
        news
    }
}

fn look(ups: Option<UpsView>, before: &Seen<UpsFacts>, now: Mono) -> Seen<UpsFacts> {
    let blind = |kind, why: &str| match before {
        Seen::Unknown { since, .. } => Seen::Unknown { why: Blind::new(kind, why), since: *since },
        Seen::Known { .. } => Seen::Unknown { why: Blind::new(kind, why), since: now },
    };
    match ups {
        None => blind(BlindKind::Identity, "upsd knows no UPS of this name (UNKNOWN-UPS)"),
        Some(ups) if ups.silent => {
            let why = "upsd has had no word from the UPS for too long (DATA-STALE)";
            blind(BlindKind::Stale, why)
        }
        Some(ups) => Seen::Known { value: facts(ups), at: now },
    }
}

/// What `LIST VAR` of this UPS comes to.
fn facts(ups: UpsView) -> UpsFacts {
    let status = match (ups.mains, ups.output) {
        (true, _) => "OL",
        (false, true) => "OB",
        (false, false) => "OB LB OFF",
    };
    UpsFacts {
        status: UpsStatus::parse(status),
        charge: Reading::Said(ups.charge),
        runtime: i64::try_from(ups.runtime).map_or(Reading::Garbled, Reading::Said),
        charge_low: Reading::Absent,
        runtime_low: Reading::Absent,
        load: Reading::Absent,
        input_volts: Reading::Absent,
        alarm: None,
        serial: None,
        source: UpsSource { server: "simulated".to_owned(), driver: None, encrypted: false },
    }
}
