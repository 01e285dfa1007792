//! Where the cluster stands as a whole.

use super::assess::Judged;
use super::{Library, episode};
use crate::model::assessment::{GateState, GateView, Phase};
use crate::model::intent::Desired;
use crate::model::memory::Durable;
use crate::model::tick::TickInput;
use crate::model::verdict::Verdict;

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
    if !working && judged.lost().any(|(gate, lost)| stuck(gate, lost)) {
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

/// Whether a gate is closed by nothing but what was given up.
fn stuck(gate: &GateView, lost: &[usize]) -> bool {
    let bad = gate.findings.iter().filter(|finding| !finding.verdict.lets_open());
    gate.state == GateState::Closed && !lost.is_empty() && bad.count() == lost.len()
}
