//! `last-shutdown-report.json`: how a way down went, stage by stage.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::gates::down;
use crate::model::assessment::{GateState, GateView, Phase};
use crate::model::descent::{NoReturn, StageEnd};
use crate::model::intent::{Desired, Progress};
use crate::model::record::TickRecord;
use crate::model::verdict::Verdict;

/// A way down that is over. Additive changes only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShutdownReport {
    /// The version of this form.
    pub schema: u32,
    /// How far down.
    pub to: Desired,
    /// Who wanted it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it was ordered.
    pub began: Timestamp,
    /// When everything was down.
    pub ended: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The stages, in their order.
    pub stages: Vec<StageLine>,
    /// The point of no return.
    pub past_return: Option<NoReturn>,
    /// The order in which the servers stopped.
    pub servers: Vec<String>,
    /// Machines that are proven to be off.
    pub off: Vec<String>,
    /// Machines that were left as they were, each with the reason.
    pub left: Vec<String>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageLine {
    /// Which.
    pub id: String,
    /// `done`, `cut` or `skipped`; of ananke's own host `begun`: the report is written before.
    pub state: String,
    /// How long it took, in milliseconds. `None` for one that was skipped.
    pub took_ms: Option<u64>,
    /// Why it was cut or skipped.
    pub why: Option<String>,
}

/// The report of the tick at which everything was down, or everything but ananke's own host, which
/// goes off next. `None` if it is not, or was before.
pub fn shutdown_report(record: &TickRecord) -> Option<ShutdownReport> {
    let (before, after) = (&record.input.memory.durable, &record.decision.memory.durable);
    let over = record.decision.phase == Phase::Down
        && before.intent.progress != Progress::ShutdownComplete;
    let now = &record.input.now;
    let descent = after.descent.as_ref().filter(|_| over || ends_host(record))?;
    // It was told before this host went off, in times of a clock that began anew since.
    if descent.host_went_off(&now.boot) {
        return None;
    }
    // Who turns round at once has another wish by now.
    let intent = if record.turns_round() { &before.intent } else { &after.intent };
    let stages = record.decision.assessment.gates.iter().map(|view| {
        let mark = descent.stages.get(&view.id);
        let why = match (&view.state, mark.and_then(|mark| mark.end.as_ref())) {
            (_, Some(StageEnd::Cut { why })) | (GateState::Skipped { why }, _) => Some(why.clone()),
            _ => None,
        };
        let state = if view.state.word() == "ok" { "done" } else { view.state.word() };
        let line = StageLine {
            id: view.id.to_string(),
            state: state.to_owned(),
            took_ms: mark.map(|m| m.ended.unwrap_or(now.mono).since(m.began).as_millis()),
            why,
        };
        if view.id == down::OWN_HOST_OFF.gate.id { of_own_host(view, line, record) } else { line }
    });
    Some(ShutdownReport {
        schema: 1,
        to: intent.desired,
        by: intent.by.to_string(),
        reason: intent.reason.clone(),
        began: descent.began_wall,
        ended: now.wall,
        took_ms: now.mono.since(descent.began).as_millis(),
        stages: stages.collect(),
        past_return: descent.past_return.clone(),
        servers: descent.servers.iter().map(ToString::to_string).collect(),
        off: descent.off.iter().map(ToString::to_string).collect(),
        left: descent.left.iter().map(|(name, why)| format!("{name}: {why}")).collect(),
    })
}

/// Whether ananke's own host goes off with this tick.
fn ends_host(record: &TickRecord) -> bool {
    record.decision.plan.steps.iter().any(|step| step.effect.ends_host())
}

/// Of the last stage there is no end to tell: it has just begun, or nothing is done.
fn of_own_host(view: &GateView, line: StageLine, record: &TickRecord) -> StageLine {
    if ends_host(record) {
        return StageLine { state: "begun".to_owned(), took_ms: None, ..line };
    }
    match view.findings.first().map(|finding| &finding.verdict) {
        Some(Verdict::Skipped { why }) => {
            let (state, why) = ("skipped".to_owned(), Some(why.clone()));
            StageLine { state, took_ms: None, why, ..line }
        }
        Some(
            Verdict::Pass
            | Verdict::Settling { .. }
            | Verdict::Fail { .. }
            | Verdict::Unknown { .. },
        )
        | None => line,
    }
}
