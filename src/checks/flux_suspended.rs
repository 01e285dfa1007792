use super::{AskMissing, Check, kind, no_grace, not_only_a_person};
use crate::model::cluster::{HelmRelease, Kustomization, ObjectPath, Progress, Suspended};
use crate::model::ids::CheckId;
use crate::model::intent::Scope;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("flux-suspended"),
    title: "Flux changes nothing while the cluster goes down",
    evidence: "the objects of Flux: ananke's own note stands on each that it suspended, and what \
               somebody else suspended is left so",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let of_all = |verdict| vec![(Target::Cluster, verdict)];
    if let Some(why) = sit.no_control_plane() {
        return of_all(Verdict::skipped(why));
    }
    if sit.durable.intent.scope != Scope::Whole {
        return of_all(Verdict::skipped("a part of the cluster stays up, and Flux with it"));
    }
    let cluster = &sit.seen.cluster;
    let mut verdicts = Vec::new();
    let mut blind = Vec::new();
    match kind::fresh(sit, Kustomization::KIND, &cluster.kustomizations) {
        Ok(all) => verdicts
            .extend(all.iter().map(|(path, it)| said(path, Kustomization::KIND, &it.progress))),
        Err(verdict) => blind.push(verdict),
    }
    match kind::fresh(sit, HelmRelease::KIND, &cluster.helm_releases) {
        Ok(all) => verdicts
            .extend(all.iter().map(|(path, it)| said(path, HelmRelease::KIND, &it.progress))),
        Err(verdict) => blind.push(verdict),
    }
    // What is not served holds nothing up; what can't be seen does.
    let unknown = blind.iter().find(|it| !it.lets_open()).cloned();
    let none = verdicts.is_empty().then(|| blind.into_iter().next()).flatten();
    verdicts.extend(unknown.or(none).map(|verdict| (Target::Cluster, verdict)));
    verdicts
}

fn said(path: &ObjectPath, kind: &str, progress: &Progress) -> (Target, Verdict) {
    let verdict = match progress.suspended {
        Suspended::ByUs => Verdict::Pass,
        Suspended::ByOthers => Verdict::skipped("suspended by somebody else: kept"),
        Suspended::No => Verdict::fail("Flux still changes things by it"),
    };
    (Target::Object(path.of_kind(kind)), verdict)
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    let Some(name) = target.object() else {
        return vec!["kubectl get kustomizations,helmreleases -A".to_owned()];
    };
    let namespace = name.namespace.as_deref().unwrap_or("flux-system");
    let kind = name.kind.to_lowercase();
    vec![format!("kubectl -n {namespace} describe {kind} {}", name.name)]
}
