//! What a person who waits sees: one line for each thing that changed, as it happens. The same
//! on a terminal and in a file.

use std::collections::BTreeMap;
use std::io::Write;

use crate::model::assessment::Phase;
use crate::model::ids::{ActionId, GateId};
use crate::model::record::TickRecord;
use crate::model::time::Mono;
use crate::report::at_the_end;

/// Prints what changed since the last tick.
#[derive(Debug, Default)]
pub(super) struct Progress {
    began: Option<Mono>,
    gates: BTreeMap<GateId, String>,
    flying: BTreeMap<ActionId, String>,
    closed: BTreeMap<GateId, Vec<String>>,
}

impl Progress {
    /// The lines for one tick.
    pub(super) fn lines(&mut self, record: &TickRecord) -> Vec<String> {
        let now = record.input.now.mono;
        let began = *self.began.get_or_insert(now);
        let mut lines = Vec::new();
        self.outcomes(record, &mut lines);
        if record.decision.phase != Phase::Looking {
            self.gates(record, &mut lines);
        }
        for step in &record.decision.plan.steps {
            let text = step.effect.to_string();
            lines.push(format!("{text} ({}, for {})", step.channel, step.remedy));
            self.flying.insert(step.id.clone(), text);
        }
        let passed = now.since(began).as_secs();
        let clock = format!("{:02}:{:02}", passed / 60, passed % 60);
        let mut lines: Vec<String> =
            lines.into_iter().map(|line| format!("  {clock}  {line}")).collect();
        let new: Vec<_> = record.decision.alarms.iter().filter(|a| a.new).cloned().collect();
        if !new.is_empty() {
            lines.push(String::new());
            lines.push(at_the_end(record, &new));
            lines.push(String::new());
        }
        lines
    }

    fn outcomes(&mut self, record: &TickRecord, lines: &mut Vec<String>) {
        for outcome in &record.input.outcomes {
            let what = self.flying.remove(&outcome.action);
            let what = what.unwrap_or_else(|| format!("action {}", outcome.action));
            let took = outcome.ended.since(outcome.began);
            let why = outcome.result.why().map(|why| format!(": {why}")).unwrap_or_default();
            lines.push(format!("{what}: {} in {took}{why}", outcome.result.word()));
        }
    }

    fn gates(&mut self, record: &TickRecord, lines: &mut Vec<String>) {
        for gate in &record.decision.assessment.gates {
            let word = gate.state.word();
            let mut reasons: Vec<String> = gate
                .findings
                .iter()
                .filter(|finding| !finding.verdict.lets_open())
                .map(|finding| format!("{}: {}", finding.target, finding.verdict.why()))
                .collect();
            // Two checks may say the same of a machine that does not answer.
            reasons.sort();
            reasons.dedup();
            let same = self.gates.get(&gate.id).is_some_and(|before| before == word);
            let waiting = word == "waiting";
            if !same && !waiting {
                lines.push(format!("{} {word}", gate.id));
            }
            if !waiting && self.closed.get(&gate.id).is_none_or(|before| *before != reasons) {
                lines.extend(reasons.iter().map(|reason| format!("  {reason}")));
            }
            self.gates.insert(gate.id.clone(), word.to_owned());
            self.closed.insert(gate.id.clone(), reasons);
        }
    }
}

/// Prints lines for a person. A terminal that went away stops nothing.
pub(super) fn print(lines: &[String]) {
    let mut out = std::io::stdout().lock();
    for line in lines {
        if writeln!(out, "{line}").is_err() {
            return;
        }
    }
    drop(out.flush());
}
