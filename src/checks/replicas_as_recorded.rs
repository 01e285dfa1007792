use super::kind::Verdicts;
use super::{AskMissing, Check, loads, no_grace, not_only_a_person};
use crate::model::cluster::Workload;
use crate::model::ids::CheckId;
use crate::model::object::ObjectName;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("replicas-as-recorded"),
    title: "Nothing stands at zero that had pods on the last good day",
    evidence: "the number of pods that each workload wants, against what was recorded when \
               everything was good; a workload at zero is whole by its controller's word",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    if !sit.in_episode() {
        let why = "what is scaled on a quiet day is what somebody wants";
        return vec![(Target::Cluster, Verdict::skipped(why))];
    }
    let mut verdicts = Verdicts::default();
    for kind in [Workload::DEPLOYMENT, Workload::STATEFUL_SET] {
        if let Some(seen) = sit.seen.cluster.workloads(kind) {
            verdicts.of(sit, kind, seen, |path, it| judged(sit, &path.of_kind(kind), it));
        }
    }
    verdicts.or("nothing runs here whose number of pods is recorded")
}

fn judged(sit: &Situation<'_>, name: &ObjectName, it: &Workload) -> Verdict {
    let Some(had) = sit.durable.normal.replicas_of(name).filter(|_| it.wanted == 0) else {
        return Verdict::Pass;
    };
    let why = format!("it stands at 0, and had {had} on the last good day");
    match it.left_alone.as_str() {
        "" => Verdict::fail(why),
        others => Verdict::skipped(format!("{why}: {others}")),
    }
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let Some(name) = target.object() else { return loads::by_hand(target) };
    let namespace = name.namespace.as_deref().unwrap_or("default");
    let had = sit.durable.normal.replicas_of(name).unwrap_or(1);
    let kind = name.kind.to_lowercase();
    vec![format!("kubectl -n {namespace} scale {kind} {} --replicas={had}", name.name)]
}
