use super::{AskMissing, Check, not_only_a_person, probed};
use crate::model::ids::CheckId;

pub static CHECK: Check = Check {
    id: CheckId::fixed("registry-answers"),
    title: "The registry answers as nodes ask it",
    evidence: probed::EVIDENCE,
    grace: probed::grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge: |sit| probed::of_gate(sit, "registry"),
    by_hand: probed::by_hand,
};
