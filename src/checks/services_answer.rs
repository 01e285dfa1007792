use super::{AskMissing, Check, not_only_a_person, probed};
use crate::model::ids::CheckId;

pub static CHECK: Check = Check {
    id: CheckId::fixed("services-answer"),
    title: "The services that are named in the configuration answer",
    evidence: probed::EVIDENCE,
    grace: probed::grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge: |sit| probed::of_gate(sit, "services"),
    by_hand: probed::by_hand,
};
