//! `ananke rehearse`: the simulated machines, the gates, and what happened, on one screen that is
//! painted again and again. What is told at its end is in `ending`.

use super::status::{closed, held_line};
use super::text::count;
use crate::model::assessment::{GateState, GateView};
use crate::model::record::TickRecord;
use crate::model::time::{Mono, Span};

/// The width on which the picture must read well.
const WIDTH: usize = 80;

/// Machines beside each other; 25 of them take nine lines.
const MACHINE_COLUMNS: usize = 3;

/// The width of one machine: `titan-01 booting`.
const MACHINE: usize = 18;

/// At most so many lines of reasons, so that the picture keeps its place on a small terminal.
const REASONS: usize = 4;

/// A machine of the simulated site, in one word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Its name.
    pub name: String,
    /// What it truly does: off, booting, up, starting, running, ready, hung.
    pub state: &'static str,
}

/// What one picture shows.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// Time in the world since it began.
    pub world: Span,
    /// Time here since it began.
    pub here: Span,
    /// How many times faster than life.
    pub speed: u32,
    /// Every machine, as it truly is.
    pub actors: &'a [Actor],
    /// What ananke decided last, if it runs.
    pub record: Option<&'a TickRecord>,
    /// What happened, oldest first, as [`happening`] words it.
    pub happened: &'a [String],
    /// How many lines the terminal has.
    pub height: usize,
}

/// One line of what happened.
pub fn happening(at: Span, who: &str, what: &str) -> String {
    let s = at.as_secs();
    format!("{:02}:{:02}  {who:<7} {what}", s / 60, s % 60)
}

/// The whole picture, at most `height` lines of at most 80 columns.
pub fn picture(seen: &Picture<'_>) -> String {
    let mut lines = vec![title(seen), String::new()];
    lines.extend(beside(&machines(seen.actors), &gates(seen.record)));
    lines.push(String::new());
    lines.extend(now(seen.record));
    lines.push(String::new());
    let room = seen.height.saturating_sub(lines.len() + 1).max(3);
    let skip = seen.happened.len().saturating_sub(room);
    lines.extend(seen.happened.iter().skip(skip).cloned());
    lines.truncate(seen.height.saturating_sub(1).max(1));
    lines.iter().map(|line| cut(line)).collect::<Vec<_>>().join("\n")
}

fn title(seen: &Picture<'_>) -> String {
    let (world, here) = (seen.world, seen.here);
    let left = format!("rehearsal of {}", seen.scenario);
    let right = format!("{world} in the world, {here} here (x{})", seen.speed);
    format!("{left:<w$}{right}", w = WIDTH.saturating_sub(right.len()).max(left.len() + 2))
}

fn machines(actors: &[Actor]) -> Vec<String> {
    let rows = actors.len().div_ceil(MACHINE_COLUMNS).max(1);
    let row = |at: usize| {
        let cells = actors.iter().skip(at).step_by(rows);
        cells.map(|a| format!("{:<MACHINE$}", format!("{} {}", a.name, a.state))).collect()
    };
    (0..rows).map(row).collect()
}

fn gates(record: Option<&TickRecord>) -> Vec<String> {
    let Some(record) = record else { return vec!["ananke does not run".to_owned()] };
    let now = record.input.now.mono;
    let gates = record.decision.assessment.gates.iter();
    gates.map(|gate| format!("{:<14} {}", gate.id.as_str(), word(gate, now))).collect()
}

fn word(gate: &GateView, now: Mono) -> String {
    match &gate.state {
        GateState::Soaking { until } => format!("{} more", now.until(*until)),
        GateState::Closed => format!("closed {}", roughly(now.since(gate.since))),
        state @ (GateState::Open
        | GateState::Degraded
        | GateState::Waiting { .. }
        | GateState::Cut { .. }
        | GateState::Skipped { .. }) => state.word().to_owned(),
    }
}

/// A span in its largest unit: there is no room for more.
fn roughly(span: Span) -> Span {
    match span.as_secs() {
        s @ 0..=59 => Span::secs(s),
        s => Span::mins(s / 60),
    }
}

fn beside(left: &[String], right: &[String]) -> Vec<String> {
    let width = MACHINE_COLUMNS * MACHINE;
    let rows = left.len().max(right.len());
    let at = |side: &[String], row: usize| side.get(row).cloned().unwrap_or_default();
    (0..rows).map(|row| format!("{:<width$}{}", at(left, row), at(right, row))).collect()
}

/// Where the cluster stands, and what keeps it from being good.
fn now(record: Option<&TickRecord>) -> Vec<String> {
    let Some(record) = record else { return vec![String::new(); REASONS + 1] };
    let mut lines = vec![super::headline(record)];
    let now = record.input.now.mono;
    let held =
        record.decision.plan.held.iter().map(|held| format!("held: {}", held_line(held, now)));
    let reasons: Vec<String> = held.chain(closed(record)).collect();
    let more = reasons.len().saturating_sub(REASONS);
    let room = if more > 0 { REASONS - 1 } else { REASONS };
    lines.extend(reasons.into_iter().take(room).map(|reason| format!("  {reason}")));
    if more > 0 {
        lines.push(format!("  and {} more", count(more + 1, "reason")));
    }
    // The picture keeps its height, so that what happened does not jump.
    lines.resize(REASONS + 1, String::new());
    lines
}

/// A line that fits. What is cut off stands in the log of what happened.
fn cut(line: &str) -> String {
    let line = line.trim_end();
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    let kept: String = line.chars().take(WIDTH - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actors(n: usize) -> Vec<Actor> {
        (1..=n).map(|at| Actor { name: format!("titan-{at:02}"), state: "booting" }).collect()
    }

    fn seen<'a>(actors: &'a [Actor], happened: &'a [String]) -> Picture<'a> {
        Picture {
            scenario: "cold-start",
            world: Span::secs(372),
            here: Span::secs(31),
            speed: 12,
            actors,
            record: None,
            happened,
            height: 24,
        }
    }

    #[test]
    fn twenty_five_machines_and_the_newest_happenings_fit_a_small_terminal() {
        let (actors, mut happened) = (actors(25), Vec::new());
        for at in 0..60 {
            happened.push(happening(Span::secs(at), "world", &"power ".repeat(30)));
        }
        let text = picture(&seen(&actors, &happened));
        assert!(text.lines().count() < 24, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.contains("titan-25 booting") && text.contains("\n00:59  world"), "{text}");
    }
}
