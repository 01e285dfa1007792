//! `ananke status`: facts first, then what ananke does about them, then what the reader can do.

use super::text::{count, labelled, listed, paragraph};
use super::{certificates, peers, power};
use crate::model::assessment::{GateState, GateView, Phase};
use crate::model::facts::{Link, Seen};
use crate::model::ids::MachineName;
use crate::model::intent::Desired;
use crate::model::plan::Held;
use crate::model::record::TickRecord;
use crate::model::time::Mono;
use crate::model::verdict::{Target, Verdict};

/// The whole screen.
pub fn status_text(record: &TickRecord) -> String {
    let mut lines = vec![headline(record), acting_line(record), String::new()];
    lines.extend(listed("power", &power::lines(record)));
    lines.extend(listed("machines", &machines(record)));
    lines.push(labelled("api", &api(record)));
    let down = record.decision.memory.durable.intent.desired != Desired::Up;
    lines.push(labelled(if down { "way down" } else { "way up" }, &way(record)));
    lines.extend(listed("closed", &closed(record)));
    lines.extend(listed("kept", &kept(record)));
    lines.extend(listed("ends soon", &certificates::ending(record)));
    lines.extend(listed("now", &now(record)));
    lines.extend(listed("held", &held(record)));
    lines.extend(listed("manual", &manual(record)));
    let wake = &record.decision.wake;
    let wait = record.input.now.mono.until(wake.at);
    lines.push(labelled("next look", &format!("in {wait}: {}", wake.why)));
    lines.join("\n")
}

/// The first line: where the cluster stands, since when, and why ananke is at work.
pub fn headline(record: &TickRecord) -> String {
    let cluster = &record.input.policy.cluster;
    let phase = record.decision.phase;
    let durable = &record.decision.memory.durable;
    let now = record.input.now.mono;
    let mut text = format!("{cluster}: {phase}");
    match &durable.episode {
        Some(episode) if episode.end.is_none() => {
            let open = now.since(episode.opened);
            text += &format!(", episode {} ({}) since {open}", episode.id, episode.cause);
        }
        Some(episode) if phase == Phase::Converged || phase == Phase::Degraded => {
            text += &format!(", last episode {} ({})", episode.id, episode.cause);
        }
        Some(_) | None => {}
    }
    if let Some(pause) = &durable.paused {
        text += &format!(". Paused by {}: {}", pause.by, pause.why);
    }
    let down = durable.intent.desired != Desired::Up;
    let descent = durable.descent.as_ref().filter(|_| down);
    if descent.is_some_and(|descent| descent.host_went_off(&durable.boot)) {
        text += ". This host was switched off as the last of all, and is on again";
    }
    if let Some(stops) = &durable.host_stops {
        let since = now.since(stops.at);
        text += &format!(". THIS HOST IS BEING SWITCHED OFF OR RESTARTED, for {since}");
    }
    text
}

/// The second line: who acts, and whether it may.
pub fn acting_line(record: &TickRecord) -> String {
    let epoch = record.decision.memory.durable.epoch;
    let armed =
        if record.input.request.execute { "may act" } else { "observing only: nothing is changed" };
    let power = power::armed(record).map(|power| format!("; power {power}")).unwrap_or_default();
    paragraph(
        "",
        "        ",
        &format!(
            "acting: {}, epoch {epoch}, {armed}{power}{}",
            peers::acting(record),
            peers::others(record)
        ),
    )
}

fn machines(record: &TickRecord) -> Vec<String> {
    let hosts = &record.input.observation.hosts;
    let total = record.input.policy.machines.len();
    let now = record.input.now.mono;
    let fresh_for = record.input.policy.timing.fresh_for;
    let up = hosts.values().filter(|seen| seen.fresh(now, fresh_for).is_ok()).count();
    let mut lines = vec![format!("{up} of {} answer", count(total, "machine"))];
    for (name, seen) in hosts {
        if let Err(why) = seen.fresh(now, fresh_for) {
            let since = silent_since(record, name, seen);
            lines.push(format!("{name}: no answer for {}: {why}", now.since(since)));
        }
    }
    lines
}

/// Since when a machine has been silent, as the checks count it.
fn silent_since<T>(record: &TickRecord, name: &MachineName, seen: &Seen<T>) -> Mono {
    let target = Target::Machine(name.clone());
    let failing = &record.decision.memory.passing.failing;
    let known = failing.get(&crate::checks::SSH_ANSWERS.id).and_then(|t| t.get(&target));
    known.copied().unwrap_or(match seen {
        Seen::Known { at, .. } => *at,
        Seen::Unknown { since, .. } => *since,
    })
}

fn api(record: &TickRecord) -> String {
    let api = &record.input.observation.api;
    let now = record.input.now.mono;
    match &api.link {
        Link::Probing => "not asked yet".to_owned(),
        Link::Down { since, why } => format!("no answer for {}: {why}", now.since(*since)),
        Link::Up { since, endpoint } => {
            let version = api.version.as_deref().unwrap_or("version not known");
            format!("{endpoint} answers since {}, {version}", now.since(*since))
        }
    }
}

fn way(record: &TickRecord) -> String {
    let now = record.input.now.mono;
    let gates = &record.decision.assessment.gates;
    let words: Vec<String> = gates.iter().map(|gate| gate_word(gate, now)).collect();
    words.join(" · ")
}

fn gate_word(gate: &GateView, now: Mono) -> String {
    match &gate.state {
        GateState::Open
        | GateState::Degraded
        | GateState::Cut { .. }
        | GateState::Skipped { .. } => {
            format!("{} {}", gate.id, gate.state.word())
        }
        GateState::Soaking { until } => format!("{} {} more", gate.id, now.until(*until)),
        GateState::Closed => format!("{} closed {}", gate.id, now.since(gate.since)),
        GateState::Waiting { .. } => format!("{} waiting", gate.id),
    }
}

/// Why the closed gates are closed. Gates that only wait are named in the way up.
pub(super) fn closed(record: &TickRecord) -> Vec<String> {
    let now = record.input.now.mono;
    let gates = record.decision.assessment.gates.iter();
    let closed = gates.filter(|gate| matches!(gate.state, GateState::Closed | GateState::Degraded));
    let mut lines = Vec::new();
    for gate in closed {
        for finding in gate.findings.iter().filter(|finding| !finding.verdict.lets_open()) {
            let (target, why) = (&finding.target, finding.verdict.why());
            let line = format!("{}: {target}: {why} ({})", gate.id, now.since(finding.since));
            // Two checks may say the same of a machine that does not answer.
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

/// What is left as it is on purpose: a person's cordon, a machine without a guard.
fn kept(record: &TickRecord) -> Vec<String> {
    let now = record.input.now.mono;
    let fresh_for = record.input.policy.timing.fresh_for;
    let gates = record.decision.assessment.gates.iter();
    let judged = gates.filter(|gate| !matches!(gate.state, GateState::Waiting { .. }));
    let mut lines = Vec::new();
    // The UPSes have lines of their own.
    let judged = judged.filter(|gate| gate.id != crate::gates::POWER.id);
    for finding in judged.flat_map(|gate| &gate.findings) {
        let Verdict::Skipped { why } = &finding.verdict else { continue };
        let seen =
            finding.target.machine().and_then(|name| record.input.observation.hosts.get(name));
        if seen.is_some_and(|seen| seen.fresh(now, fresh_for).is_err()) {
            continue; // Named among the machines.
        }
        let line = format!("{}: {why}", finding.target);
        // Several checks leave out the same machine for the same reason.
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

fn now(record: &TickRecord) -> Vec<String> {
    let durable = &record.decision.memory.durable;
    let verb = if record.input.request.execute { "" } else { "would " };
    let steps = record
        .decision
        .plan
        .steps
        .iter()
        .map(|step| format!("{verb}{} ({}, for {})", step.effect, step.channel, step.remedy));
    let now = record.input.now.mono;
    let flying = durable
        .in_flight
        .values()
        .filter(|flight| !record.decision.plan.steps.contains(&flight.action))
        .map(|flight| {
            format!("{} (under way for {})", flight.action.effect, now.since(flight.since))
        });
    steps.chain(flying).collect()
}

fn held(record: &TickRecord) -> Vec<String> {
    let now = record.input.now.mono;
    record.decision.plan.held.iter().map(|held| held_line(held, now)).collect()
}

/// One repair that is held back, since when, and until when.
pub(super) fn held_line(held: &Held, now: Mono) -> String {
    let until = held.hold.until().map(|at| format!(", {} more", now.until(at))).unwrap_or_default();
    let since = now.since(held.since);
    format!("{} on {}: {} (for {since}{until})", held.remedy, held.target, held.hold)
}

fn manual(record: &TickRecord) -> Vec<String> {
    let durable = &record.decision.memory.durable;
    let marks = durable.manual.iter().map(|(target, mark)| format!("{target}: {}", mark.reason));
    marks.collect()
}
