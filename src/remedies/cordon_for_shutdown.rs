use super::{Applies, Blast, Need, Remedy, Verify, When, cordon_for_repair, shown_soon};
use crate::checks;
use crate::model::action::Effect;
use crate::model::cordon::{CordonKind, CordonMark};
use crate::model::facts::NodeFacts;
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("cordon-for-shutdown"),
    title: "Cordon a node that goes down, as ananke's own",
    helps: "what is evicted or ended would start again on the next node",
    harms: "none on the way down; it is given back on the way up, when the node is proven fresh, \
            and its lease counts only from then on",
    undo: "uncordon, by ananke on the way up",
    cures: &[&checks::CLOSED_TO_PODS],
    needs: Need::Api,
    when: When::Episode,
    blast: Blast::Scheduling,
    only_if: &[],
    budget: 20,
    limit: Span::secs(10),
    verify: Verify::Shows { holds: closed, within: shown_soon },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    let node = match sit.node(name) {
        Ok(Some(node)) => node,
        Ok(None) => return Applies::No,
        Err(blind) => return Applies::Blind(blind.to_string()),
    };
    if node.unschedulable || node.cordon != CordonMark::None {
        return Applies::No;
    }
    let record = cordon_for_repair::record(sit, node, CordonKind::Shutdown);
    Applies::Yes(Effect::Cordon { node: name.clone(), record })
}

fn closed(sit: &Situation<'_>, target: &Target) -> bool {
    let shut = |node: &NodeFacts| node.unschedulable;
    target.machine().is_some_and(|name| sit.node(name).is_ok_and(|node| node.is_some_and(shut)))
}
