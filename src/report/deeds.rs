//! What was done in a run, gathered from its ticks, for who saw them one by one.

use super::summary::{ActionLine, Summary, action_line, summary};
use crate::model::assessment::Phase;
use crate::model::intent::Desired;
use crate::model::record::TickRecord;

/// What became of actions, in the order in which their outcomes came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deeds {
    repairs: Vec<ActionLine>,
    proofs: Vec<ActionLine>,
    /// Whether a person was needed already at the last tick.
    blocked: bool,
}

impl Deeds {
    /// Takes what a tick learned of actions that were under way.
    pub fn learn(&mut self, record: &TickRecord) {
        let under_way = &record.input.memory.durable.in_flight;
        for outcome in &record.input.outcomes {
            let Some(flight) = under_way.get(&outcome.action) else { continue };
            let line = action_line(&flight.action, Some(outcome), "begun");
            let proof = flight.action.effect.is_proof();
            let lines = if proof { &mut self.proofs } else { &mut self.repairs };
            lines.push(line);
        }
    }

    /// The summary of a tick, with what was done until then.
    pub fn summary(self, record: &TickRecord) -> Summary {
        Summary { actions: self.repairs, proofs: self.proofs, ..summary(record, &[]) }
    }

    /// Learns of a tick, and begins anew where an episode opens. Where one ends with this tick, or
    /// needs a person from now on, its report. What an earlier process did in the episode is in
    /// the ledger only. A way down has a report of its own, and gives none here.
    pub fn of_episode(&mut self, record: &TickRecord) -> Option<Summary> {
        let before = record.input.memory.durable.episode.as_ref();
        let after = record.decision.memory.durable.episode.as_ref();
        let opened = before.map(|episode| episode.id) != after.map(|episode| episode.id);
        if opened {
            *self = Self::default();
        }
        self.learn(record);
        let was_open = opened || before.is_some_and(|episode| episode.end.is_none());
        let up = record.input.memory.durable.intent.desired == Desired::Up;
        let ended = up && was_open && after.is_some_and(|episode| episode.end.is_some());
        if ended {
            return Some(std::mem::take(self).summary(record));
        }
        let was_blocked = self.blocked;
        self.blocked = up && was_open && record.decision.phase == Phase::Blocked;
        (self.blocked && !was_blocked).then(|| self.clone().summary(record))
    }
}
