use super::{AskMissing, Check, no_grace, not_only_a_person, unit};
use crate::model::facts::Unit;
use crate::model::ids::CheckId;
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("agent-unit"),
    title: "k3s-agent.service runs on every agent",
    evidence: "systemd on the agent itself; whether it works is for the checks after it",
    grace: no_grace,
    missing: AskMissing::Skip,
    person: not_only_a_person,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let start = sit.policy.timing.agent_start;
    sit.policy
        .with_role(Role::Agent)
        .map(|name| {
            let verdict = match sit.host(name) {
                Ok(host) => unit::running(host, Unit::K3sAgent, sit.now, start),
                Err(blind) => Verdict::unknown(blind.detail),
            };
            (Target::Machine(name.clone()), verdict)
        })
        .collect()
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![
        format!("journalctl -u k3s-agent -b -n 50        on {target}"),
        format!("sudo systemctl restart k3s-agent        on {target}"),
    ]
}
