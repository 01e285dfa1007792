//! What happens to memory when ananke's own host booted.

use std::collections::BTreeMap;

use super::{descent, episode};
use crate::model::episode::EndKind;
use crate::model::intent::Progress;
use crate::model::memory::{Durable, Memory, Passing};
use crate::model::time::Moment;
use crate::remedies;

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
    durable.host_stops = None;
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
        descent.teaches = false;
        for held in descent.held.values_mut() {
            held.since = now.mono;
        }
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
    own_host_is_back(now, durable);
    memory
}

/// What the boot of ananke's own host says of the way down: where it was told to switch itself
/// off, it was the last, and everything before it was off or given up. Who came on since was
/// switched on by the power that is back, and is not switched off again.
fn own_host_is_back(now: &Moment, durable: &mut Durable) {
    if !durable.descent.as_ref().is_some_and(|it| it.host_went_off(&now.boot)) {
        return;
    }
    if descent::is_under_way(durable) {
        durable.intent.progress = Progress::ShutdownComplete;
        episode::end(now, durable, EndKind::Down);
    }
    // It helped. Whoever switches this host off once more begins to count anew.
    durable.attempts.remove(&remedies::POWER_OFF_OWN_HOST.id);
}
