//! How a run ended, for people and for programs.

use std::fmt;

use serde::Serialize;

use crate::model::time::Span;

use super::ast::{Need, Scenario};
use super::look::Entry;

/// The commands that can be run in a scenario.
const COMMANDS: [&str; 4] = ["startup", "shutdown", "converge", "daemon"];

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    Passed,
    Failed { line: usize, wanted: String, instead: String },
    NotBuilt { needs: Vec<String> },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Which scenario.
    pub scenario: String,
    /// Its sentence.
    pub title: String,
    /// In one word.
    pub result: Word,
    /// The line that was not fulfilled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// What was seen instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
    /// What is not built yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// How long it took, in the site's time: milliseconds.
    pub took_ms: Span,
    /// What chance was made from.
    pub seed: u64,
    /// What befell, what ananke decided and what the machines did, in order of time.
    pub timeline: Vec<Entry>,
}

/// The result in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Everything was as expected.
    Passed,
    /// Something was not.
    Failed,
    /// It needs what ananke does not have yet.
    NotBuilt,
}

impl Outcome {
    pub(super) fn new(
        scenario: &Scenario,
        seed: u64,
        took: Span,
        ending: Ending,
        mut timeline: Vec<Entry>,
    ) -> Self {
        timeline.sort_by_key(|entry| entry.at);
        let mut outcome = Self {
            scenario: scenario.name.clone(),
            title: scenario.title.clone(),
            result: Word::Passed,
            line: None,
            wanted: None,
            instead: None,
            needs: Vec::new(),
            took_ms: took,
            seed,
            timeline,
        };
        match ending {
            Ending::Passed => {}
            Ending::Failed { line, wanted, instead } => {
                outcome.result = Word::Failed;
                outcome.line = Some(line);
                outcome.wanted = Some(wanted);
                outcome.instead = Some(instead);
            }
            Ending::NotBuilt { needs } => {
                outcome.result = Word::NotBuilt;
                outcome.needs = needs;
            }
        }
        outcome
    }

    /// The outcome of a scenario that can't be run, if it can't. `gates` are those that ananke has.
    pub fn not_built(scenario: &Scenario, seed: u64, gates: &[&str]) -> Option<Self> {
        let needs = missing(scenario, gates);
        let ending = Ending::NotBuilt { needs: needs.clone() };
        let outcome = || Self::new(scenario, seed, Span::ZERO, ending, Vec::new());
        (!needs.is_empty()).then(outcome)
    }

    /// The timeline, one line each.
    pub fn timeline_text(&self) -> String {
        self.timeline.iter().map(|entry| format!("{entry}\n")).collect()
    }
}

/// What a scenario needs and ananke does not have.
fn missing(scenario: &Scenario, gates: &[&str]) -> Vec<String> {
    let lacks = |need: &&Need| match need {
        Need::Gate(name) => !gates.contains(&name.as_str()),
        Need::Verb(name) => !COMMANDS.contains(&name.as_str()),
    };
    scenario.needs.iter().filter(lacks).map(ToString::to_string).collect()
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, took) = (&self.scenario, self.took_ms);
        match self.result {
            Word::Passed => write!(f, "{name}: passed after {took}"),
            Word::NotBuilt => write!(f, "{name}: not built yet: {}", self.needs.join(", ")),
            Word::Failed => {
                writeln!(f, "{name}: failed after {took}, seed {}", self.seed)?;
                let line = self.line.unwrap_or(0);
                writeln!(f, "  line {line}   {}", self.wanted.as_deref().unwrap_or_default())?;
                write!(f, "  instead  {}", self.instead.as_deref().unwrap_or_default())
            }
        }
    }
}
