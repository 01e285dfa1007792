//! What a unit's state means. Shared by the checks of servers and agents.

use crate::model::facts::{Blind, HostFacts, Unit, UnitActive, UnitLoad};
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::time::{Mono, Span};
use crate::model::verdict::{Target, Verdict};

/// The verdict on the unit of every machine of a role, which may take `start` to run.
pub(super) fn judge(
    sit: &Situation<'_>,
    role: Role,
    unit: Unit,
    start: Span,
) -> Vec<(Target, Verdict)> {
    let verdict = |host| match host {
        Ok(host) => running(host, unit, sit.now, start),
        Err(Blind { detail, .. }) => Verdict::unknown(detail),
    };
    let machines = sit.hosts().filter(|(_, machine, _)| machine.role == role);
    machines.map(|(name, _, host)| (Target::Machine(name.clone()), verdict(host))).collect()
}

/// What a person can do about it.
pub(super) fn by_hand(unit: Unit, target: &Target) -> Vec<String> {
    vec![
        format!("journalctl -u {unit} -b -n 50        on {target}"),
        format!("sudo systemctl restart {unit}        on {target}"),
    ]
}

/// The verdict on a unit that should run and may take `start` to do so.
fn running(host: &HostFacts, unit: Unit, now: Mono, start: Span) -> Verdict {
    let Some(facts) = host.units.get(&unit) else {
        return Verdict::fail(format!("there is no {unit}.service"));
    };
    match facts.load {
        UnitLoad::Loaded => {}
        UnitLoad::Masked => return Verdict::fail(format!("{unit} is masked: a person's wish")),
        UnitLoad::NotFound => return Verdict::fail(format!("there is no {unit}.service")),
        UnitLoad::Broken => return Verdict::fail(format!("systemd can't load {unit}.service")),
    }
    let been = facts.for_time.unwrap_or(Span::ZERO);
    match facts.active {
        UnitActive::Active => Verdict::Pass,
        UnitActive::Activating if been < start => {
            Verdict::Settling { why: format!("{unit} is starting"), until: now + start.less(been) }
        }
        UnitActive::Activating => Verdict::fail(format!("{unit} has been starting for {been}")),
        UnitActive::Deactivating => Verdict::fail(format!("{unit} is stopping")),
        UnitActive::Inactive => Verdict::fail(format!("{unit} is not running")),
        UnitActive::Failed => Verdict::fail(format!("{unit} failed ({})", facts.result)),
    }
}
