use super::{Applies, Blast, Need, Remedy, Verify, When, hand_to_person, shown_soon};
use crate::checks;
use crate::model::action::Effect;
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("mark-missing"),
    title: "Mark a node that was given up, so that everybody sees that a person is needed",
    helps: "the end is degraded without it, and kubectl should say so too",
    harms: "none: an annotation",
    undo: "ananke ack NODE, by the person",
    cures: &[&checks::MISSING_MARKED],
    needs: Need::Api,
    when: When::Always,
    blast: Blast::Nothing,
    only_if: &[],
    budget: 20,
    limit: Span::secs(10),
    verify: Verify::Shows { holds: hand_to_person::marked, within: shown_soon },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    // A cordon of ours on it is handed over with the mark, by another remedy.
    if sit.own_cordon(name).is_some() {
        return Applies::No;
    }
    let Some(missing) = sit.missing.get(name) else { return Applies::No };
    Applies::Yes(Effect::MarkManual {
        node: name.clone(),
        reason: missing.why.clone(),
        since: sit.wall,
        cordon: None,
    })
}
