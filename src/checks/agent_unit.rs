use super::{AskMissing, Check, no_grace, not_only_a_person, unit};
use crate::model::facts::Unit;
use crate::model::ids::CheckId;
use crate::model::policy::Role;

pub static CHECK: Check = Check {
    id: CheckId::fixed("agent-unit"),
    title: "k3s-agent.service runs on every agent",
    evidence: "systemd on the agent itself; whether it works is for the checks after it",
    grace: no_grace,
    missing: AskMissing::Skip,
    person: not_only_a_person,
    judge: |sit| unit::judge(sit, Role::Agent, Unit::K3sAgent, sit.policy.timing.agent_start),
    by_hand: |_, target| unit::by_hand(Unit::K3sAgent, target),
};
