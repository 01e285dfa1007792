//! `ananke plan`: exactly what an execution would do now, and what it would not do.

use super::status::{closed, held_line};
use super::text::{labelled, listed, paragraph};
use crate::model::assessment::Phase;
use crate::model::intent::Desired;
use crate::model::plan::Hold;
use crate::model::record::TickRecord;
use crate::remedies;

/// The whole screen.
pub fn plan_text(record: &TickRecord) -> String {
    let plan = &record.decision.plan;
    let mut lines = vec![super::headline(record), String::new()];
    if plan.steps.is_empty() {
        lines.push(labelled("would do", &nothing(record)));
    } else {
        lines.push("would do now".to_owned());
        lines.extend(steps(record));
    }
    lines.extend(listed("closed", &closed(record)));
    let now = record.input.now.mono;
    let (waits, refuses): (Vec<_>, Vec<_>) =
        plan.held.iter().partition(|held| !held.hold.needs_person());
    for (title, held) in [("would wait", waits), ("would refuse", refuses)] {
        if !held.is_empty() {
            lines.push(title.to_owned());
        }
        lines.extend(held.iter().map(|held| paragraph("  ", "    ", &held_line(held, now))));
    }
    let down = record.decision.memory.durable.intent.desired != Desired::Up;
    if record.decision.memory.durable.intent.desired == Desired::DownPoweroff {
        let stays_off = super::power::stays_off(&record.input.policy);
        lines.extend(stays_off.map(|line| labelled("stays off", &line)));
        lines.push(labelled("this host", &super::power::own_host(&record.input.policy)));
    }
    lines.extend(super::power::energy(record, down));
    lines.push(after(record, down));
    lines.join("\n")
}

fn nothing(record: &TickRecord) -> String {
    match record.decision.phase {
        Phase::Converged => "nothing: everything is good at this look".to_owned(),
        Phase::Degraded => "nothing: good but for what is marked for a person".to_owned(),
        Phase::Looking => "nothing yet: too little is known".to_owned(),
        Phase::Down => "nothing: everything is down".to_owned(),
        Phase::Recovering | Phase::Soaking | Phase::Blocked | Phase::GoingDown | Phase::Held => {
            "nothing now".to_owned()
        }
    }
}

fn steps(record: &TickRecord) -> Vec<String> {
    let steps = record.decision.plan.steps.iter().enumerate();
    steps
        .map(|(at, step)| {
            let cures = remedies::ALL
                .iter()
                .find(|remedy| remedy.id == step.remedy)
                .map(|r| r.cures.iter().map(|c| c.id.as_str()).collect::<Vec<_>>().join(", "))
                .unwrap_or_default();
            let boot = step.expect.boot_id.as_ref().map(|boot| {
                let short: String = boot.as_str().chars().take(8).collect();
                format!(", boot id {short}…")
            });
            let text = format!(
                "{}   cures {cures}   {}{}",
                step.effect,
                step.channel,
                boot.unwrap_or_default()
            );
            paragraph(&format!("  {}  ", at + 1), "     ", &text)
        })
        .collect()
}

fn after(record: &TickRecord, down: bool) -> String {
    let person = record
        .decision
        .plan
        .held
        .iter()
        .any(|held| matches!(held.hold, Hold::Paused { .. } | Hold::IntentDown { .. }));
    let go = match person {
        true => "a person holds it (see above)",
        false if down => "ananke shutdown --execute",
        false => "ananke startup --execute",
    };
    format!("nothing was changed (dry run). Do it: {go}")
}
