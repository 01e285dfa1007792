//! What the checks of Flux's objects share: what an object says of itself, and whether that is
//! newer than the outage.

use super::{kind, loads};
use crate::model::cluster::{Kustomization, ObjectPath, Progress, Source, Suspended};
use crate::model::facts::Ready;
use crate::model::ids::RemedyId;
use crate::model::object::ObjectName;
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

/// The remedy whose requests Flux deals with. The proof is the answer to one of them.
pub(crate) const REQUEST_RECONCILE: RemedyId = RemedyId::fixed("request-reconcile");

/// What is said of an object that nobody may ask to go on. `None`: it may be asked.
pub(super) fn left_alone(progress: &Progress) -> Option<Verdict> {
    match progress.suspended {
        Suspended::No => None,
        Suspended::ByUs => Some(Verdict::fail("suspended by ananke, and not resumed yet")),
        Suspended::ByOthers => Some(Verdict::skipped("suspended by somebody else: kept")),
    }
}

/// What an object says of itself, whenever it said so.
pub(super) fn said(progress: &Progress) -> Verdict {
    if progress.ready == Ready::False {
        return Verdict::fail(format!("not Ready: {}", progress.why));
    }
    if progress.behind {
        return Verdict::fail("its controller has not looked at it since it was changed");
    }
    match progress.ready {
        Ready::True => Verdict::Pass,
        Ready::False | Ready::Unknown => Verdict::fail(format!("not Ready yet: {}", progress.why)),
    }
}

/// Whether what an object says is newer than the outage. On a quiet day its word is enough.
pub(super) fn proven(sit: &Situation<'_>, progress: &Progress) -> Verdict {
    if !sit.in_episode() || answered(sit, progress) {
        return Verdict::Pass;
    }
    if !sit.request.execute {
        return Verdict::skipped("Ready, unproven: a dry run asks Flux nothing");
    }
    Verdict::fail("Ready, not proven yet: Flux has not dealt with a request of this episode")
}

/// Whether Flux has dealt with a request that ananke made in this episode, after the servers came
/// back. What it made of it the object says itself.
pub(crate) fn answered(sit: &Situation<'_>, progress: &Progress) -> bool {
    let Some(episode) = &sit.durable.episode else { return false };
    let ours = format!("{}.{}-", sit.durable.life, episode.id);
    let number = progress.handled.strip_prefix(&ours).and_then(|number| number.parse().ok());
    number.is_some_and(|number: u64| number > before_control_plane(sit))
}

/// The last action before the first server was proven to be of its present boot. While none is,
/// no answer counts.
fn before_control_plane(sit: &Situation<'_>) -> u64 {
    let servers = sit.policy.with_role(Role::Server);
    let proofs = servers.filter_map(|name| sit.durable.proofs.get(name));
    proofs.map(|proof| proof.action).min().unwrap_or(u64::MAX)
}

/// The verdict on a Kustomization.
pub(crate) fn kustomization(sit: &Situation<'_>, it: &Kustomization) -> Verdict {
    // What ananke suspended it resumes, also where it asks nothing else.
    if let Some(verdict) = left_alone(&it.progress) {
        return verdict;
    }
    if it.asks_us {
        return Verdict::skipped("its health checks ask ananke's own status: that is a circle");
    }
    let said = said(&it.progress);
    if matches!(said, Verdict::Fail { .. })
        && let Some(missing) = loads::missing(sit)
        && waits_for_missing(sit, it, MAX_DEPTH)
    {
        let why = said.why();
        return Verdict::skipped(format!("it waits while {missing}: {why}"));
    }
    if said != Verdict::Pass || !sit.in_episode() {
        return said;
    }
    if let Some(source) = sit.seen.cluster.source(&it.source)
        && source.revision != it.applied
    {
        let (has, wants) = (or_nothing(&it.applied), or_nothing(&source.revision));
        return Verdict::fail(format!("it has applied {has}, and its source has {wants}"));
    }
    proven(sit, &it.progress)
}

/// More dependencies in a row than this are no sensible graph, and a circle is none either.
const MAX_DEPTH: u32 = 16;

/// Whether all that keeps a Kustomization from being Ready may be what a missing machine would
/// run: it was applied, by a word that is newer than the outage, and waits for health; or it waits
/// for one that does. Whether it is the machine, the workloads themselves say at their own gate.
fn waits_for_missing(sit: &Situation<'_>, it: &Kustomization, depth: u32) -> bool {
    let why = it.progress.why.as_str();
    let heard = !sit.in_episode() || answered(sit, &it.progress);
    match why.split_once(':').map_or(why, |(reason, _)| reason) {
        "HealthCheckFailed" => heard,
        // It has failed once in this episode, and is trying again.
        "Progressing" | "ProgressingWithRetry" => heard && it.progress.ready == Ready::Unknown,
        "ReconciliationFailed" => {
            heard && (why.contains("health check") || why.contains("timeout waiting for"))
        }
        "DependencyNotReady" if depth > 0 => {
            let all = kind::fresh(sit, Kustomization::KIND, &sit.seen.cluster.kustomizations).ok();
            let before = it.after.iter().filter_map(|path| all.and_then(|all| all.get(path)));
            let mut bad =
                before.filter(|before| said(&before.progress) != Verdict::Pass).peekable();
            let any = bad.peek().is_some();
            any && bad.all(|before| waits_for_missing(sit, before, depth - 1))
        }
        _ => false,
    }
}

const fn or_nothing(revision: &str) -> &str {
    if revision.is_empty() { "nothing" } else { revision }
}

/// Whether a Kustomization is as good as it has to be for those that come after it.
pub(crate) fn is_good(sit: &Situation<'_>, path: &ObjectPath) -> bool {
    let objects = kind::fresh(sit, Kustomization::KIND, &sit.seen.cluster.kustomizations);
    let found = objects.ok().and_then(|objects| objects.get(path));
    found.is_some_and(|it| kustomization(sit, it).lets_open())
}

/// Whether a source is as good as it has to be for what comes from it. One of a kind that is not
/// looked at is for its own Kustomization to judge.
pub(crate) fn source_is_good(sit: &Situation<'_>, name: &ObjectName) -> bool {
    if !matches!(name.kind.as_str(), Source::GIT | Source::OCI) {
        return true;
    }
    let good = |source: &Source| {
        said(&source.progress) == Verdict::Pass
            && source.progress.suspended == Suspended::No
            && !source.revision.is_empty()
            && proven(sit, &source.progress).lets_open()
    };
    sit.seen.cluster.source(name).is_some_and(good)
}

/// What a person can do about an object of Flux.
pub(super) fn by_hand(target: &Target) -> Vec<String> {
    let Some(name) = target.object() else {
        return vec!["kubectl get gitrepositories,kustomizations,helmreleases -A".to_owned()];
    };
    let namespace = name.namespace.as_deref().unwrap_or("flux-system");
    let kind = name.kind.to_lowercase();
    vec![
        format!("kubectl -n {namespace} describe {kind} {}", name.name),
        format!(
            "kubectl -n {namespace} annotate {kind} {} --overwrite \
             reconcile.fluxcd.io/requestedAt=$(date +%s)",
            name.name
        ),
    ]
}
