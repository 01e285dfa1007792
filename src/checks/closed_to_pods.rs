use super::{AskMissing, Check, no_grace, not_only_a_person, whose};
use crate::model::cordon::CordonMark;
use crate::model::facts::NodeFacts;
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("closed-to-pods"),
    title: "Every node that goes down takes no new pods, by ananke's cordon or by somebody's",
    evidence: "the node's own record",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    if let Some(why) = sit.no_control_plane() {
        return vec![(Target::Cluster, Verdict::skipped(why))];
    }
    let concerned = sit.going_down().filter(|(_, machine)| machine.role.is_node());
    concerned
        .filter_map(|(name, _)| {
            let verdict = match sit.node(name) {
                Ok(Some(node)) => closed(node),
                Ok(None) => return None,
                Err(blind) => Verdict::unknown(format!("the API's nodes: {blind}")),
            };
            Some((Target::Machine(name.clone()), verdict))
        })
        .collect()
}

fn closed(node: &NodeFacts) -> Verdict {
    if node.unschedulable {
        return Verdict::Pass;
    }
    if let Some(hold) = &node.hold {
        return Verdict::skipped(format!("a person holds it: {hold}"));
    }
    if !node.foreign.is_empty() {
        return Verdict::skipped(format!("marked by another tool: {}", whose(node)));
    }
    match &node.cordon {
        CordonMark::None => Verdict::fail("it still takes new pods"),
        // A person uncordoned it by hand since: that is not done again behind their back.
        CordonMark::Record(_) => Verdict::skipped("somebody uncordoned it since: left so"),
        CordonMark::Garbled => Verdict::skipped("its cordon record can't be read: not touched"),
    }
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![format!("kubectl cordon {target}")]
}
