//! What happens to memory when ananke's own host booted.

use std::collections::BTreeMap;

use crate::model::memory::{Memory, Passing};
use crate::model::time::Moment;

/// The memory as this boot may use it: what was counted stays, what was timed starts again, since
/// the monotonic clock of another boot means nothing in this one.
pub(super) fn rebased(memory: &Memory, now: &Moment) -> Memory {
    let mut memory = memory.clone();
    if memory.durable.boot == now.boot {
        return memory;
    }
    memory.passing = Passing::default();
    let durable = &mut memory.durable;
    durable.boot = now.boot.clone();
    // Whatever a UPS was before, its clock began anew.
    durable.upses.clear();
    if let Some(episode) = &mut durable.episode {
        episode.opened = now.mono;
    }
    for attempts in durable.attempts.values_mut().flat_map(BTreeMap::values_mut) {
        attempts.last = now.mono;
        attempts.verify_until = None;
    }
    for proof in durable.proofs.values_mut() {
        proof.at = now.mono;
    }
    if let Some(descent) = &mut durable.descent {
        descent.began = now.mono;
        // What the battery of another boot would last is not known in this one.
        descent.deadline = None;
        for mark in descent.stages.values_mut() {
            mark.began = now.mono;
            mark.ended = mark.ended.map(|_| now.mono);
        }
    }
    // A coordinator that boots with this host is waited for anew.
    if let Some(part) = &mut durable.part {
        part.stands_in = None;
    }
    for flight in durable.in_flight.values_mut() {
        flight.since = now.mono;
    }
    memory
}
