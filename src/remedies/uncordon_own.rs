use super::{Applies, Blast, Need, OnlyIf, Remedy, Verify, When, shown_soon};
use crate::checks;
use crate::model::action::Effect;
use crate::model::facts::NodeFacts;
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("uncordon-own"),
    title: "Give back a recovery cordon of ananke's own",
    helps: "the node is proven fresh, and the cordon is the very one that ananke took",
    harms: "it would undo a person's wish: never done without a record of this host's, nor with \
            a hold or another tool's mark on the node",
    undo: "cordon again, by the same remedy that took it",
    cures: &[&checks::CORDON_CLEAR],
    needs: Need::Api,
    when: When::Always,
    blast: Blast::Scheduling,
    only_if: &[OnlyIf::NodeIsOurs],
    budget: 20,
    limit: Span::secs(10),
    verify: Verify::Shows { holds: schedulable, within: shown_soon },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    match sit.own_cordon(name) {
        Some(record) if sit.proven(name) => {
            Applies::Yes(Effect::Uncordon { node: name.clone(), id: record.id.clone() })
        }
        Some(_) | None => Applies::No,
    }
}

fn schedulable(sit: &Situation<'_>, target: &Target) -> bool {
    let open = |node: &NodeFacts| !node.unschedulable;
    target.machine().is_some_and(|name| sit.node(name).is_ok_and(|node| node.is_some_and(open)))
}
