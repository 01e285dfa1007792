//! The `RecoveryStatus` of a recorded tick: what `kubectl get recoverystatus` shows.
//!
//! It holds times, never ages, so that it stays the same while nothing changes. It is rendered from
//! the gates, whatever gates there are.

mod conditions;
mod crd;
mod next;

pub use crd::{crd, crd_yaml};

use jiff::Timestamp;

use crate::model::assessment::GateView;
use crate::model::ids::BootId;
use crate::model::plan::Held;
use crate::model::record::TickRecord;
use crate::model::recovery_status::{
    Condition, CordonLease, EpisodeView, Gate, Hold, Host, ManualAction, Status,
};
use crate::model::time::{Moment, Mono, Span};
use crate::model::verdict::Target;

/// The longest text in a field; `ananke why` has all of it.
const TEXT: usize = 240;
/// Reasons shown for a gate.
const REASONS: usize = 3;
/// Entries of a list that grows with the trouble; the counts beside it are of all.
const ENTRIES: usize = 40;
/// How far the clocks may drift apart before the wall clock is taken to have been set.
const STEP: i64 = 2_000;

/// Between two writes that say something new: the datastore has just come back from an outage.
const SOON: Span = Span::secs(2);
/// Between two writes of which only the second words a reason differently.
const REWORDED: Span = Span::secs(15);
/// Between two writes that say the same: only to show that somebody still looks.
const HEARTBEAT: Span = Span::secs(60);

/// How the monotonic clock maps to the wall clock. Kept over ticks, so that the same moment has
/// the same name in each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    boot: BootId,
    /// The wall clock, less the monotonic one, in milliseconds.
    offset: i64,
}

impl Anchor {
    /// The anchor for a tick: the one before it, unless the clock was set since.
    pub fn follow(before: Option<&Self>, now: &Moment) -> Self {
        let mono = i64::try_from(now.mono.0).unwrap_or(i64::MAX);
        let offset = now.wall.as_millisecond().saturating_sub(mono);
        match before {
            Some(anchor) if anchor.boot == now.boot && (anchor.offset - offset).abs() <= STEP => {
                anchor.clone()
            }
            Some(_) | None => Self { boot: now.boot.clone(), offset },
        }
    }

    fn wall(&self, at: Mono) -> Timestamp {
        let mono = i64::try_from(at.0).unwrap_or(i64::MAX);
        let ms = self.offset.saturating_add(mono);
        Timestamp::from_second(ms.div_euclid(1_000)).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// What a status is made with, besides the tick.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Which moment has which name.
    pub anchor: &'a Anchor,
    /// The generation of the object whose wishes were read; `None` before it was read.
    pub generation: Option<i64>,
    /// The conditions that the object has now.
    pub before: &'a [Condition],
    /// Whether this run of ananke has published before, over this very link. The first status
    /// after a start or an outage only takes back what an older one claims.
    pub again: bool,
}

/// The status of a tick.
pub fn recovery_status(record: &TickRecord, context: &Context<'_>) -> Status {
    let (input, decision) = (&record.input, &record.decision);
    let anchor = context.anchor;
    let gates = &decision.assessment.gates;
    let first = gates.iter().find(|gate| !gate.state.is_open());
    let since = first.map(|gate| gate.since).or(gates.iter().map(|gate| gate.since).max());
    let seen_at = seconds(input.now.wall);
    let durable = &decision.memory.durable;
    Status {
        observed_generation: context.generation,
        conditions: conditions::conditions(record, context),
        phase: conditions::word(decision.phase).to_owned(),
        gate: first.map(|gate| gate.id.to_string()),
        since: since.map(|at| anchor.wall(at)),
        message: next::message(record),
        next_step: next::next_step(record, &|at| anchor.wall(at)),
        acting: input.policy.owner.clone(),
        seen_at: Some(seen_at),
        gates: gates.iter().map(|view| gate(view, anchor)).collect(),
        held: Some(count(decision.plan.held.len())),
        holds: decision.plan.held.iter().take(ENTRIES).map(|held| hold(held, anchor)).collect(),
        manual: Some(count(manual_targets(record).count())),
        manual_actions: manual(record, anchor),
        cordons: cordons(record),
        // No tick carries UPSes yet.
        power: None,
        episode: durable.episode.as_ref().map(|episode| EpisodeView {
            id: episode.id.0,
            cause: short(&episode.cause.to_string()),
            opened_at: seconds(episode.opened_wall),
            ended_at: episode.end.as_ref().map(|end| seconds(end.wall)),
            end: episode.end.as_ref().map(|end| short(&end.how.to_string())),
        }),
        hosts: vec![Host {
            name: input.policy.owner.clone(),
            role: if input.request.execute { "acting" } else { "observing" }.to_owned(),
            version: record.version.clone(),
            epoch: durable.epoch.0,
            seen_at,
            clock_trusted: input.now.wall_trusted,
        }],
    }
}

/// How old what was written last must be before this one is written over it.
pub fn pace(last: &Status, next: &Status) -> Span {
    if shape(last) != shape(next) {
        SOON
    } else if words(last) != words(next) {
        REWORDED
    } else {
        HEARTBEAT
    }
}

/// The status without its ages, and without figures of a UPS that never stand still.
fn words(status: &Status) -> Status {
    let mut status = status.clone();
    status.seen_at = None;
    for host in &mut status.hosts {
        host.seen_at = Timestamp::UNIX_EPOCH;
    }
    if let Some(power) = &mut status.power {
        power.summary.clear();
        for ups in &mut power.ups {
            (ups.charge, ups.runtime_seconds) = (None, None);
        }
    }
    status
}

/// The status without its ages and its free text.
fn shape(status: &Status) -> Status {
    let mut status = words(status);
    status.message.clear();
    status.next_step.clear();
    status.conditions.iter_mut().for_each(|condition| condition.message.clear());
    status.gates.iter_mut().for_each(|gate| gate.why.clear());
    for hold in &mut status.holds {
        hold.message.clear();
        hold.until = None;
    }
    status.manual_actions.iter_mut().for_each(|action| action.by_hand.clear());
    status
}

fn gate(view: &GateView, anchor: &Anchor) -> Gate {
    let bad = view.findings.iter().filter(|finding| !finding.verdict.lets_open());
    let why = bad.map(|finding| short(&format!("{}: {}", finding.target, finding.verdict.why())));
    Gate {
        name: view.id.to_string(),
        state: view.state.word().to_owned(),
        since: anchor.wall(view.since),
        why: why.take(REASONS).collect(),
    }
}

fn hold(held: &Held, anchor: &Anchor) -> Hold {
    Hold {
        gate: held.gate.to_string(),
        remedy: held.remedy.to_string(),
        target: held.target.to_string(),
        reason: held.hold.name().to_owned(),
        message: short(&held.hold.to_string()),
        since: anchor.wall(held.since),
        until: held.hold.until().map(|at| anchor.wall(at)),
    }
}

/// What waits for a person: what is marked, and what ananke is at its end with, once each.
fn manual_targets(record: &TickRecord) -> impl Iterator<Item = &Target> {
    let marked = &record.decision.memory.durable.manual;
    let alarms = record.decision.alarms.iter().enumerate().filter(|(at, alarm)| {
        let before = record.decision.alarms.iter().take(*at);
        !marked.contains_key(&alarm.target)
            && before.clone().all(|other| other.target != alarm.target)
    });
    marked.keys().chain(alarms.map(|(_, alarm)| &alarm.target))
}

fn manual(record: &TickRecord, anchor: &Anchor) -> Vec<ManualAction> {
    let targets = manual_targets(record).take(ENTRIES);
    let actions = targets.filter_map(|target| {
        let alarm = record.decision.alarms.iter().find(|alarm| alarm.target == *target);
        let mark = record.decision.memory.durable.manual.get(target);
        let reason = mark.map(|mark| &mark.reason).or(alarm.map(|alarm| &alarm.what))?;
        let marked = mark.map(|mark| seconds(mark.since));
        let since = marked.or(alarm.map(|alarm| anchor.wall(alarm.since)))?;
        let by_hand = alarm.map(|alarm| &alarm.by_hand).into_iter().flatten();
        Some(ManualAction {
            target: target.to_string(),
            reason: short(reason),
            since,
            by_hand: by_hand.take(REASONS).map(|line| short(line)).collect(),
        })
    });
    actions.collect()
}

fn cordons(record: &TickRecord) -> Vec<CordonLease> {
    let cordons = record.decision.memory.durable.cordons.iter();
    let leases = cordons.map(|(node, held)| CordonLease {
        node: node.to_string(),
        id: held.record.id.to_string(),
        acquired_at: seconds(held.record.acquired_at),
        expires_at: seconds(held.record.expires_at),
    });
    leases.take(ENTRIES).collect()
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

/// Whole seconds, as Kubernetes writes its times.
fn seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// A text on one line, cut where it is too long for a field.
fn short(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let cut: String = plain.take(TEXT).collect();
    if text.chars().nth(TEXT).is_some() { cut + "…" } else { cut }
}
