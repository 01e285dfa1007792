use super::{AskMissing, Check, evicted, no_grace, not_only_a_person};
use crate::model::action::PodTier;
use crate::model::ids::CheckId;

pub static CHECK: Check = Check {
    id: CheckId::fixed("applications-evicted"),
    title: "Applications left the nodes that go down",
    evidence: "the pods of each node as the API has them; one that is asked to go still counts",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge: |sit| evicted::judge(sit, PodTier::Applications),
    by_hand: evicted::by_hand,
};
