//! When a stretch of trouble begins and when it ends. Budgets count within it.

use std::collections::BTreeMap;

use super::assess::Judged;
use super::normal;
use crate::gates;
use crate::model::assessment::Phase;
use crate::model::episode::{Cause, EndKind, Episode, EpisodeEnd};
use crate::model::facts::Link;
use crate::model::ids::{BootId, EpisodeId, MachineName};
use crate::model::in_step::InStep;
use crate::model::intent::{Desired, Progress};
use crate::model::memory::{Durable, FreshProof, Memory};
use crate::model::tick::TickInput;
use crate::model::time::Moment;

/// Two machines that boot at the same time are an outage; one is a reboot.
const REBOOTED_AT_LEAST: usize = 2;

/// Whether an episode is open.
pub(super) fn is_open(durable: &Durable) -> bool {
    durable.episode.as_ref().is_some_and(|episode| episode.end.is_none())
}

/// The number of the episode that is open.
pub(super) fn open_id(durable: &Durable) -> Option<EpisodeId> {
    let open = durable.episode.as_ref().filter(|episode| episode.end.is_none());
    open.map(|episode| episode.id)
}

/// Opens an episode, unless one is open: asking again does not refund what was tried.
pub(super) fn open(now: &Moment, durable: &mut Durable, cause: Cause) {
    if is_open(durable) {
        return;
    }
    durable.last_episode = EpisodeId(durable.last_episode.0 + 1);
    durable.episode = Some(Episode {
        id: durable.last_episode,
        cause,
        opened: now.mono,
        opened_wall: now.wall,
        on_battery: None,
        as_peer: None,
        end: None,
    });
    durable.attempts = BTreeMap::new();
    durable.alarms.clear();
    if durable.intent.desired == Desired::Up {
        durable.intent.progress = Progress::StartupInProgress;
    }
}

/// Opens an episode for the other way: what was open ends with it, and what was tried there says
/// nothing of what comes now.
pub(super) fn turn(now: &Moment, durable: &mut Durable, cause: Cause) {
    end(now, durable, EndKind::Overtaken);
    open(now, durable, cause);
}

/// Ends the episode that is open, if one is.
pub(super) fn end(now: &Moment, durable: &mut Durable, how: EndKind) {
    let actions = actions(durable);
    if let Some(episode) = durable.episode.as_mut().filter(|episode| episode.end.is_none()) {
        episode.end = Some(EpisodeEnd { how, wall: now.wall, actions });
    }
}

/// Opens an episode when the world shows that power, or the control plane, was lost.
pub(super) fn open_on_trouble(input: &TickInput, memory: &mut Memory) {
    if is_open(&memory.durable) || memory.durable.intent.desired != Desired::Up {
        return;
    }
    let rebooted = rebooted(input, &memory.durable);
    let known = memory.durable.normal.boots.len();
    if rebooted >= REBOOTED_AT_LEAST && rebooted * 2 >= known {
        open(&input.now, &mut memory.durable, Cause::Rebooted { machines: rebooted });
        return;
    }
    let lost_for = memory.passing.control_plane_lost.map(|since| input.now.mono.since(since));
    let patience = input.policy.timing.server_start;
    if memory.durable.normal.control_plane && lost_for.is_some_and(|lost| lost >= patience) {
        open(&input.now, &mut memory.durable, Cause::ControlPlaneLost);
    }
}

/// How many machines are in another boot than on the last good day.
fn rebooted(input: &TickInput, durable: &Durable) -> usize {
    let (now, fresh_for) = (input.now.mono, input.policy.timing.fresh_for);
    let mut hosts = InStep::new(&input.observation.hosts);
    let changed = |(name, boot): &(&MachineName, &BootId)| {
        let host = hosts.at(*name).and_then(|seen| seen.if_fresh(now, fresh_for));
        host.is_some_and(|host| host.boot_id != **boot)
    };
    durable.normal.boots.iter().filter(changed).count()
}

/// Ends the episode when everything is good, and remembers what good looks like.
pub(super) fn close_when_good(
    input: &TickInput,
    judged: &Judged,
    phase: Phase,
    memory: &mut Memory,
) {
    // Not the gate: it also closes for one server of three, and waits for one silent machine.
    let serves = matches!(input.observation.api.link, Link::Up { .. });
    let since = memory.passing.control_plane_lost.unwrap_or(input.now.mono);
    memory.passing.control_plane_lost = (!serves).then_some(since);
    let how = match phase {
        Phase::Converged => EndKind::Converged,
        Phase::Degraded => EndKind::Degraded,
        Phase::Looking
        | Phase::Recovering
        | Phase::Soaking
        | Phase::Blocked
        | Phase::GoingDown
        | Phase::Down
        | Phase::Held => return,
    };
    let durable = &mut memory.durable;
    let control_plane = judged.assessment.gate(&gates::CONTROL_PLANE.id);
    durable.normal.control_plane = control_plane.is_some_and(|gate| gate.state.is_open());
    if phase == Phase::Converged {
        // Nothing stands: what fails from now on is news, also without a new episode.
        durable.alarms.clear();
        normal::learn(input, &memory.passing, &mut durable.normal);
    }
    let mut boots = InStep::new(&durable.normal.boots);
    let unknown = |(name, proof): &(&_, &FreshProof)| boots.at(*name) != Some(&proof.boot_id);
    let news: Vec<_> = durable.proofs.iter().filter(unknown).collect();
    let news = news.into_iter().map(|(name, proof)| (name.clone(), proof.boot_id.clone()));
    durable.normal.boots.extend(news);
    // Everything that the way down took is given back, and all that was up is up again.
    durable.descent = None;
    if is_open(durable) {
        end(&input.now, durable, how);
        durable.intent.progress = Progress::Normal;
    }
}

/// How many actions the episode took, proofs not counted. Every attempt has one effect.
fn actions(durable: &Durable) -> u64 {
    durable
        .attempts
        .iter()
        .filter(|(remedy, _)| **remedy != crate::remedies::PROVE_WRITE.id)
        .flat_map(|(_, targets)| targets.values())
        .map(|attempts| u64::from(attempts.count))
        .sum()
}
