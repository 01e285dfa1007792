//! Where the cluster stands as a whole.

use super::assess::Judged;
use super::episode;
use super::way::Way;
use crate::model::assessment::{Finding, GateState, GateView, Phase};
use crate::model::intent::{Desired, Progress};
use crate::model::memory::Durable;
use crate::model::tick::TickInput;
use crate::model::verdict::Verdict;

/// The phase, from the gates and from what is under way.
pub(super) fn phase(way: &Way, input: &TickInput, judged: &Judged, durable: &Durable) -> Phase {
    if durable.paused.is_some() {
        return Phase::Held;
    }
    let gates = &judged.assessment.gates;
    let all_open = gates.len() == way.len() && gates.iter().all(|gate| gate.state.is_open());
    if durable.intent.desired != Desired::Up {
        return down(all_open, input, judged, durable);
    }
    if all_open {
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
    if !working && any_stuck(judged) {
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

/// The phase on the way down, and at its end.
fn down(all_open: bool, input: &TickInput, judged: &Judged, durable: &Durable) -> Phase {
    let over = durable.intent.progress == Progress::ShutdownComplete;
    let whole = input.observation.is_whole(input.policy.machines.len());
    match (all_open, over) {
        (true, _) if whole => Phase::Down,
        // Somebody started something by hand since: that is not undone.
        (false, true) if whole => Phase::Held,
        (_, true) => Phase::Looking,
        // Time that is spent does not come back: what is tried beside it does not count.
        (_, false) if any_stuck(judged) => Phase::Blocked,
        (_, false) => Phase::GoingDown,
    }
}

/// Whether a gate is closed by nothing but what was given up.
fn any_stuck(judged: &Judged) -> bool {
    judged.lost().any(|(gate, lost)| stuck(gate, lost))
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
    let is_bad = |finding: &&Finding| !finding.verdict.lets_open();
    let bad = gate.findings.iter().filter(is_bad).count();
    // What the way down goes on without was given up too, and holds nothing back.
    let lost = lost.iter().filter_map(|at| gate.findings.get(*at)).filter(is_bad).count();
    gate.state == GateState::Closed && lost > 0 && bad == lost
}
