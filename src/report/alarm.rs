//! What is said when ananke is at its end: what is wrong, what was tried, what a person must do.

use super::text::{count, labelled, listed};
use crate::model::alarm::{Alarm, Tried};
use crate::model::assessment::GateState;
use crate::model::record::TickRecord;
use crate::model::time::Mono;
use crate::model::verdict::Target;

/// One alarm in words.
pub fn alarm_text(alarm: &Alarm, now: Mono) -> String {
    let mut lines = vec![
        labelled("  what", &format!("{} at {}: {}", alarm.target, alarm.gate, alarm.what)),
        labelled("  since", &format!("{} ago", now.since(alarm.since))),
    ];
    let host_ends = alarm.is_of_host_end();
    if !matches!(alarm.target, Target::Ups(_)) && !host_ends {
        lines.push(labelled("  tried", &tried(&alarm.tried)));
    }
    let mut steps: Vec<String> = alarm.by_hand.clone();
    let name = alarm.target.machine().map_or_else(|| alarm.gate.to_string(), ToString::to_string);
    // A UPS is judged anew all the time: there is nothing to go on with.
    let of_ups = matches!(alarm.target, Target::Ups(_));
    if of_ups {
        steps.push("see more:  ananke why power".to_owned());
    } else if !host_ends {
        steps.push(format!("tell ananke to go on:  sudo ananke ack {name}"));
    }
    let numbered: Vec<String> =
        steps.iter().enumerate().map(|(at, step)| format!("{}. {step}", at + 1)).collect();
    lines.extend(listed("  you", &numbered));
    lines.join("\n")
}

fn tried(tried: &[Tried]) -> String {
    if tried.is_empty() {
        return "nothing: there is no remedy that ananke may use for it".to_owned();
    }
    let attempts: usize = tried.iter().map(|tried| tried.attempts as usize).sum();
    let each: Vec<String> = tried
        .iter()
        .map(|tried| format!("{} ({}x, {})", tried.remedy, tried.attempts, tried.last))
        .collect();
    let remedies =
        if tried.len() == 1 { "1 remedy".to_owned() } else { format!("{} remedies", tried.len()) };
    format!("{remedies}, {}: {}", count(attempts, "attempt"), each.join(", "))
}

/// The whole message for the alarms of one tick.
pub fn at_the_end(record: &TickRecord, alarms: &[Alarm]) -> String {
    let now = record.input.now.mono;
    let degraded =
        record.decision.assessment.gates.iter().any(|gate| gate.state == GateState::Degraded);
    let power = alarms.iter().all(|alarm| matches!(alarm.target, Target::Ups(_)));
    let host_ends = alarms.iter().any(Alarm::is_of_host_end);
    let first = if host_ends {
        "ananke's host is being switched off or restarted, and the cluster is not down."
    } else if power {
        "something is wrong with its power. A person should look."
    } else if degraded {
        "ananke goes on without something. A person is needed for it."
    } else {
        "ananke is at the end of what it may do. A person is needed."
    };
    let mut lines = vec![format!("{}: {first}", record.input.policy.cluster)];
    for alarm in alarms {
        lines.push(String::new());
        lines.push(alarm_text(alarm, now));
    }
    lines.push(String::new());
    let meanwhile = match host_ends {
        true => "nobody looks after the cluster",
        false => "the rest is watched, and cordon leases are kept",
    };
    lines.push(labelled("meanwhile", meanwhile));
    lines.join("\n")
}
