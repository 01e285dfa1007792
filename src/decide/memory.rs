//! Where memory begins, and what happens to it when ananke's own host booted.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ids::{EpisodeId, Epoch};
use crate::model::intent::{Author, Desired, Intent, Progress, Scope};
use crate::model::memory::{Durable, Memory, Normal, Passing};
use crate::model::time::Moment;

/// The memory of a host that never ran ananke before.
pub fn fresh_memory(now: &Moment) -> Durable {
    Durable {
        boot: now.boot.clone(),
        life: life(now),
        epoch: Epoch(1),
        last_episode: EpisodeId(0),
        last_action: 0,
        episode: None,
        intent: Intent {
            desired: Desired::Up,
            progress: Progress::Normal,
            scope: Scope::Whole,
            by: Author::Ananke,
            reason: "nobody has said otherwise".to_owned(),
            since: now.wall,
            epoch: Epoch(1),
        },
        paused: None,
        attempts: BTreeMap::new(),
        in_flight: BTreeMap::new(),
        proofs: BTreeMap::new(),
        cordons: BTreeMap::new(),
        manual: BTreeMap::new(),
        acked: BTreeSet::new(),
        alarms: BTreeSet::new(),
        normal: Normal::default(),
    }
}

/// A name for the life of a state directory that begins now. Two lives begin in different boots,
/// or at different times of one.
fn life(now: &Moment) -> String {
    let seed = format!("{} {} {}", now.boot, now.mono.0, now.wall);
    format!("{:08x}", crc32fast::hash(seed.as_bytes()))
}

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
    for flight in durable.in_flight.values_mut() {
        flight.since = now.mono;
    }
    memory
}
