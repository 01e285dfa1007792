use super::kind::Verdicts;
use super::{AskMissing, Check, flux, no_grace};
use crate::model::cluster::{HelmRelease, ObjectPath};
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("helm-release"),
    title: "Every chart is installed, by a word that is newer than the outage",
    evidence: "its controller dealt with a request that ananke made in this episode, and says \
               Ready",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: gave_up,
    judge,
    by_hand: |_, target| flux::by_hand(target),
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let mut verdicts = Verdicts::default();
    let seen = &sit.seen.cluster.helm_releases;
    verdicts.of(sit, HelmRelease::KIND, seen, |_, it| installed(sit, it));
    verdicts.or("there are no Helm releases of Flux here")
}

fn installed(sit: &Situation<'_>, it: &HelmRelease) -> Verdict {
    if let Some(verdict) = flux::left_alone(&it.progress) {
        return verdict;
    }
    match flux::said(&it.progress) {
        Verdict::Fail { why } if it.stalled => Verdict::fail(format!("it has given up: {why}")),
        Verdict::Pass => flux::proven(sit, &it.progress),
        said @ (Verdict::Fail { .. }
        | Verdict::Settling { .. }
        | Verdict::Unknown { .. }
        | Verdict::Skipped { .. }) => said,
    }
}

/// A release that has used up its retries tries again only after a reset, and what that does to
/// its data only a person can say.
fn gave_up(sit: &Situation<'_>, target: &Target) -> bool {
    let found = target
        .object()
        .and_then(|name| sit.seen.cluster.helm_releases.any_age()?.get(&ObjectPath::of(name)));
    found.is_some_and(|it| it.stalled)
}
