//! What may be done with a unit, by what systemd says of it. Shared by the unit remedies.

use super::Applies;
use crate::model::action::Effect;
use crate::model::facts::{Unit, UnitActive, UnitFacts, UnitLoad};
use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::verdict::Target;

/// The unit of a target, with what is known of it.
pub(super) fn of_target<'a>(
    sit: &Situation<'a>,
    target: &'a Target,
) -> Result<Option<(&'a MachineName, Unit, &'a UnitFacts)>, String> {
    let Some(name) = target.machine() else { return Ok(None) };
    let Some(unit) = sit.role(name).and_then(Role::unit) else { return Ok(None) };
    let host = sit.host(name).map_err(|blind| blind.to_string())?;
    Ok(host.units.get(&unit).map(|facts| (name, unit, facts)))
}

/// Start a unit of this role if it is down and nobody forbade it.
pub(super) fn start(sit: &Situation<'_>, target: &Target, role: Role) -> Applies {
    let (name, unit, facts) = match of_target(sit, target) {
        Err(why) => return Applies::Blind(why),
        Ok(None) => return Applies::No,
        Ok(Some((name, _, _))) if sit.role(name) != Some(role) => return Applies::No,
        Ok(Some(found)) => found,
    };
    let down = matches!(facts.active, UnitActive::Inactive | UnitActive::Failed);
    match facts.load {
        UnitLoad::Masked => Applies::Forbidden(format!("{unit} is masked on {name}")),
        UnitLoad::Loaded if down => Applies::Yes(Effect::StartUnit { host: name.clone(), unit }),
        UnitLoad::Loaded | UnitLoad::NotFound | UnitLoad::Broken => Applies::No,
    }
}

/// Stop a unit of this role if it is not down. Also one that a person masked since it was started:
/// the wish for down is a person's too.
pub(super) fn stop(sit: &Situation<'_>, target: &Target, role: Role) -> Applies {
    let (name, unit, facts) = match of_target(sit, target) {
        Err(why) => return Applies::Blind(why),
        Ok(None) => return Applies::No,
        Ok(Some((name, _, _))) if sit.role(name) != Some(role) => return Applies::No,
        Ok(Some(found)) => found,
    };
    if is_stopped(facts) {
        return Applies::No;
    }
    Applies::Yes(Effect::StopUnit { host: name.clone(), unit })
}

/// Whether systemd shows the unit of a target down.
pub(super) fn is_down(sit: &Situation<'_>, target: &Target) -> bool {
    of_target(sit, target).is_ok_and(|found| found.is_none_or(|(_, _, facts)| is_stopped(facts)))
}

fn is_stopped(facts: &UnitFacts) -> bool {
    facts.load == UnitLoad::NotFound
        || matches!(facts.active, UnitActive::Inactive | UnitActive::Failed)
}
