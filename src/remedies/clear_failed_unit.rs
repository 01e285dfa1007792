use super::{Applies, Blast, Need, Remedy, Verify, When, unit};
use crate::checks;
use crate::model::action::Effect;
use crate::model::facts::{UnitActive, UnitLoad};
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("clear-failed-unit"),
    title: "Clear the failed state of a k3s unit",
    helps: "systemd gave up: the unit failed, or was started too often in too short a time, and \
            is not started again by itself",
    harms: "none by itself: nothing is started by it. The start that follows it, also on a quiet \
            day, is only of a unit that nobody has touched since",
    undo: "needs none: systemd counts anew",
    cures: &[&checks::SERVER_UNIT, &checks::AGENT_UNIT],
    needs: Need::Guard,
    when: When::Always,
    blast: Blast::Nothing,
    only_if: &[],
    budget: 3,
    limit: Span::secs(20),
    verify: Verify::Shows { holds: cleared, within: |timing| timing.fresh_for },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    match unit::of_target(sit, target) {
        Err(why) => Applies::Blind(why),
        Ok(Some((name, unit, facts)))
            if facts.load == UnitLoad::Loaded && facts.active == UnitActive::Failed =>
        {
            Applies::Yes(Effect::ResetFailedUnit { host: name.clone(), unit })
        }
        Ok(_) => Applies::No,
    }
}

fn cleared(sit: &Situation<'_>, target: &Target) -> bool {
    unit::of_target(sit, target)
        .is_ok_and(|found| found.is_some_and(|(_, _, facts)| facts.active != UnitActive::Failed))
}
