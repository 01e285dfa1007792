//! The way down: how it begins, what is learned on it, when a stage is late, and when it is over.

use std::collections::BTreeMap;

use super::assess::Judged;
use super::way::{Step, Way};
use super::{episode, pressure};
use crate::gates::down::{self, Lasts, Late, Stage};
use crate::model::action::{Action, Effect};
use crate::model::assessment::{GateState, GateView, Phase};
use crate::model::cluster::Suspended;
use crate::model::descent::{Descent, NoReturn, StageEnd, StageMark};
use crate::model::episode::{Cause, EndKind};
use crate::model::facts::{BlindKind, HostFacts, Seen, UnitActive};
use crate::model::ids::{GateId, MachineName};
use crate::model::intent::{Author, Desired, Intent, Progress, Scope};
use crate::model::memory::{Durable, Memory};
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::tick::TickInput;
use crate::model::time::{Moment, Mono};
use crate::model::verdict::Target;
use crate::power;
use crate::remedies;

/// A wish for down, with all that it says.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) by: Author,
    pub(super) why: String,
    pub(super) to: Desired,
    pub(super) scope: Scope,
    pub(super) drain: bool,
    pub(super) snapshot: bool,
    /// Why ananke's own host stays on at the end.
    pub(super) host_stays: Option<String>,
}

/// Somebody wants it down: a person, or a UPS. Asked again on the way it changes what is left out,
/// and gives the stages that are not done their time anew.
pub(super) fn order(now: &Moment, durable: &mut Durable, wish: Wish) {
    let Wish { by, why, to, scope, drain, snapshot, host_stays } = wish;
    let going = is_under_way(durable);
    let down = durable.intent.desired != Desired::Up;
    let covered = durable.intent.scope.covers(&scope);
    let good_day = durable.descent.is_none() && !episode::is_open(durable);
    let mut descent = match durable.descent.take() {
        Some(descent) if down => descent,
        // What was switched off before and did not come back yet stays known.
        Some(old) => Descent {
            up_before: old.up_before,
            suspended: old.suspended,
            told: old.told,
            accepted: old.accepted,
            off: old.off,
            ..Descent::ordered(now.mono, now.wall, drain, snapshot)
        },
        None => Descent::ordered(now.mono, now.wall, drain, snapshot),
    };
    if !going {
        (descent.began, descent.began_wall, descent.past_return) = (now.mono, now.wall, None);
    }
    // What was done for some machines says nothing of the others. A way that begins anew has its
    // time anew, and only what is done once and for all stays done.
    let once = |id: &GateId| {
        down::ALL.iter().any(|stage| stage.gate.id == *id && stage.lasts == Lasts::Once)
    };
    descent.stages.retain(|id, mark| covered && mark.end.is_some() && (going || once(id)));
    if !covered {
        descent.servers.clear();
    }
    // Nothing is learned of a cluster that was half up, nor of a way down in two pieces.
    descent.teaches = if down { going && descent.teaches && covered } else { good_day };
    descent.held.clear();
    descent.turn = None;
    (descent.drain, descent.snapshot) = (drain, snapshot);
    (descent.host_stays, descent.host_told) = (host_stays, None);
    durable.descent = Some(descent);
    let cause = cause("shutdown", &by);
    let since = if going { durable.intent.since } else { now.wall };
    durable.intent = Intent {
        desired: to,
        progress: Progress::ShuttingDown,
        by,
        scope,
        reason: why,
        since,
        epoch: durable.epoch,
    };
    if !going {
        episode::turn(now, durable, cause);
    }
}

/// What opens the episode of somebody who wants it down, or up again.
pub(super) fn cause(verb: &str, by: &Author) -> Cause {
    match by {
        Author::Ups { name } => Cause::Ups { names: name.split(", ").map(str::to_owned).collect() },
        Author::Host { host, name, ups: true } => {
            Cause::Ups { names: vec![format!("{name} ({host})")] }
        }
        Author::Person { .. } | Author::Ananke | Author::Host { .. } => {
            Cause::Command { verb: verb.to_owned(), by: by.to_string() }
        }
    }
}

/// Whether somebody wants it down, and it is not yet.
pub(super) fn is_under_way(durable: &Durable) -> bool {
    durable.intent.desired != Desired::Up && durable.intent.progress == Progress::ShuttingDown
}

/// Whether the way down has to be finished before the cluster can be brought up again.
pub(super) fn past_return(durable: &Durable) -> bool {
    is_under_way(durable)
        && durable.descent.as_ref().is_some_and(|descent| descent.past_return.is_some())
}

/// A wish for down has its memory, whoever set it.
pub(super) fn attend(now: &Moment, durable: &mut Durable) {
    if is_under_way(durable) && durable.descent.is_none() {
        durable.descent = Some(Descent::ordered(now.mono, now.wall, true, true));
    }
}

/// Writes down what will have to be given back, before it is taken.
pub(super) fn note_suspended(action: &Action, durable: &mut Durable) {
    if let (Effect::SuspendFlux { object }, Some(descent)) = (&action.effect, &mut durable.descent)
    {
        descent.suspended.insert(object.clone());
    }
}

/// What is seen on the way down: which machines are up, and which are off for certain.
pub(super) fn learn(input: &TickInput, memory: &mut Memory) {
    silence(input, memory);
    if memory.durable.intent.desired == Desired::Up {
        back(input, &mut memory.durable);
        return;
    }
    let now = input.now.mono;
    let quiet = input.policy.shutdown.quiet;
    let durable = &mut memory.durable;
    let Some(descent) = &mut durable.descent else { return };
    for name in input.policy.machines.keys() {
        let told = descent.told.contains(name);
        match input.observation.hosts.get(name) {
            Some(Seen::Known { value, .. }) if !told => {
                if descent.up_before.get(name) != Some(&value.boot_id) {
                    descent.up_before.insert(name.clone(), value.boot_id.clone());
                }
                // It begins to answer: nobody has to go on without it.
                if memory.passing.answering.get(name) == Some(&now) {
                    descent.left.remove(name);
                }
            }
            Some(Seen::Known { .. }) => drop(descent.off.remove(name)),
            Some(Seen::Unknown { .. }) | None => {
                let silent = memory.passing.silent.get(name);
                if descent.accepted.contains(name)
                    && silent.is_some_and(|since| now.since(*since) >= quiet)
                {
                    descent.off.insert(name.clone());
                }
            }
        }
    }
}

/// On the way up: who answers in another boot is back.
fn back(input: &TickInput, durable: &mut Durable) {
    let Some(descent) = &mut durable.descent else { return };
    for (name, seen) in &input.observation.hosts {
        let Seen::Known { value, .. } = seen else { continue };
        if descent.up_before.get(name) != Some(&value.boot_id) {
            descent.off.remove(name);
            descent.told.remove(name);
            descent.accepted.remove(name);
        }
    }
    // What a person let go on by hand, or took away, need not be given back any more.
    let cluster = &input.observation.cluster;
    let attempts = durable.attempts.get(&remedies::SUSPEND_FLUX.id);
    descent.suspended.retain(|name| {
        let tried = attempts.and_then(|targets| targets.get(&Target::Object(name.clone())));
        let seen = cluster.seen_at(&name.kind);
        let after = seen.is_some_and(|at| tried.is_none_or(|tried| at > tried.last));
        !after || cluster.progress(name).is_some_and(|it| it.suspended == Suspended::ByUs)
    });
}

/// Since when machines give no answer at all. A refused connection is an answer: of a kernel.
fn silence(input: &TickInput, memory: &mut Memory) {
    for name in input.policy.machines.keys() {
        let seen = input.observation.hosts.get(name);
        let mute = matches!(seen, Some(Seen::Unknown { why, .. })
            if why.kind == BlindKind::Unreachable);
        if mute {
            memory.passing.silent.entry(name.clone()).or_insert(input.now.mono);
        } else {
            memory.passing.silent.remove(name);
        }
    }
}

/// The state of a stage that need not be asked: it is no part of this way, or it has ended.
pub(super) fn settled(stage: &Stage, sit: &Situation<'_>) -> Option<GateState> {
    let intent = &sit.durable.intent;
    if !(stage.part)(intent.desired) {
        let why = "the machines stay on (cluster-only)".to_owned();
        return Some(GateState::Skipped { why });
    }
    match sit.descent()?.end(&stage.gate.id)? {
        StageEnd::Done if stage.lasts == Lasts::Once => Some(GateState::Open),
        StageEnd::Cut { why } => Some(GateState::Cut { why: why.clone() }),
        StageEnd::Done => None,
    }
}

/// Cuts what is late and may be cut, before it is judged.
pub(super) fn cut(way: &Way, input: &TickInput, memory: &mut Memory) {
    if !pressure::is_pressed(&memory.durable) {
        return;
    }
    let none = BTreeMap::new();
    let late: Vec<_> = {
        let sit = super::situation(input, &memory.durable, &memory.passing, &none);
        let open = |stage: &&Stage| {
            sit.descent().is_some_and(|descent| descent.end(&stage.gate.id).is_none())
        };
        way.steps()
            .filter_map(|step| step.stage)
            .filter(|stage| stage.late == Late::Cut)
            .filter(open)
            .filter_map(|stage| Some((stage.gate.id.clone(), pressure::why_cut(stage, &sit)?)))
            .collect()
    };
    let Some(descent) = &mut memory.durable.descent else { return };
    for (id, why) in late {
        let now = input.now.mono;
        let fresh = || StageMark { began: now, ended: None, end: None };
        let mark = descent.stages.entry(id).or_insert_with(fresh);
        (mark.ended, mark.end) = (Some(now), Some(StageEnd::Cut { why }));
    }
}

/// Keeps what the judgement says of the stages: whose turn has come, what is done, and which
/// machines the way goes on without.
pub(super) fn keep(way: &Way, input: &TickInput, judged: &Judged, durable: &mut Durable) {
    let now = input.now.mono;
    let under_way = durable.intent.progress == Progress::ShuttingDown;
    let servers = stop_order(way, input, judged, durable);
    let Some(descent) = durable.descent.as_mut().filter(|_| under_way) else { return };
    if descent.servers.is_empty() {
        descent.servers = servers;
    }
    for (name, why) in &judged.left {
        descent.left.entry(name.clone()).or_insert_with(|| why.clone());
    }
    for (step, view) in way.steps().zip(&judged.assessment.gates) {
        if step.stage.is_some() {
            mark(step, view, now, descent);
        }
    }
}

fn mark(step: &Step, view: &GateView, now: Mono, descent: &mut Descent) {
    if matches!(view.state, GateState::Waiting { .. } | GateState::Skipped { .. }) {
        return;
    }
    let fresh = || StageMark { began: now, ended: None, end: None };
    let mark = descent.stages.entry(step.gate.id.clone()).or_insert_with(fresh);
    if view.state == GateState::Open && mark.end.is_none() {
        mark.ended = Some(now);
        mark.end = Some(StageEnd::Done);
    }
}

/// The order in which the servers stop, as soon as it is their turn: the etcd leader last.
fn stop_order(
    way: &Way,
    input: &TickInput,
    judged: &Judged,
    durable: &Durable,
) -> Vec<MachineName> {
    let id = &down::SERVERS_STOPPED.gate.id;
    let turn = way.gate(id).is_some()
        && judged.assessment.gate(id).is_some_and(|view| view.state == GateState::Closed);
    if !turn {
        return Vec::new();
    }
    let leader = durable.normal.leader.as_ref();
    let scope = &durable.intent.scope;
    let mut servers: Vec<_> =
        input.policy.with_role(Role::Server).filter(|name| scope.concerns(name)).cloned().collect();
    servers.sort_by_key(|name| Some(name) == leader);
    servers
}

/// How many servers before this one in the stop order still run. Zero for any but the last.
pub(super) fn others_running(name: &MachineName, sit: &Situation<'_>) -> usize {
    let Some(descent) = sit.descent() else { return 0 };
    if descent.servers.last() != Some(name) {
        return 0;
    }
    let others = descent.servers.iter().filter(|other| *other != name);
    others.filter(|other| sit.without(other).is_none() && !is_down(sit, other)).count()
}

fn is_down(sit: &Situation<'_>, name: &MachineName) -> bool {
    sit.host(name).is_ok_and(|host| !runs(host))
}

/// Whether a k3s unit is there and not down.
fn runs(host: &HostFacts) -> bool {
    let down = |active| matches!(active, UnitActive::Inactive | UnitActive::Failed);
    host.units.values().any(|unit| !down(unit.active))
}

/// Writes down that an action can't be taken back, before it is taken.
pub(super) fn note_point_of_no_return(action: &Action, input: &TickInput, durable: &mut Durable) {
    let breaks = matches!(action.effect, Effect::PowerOff { .. } | Effect::PowerOffHere { .. })
        || matches!(&action.effect, Effect::StopUnit { host, .. }
            if breaks_quorum(host, input, durable));
    let teaches = durable.descent.as_ref().is_some_and(|descent| teaches(descent, durable));
    let Some(descent) = &mut durable.descent else { return };
    if let Effect::PowerOff { host } = &action.effect {
        descent.told.insert(host.clone());
    }
    if action.effect.ends_host() {
        if teaches {
            // This host's next boot ends the way down and knows no times of this one.
            power::learn(descent, &mut durable.stage_times);
            descent.teaches = false;
        }
        descent.host_told = Some(input.now.boot.clone());
    }
    if !breaks {
        return;
    }
    if descent.past_return.is_none() {
        let what = action.effect.to_string();
        descent.past_return = Some(NoReturn { at: input.now.wall, what });
    }
}

/// Whether too few servers run when this one and all that are being stopped are gone.
fn breaks_quorum(host: &MachineName, input: &TickInput, durable: &Durable) -> bool {
    let policy = &input.policy;
    if policy.machines.get(host).is_none_or(|machine| machine.role != Role::Server) {
        return false;
    }
    let stops = |name: &MachineName| {
        name == host
            || durable.in_flight.values().any(|flight| {
                matches!(&flight.action.effect, Effect::StopUnit { host, .. } if host == name)
            })
    };
    let stays = |name: &&MachineName| {
        let seen = input.observation.hosts.get(*name).and_then(Seen::any_age);
        !stops(name) && seen.is_some_and(runs)
    };
    policy.with_role(Role::Server).filter(stays).count() < policy.quorum()
}

/// Ends the episode when everything is down, and turns round if a person asked for that. What a
/// UPS wanted goes up when it could go down once more, which its own wish says.
pub(super) fn close_when_down(input: &TickInput, phase: Phase, durable: &mut Durable) {
    if phase != Phase::Down {
        return;
    }
    if let Some(descent) = durable.descent.as_ref().filter(|it| teaches(it, durable)) {
        power::learn(descent, &mut durable.stage_times);
    }
    durable.intent.progress = Progress::ShutdownComplete;
    episode::end(&input.now, durable, EndKind::Down);
    let turn = durable.descent.as_mut().and_then(|descent| descent.turn.take());
    if let Some(by @ Author::Person { .. }) = turn {
        let cause = cause("startup", &by);
        super::orders::end_wish(&input.now, durable, by);
        episode::open(&input.now, durable, cause);
    }
}

/// Whether a way down that is just over says how long another one takes: the whole cluster ran,
/// and nothing was left out on a person's word.
fn teaches(descent: &Descent, durable: &Durable) -> bool {
    is_under_way(durable)
        && durable.intent.scope == Scope::Whole
        && durable.attempts.contains_key(&remedies::STOP_SERVER.id)
        && descent.teaches
        && descent.drain
        && descent.snapshot
}
