use super::{AskMissing, Check, not_only_a_person, probed};
use crate::model::ids::CheckId;

pub static CHECK: Check = Check {
    id: CheckId::fixed("git-answers"),
    title: "The git server answers as Flux asks it",
    evidence: probed::EVIDENCE,
    grace: probed::grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge: |sit| probed::of_gate(sit, "git"),
    by_hand: probed::by_hand,
};
