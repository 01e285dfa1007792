use super::{AskMissing, Check, hygiene, not_only_a_person};
use crate::model::hygiene::{HygieneFacts, ServiceFacts};
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("services-run"),
    title: "The host services that the node needs are active",
    evidence: "systemd on the node in this boot; what they do for the cluster is for later gates",
    grace: |_| BOOTING,
    missing: AskMissing::Skip,
    person: not_only_a_person,
    judge: |sit| hygiene::judge(sit, "hosts.services", |needs| !needs.services.is_empty(), run),
    by_hand,
};

/// sshd answers before everything that starts at boot has started.
const BOOTING: Span = Span::secs(20);

fn run(facts: &HygieneFacts) -> Verdict {
    let Some(idle) = &facts.idle_services else {
        return Verdict::unknown("systemd did not say what its services do");
    };
    let said = |(name, service): (&String, &ServiceFacts)| match service.active {
        Some(active) => format!("{name} is {active}"),
        None => format!("{name} can't run: {}", service.result),
    };
    let all: Vec<String> = idle.iter().map(said).collect();
    if all.is_empty() { Verdict::Pass } else { Verdict::fail(all.join(", ")) }
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let facts = target.machine().and_then(|name| sit.hygiene(name).ok());
    let idle = facts.and_then(|facts| facts.idle_services.as_ref()).into_iter().flatten();
    idle.map(|(name, _)| format!("systemctl status {name}   on {target}")).collect()
}
