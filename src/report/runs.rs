//! Folds ticks into `runs.json`: how long each part of an episode took.

use crate::model::descent::{Descent, StageEnd};
use crate::model::episode::EndKind;
use crate::model::intent::Desired;
use crate::model::record::TickRecord;
use crate::model::runs::{GateTime, Run, Runs, StageTime};

/// How many episodes are kept; there are some ten in a year.
const KEPT: usize = 100;

/// Takes a tick in. Says whether anything changed that is worth a write: a gate that opened or
/// closed, an episode that began or ended.
pub fn fold_run(runs: &mut Runs, record: &TickRecord) -> bool {
    let durable = &record.decision.memory.durable;
    let Some(episode) = &durable.episode else { return false };
    let (life, id) = (&durable.life, episode.id.0);
    let same = |run: &Run| run.life == *life && run.episode == id;
    let known = runs.runs.iter().any(same);
    if !known {
        if episode.end.is_some() {
            // It ended before anybody kept runs.
            return false;
        }
        if let Some(last) = runs.runs.last_mut().filter(|last| last.end.is_none()) {
            // What another takes the place of has its end in that very tick.
            last.ended_at = Some(episode.opened_wall);
            last.end = Some(EndKind::Overtaken.to_string());
        }
        runs.runs.push(Run {
            life: life.clone(),
            episode: id,
            cause: episode.cause.to_string(),
            opened_at: episode.opened_wall,
            ended_at: None,
            end: None,
            took_ms: 0,
            actions: None,
            gates: Vec::new(),
            stages: Vec::new(),
        });
        let over = runs.runs.len().saturating_sub(KEPT);
        runs.runs.drain(..over);
    }
    let Some(run) = runs.runs.iter_mut().find(|run| same(run)) else { return false };
    if run.end.is_some() {
        return false;
    }
    let took = record.input.now.mono.since(episode.opened).as_millis();
    run.took_ms = took;
    let down = durable.intent.desired != Desired::Up;
    let changed = match &durable.descent {
        // The gates of this tick are stages of the way down that is over by it.
        _ if record.turns_round() => false,
        Some(descent) if down => stage_times(run, record, descent),
        Some(_) | None => gate_times(run, record, took),
    };
    let changed = changed || !known;
    let Some(end) = &episode.end else { return changed };
    run.ended_at = Some(end.wall);
    run.actions = Some(end.actions);
    run.end = Some(end.how.to_string());
    true
}

/// Notes stages of the way down that are done.
fn stage_times(run: &mut Run, record: &TickRecord, descent: &Descent) -> bool {
    let mut changed = false;
    for gate in &record.decision.assessment.gates {
        let known = run.stages.iter().any(|time| gate.id.as_str() == time.name);
        let Some(mark) = descent.stages.get(&gate.id).filter(|_| !known) else { continue };
        if let (Some(StageEnd::Done), Some(ended)) = (&mark.end, mark.ended) {
            let took_ms = ended.since(mark.began).as_millis();
            run.stages.push(StageTime { name: gate.id.to_string(), took_ms });
            changed = true;
        }
    }
    changed
}

/// Notes gates that opened, and forgets those that closed again.
fn gate_times(run: &mut Run, record: &TickRecord, took: u64) -> bool {
    let mut changed = false;
    for gate in &record.decision.assessment.gates {
        let at = run.gates.iter().position(|time| gate.id.as_str() == time.name);
        match (gate.state.is_open(), at) {
            (true, None) => {
                run.gates.push(GateTime { name: gate.id.to_string(), opened_after_ms: took });
                changed = true;
            }
            (false, Some(at)) => {
                run.gates.remove(at);
                changed = true;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    changed
}
