use super::{AskMissing, Check, not_only_a_person};
use crate::model::facts::{Blind, HostFacts, Link, NodeFacts, Ready, UnitActive};
use crate::model::ids::{CheckId, MachineName};
use crate::model::in_step::InStep;
use crate::model::memory::FreshProof;
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("node-fresh"),
    title: "Every node is Ready, and its status is newer than its last boot",
    evidence: "the boot id seen over SSH equals the one in the node's status, Ready is True, and \
               the node's Lease moved twice while we looked; Ready alone outlives a power cut",
    grace: |timing| timing.agent_start,
    missing: AskMissing::Skip,
    person: not_only_a_person,
    judge,
    by_hand,
};

/// A heartbeat that moved once may have been the last one of a dying kubelet; design rule.
pub(crate) const MOVES_NEEDED: u32 = 2;

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let (mut listed, mut proofs) = (sit.listed(), InStep::new(&sit.durable.proofs));
    let nodes = sit.hosts().filter(|(_, machine, _)| machine.role.is_node());
    nodes
        .map(|(name, _, host)| {
            let verdict = raw(sit, name, listed.at(name), &host, proofs.at(name));
            (Target::Machine(name.clone()), with_time(sit, name, host.ok(), verdict))
        })
        .collect()
}

/// A unit that systemd restarted this often by itself is in a crash loop: it is young for ever.
const RESTARTS_OF_A_LOOP: u32 = 3;

/// A node that had no chance yet is settling: its agent just began to run, or the API just came
/// up, or the machine just answers again. Time in which it could not be asked is none that it had:
/// behind a switch that was dead for an hour the first heartbeat is still ten seconds away.
fn with_time(
    sit: &Situation<'_>,
    name: &MachineName,
    host: Option<&HostFacts>,
    verdict: Verdict,
) -> Verdict {
    let Verdict::Fail { why } = verdict else { return verdict };
    let (had, needs) = (had(sit, name, host), sit.policy.timing.agent_start);
    if had < needs {
        Verdict::Settling { why, until: sit.now + needs.less(had) }
    } else {
        Verdict::Fail { why }
    }
}

/// How much time the node had to get fresh, at most: since its unit runs, the API serves, and the
/// machine answers.
fn had(sit: &Situation<'_>, name: &MachineName, host: Option<&HostFacts>) -> Span {
    let unit = sit.role(name).and_then(Role::unit);
    let runs = host.zip(unit).and_then(|(host, unit)| host.units.get(&unit)).and_then(|unit| {
        let once = unit.active == UnitActive::Active && unit.restarts < RESTARTS_OF_A_LOOP;
        unit.for_time.filter(|_| once)
    });
    let served = match &sit.seen.api.link {
        Link::Up { since, .. } => sit.now.since(*since),
        Link::Down { .. } | Link::Probing => Span::ZERO,
    };
    let answers = sit.passing.answering.get(name).map_or(Span::ZERO, |at| sit.now.since(*at));
    runs.unwrap_or(served).min(served).min(answers)
}

fn raw(
    sit: &Situation<'_>,
    name: &MachineName,
    node: Result<Option<&NodeFacts>, &Blind>,
    host: &Result<&HostFacts, Blind>,
    proof: Option<&FreshProof>,
) -> Verdict {
    let node = match node {
        Ok(Some(node)) => node,
        Ok(None) => return Verdict::fail("the API knows no such node"),
        Err(blind) => return Verdict::unknown(format!("the API's nodes: {blind}")),
    };
    let host = match host {
        Ok(host) => host,
        Err(blind) => return Verdict::unknown(format!("its boot can't be asked: {blind}")),
    };
    if node.boot_id != host.boot_id {
        return Verdict::fail("its status is from before its last boot");
    }
    match node.ready {
        Ready::True => {}
        Ready::False => return Verdict::fail(format!("not Ready: {}", node.ready_why)),
        Ready::Unknown => return Verdict::fail(format!("Ready unknown: {}", node.ready_why)),
    }
    if proof.is_some_and(|proof| proof.boot_id == host.boot_id) {
        return Verdict::Pass;
    }
    let moves = sit
        .passing
        .leases
        .get(name)
        .filter(|watch| watch.boot_id == host.boot_id)
        .map_or(0, |watch| watch.moves);
    let proof = format!("its heartbeat moved {moves} of {MOVES_NEEDED} times while we looked");
    Verdict::fail(format!("Ready, not proven yet: {proof}"))
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let server = target.machine().and_then(|name| sit.role(name))
        == Some(crate::model::policy::Role::Server);
    let unit = if server { "k3s" } else { "k3s-agent" };
    vec![
        format!("kubectl describe node {target}"),
        format!("journalctl -u {unit} -b -n 50    on {target}"),
        format!("sudo systemctl restart {unit}    on {target}"),
    ]
}
