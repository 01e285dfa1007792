use super::{Applies, Blast, Need, Remedy, Verify, When, shown_soon};
use crate::checks;
use crate::model::action::Effect;
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("clear-mark"),
    title: "Take a mark for a person off a node, after the person's ack",
    helps: "a person said that the part was done; a cordon that was left to the person becomes \
            ananke's again, with a new lease",
    harms: "none: only a mark that was acked is taken off",
    undo: "marked again, if the node is given up again",
    cures: &[&checks::MARK_CURRENT],
    needs: Need::Api,
    when: When::Always,
    blast: Blast::Nothing,
    only_if: &[],
    budget: 20,
    limit: Span::secs(10),
    verify: Verify::Shows { holds: unmarked, within: shown_soon },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    match target.machine() {
        Some(name) if sit.durable.acked.contains(target) => {
            Applies::Yes(Effect::ClearMark { node: name.clone() })
        }
        Some(_) | None => Applies::No,
    }
}

fn unmarked(sit: &Situation<'_>, target: &Target) -> bool {
    target.machine().is_some_and(|name| {
        sit.node(name).is_ok_and(|node| node.is_some_and(|node| node.manual.is_none()))
    })
}
