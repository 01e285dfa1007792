use super::kind::Verdicts;
use super::{AskMissing, Check, kind, loads, not_only_a_person};
use crate::model::cluster::{Objects, Pods, Workload};
use crate::model::object::ObjectName;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: loads::WORKLOADS_CONVERGED,
    title: "Every Deployment, StatefulSet and DaemonSet has all its pods, ready",
    evidence: "its controller counts them so, and every node that carries ready pods is proven to \
               be of its present boot, with no pod last heard of before it: counts outlive a \
               power cut as everything in etcd does",
    grace: |timing| timing.agent_start,
    missing: AskMissing::Skip,
    person: not_only_a_person,
    judge,
    by_hand: |_, target| loads::by_hand(target),
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let cluster = &sit.seen.cluster;
    let mut verdicts = Verdicts::default();
    for kind in Workload::KINDS {
        if let Some(seen) = cluster.workloads(kind) {
            verdicts.of(sit, kind, seen, |path, it| judged(sit, &path.of_kind(kind), it));
        }
    }
    let mut found = verdicts.or("nothing runs here");
    let known = Workload::KINDS.into_iter().filter_map(|kind| cluster.workloads(kind));
    if !known.filter_map(Objects::any_age).any(|all| !all.is_empty()) {
        return found;
    }
    let old: Vec<_> = match kind::fresh(sit, Pods::KIND, &cluster.pods) {
        Ok(pods) => loads::unproven(sit, pods)
            .map(|(node, verdict)| (Target::Machine(node.clone()), verdict))
            .collect(),
        // Without the pods nobody can say how old the counts are.
        Err(Verdict::Skipped { why }) => vec![(Target::Cluster, Verdict::unknown(why))],
        Err(blind) => vec![(Target::Cluster, blind)],
    };
    let doubtful = old
        .iter()
        .any(|(target, _)| target.machine().is_none_or(|name| !sit.missing.contains_key(name)));
    if doubtful {
        // A count that may be old is no pass, and what stands for it is said once for all.
        found.retain(|(_, verdict)| *verdict != Verdict::Pass);
    }
    found.extend(old);
    found
}

fn judged(sit: &Situation<'_>, name: &ObjectName, it: &Workload) -> Verdict {
    let wanted = it.wanted;
    let why = if it.behind {
        "its controller has not looked at it since it was changed".to_owned()
    } else if it.lacking > 0 {
        format!("{} of {wanted} pods are not ready", it.lacking)
    } else if it.outdated > 0 {
        format!("{} of {wanted} pods are of an older template", it.outdated)
    } else {
        return Verdict::Pass;
    };
    if let Some(verdict) = loads::taken_along(sit, name, it, &why) {
        return verdict;
    }
    match loads::troubled(sit, name).next() {
        Some((_, pod)) if !pod.why.is_empty() => Verdict::fail(format!("{why}: {}", pod.why)),
        Some(_) | None => Verdict::fail(why),
    }
}
