use super::{AskMissing, Check, not_only_a_person};
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("route-there"),
    title: "The node has a default route",
    evidence: "the kernel's routing table; k3s without --node-ip does not start without one",
    grace: |_| DHCP,
    missing: AskMissing::Skip,
    person: not_only_a_person,
    judge,
    by_hand,
};

/// What a lease may take after sshd answers.
const DHCP: Span = Span::secs(30);

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    if !sit.policy.hosts.default_route {
        let why = "hosts.default_route is not set: a site may be without one";
        return vec![(Target::Cluster, Verdict::skipped(why))];
    }
    let verdict = |name| match sit.hygiene(name) {
        Ok(facts) if facts.default_route => Verdict::Pass,
        Ok(_) => Verdict::fail("there is no default route"),
        Err(blind) => Verdict::unknown(format!("nobody could look closer: {blind}")),
    };
    sit.nodes().map(|name| (Target::Machine(name.clone()), verdict(name))).collect()
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![format!("ip route; networkctl   on {target}")]
}
