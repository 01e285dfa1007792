use super::{AskMissing, Check, no_grace, not_only_a_person};
use crate::model::cluster::Suspended;
use crate::model::ids::CheckId;
use crate::model::object::ObjectName;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("nothing-left"),
    title: "Everything temporary was given back, and nothing is under way",
    evidence: "ananke's memory of its own cordons and actions",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let cordons = sit.durable.cordons.keys().map(|name| {
        (Target::Machine(name.clone()), Verdict::fail("a recovery cordon of ours is left"))
    });
    let actions = sit.durable.in_flight.values().map(|flight| {
        let why = format!("under way: {}", flight.action.effect);
        (flight.action.target.clone(), Verdict::fail(why))
    });
    let suspended = sit.descent().into_iter().flat_map(|descent| &descent.suspended);
    let ours = |name: &&ObjectName| {
        let progress = sit.seen.cluster.progress(name);
        progress.is_some_and(|it| it.suspended == Suspended::ByUs)
    };
    let suspended = suspended.filter(ours).map(|name| {
        (Target::Object(name.clone()), Verdict::fail("suspended by ananke, and not resumed yet"))
    });
    let mut verdicts: Vec<_> = cordons.chain(actions).chain(suspended).collect();
    if verdicts.is_empty() {
        verdicts.push((Target::Cluster, Verdict::Pass));
    }
    verdicts
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    if let Some(name) = target.object() {
        let namespace = name.namespace.as_deref().unwrap_or("flux-system");
        let kind = name.kind.to_lowercase();
        return vec![format!("kubectl -n {namespace} describe {kind} {}", name.name)];
    }
    vec![format!("kubectl describe node {target}")]
}
