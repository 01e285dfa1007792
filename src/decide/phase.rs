//! Where the cluster stands as a whole.

use std::collections::BTreeSet;

use super::Library;
use super::assess::Judged;
use crate::model::assessment::{Finding, GateState, GateView, Phase};
use crate::model::facts::{BlindKind, Link, Seen};
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
    if looking(input) {
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
    Phase::Recovering
}

/// Whether the first looks are still under way.
fn looking(input: &TickInput) -> bool {
    let seen = &input.observation;
    let not_yet = |host: &Seen<_>| match host {
        Seen::Unknown { why, .. } => why.kind == BlindKind::NotYet,
        Seen::Known { .. } => false,
    };
    seen.hosts.len() < input.policy.machines.len()
        || seen.hosts.values().any(not_yet)
        || seen.api.link == Link::Probing
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
