//! What is the matter, and what happens next, each in one sentence without ages.

use jiff::Timestamp;

use super::short;
use crate::model::assessment::{GateState, Phase};
use crate::model::intent::Desired;
use crate::model::record::TickRecord;
use crate::model::time::Mono;

/// What is the matter.
pub(super) fn message(record: &TickRecord) -> String {
    let durable = &record.decision.memory.durable;
    let blocked = record.decision.phase == Phase::Blocked;
    if durable.intent.desired != Desired::Up && !blocked {
        let intent = &durable.intent;
        return short(&format!("{} wants the cluster down: {}", intent.by, intent.reason));
    }
    if let Some(pause) = &durable.paused {
        return short(&format!("paused by {}: {}", pause.by, pause.why));
    }
    let gates = &record.decision.assessment.gates;
    if let Some(alarm) = record.decision.alarms.first()
        && blocked
    {
        return short(&format!("{}: {}: {}", alarm.gate, alarm.target, alarm.what));
    }
    let Some(gate) = gates.iter().find(|gate| !gate.state.is_open()) else {
        let missing = &record.decision.assessment.missing;
        let without: Vec<String> = missing
            .iter()
            .map(|missing| format!("{} ({}: {})", missing.machine, missing.gate, missing.why))
            .collect();
        return match without.as_slice() {
            [] => "everything that is asked is proven good".to_owned(),
            without => short(&format!("good, but for {}", without.join(", "))),
        };
    };
    let mut bad = gate.findings.iter().filter(|finding| !finding.verdict.lets_open());
    let first = bad.next().map(|f| format!(": {}: {}", f.target, f.verdict.why()));
    let more = match bad.count() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    short(&format!("{} is {}{}{more}", gate.id, gate.state.word(), first.unwrap_or_default()))
}

/// What ananke does, or waits for.
pub(super) fn doing(record: &TickRecord) -> String {
    let steps = record.decision.plan.steps.iter().map(|step| step.effect.to_string());
    let under_way = record.decision.memory.durable.in_flight.values();
    let under_way = under_way.map(|flight| flight.action.effect.to_string());
    let mut all: Vec<String> = steps.chain(under_way).collect();
    all.sort();
    all.dedup();
    match all.as_slice() {
        [] => short(&record.decision.wake.why),
        [one] => short(one),
        [first, rest @ ..] => short(&format!("{first}, and {} more", rest.len())),
    }
}

/// What ananke does next, or what it waits for a person to do.
pub(super) fn next_step(record: &TickRecord, wall: &dyn Fn(Mono) -> Timestamp) -> String {
    let durable = &record.decision.memory.durable;
    let blocked = record.decision.phase == Phase::Blocked;
    if durable.intent.desired != Desired::Up && !blocked {
        return "a person ends it: ananke startup --execute, or ananke intent clear".to_owned();
    }
    if durable.paused.is_some() {
        return "a person ends it: ananke resume".to_owned();
    }
    let alarm = record.decision.alarms.first();
    if let Some(alarm) = alarm.filter(|_| blocked) {
        let gate = alarm.gate.to_string();
        let name = alarm.target.machine().map_or(gate, ToString::to_string);
        let first = alarm.by_hand.first().map(|step| format!("{step}; then: "));
        return short(&format!("a person: {}ananke ack {name}", first.unwrap_or_default()));
    }
    if !record.decision.plan.steps.is_empty() || !durable.in_flight.is_empty() {
        return doing(record);
    }
    let soaking = record.decision.assessment.gates.iter().find_map(|gate| match &gate.state {
        GateState::Soaking { until } => Some(*until),
        GateState::Open
        | GateState::Degraded
        | GateState::Closed
        | GateState::Waiting { .. }
        | GateState::Cut { .. }
        | GateState::Skipped { .. } => None,
    });
    if let Some(until) = soaking.filter(|_| record.decision.phase == Phase::Soaking) {
        return format!("converged at {} if all stays good", wall(until));
    }
    let held = &record.decision.plan.held;
    let soonest =
        held.iter().filter_map(|held| Some((held.hold.until()?, held))).min_by_key(|it| it.0);
    if let Some((until, held)) = soonest {
        return short(&format!("{} on {}: not before {}", held.remedy, held.target, wall(until)));
    }
    if let Some(held) = held.first() {
        return short(&format!("{} on {} is held: {}", held.remedy, held.target, held.hold));
    }
    short(&record.decision.wake.why)
}
