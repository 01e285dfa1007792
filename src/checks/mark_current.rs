use super::{AskMissing, Check, no_grace, not_only_a_person, nothing_by_hand};
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("mark-current"),
    title: "No node carries a mark for a person that the person has answered",
    evidence: "the annotation on the node, and the person's own word",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand: nothing_by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let answered = sit.durable.acked.iter().filter_map(|target| {
        let node = sit.node(target.machine()?).ok()??;
        let verdict = match node.manual {
            Some(_) => Verdict::fail("its mark was answered and can be taken off"),
            None => Verdict::Pass,
        };
        Some((target.clone(), verdict))
    });
    answered.collect()
}
