use super::kind::Verdicts;
use super::{AskMissing, Check, flux, no_grace, not_only_a_person};
use crate::model::cluster::Kustomization;
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("kustomization-applied"),
    title: "Everything that is in git was applied since the outage",
    evidence: "its controller dealt with a request that ananke made in this episode, says \
               Ready, and has applied the revision that its source has now",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand: |_, target| flux::by_hand(target),
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let mut verdicts = Verdicts::default();
    let seen = &sit.seen.cluster.kustomizations;
    verdicts.of(sit, Kustomization::KIND, seen, |_, it| flux::kustomization(sit, it));
    verdicts.or("Flux applies nothing here")
}
