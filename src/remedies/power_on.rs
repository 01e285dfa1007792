use super::{Applies, Blast, Need, OnlyIf, Remedy, Verify, When};
use crate::checks;
use crate::model::action::Effect;
use crate::model::facts::BlindKind;
use crate::model::ids::{MachineName, RemedyId};
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("power-on"),
    title: "Switch a machine on again that the shutdown, or its battery, switched off",
    helps: "power came back before the machine lost it, so it does not start by itself",
    harms: "none: only machines that were up before, in waves, the jump host and servers first; \
            one that runs hears nothing of it",
    undo: "power-off, on the way down",
    cures: &[&checks::POWERED_ON],
    needs: Need::Here,
    when: When::Episode,
    blast: Blast::OneUnit,
    only_if: &[OnlyIf::WaveHasRoom],
    // After an outage the switch boots as well, and the first packets may be lost in it.
    budget: 3,
    limit: Span::secs(20),
    verify: Verify::Shows { holds: booted_anew, within: |timing| timing.boot },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    if !sit.policy.shutdown.wakes.contains(name) || !is_silent(sit, name) {
        return Applies::No;
    }
    match jump_to_come(sit, name) {
        Some(jump) => Applies::Blind(format!("it is reached through {jump}, which starts first")),
        None => Applies::Yes(Effect::Wake { machine: name.clone() }),
    }
}

/// Whether nothing of it answers. One that answers with whatever is on.
fn is_silent(sit: &Situation<'_>, name: &MachineName) -> bool {
    sit.host(name).is_err_and(|blind| blind.kind == BlindKind::Unreachable)
}

/// The jump host, until it was asked once and had its time to boot: what starts behind it could
/// not be seen to. One that does not come keeps nobody waiting for longer.
fn jump_to_come<'a>(sit: &Situation<'a>, name: &MachineName) -> Option<&'a MachineName> {
    let shutdown = &sit.policy.shutdown;
    let jump = shutdown.jump.as_ref().filter(|jump| *jump != name)?;
    let was_up = sit.descent()?.up_before.contains_key(jump);
    let tried = sit.durable.attempts.get(&REMEDY.id);
    let tried = tried.and_then(|targets| targets.get(&Target::Machine(jump.clone())));
    let had = tried.is_some_and(|it| it.count > 1 || it.verify_until.is_none());
    (was_up && shutdown.wakes.contains(jump) && is_silent(sit, jump) && !had).then_some(jump)
}

fn booted_anew(sit: &Situation<'_>, target: &Target) -> bool {
    let Some(name) = target.machine() else { return false };
    let before = sit.descent().and_then(|descent| descent.up_before.get(name));
    sit.host(name).is_ok_and(|host| before != Some(&host.boot_id))
}
