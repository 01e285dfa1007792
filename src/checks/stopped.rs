//! What a unit's state means on the way down. Shared by the checks of servers and agents.

use crate::model::facts::{HostFacts, Unit, UnitActive, UnitLoad};
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

/// The verdict on the unit of every machine of a role that goes down.
pub(super) fn judge(sit: &Situation<'_>, role: Role) -> Vec<(Target, Verdict)> {
    let Some(unit) = role.unit() else { return Vec::new() };
    let told = |name| sit.descent().is_some_and(|descent| descent.told.contains(name));
    let concerned = sit.going_down().filter(|(_, machine)| machine.role == role);
    concerned
        .map(|(name, _)| {
            let verdict = match (sit.without(name), sit.host(name)) {
                (Some(why), _) => why,
                (None, Ok(host)) => stopped(host, unit),
                // It was stopped before it was told to switch itself off.
                (None, Err(_)) if told(name) => Verdict::Pass,
                (None, Err(blind)) => Verdict::unknown(blind.detail),
            };
            (Target::Machine(name.clone()), verdict)
        })
        .collect()
}

/// The verdict on a unit that should not run.
fn stopped(host: &HostFacts, unit: Unit) -> Verdict {
    let Some(facts) = host.units.get(&unit) else { return Verdict::Pass };
    match (facts.load, facts.active) {
        (UnitLoad::NotFound, _) | (_, UnitActive::Inactive | UnitActive::Failed) => Verdict::Pass,
        (_, UnitActive::Deactivating) => Verdict::fail(format!("{unit} is stopping")),
        (_, UnitActive::Active) => Verdict::fail(format!("{unit} still runs")),
        // systemd starts it again and again: only a stop ends that.
        (_, UnitActive::Activating) => Verdict::fail(format!("{unit} is starting")),
    }
}

/// What a person can do about it.
pub(super) fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let unit = target.machine().and_then(|name| sit.role(name)).and_then(Role::unit);
    let Some(unit) = unit else { return Vec::new() };
    vec![
        format!("sudo systemctl stop {unit}   on {target}"),
        format!("sudo ananke ack {target}   if it is switched off, or may be left as it is"),
    ]
}
