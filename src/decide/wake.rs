//! When to look again at the latest, and why then.

use super::assess::Judged;
use crate::model::assessment::GateState;
use crate::model::memory::Memory;
use crate::model::plan::Plan;
use crate::model::tick::{TickInput, Wake};
use crate::model::time::Mono;
use crate::model::verdict::Verdict;

/// The earliest time at which something changes by itself.
pub(super) fn wake(input: &TickInput, judged: &Judged, plan: &Plan, memory: &Memory) -> Wake {
    let now = input.now.mono;
    let timing = &input.policy.timing;
    let mut earliest = Wake { at: now + timing.tick, why: "the next regular look".to_owned() };
    let mut at = |when: Mono, why: &str| {
        if when > now && when < earliest.at {
            earliest = Wake { at: when, why: why.to_owned() };
        }
    };
    for gate in &judged.assessment.gates {
        if let GateState::Soaking { until } = gate.state {
            at(until, "the soak ends");
        }
        for finding in &gate.findings {
            if let Verdict::Settling { until, .. } = finding.verdict {
                at(until, "something has had its time to settle");
            }
            at(finding.since + timing.patience, "a machine has had its time");
        }
    }
    for ups in memory.passing.power.upses.values() {
        if let Some(recheck) = ups.recheck {
            at(recheck, "a UPS may have another verdict");
        }
    }
    for held in &plan.held {
        if let Some(until) = held.hold.until() {
            at(until, "a held repair may be made");
        }
    }
    for tried in memory.durable.attempts.values().flat_map(std::collections::BTreeMap::values) {
        if let Some(until) = tried.verify_until {
            at(until, "a verification ends");
        }
    }
    earliest
}
