use super::{Applies, Blast, Need, Remedy, Verify, When, shown_soon};
use crate::checks;
use crate::model::action::Effect;
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("hand-to-person"),
    title: "Hand a cordoned node to a person when its lease ran out or its remedies are at an end",
    helps: "the node did not get well: silently cordoned for ever is the one thing that must not \
            be",
    harms: "none: the cordon stays as it is and is no longer ananke's to clear",
    undo: "ananke ack NODE, by the person",
    cures: &[&checks::CORDON_CLEAR],
    needs: Need::Api,
    when: When::Always,
    blast: Blast::Nothing,
    only_if: &[],
    budget: 20,
    limit: Span::secs(10),
    verify: Verify::Shows { holds: marked, within: shown_soon },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    let Some(record) = sit.own_cordon(name) else { return Applies::No };
    if sit.proven(name) {
        return Applies::No;
    }
    let reason = sit.missing.get(name).map_or_else(
        || "its cordon lease ran out before it was proven good".to_owned(),
        |missing| missing.why.clone(),
    );
    Applies::Yes(Effect::MarkManual {
        node: name.clone(),
        reason,
        since: sit.wall,
        cordon: Some(record.id.clone()),
    })
}

pub(super) fn marked(sit: &Situation<'_>, target: &Target) -> bool {
    target.machine().is_some_and(|name| {
        sit.node(name).is_ok_and(|node| node.is_some_and(|node| node.manual.is_some()))
    })
}
