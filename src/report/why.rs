//! `ananke why`: from what is closed down to the first thing to mend, and what a person can do.

use super::status::held_line;
use super::text::{labelled, listed, paragraph};
use super::{missing, situation};
use crate::gates::{self, Gate};
use crate::model::assessment::{Finding, GateState, GateView};
use crate::model::ids::{GateId, MachineName};
use crate::model::record::TickRecord;
use crate::model::verdict::{Target, Verdict};

/// What can't be explained.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WhyError {
    /// There is no gate and no machine of that name.
    #[error("there is no gate and no machine called {name}; did you mean {nearest}?")]
    NoSuchName {
        /// What was asked for.
        name: String,
        /// The nearest name that exists.
        nearest: String,
    },
}

/// Explains a gate, a machine, or without a name the first gate that is not open.
///
/// # Errors
/// [`WhyError::NoSuchName`]
pub fn why_text(record: &TickRecord, name: Option<&str>) -> Result<String, WhyError> {
    let views = &record.decision.assessment.gates;
    let Some(name) = name else {
        let first = views.iter().find(|view| !view.state.is_open());
        let noted = views.iter().find(|view| view.state == GateState::Degraded);
        return Ok(match first.or(noted) {
            Some(view) => gate(record, view),
            None => good(record),
        });
    };
    if let Some(view) = views.iter().find(|view| view.id.as_str() == name) {
        return Ok(gate(record, view));
    }
    let machine = MachineName::new(name);
    if record.input.policy.machines.contains_key(&machine) {
        return Ok(about(record, &Target::Machine(machine)));
    }
    let gates = views.iter().map(|view| view.id.to_string());
    let machines = record.input.policy.machines.keys().map(ToString::to_string);
    let nearest = gates
        .chain(machines)
        .min_by_key(|known| strsim::damerau_levenshtein(known, name))
        .unwrap_or_default();
    Err(WhyError::NoSuchName { name: name.to_owned(), nearest })
}

fn good(record: &TickRecord) -> String {
    format!("{}\nevery gate is open; there is nothing to explain", super::headline(record))
}

fn declared(id: &GateId) -> Option<&'static Gate> {
    let down = gates::down::ALL.iter().map(|stage| &stage.gate);
    gates::ALL.iter().copied().chain(down).find(|gate| gate.id == *id)
}

fn gate(record: &TickRecord, view: &GateView) -> String {
    let since = record.input.now.mono.since(view.since);
    let mut lines = vec![format!("{} is {} since {since}", view.id, view.state.word())];
    if let Some(gate) = declared(&view.id) {
        lines.push(labelled("", gate.title));
    }
    lines.push(String::new());
    let because = match &view.state {
        GateState::Waiting { on } => vec![format!("{on} comes first, and is not open")],
        GateState::Skipped { why } => vec![format!("left out: {why}")],
        GateState::Cut { why } => vec![format!("cut: {why}")],
        GateState::Soaking { until } => {
            let left = record.input.now.mono.until(*until);
            vec![format!("everything is good, and must stay so for {left} more")]
        }
        GateState::Open | GateState::Degraded | GateState::Closed => findings(record, view),
    };
    lines.extend(listed("  because", &because));
    let root = root(record, view);
    if root.id != view.id {
        let findings = findings(record, root);
        lines.extend(listed("  so", &[format!("the first thing to mend is {}", root.id)]));
        lines.extend(listed("  because", &findings));
    }
    lines.extend(tail(record, root, &|_| true));
    if view.id == gates::POWER.id {
        lines.extend(super::power::details(record));
    }
    lines.join("\n")
}

/// The gate at the bottom of a chain of waiting ones.
fn root<'a>(record: &'a TickRecord, view: &'a GateView) -> &'a GateView {
    let mut at = view;
    while let GateState::Waiting { on } = &at.state {
        match record.decision.assessment.gate(on) {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

fn findings(record: &TickRecord, view: &GateView) -> Vec<String> {
    let now = record.input.now.mono;
    let bad = view.findings.iter().filter(|finding| !finding.verdict.lets_open());
    let mut lines: Vec<String> = bad
        .map(|f| format!("{}: {} ({})", f.target, f.verdict.why(), now.since(f.since)))
        .collect();
    lines.dedup();
    // A gate that asks nothing is open, and proves nothing.
    if lines.is_empty() && view.passing == 0 {
        lines.extend(view.findings.iter().map(|f| format!("not asked: {}", f.verdict.why())));
    }
    if lines.is_empty() {
        lines.push(format!("all {} verdicts are good", view.passing));
    }
    lines
}

/// What was tried, what is held, and what a person can do, for the findings of one gate.
fn tail(record: &TickRecord, view: &GateView, about: &dyn Fn(&Target) -> bool) -> Vec<String> {
    let mut lines = vec![String::new()];
    let bad: Vec<&Finding> = view
        .findings
        .iter()
        .filter(|finding| !finding.verdict.lets_open() && about(&finding.target))
        .collect();
    lines.extend(listed("  tried", &tried(record, &bad)));
    let doing: Vec<String> = record
        .decision
        .plan
        .steps
        .iter()
        .filter(|step| bad.iter().any(|finding| finding.target == step.target))
        .map(|step| step.effect.to_string())
        .collect();
    lines.extend(listed("  now", &doing));
    let now = record.input.now.mono;
    let held: Vec<String> = record
        .decision
        .plan
        .held
        .iter()
        .filter(|held| held.gate == view.id && about(&held.target))
        .map(|held| held_line(held, now))
        .collect();
    lines.extend(listed("  held", &held));
    lines.extend(listed("  by hand", &by_hand(record, view, &bad)));
    if lines.len() == 1 {
        lines.clear();
    }
    lines
}

fn tried(record: &TickRecord, findings: &[&Finding]) -> Vec<String> {
    let attempts = &record.decision.memory.durable.attempts;
    let now = record.input.now.mono;
    let mut lines = Vec::new();
    for (remedy, targets) in attempts {
        for (target, tried) in targets {
            if findings.iter().any(|finding| finding.target == *target) {
                let result = tried.result.as_ref().map_or("no answer yet", |r| r.word());
                let ago = now.since(tried.last);
                lines.push(format!(
                    "{remedy} on {target}: {}x, last {ago} ago, {result}",
                    tried.count
                ));
            }
        }
    }
    lines
}

fn by_hand(record: &TickRecord, view: &GateView, findings: &[&Finding]) -> Vec<String> {
    let missing = missing(record);
    let sit = situation(record, &missing);
    let Some(gate) = declared(&view.id) else { return Vec::new() };
    let mut lines: Vec<String> = Vec::new();
    // What is only settling needs no hand.
    let failed = |finding: &&&Finding| !matches!(finding.verdict, Verdict::Settling { .. });
    for finding in findings.iter().filter(failed) {
        let check = gate.checks.iter().find(|check| check.id == finding.check);
        let steps = check.map(|check| (check.by_hand)(&sit, &finding.target)).unwrap_or_default();
        for step in steps {
            if !lines.contains(&step) {
                lines.push(step);
            }
        }
    }
    lines
}

/// Everything about one machine, over all gates.
fn about(record: &TickRecord, target: &Target) -> String {
    let now = record.input.now.mono;
    let mut lines = vec![target.to_string(), String::new()];
    let mut said = false;
    for view in &record.decision.assessment.gates {
        let mine = view.findings.iter().filter(|finding| finding.target == *target);
        for finding in mine {
            said = true;
            let since = now.since(finding.since);
            let text = format!("{}: {} ({since})", view.id, finding.verdict.why());
            lines.push(paragraph("  ", "    ", &text));
        }
        if view.findings.iter().any(|f| f.target == *target && !f.verdict.lets_open()) {
            lines.extend(tail(record, view, &|about| about == target));
        }
    }
    if !said {
        lines.push("everything that is asked of it is good".to_owned());
    }
    if let Some(mark) = record.decision.memory.durable.manual.get(target) {
        lines.push(labelled("  manual", &format!("{} (sudo ananke ack {target})", mark.reason)));
    }
    lines.join("\n")
}
