use super::{AskMissing, Check, no_grace, not_only_a_person, stopped};
use crate::model::ids::CheckId;
use crate::model::policy::Role;

pub static CHECK: Check = Check {
    id: CheckId::fixed("agent-stopped"),
    title: "k3s-agent.service is stopped on every agent that goes down",
    evidence: "systemd on the agent itself, or that the machine is proven to be off",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge: |sit| stopped::judge(sit, Role::Agent),
    by_hand: stopped::by_hand,
};
