use super::{Applies, Blast, Need, OnlyIf, Remedy, Verify, When};
use crate::checks;
use crate::model::action::Effect;
use crate::model::facts::UnitActive;
use crate::model::ids::RemedyId;
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("restart-under-right-clock"),
    title: "Restart k3s once, if it was started before the clock was right",
    helps: "what k3s issued with the wrong time, tokens and certificates, is renewed at its start",
    harms: "pods on the node lose their probes for some seconds; containers go on running. Servers \
            one after the other",
    undo: "needs none",
    cures: &[&checks::STARTED_IN_TIME],
    needs: Need::Guard,
    when: When::Episode,
    blast: Blast::OneUnit,
    only_if: &[OnlyIf::WaveHasRoom, OnlyIf::NodeIsOurs],
    budget: 1,
    limit: Span::secs(60),
    verify: Verify::Shows { holds: began_anew, within: |timing| timing.agent_start },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    let Some(unit) = sit.role(name).and_then(Role::unit) else { return Applies::No };
    // Under a clock that is still wrong it would have to be done again.
    if checks::clock_is_right(sit, name) {
        Applies::Yes(Effect::RestartUnit { host: name.clone(), unit })
    } else {
        Applies::Blind("its clock is not proven right".to_owned())
    }
}

/// It runs, and its process is younger than the step of the clock.
fn began_anew(sit: &Situation<'_>, target: &Target) -> bool {
    let Some(name) = target.machine() else { return false };
    let unit = sit.role(name).and_then(Role::unit);
    let facts = sit.host(name).ok().zip(unit).and_then(|(host, unit)| host.units.get(&unit));
    facts.is_some_and(|facts| facts.active == UnitActive::Active)
        && checks::began_in_time(sit, name)
}
