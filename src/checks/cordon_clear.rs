use super::{AskMissing, Check, no_grace, not_only_a_person};
use crate::model::cordon::{CordonKind, CordonMark};
use crate::model::facts::NodeFacts;
use crate::model::ids::{CheckId, MachineName};
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("cordon-clear"),
    title: "No recovery cordon of ananke's is left; cordons of others are known and kept",
    evidence: "the node's own record and ananke's memory of the lease",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let mut listed = sit.listed();
    sit.nodes()
        .filter_map(|name| {
            let verdict = match listed.at(name) {
                Ok(Some(node)) => clear(sit, name, node),
                Ok(None) => return None,
                Err(blind) => Verdict::unknown(format!("the API's nodes: {blind}")),
            };
            Some((Target::Machine(name.clone()), verdict))
        })
        .collect()
}

fn clear(sit: &Situation<'_>, name: &MachineName, node: &NodeFacts) -> Verdict {
    let record = match &node.cordon {
        CordonMark::None if node.unschedulable => {
            let whose = whose(node);
            return Verdict::skipped(format!("cordoned by {whose}: kept"));
        }
        CordonMark::None => return Verdict::Pass,
        CordonMark::Garbled => {
            return Verdict::skipped("its cordon record can't be read: not touched");
        }
        CordonMark::Record(record) => record,
    };
    if record.kind == CordonKind::Manual {
        return Verdict::skipped("cordoned for a person, since its lease ran out");
    }
    if record.owner != sit.policy.owner {
        return Verdict::skipped(format!("cordoned by the ananke host {}: kept", record.owner));
    }
    if sit.proven(name) {
        return Verdict::fail("the cordon has done its work and can be given back");
    }
    let used = used(sit, name);
    let lease = sit.policy.timing.cordon_lease;
    if used >= lease {
        return Verdict::fail(format!("its lease of {lease} of cluster-up time ran out"));
    }
    if sit.missing.contains_key(name) {
        return Verdict::fail("cordoned, and its remedies are at their end");
    }
    let what = match record.kind {
        CordonKind::Recovery | CordonKind::Manual => "for repair",
        CordonKind::Shutdown => "since the shutdown",
    };
    Verdict::Settling {
        why: format!("cordoned {what}, {} of its lease left", lease.less(used)),
        until: sit.now + lease.less(used),
    }
}

/// How much of a cordon's lease is used, in cluster-up time.
fn used(sit: &Situation<'_>, name: &MachineName) -> Span {
    let written = sit.durable.cordons.get(name).map_or(Span::ZERO, |held| held.used);
    let since = sit.passing.cordon_extra.get(name).copied().unwrap_or(Span::ZERO);
    written + since
}

/// Whose cordon it is, as far as the node says.
pub(crate) fn whose(node: &NodeFacts) -> String {
    if node.foreign.is_empty() { "somebody".to_owned() } else { node.foreign.join(", ") }
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![
        format!("kubectl describe node {target}"),
        format!("kubectl uncordon {target}   when it is good again"),
    ]
}
