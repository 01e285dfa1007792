use super::{Applies, Blast, Need, OnlyIf, Remedy, Verify, When};
use crate::checks;
use crate::model::action::Effect;
use crate::model::facts::BlindKind;
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("power-on"),
    title: "Switch a machine on again that the shutdown switched off",
    helps: "power came back before the machine lost it, so it does not start by itself",
    harms: "none: only machines that were up before, in waves, servers first",
    undo: "power-off, on the way down",
    cures: &[&checks::POWERED_ON],
    needs: Need::Here,
    when: When::Episode,
    blast: Blast::OneUnit,
    only_if: &[OnlyIf::WaveHasRoom],
    budget: 5,
    limit: Span::secs(10),
    verify: Verify::Shows { holds: booted_anew, within: |timing| timing.boot },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    // One that answers with whatever is on.
    let silent = sit.host(name).is_err_and(|blind| blind.kind == BlindKind::Unreachable);
    match silent {
        _ if !sit.policy.shutdown.wakes.contains(name) => Applies::No,
        true => Applies::Yes(Effect::Wake { machine: name.clone() }),
        false => Applies::No,
    }
}

fn booted_anew(sit: &Situation<'_>, target: &Target) -> bool {
    let Some(name) = target.machine() else { return false };
    let before = sit.descent().and_then(|descent| descent.up_before.get(name));
    sit.host(name).is_ok_and(|host| before != Some(&host.boot_id))
}
