use super::{AskMissing, Check, empty, no_grace, not_only_a_person};
use crate::model::ids::CheckId;
use crate::model::policy::Role;

pub static CHECK: Check = Check {
    id: CheckId::fixed("agent-empty"),
    title: "Nothing of pods is left on any agent that goes down",
    evidence: "the machine's own count of tasks below kubepods and of file systems below kubelet's \
               folder: containers outlive k3s-agent",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge: |sit| empty::judge(sit, Role::Agent),
    by_hand: empty::by_hand,
};
