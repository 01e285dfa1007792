//! What the checks of workloads and of their pods share: whether what is said of them is of this
//! boot, what they wait for, and what a missing machine took along.

use super::kind;
use crate::model::cluster::{
    Answerers, ObjectPath, PodCount, Pods, Trouble, TroubledPod, Workload,
};
use crate::model::ids::{CheckId, MachineName};
use crate::model::in_step::InStep;
use crate::model::object::ObjectName;
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::{Target, Verdict};

/// The check that asks every workload.
pub(crate) const WORKLOADS_CONVERGED: CheckId = CheckId::fixed("workloads-converged");
/// The check that asks every pod in trouble.
pub(crate) const PODS_UNTROUBLED: CheckId = CheckId::fixed("pods-untroubled");

/// The namespace of what every workload needs: name server, storage, ingress of k3s.
const SYSTEM: &str = "kube-system";

/// Missing nodes beyond this many are counted, not named.
const MAX_NAMED: usize = 3;

/// The nodes that were given up, in words. `None` if there are none.
pub(super) fn missing(sit: &Situation<'_>) -> Option<String> {
    let nodes = sit.missing.keys().filter(|name| sit.role(name).is_some_and(Role::is_node));
    let names: Vec<&str> = nodes.map(MachineName::as_str).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("{one} is missing")),
        few if few.len() <= MAX_NAMED => Some(format!("{} are missing", few.join(", "))),
        many => {
            let (named, more) = many.split_at(MAX_NAMED);
            Some(format!("{} and {} more are missing", named.join(", "), more.len()))
        }
    }
}

fn missing_nodes(sit: &Situation<'_>) -> usize {
    sit.missing.keys().filter(|name| sit.role(name).is_some_and(Role::is_node)).count()
}

/// Nodes whose pods say that they are ready, by a word that may be from before the node's boot:
/// while there is one, no workload counts as good.
pub(super) fn unproven<'a>(
    sit: &Situation<'a>,
    pods: &'a Pods,
) -> impl Iterator<Item = (&'a MachineName, Verdict)> {
    let (sit, mut counts) = (*sit, InStep::new(&pods.on));
    let with_pods = sit.nodes().filter_map(move |name| Some((name, counts.at(name)?)));
    with_pods.filter_map(move |(name, count)| Some((name, outlived(&sit, name, count)?)))
}

/// A kubelet goes through all its pods once a minute: one that was proven so long ago has told of
/// every pod, whatever its version.
const TOLD: Span = Span::mins(5);

/// What is said where the ready pods of a node may be ready by a word from before its boot.
fn outlived(sit: &Situation<'_>, name: &MachineName, count: &PodCount) -> Option<Verdict> {
    let ready = count.ready;
    if ready == 0 {
        return None;
    }
    let Some(proof) = sit.durable.proofs.get(name).filter(|_| sit.proven(name)) else {
        let why = format!("{ready} pods say Ready there, and the node is not proven fresh");
        return Some(Verdict::unknown(why));
    };
    let newer = proof.after == 0 || count.oldest.is_some_and(|oldest| oldest > proof.after);
    let until = proof.at + TOLD;
    (!newer && sit.now < until).then(|| Verdict::Settling {
        why: format!("some of {ready} ready pods there were last heard of before its boot"),
        until,
    })
}

/// The pods, if they are fresh.
fn pods<'a>(sit: &Situation<'a>) -> Option<&'a Pods> {
    kind::fresh(sit, Pods::KIND, &sit.seen.cluster.pods).ok()
}

/// The pods in trouble of a workload that are not on a missing machine.
pub(crate) fn troubled<'a>(
    sit: &Situation<'a>,
    name: &'a ObjectName,
) -> impl Iterator<Item = (&'a ObjectPath, &'a TroubledPod)> {
    let sit = *sit;
    let all = pods(&sit).into_iter().flat_map(|pods| &pods.troubled);
    let of = all.filter(move |(_, pod)| pod.of.as_ref() == Some(name));
    of.filter(move |(_, pod)| is_here(&sit, pod))
}

/// Whether a pod is not on a machine that was given up.
pub(super) fn is_here(sit: &Situation<'_>, pod: &TroubledPod) -> bool {
    pod.node.as_ref().is_none_or(|node| !sit.missing.contains_key(node))
}

/// A workload as it is now.
pub(crate) fn workload<'a>(sit: &Situation<'a>, name: &ObjectName) -> Option<&'a Workload> {
    let all = kind::fresh(sit, &name.kind, sit.seen.cluster.workloads(&name.kind)?).ok()?;
    all.get(&ObjectPath::of(name))
}

/// How long a target has not passed a check.
pub(crate) fn failing_for(sit: &Situation<'_>, check: &CheckId, name: &ObjectName) -> Span {
    let since = sit.passing.failing.get(check);
    let since = since.and_then(|all| all.get(&Target::Object(name.clone())));
    since.map_or(Span::ZERO, |since| sit.now.since(*since))
}

/// What is said of a workload that lacks something because of machines that are missing.
pub(super) fn taken_along(
    sit: &Situation<'_>,
    name: &ObjectName,
    it: &Workload,
    why: &str,
) -> Option<Verdict> {
    let missing = missing(sit)?;
    if is_lost(sit, name, it) {
        return Some(Verdict::skipped(format!("{why}, while {missing}")));
    }
    is_starved(sit, name)
        .then(|| Verdict::skipped(format!("{why}: it waits for others, while {missing}")))
}

/// Whether a workload lacks pods that only a missing machine could run. Those of others were made
/// elsewhere within the time for which such a machine is waited for.
fn is_lost(sit: &Situation<'_>, name: &ObjectName, it: &Workload) -> bool {
    let missing = missing_nodes(sit);
    if missing == 0 || it.is_whole() || it.behind {
        return false;
    }
    let fails_itself = troubled(sit, name).any(|(_, pod)| match pod.trouble {
        Trouble::BacksOff | Trouble::NoImage | Trouble::NotReady => true,
        Trouble::LeftOver | Trouble::Waits => false,
    });
    if fails_itself {
        return false;
    }
    if name.kind == Workload::DAEMON_SET {
        return usize::try_from(it.lacking.max(it.outdated)).is_ok_and(|lacks| lacks <= missing);
    }
    let all_named = pods(sit).is_some_and(|pods| pods.more == 0);
    all_named && failing_for(sit, &WORKLOADS_CONVERGED, name) >= sit.policy.timing.patience
}

/// Whether all that a workload lacks waits for another one that a missing machine took along.
fn is_starved(sit: &Situation<'_>, name: &ObjectName) -> bool {
    // A DaemonSet lacks its share of that machine, and works on all others.
    let gone = |other: &ObjectName, it: &Workload| {
        other.kind != Workload::DAEMON_SET && is_lost(sit, other, it)
    };
    let lost = |pod| needs(sit, name, pod).any(|(other, it)| gone(&other, it));
    let waiting: Vec<_> = troubled(sit, name)
        .map(|(_, pod)| pod)
        .filter(|pod| !matches!(pod.trouble, Trouble::LeftOver | Trouble::Waits))
        .collect();
    !waiting.is_empty() && waiting.into_iter().all(lost)
}

/// What a pod in trouble may wait for. Nobody writes down what a program asks for when it starts:
/// those are databases and drivers, what the system brings, and its neighbours. An image comes
/// from whatever stands behind its registry's name.
fn needs<'a>(
    sit: &Situation<'a>,
    name: &ObjectName,
    pod: &TroubledPod,
) -> impl Iterator<Item = (ObjectName, &'a Workload)> {
    let (sit, own) = (*sit, name.clone());
    let image = pod.trouble == Trouble::NoImage;
    let registry: Vec<ObjectPath> = if image { registry(&sit, pod).collect() } else { Vec::new() };
    let may_need = move |other: &ObjectName| {
        let space = other.namespace.as_deref();
        if image {
            return registry.iter().any(|service| service.namespace() == space);
        }
        *other != own
            && (other.kind != Workload::DEPLOYMENT
                || space == Some(SYSTEM)
                || space == own.namespace.as_deref())
    };
    let all = Workload::KINDS.into_iter().flat_map(move |kind| {
        let seen = sit.seen.cluster.workloads(kind);
        let all = seen.and_then(|seen| kind::fresh(&sit, kind, seen).ok());
        all.into_iter().flatten().map(move |(path, it)| (path.of_kind(kind), it))
    });
    all.filter(move |(other, _)| may_need(other))
}

/// The services behind the name of the registry that a pod's image should come from. None if that
/// is no registry of this cluster.
fn registry<'a>(
    sit: &Situation<'a>,
    pod: &TroubledPod,
) -> impl Iterator<Item = ObjectPath> + use<'a> {
    let host = registry_host(&pod.why).unwrap_or_default().to_owned();
    let ingresses = sit.seen.cluster.ingresses.if_fresh(sit.now, sit.policy.timing.fresh_for);
    let behind = ingresses.into_iter().flatten().filter(move |(_, it)| it.hosts.contains(&host));
    behind.flat_map(|(_, it)| &it.services).cloned()
}

/// The host of the image that the kubelet names in quotes.
fn registry_host(why: &str) -> Option<&str> {
    let (_, image) = why.split_once("image \"")?;
    let (host, _) = image.split_once('/')?;
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    host.contains('.').then_some(host)
}

/// Why the cause of a pod's trouble is not proven to be over. `None`: it is over, and what is left
/// is the back-off.
pub(crate) fn cause(sit: &Situation<'_>, name: &ObjectName, pod: &TroubledPod) -> Option<String> {
    let Some(pods) = pods(sit) else { return Some("the pods can't be seen".to_owned()) };
    let of_before = |(node, _): &(&MachineName, Verdict)| !sit.missing.contains_key(*node);
    if let Some((node, verdict)) = unproven(sit, pods).find(of_before) {
        return Some(format!("{node}: {}", verdict.why()));
    }
    if pod.trouble == Trouble::NoImage {
        let endpoints = &sit.seen.cluster.endpoints;
        let endpoints = endpoints.if_fresh(sit.now, sit.policy.timing.fresh_for);
        let ready = |service: &ObjectPath| {
            endpoints.and_then(|all| all.get(service)).is_some_and(Answerers::are_ready)
        };
        let mut services = registry(sit, pod).peekable();
        if services.peek().is_none() {
            return Some("nobody can say whether its registry answers".to_owned());
        }
        if let Some(service) = services.find(|service| !ready(service)) {
            return Some(format!("nothing is ready behind {service}"));
        }
    }
    let waits_itself = |other: &ObjectName| {
        pods.troubled
            .values()
            .any(|pod| pod.of.as_ref() == Some(other) && pod.trouble == Trouble::BacksOff)
    };
    let stands = |other: &ObjectName, it: &Workload| {
        let share = other.kind == Workload::DAEMON_SET && is_lost(sit, other, it);
        it.is_whole() || share || waits_itself(other)
    };
    let mut needs = needs(sit, name, pod);
    needs.find(|(other, it)| !stands(other, it)).map(|(other, _)| format!("{other} is not whole"))
}

/// What a person can do about a workload.
pub(super) fn by_hand(target: &Target) -> Vec<String> {
    let Some(name) = target.object() else {
        return vec![
            "kubectl get deployments,statefulsets,daemonsets -A".to_owned(),
            "kubectl get pods -A -o wide | grep -v Running".to_owned(),
        ];
    };
    let namespace = name.namespace.as_deref().unwrap_or("default");
    let kind = name.kind.to_lowercase();
    vec![
        format!("kubectl -n {namespace} describe {kind} {}", name.name),
        format!("kubectl -n {namespace} get pods -o wide"),
        format!("kubectl -n {namespace} get events --sort-by=.lastTimestamp"),
    ]
}

#[cfg(test)]
mod tests {
    use super::registry_host;

    #[test]
    fn the_registry_is_read_from_the_kubelets_words() {
        for (why, host) in [
            ("ImagePullBackOff: Back-off pulling image \"h.example/a/b:1\"", Some("h.example")),
            (
                "ErrImagePull: failed to pull and unpack image \"h.example:5000/b:1\": 503",
                Some("h.example"),
            ),
            ("ImagePullBackOff: Back-off pulling image \"library/b:1\"", None),
            ("ImagePullBackOff: Back-off pulling image \"busybox\"", None),
            ("CrashLoopBackOff: back-off 5m0s restarting failed container", None),
            ("", None),
        ] {
            assert_eq!(registry_host(why), host, "{why}");
        }
    }
}
