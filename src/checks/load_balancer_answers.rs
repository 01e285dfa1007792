use super::{AskMissing, Check, not_only_a_person, probed};
use crate::model::ids::CheckId;

pub static CHECK: Check = Check {
    id: CheckId::fixed("load-balancer-answers"),
    title: "What stands behind the load balancer answers at its address",
    evidence: probed::EVIDENCE,
    grace: probed::grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge: |sit| probed::of_gate(sit, "load-balancer"),
    by_hand: probed::by_hand,
};
