use super::{AskMissing, Check, no_grace, not_only_a_person, nothing_by_hand};
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("missing-marked"),
    title: "Every node that was given up carries a mark that a person is needed",
    evidence: "the annotation on the node",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand: nothing_by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    sit.missing
        .iter()
        .filter_map(|(name, missing)| {
            let verdict = match sit.node(name) {
                Ok(Some(node)) if node.manual.is_some() => Verdict::Pass,
                Ok(Some(_)) => Verdict::fail(format!("not marked yet: {}", missing.why)),
                // Without an object the mark is an entry of the ledger, which is always made.
                Ok(None) => return None,
                Err(blind) => Verdict::unknown(format!("the API's nodes: {blind}")),
            };
            Some((Target::Machine(name.clone()), verdict))
        })
        .collect()
}
