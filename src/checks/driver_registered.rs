use super::answers::{self, Word};
use super::{AskMissing, Check, kind, no_grace, not_only_a_person};
use crate::model::cluster::{Drivers, ObjectPath, Pods, TroubledPod, Workload};
use crate::model::ids::{CheckId, MachineName};
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("driver-registered"),
    title: "Every node has the storage drivers again that it had on a good day",
    evidence: "its CSINode names them, its status is of its present boot, and no pod of a driver \
               is in trouble on it; the list alone outlives a power cut, as the kubelet that \
               wrote it does not",
    grace: no_grace,
    missing: AskMissing::Skip,
    person: not_only_a_person,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let now = match kind::fresh(sit, "CSINode", &sit.seen.cluster.drivers) {
        Ok(now) => now,
        Err(verdict) => return vec![(Target::Cluster, verdict)],
    };
    let normal = &sit.durable.normal.drivers;
    let none = Drivers::new();
    let mut each = Vec::new();
    for name in sit.nodes() {
        let path = ObjectPath::new(name.as_str());
        let has = now.get(&path).unwrap_or(&none);
        // Without a good day to compare with, what is named has to be true.
        let had = normal.get(name).filter(|had| !had.is_empty()).unwrap_or(has);
        if !had.is_empty() {
            each.push((Target::Machine(name.clone()), registered(sit, name, had, has)));
        }
    }
    if each.is_empty() {
        let why = "no node has, or had, a storage driver";
        return vec![(Target::Cluster, Verdict::skipped(why))];
    }
    each
}

fn registered(sit: &Situation<'_>, name: &MachineName, had: &Drivers, has: &Drivers) -> Verdict {
    let lacking: Vec<&str> = had.difference(has).take(3).map(String::as_str).collect();
    if !lacking.is_empty() {
        let why = format!("not registered: {}", lacking.join(", "));
        return if sit.in_episode() {
            Verdict::fail(why)
        } else {
            Verdict::skipped(format!("{why}: held against nobody on a quiet day"))
        };
    }
    if !sit.in_episode() {
        return Verdict::Pass;
    }
    match answers::word(sit, name) {
        Word::New => works(sit, name),
        Word::NewAt(until) => {
            let why = "registered by its word, on a node that has just come back".to_owned();
            Verdict::Settling { why, until }
        }
        Word::Old | Word::Stranger => Verdict::unknown(
            "registered by a word that may be from before the outage: the node is not proven",
        ),
        Word::Missing => Verdict::skipped("the machine is missing"),
    }
}

/// Whether the pods that bring the drivers run on a fresh node. Their kubelet has written them anew
/// by now; they are known by the name of their DaemonSet, which all drivers have with `csi` in it.
fn works(sit: &Situation<'_>, name: &MachineName) -> Verdict {
    let pods = match kind::fresh(sit, Pods::KIND, &sit.seen.cluster.pods) {
        Ok(pods) => pods,
        // A cluster without pods is none that has drivers: this is only not to be seen.
        Err(verdict) => return Verdict::unknown(format!("its drivers: {}", verdict.why())),
    };
    let ours = |pod: &&TroubledPod| pod.node.as_ref() == Some(name) && is_driver(pod);
    if let Some(pod) = pods.troubled.values().find(ours) {
        let of = pod.of.as_ref().map_or("", |of| of.name.as_str());
        let why = if pod.why.is_empty() { "not Ready" } else { pod.why.as_str() };
        return Verdict::fail(format!("registered by its word, and its pod of {of}: {why}"));
    }
    if pods.more > 0 && lacking(sit) {
        return Verdict::unknown("more pods are in trouble than are named, some of drivers too");
    }
    Verdict::Pass
}

fn is_driver(pod: &TroubledPod) -> bool {
    pod.of.as_ref().is_some_and(|of| of.kind == Workload::DAEMON_SET && of.name.contains("csi"))
}

/// Whether any DaemonSet of a driver lacks a pod, or nobody can say.
fn lacking(sit: &Situation<'_>) -> bool {
    let sets = kind::fresh(sit, Workload::DAEMON_SET, &sit.seen.cluster.daemon_sets);
    let lacks =
        |(path, it): (&ObjectPath, &Workload)| path.as_str().contains("csi") && it.lacking > 0;
    sets.map_or(true, |sets| sets.iter().any(lacks))
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![
        format!("kubectl get csinode {target} -o yaml"),
        format!("kubectl get pods -A -o wide --field-selector spec.nodeName={target}"),
        "kubectl -n longhorn-system delete pod POD    the longhorn-csi-plugin on that node, when \
         the node was Ready for 3 minutes"
            .to_owned(),
    ]
}
