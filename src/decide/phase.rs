//! Where the cluster stands as a whole.

use std::collections::BTreeSet;

use super::assess::Judged;
use super::{Library, episode};
use crate::model::assessment::{Finding, GateState, GateView, Phase};
use crate::model::ids::{CheckId, GateId};
use crate::model::intent::Desired;
use crate::model::memory::Durable;
use crate::model::tick::TickInput;
use crate::model::verdict::{Target, Verdict};

/// The phase, from the gates and from what is under way.
pub(super) fn phase(
    library: &Library,
    input: &TickInput,
    judged: &Judged,
    durable: &Durable,
) -> Phase {
    if durable.paused.is_some() || durable.intent.desired != Desired::Up {
        return Phase::Held;
    }
    let gates = &judged.assessment.gates;
    if gates.len() == library.gates.len() && gates.iter().all(|gate| gate.state.is_open()) {
        let degraded = gates.iter().any(|gate| gate.state == GateState::Degraded);
        return if degraded { Phase::Degraded } else { Phase::Converged };
    }
    if !input.observation.is_whole(input.policy.machines.len()) {
        return Phase::Looking;
    }
    let working = !durable.in_flight.is_empty()
        || durable
            .attempts
            .values()
            .flat_map(std::collections::BTreeMap::values)
            .any(|tried| tried.verify_until.is_some());
    let lost: BTreeSet<Named<'_>> =
        judged.given_up.iter().map(|(gate, finding)| named(gate, finding)).collect();
    if !working && gates.iter().any(|gate| stuck(gate, &lost)) {
        return Phase::Blocked;
    }
    let soaking = |gate: &GateView| {
        matches!(gate.state, GateState::Soaking { .. } | GateState::Waiting { .. })
            || gate.state.is_open()
    };
    if gates.iter().any(|gate| matches!(gate.state, GateState::Soaking { .. }))
        && gates.iter().all(soaking)
    {
        return Phase::Soaking;
    }
    // Outside an episode nobody is recovering anything: what is not proven is still looked at.
    if !episode::is_open(durable) && !working && only_unproven(gates) {
        return Phase::Looking;
    }
    Phase::Recovering
}

/// Whether nothing is wrong, and something is only not proven yet.
fn only_unproven(gates: &[GateView]) -> bool {
    gates.iter().flat_map(|gate| &gate.findings).all(|finding| match finding.verdict {
        Verdict::Pass | Verdict::Settling { .. } | Verdict::Skipped { .. } => true,
        Verdict::Fail { .. } | Verdict::Unknown { .. } => false,
    })
}

/// What makes a finding the one that it is, within one tick.
type Named<'a> = (&'a GateId, &'a CheckId, &'a Target);

const fn named<'a>(gate: &'a GateId, finding: &'a Finding) -> Named<'a> {
    (gate, &finding.check, &finding.target)
}

/// Whether a gate is closed by nothing but what was given up.
fn stuck(gate: &GateView, lost: &BTreeSet<Named<'_>>) -> bool {
    let mut bad = gate.findings.iter().filter(|finding| !finding.verdict.lets_open()).peekable();
    gate.state == GateState::Closed
        && bad.peek().is_some()
        && bad.all(|f| {
            lost.contains(&named(&gate.id, f)) && !matches!(f.verdict, Verdict::Settling { .. })
        })
}
