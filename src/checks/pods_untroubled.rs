use std::collections::BTreeMap;

use super::{AskMissing, Check, kind, loads, not_only_a_person};
use crate::model::cluster::{ObjectPath, Pods, Trouble, TroubledPod};
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: loads::PODS_UNTROUBLED,
    title: "No pod waits in a back-off, and none is left over from before",
    evidence: "each pod's own status, workload by workload; one that runs and is not ready is \
               counted by its workload",
    grace: |timing| timing.agent_start,
    missing: AskMissing::Skip,
    person: not_only_a_person,
    judge,
    by_hand,
};

/// The remedy that takes left-over pods away.
pub(crate) const DELETE_LEFT_OVER: RemedyId = RemedyId::fixed("delete-left-over-pod");

/// How often that is tried on one pod. What stays then does no harm.
pub(crate) const TRIES: u32 = 2;

/// So many are taken away in one episode: each is remembered until it ends.
const MOST: usize = 50;

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let pods = match kind::fresh(sit, Pods::KIND, &sit.seen.cluster.pods) {
        Ok(pods) => pods,
        Err(verdict) => return vec![(Target::Cluster, verdict)],
    };
    // One finding for each workload, however many of its pods are in it.
    let mut found = BTreeMap::new();
    for (path, pod) in &pods.troubled {
        let of_pod = || Target::Object(path.of_kind(Pods::KIND));
        match pod.trouble {
            Trouble::BacksOff | Trouble::NoImage if loads::is_here(sit, pod) => {
                let target = pod.of.clone().map_or_else(of_pod, Target::Object);
                found.entry(target).or_insert_with(|| stuck(sit, path, pod));
            }
            Trouble::LeftOver if sit.in_episode() => {
                found.insert(of_pod(), left_over(sit, pod, &of_pod()));
            }
            // Those are counted by their workload, or are on a machine that is missing.
            Trouble::BacksOff
            | Trouble::NoImage
            | Trouble::LeftOver
            | Trouble::Waits
            | Trouble::NotReady => {}
        }
    }
    if pods.more > 0 {
        let why = format!("{} more pods are in trouble; their workloads count them", pods.more);
        found.insert(Target::Cluster, Verdict::skipped(why));
    }
    if found.is_empty() {
        found.insert(Target::Cluster, Verdict::Pass);
    }
    found.into_iter().collect()
}

fn stuck(sit: &Situation<'_>, path: &ObjectPath, pod: &TroubledPod) -> Verdict {
    let why = format!("{path}: {} ({} restarts)", pod.why, pod.restarts);
    let Some(of) = &pod.of else {
        return Verdict::skipped(format!("nobody makes it anew, so it is left alone: {why}"));
    };
    let lost = loads::workload(sit, of).and_then(|it| loads::taken_along(sit, of, it, &why));
    lost.unwrap_or_else(|| Verdict::fail(why))
}

/// A record of a pod that ended does no harm. It is taken away where nobody can miss it.
fn left_over(sit: &Situation<'_>, pod: &TroubledPod, target: &Target) -> Verdict {
    let why = &pod.why;
    let Some(of) = &pod.of else {
        return Verdict::skipped(format!("a record that nobody makes anew: kept: {why}"));
    };
    if !loads::workload(sit, of).is_some_and(|it| it.wanted > 0 && it.is_whole()) {
        return Verdict::skipped(format!("kept until {of} is whole: {why}"));
    }
    if pod.node.as_ref().is_some_and(|node| !sit.proven(node)) {
        return Verdict::skipped(format!("kept until its node is proven fresh: {why}"));
    }
    let taken = sit.durable.attempts.get(&DELETE_LEFT_OVER);
    let tried = taken.and_then(|all| all.get(target));
    if tried.is_some_and(|tried| tried.count >= TRIES && tried.verify_until.is_none()) {
        return Verdict::skipped(format!("it does not go away: {why}"));
    }
    if tried.is_none() && taken.is_some_and(|all| all.len() >= MOST) {
        return Verdict::skipped(format!("{MOST} of them were taken away already: {why}"));
    }
    Verdict::fail(format!("left over: {why}"))
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let mut lines = loads::by_hand(target);
    let Some(name) = target.object() else { return lines };
    let namespace = name.namespace.as_deref().unwrap_or("default");
    let pod = loads::troubled(sit, name).next();
    let own = || name.name.as_str();
    let pod = pod.map_or_else(own, |(path, _)| path.name());
    lines.push(format!("kubectl -n {namespace} logs {pod} --previous"));
    lines.push(format!("kubectl -n {namespace} delete pod {pod}"));
    lines
}
