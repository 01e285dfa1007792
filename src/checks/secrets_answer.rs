use super::{AskMissing, Check, not_only_a_person, probed};
use crate::model::ids::CheckId;

pub static CHECK: Check = Check {
    id: CheckId::fixed("secrets-answer"),
    title: "What gives out secrets answers, a vault with how it stands",
    evidence: probed::EVIDENCE,
    grace: probed::grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge: |sit| probed::of_gate(sit, "secrets"),
    by_hand: probed::by_hand,
};
