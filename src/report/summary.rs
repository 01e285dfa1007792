//! The same as the screens, for programs: `-o json` and the files in the state directory.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::peers;
use super::power::{self, UpsLine};
use super::status::held_line;
use crate::model::action::Action;
use crate::model::alarm::Alarm;
use crate::model::assessment::Phase;
use crate::model::outcome::Outcome;
use crate::model::record::TickRecord;
use crate::model::tick::Verb;

/// How a command ended, in one word. The exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResultWord {
    /// Everything is proven good, or there was nothing to do.
    Converged,
    /// The same, without what is marked for a person.
    Degraded,
    /// Not there yet.
    Pending,
    /// A person is needed.
    Blocked,
    /// Everything that was wanted down is down.
    Down,
}

impl ResultWord {
    /// The word for a phase.
    pub const fn of(phase: Phase) -> Self {
        match phase {
            Phase::Converged => Self::Converged,
            Phase::Degraded => Self::Degraded,
            Phase::Blocked | Phase::Held => Self::Blocked,
            Phase::Down => Self::Down,
            Phase::Looking | Phase::Recovering | Phase::Soaking | Phase::GoingDown => Self::Pending,
        }
    }

    /// The word for a run that was for something: who wants it up is not done when it is down.
    pub const fn of_run(verb: Verb, phase: Phase) -> Self {
        match (verb, Self::of(phase)) {
            (Verb::Startup | Verb::Converge, Self::Down) => Self::Blocked,
            (Verb::Shutdown, Self::Converged | Self::Degraded) => Self::Pending,
            (_, word) => word,
        }
    }

    /// 0 good, 3 not there yet, 4 a person is needed, 5 degraded.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Converged | Self::Down => 0,
            Self::Pending => 3,
            Self::Blocked => 4,
            Self::Degraded => 5,
        }
    }
}

/// One look, or one whole run, as data. Additive changes only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The version of this form.
    pub schema: u32,
    /// How it ended.
    pub result: ResultWord,
    /// The cluster's name.
    pub cluster: String,
    /// The ananke host.
    pub host: String,
    /// Where the cluster stands.
    #[schemars(with = "String")]
    pub phase: Phase,
    /// The first line of the status screen.
    pub headline: String,
    /// Wall-clock time of the look.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// Whether that clock was synchronised.
    pub clock_trusted: bool,
    /// Whether anything could have been changed.
    pub execute: bool,
    /// The episode, if there is or was one.
    pub episode: Option<u64>,
    /// Whether UPSes may have something shut down, in words. `None`: there is no UPS.
    #[serde(default)]
    pub armed: Option<String>,
    /// Who acts, and how old the word of each other ananke host is. `None`: there is one host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting: Option<String>,
    /// The UPSes.
    #[serde(default)]
    pub upses: Vec<UpsLine>,
    /// The gates, in their order.
    pub gates: Vec<GateLine>,
    /// Repairs: done in this run, or in a dry run what would be done now.
    pub actions: Vec<ActionLine>,
    /// Writes that only prove something.
    pub proofs: Vec<ActionLine>,
    /// Repairs that are held back.
    pub held: Vec<HeldLine>,
    /// What waits for a person.
    pub manual: Vec<ManualLine>,
    /// What ananke is at its end with.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub alarms: Vec<Alarm>,
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateLine {
    /// Which.
    pub id: String,
    /// The word of its state.
    pub state: String,
    /// For how long, in milliseconds.
    pub for_ms: u64,
    /// Why it is not simply open.
    pub why: Vec<String>,
}

/// One action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionLine {
    /// Its id.
    pub id: String,
    /// The remedy that asked for it.
    pub remedy: String,
    /// For what.
    pub target: String,
    /// What it does, in the imperative.
    pub text: String,
    /// By which way.
    pub channel: String,
    /// What became of it; `planned` in a dry run.
    pub result: String,
    /// The reason, if it did not simply work.
    pub why: Option<String>,
}

/// One repair that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldLine {
    /// Which remedy.
    pub remedy: String,
    /// For what.
    pub target: String,
    /// The name of the reason.
    pub reason: String,
    /// The reason in words.
    pub text: String,
}

/// What waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManualLine {
    /// What.
    pub target: String,
    /// Why.
    pub reason: String,
    /// Since when.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Timestamp,
}

/// The summary of a tick, with the actions of the run that it ended.
pub fn summary(record: &TickRecord, done: &[(Action, Option<Outcome>)]) -> Summary {
    let (input, decision) = (&record.input, &record.decision);
    let lines: Vec<(bool, ActionLine)> = if input.request.execute {
        done.iter()
            .map(|(a, o)| (a.effect.is_proof(), action_line(a, o.as_ref(), "begun")))
            .collect()
    } else {
        let steps = decision.plan.steps.iter();
        steps.map(|a| (a.effect.is_proof(), action_line(a, None, "planned"))).collect()
    };
    let pick = |proof: bool| {
        lines.iter().filter(|(is, _)| *is == proof).map(|(_, line)| line.clone()).collect()
    };
    Summary {
        schema: 1,
        result: ResultWord::of_run(input.request.verb, decision.phase),
        cluster: input.policy.cluster.clone(),
        host: input.policy.owner.clone(),
        phase: decision.phase,
        headline: super::headline(record),
        at: input.now.wall,
        clock_trusted: input.now.wall_trusted,
        execute: input.request.execute,
        episode: decision.memory.durable.episode.as_ref().map(|episode| episode.id.0),
        armed: power::armed(record),
        acting: peers::in_words(record),
        upses: power::ups_lines(record),
        gates: gates(record),
        actions: pick(false),
        proofs: pick(true),
        held: held(record),
        manual: manual(record),
        alarms: decision.alarms.clone(),
    }
}

/// One action, with its outcome, or with the word that stands for none.
pub fn action_line(action: &Action, outcome: Option<&Outcome>, without: &str) -> ActionLine {
    ActionLine {
        id: action.id.to_string(),
        remedy: action.remedy.to_string(),
        target: action.target.to_string(),
        text: action.effect.to_string(),
        channel: action.channel.to_string(),
        result: outcome.map_or(without, |outcome| outcome.result.word()).to_owned(),
        why: outcome.and_then(|outcome| outcome.result.why()).map(ToOwned::to_owned),
    }
}

fn gates(record: &TickRecord) -> Vec<GateLine> {
    let now = record.input.now.mono;
    let gates = record.decision.assessment.gates.iter();
    gates
        .map(|gate| GateLine {
            id: gate.id.to_string(),
            state: gate.state.word().to_owned(),
            for_ms: now.since(gate.since).as_millis(),
            why: gate
                .findings
                .iter()
                .map(|finding| format!("{}: {}", finding.target, finding.verdict.why()))
                .collect(),
        })
        .collect()
}

fn held(record: &TickRecord) -> Vec<HeldLine> {
    let now = record.input.now.mono;
    let held = record.decision.plan.held.iter();
    held.map(|held| HeldLine {
        remedy: held.remedy.to_string(),
        target: held.target.to_string(),
        reason: held.hold.name().to_owned(),
        text: held_line(held, now),
    })
    .collect()
}

fn manual(record: &TickRecord) -> Vec<ManualLine> {
    let marks = record.decision.memory.durable.manual.iter();
    marks
        .map(|(target, mark)| ManualLine {
            target: target.to_string(),
            reason: mark.reason.clone(),
            since: mark.since,
        })
        .collect()
}
