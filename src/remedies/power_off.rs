use super::{Applies, Blast, Need, Remedy, Verify, When};
use crate::checks;
use crate::model::action::Effect;
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("power-off"),
    title: "Switch a machine off that goes down",
    helps: "the machines are wanted off, and everything on this one is stopped or given up",
    harms: "the first one is the point of no return: from there the way down is finished, and \
            everything that was up before is switched on again when it is wanted up",
    undo: "power-on, on the way up",
    cures: &[&checks::AGENT_OFF, &checks::SERVER_OFF, &checks::OTHER_OFF, &checks::JUMP_OFF],
    needs: Need::Guard,
    when: When::Episode,
    blast: Blast::ControlPlane,
    only_if: &[],
    budget: 3,
    limit: Span::secs(30),
    // Containers that are still there can hold a power-off for 90 s (DefaultTimeoutStopSec).
    verify: Verify::Shows { holds: off, within: |_| Span::secs(120) },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    match sit.host(name) {
        Ok(_) => Applies::Yes(Effect::PowerOff { host: name.clone() }),
        Err(blind) => Applies::Blind(blind.to_string()),
    }
}

fn off(sit: &Situation<'_>, target: &Target) -> bool {
    let off = |name| sit.descent().is_some_and(|descent| descent.off.contains(name));
    target.machine().is_some_and(off)
}
