//! What a person told the loop, and what comes of it.

use super::descent::{self, Wish};
use super::{Library, episode, way};
use crate::model::episode::{Cause, EndKind};
use crate::model::ids::{GateId, MachineName};
use crate::model::intent::{Author, Desired, Intent, Progress, Scope};
use crate::model::memory::{Durable, HostStops, Pause};
use crate::model::peers::PeerLeave;
use crate::model::tick::Order;
use crate::model::time::Moment;
use crate::model::verdict::Target;

/// Carries out the orders, in the order in which they were given.
pub(super) fn obey(library: &Library, orders: &[Order], now: &Moment, durable: &mut Durable) {
    for order in orders {
        match order {
            Order::Startup { by } => start(now, durable, by),
            Order::Shutdown { by, why, to, drain, snapshot, host_stays } => {
                let wish = Wish {
                    by: Author::Person { name: by.clone() },
                    why: why.clone(),
                    to: *to,
                    scope: Scope::Whole,
                    drain: *drain,
                    snapshot: *snapshot,
                    host_stays: host_stays.clone(),
                };
                descent::order(now, durable, wish);
            }
            // At boot nobody is there to ask: a person's wish for down stands until a person
            // ends it.
            Order::Converge { by } => {
                if durable.intent.desired == Desired::Up {
                    let cause = Cause::Command { verb: "converge".to_owned(), by: by.clone() };
                    episode::open(now, durable, cause);
                }
            }
            Order::AllowOnBattery { by } => {
                if let Some(open) = durable.episode.as_mut().filter(|open| open.end.is_none()) {
                    open.on_battery = Some(by.clone());
                }
            }
            Order::AllowPeer { by, only_if_silent } => {
                let leave = PeerLeave { by: by.clone(), only_if_silent: *only_if_silent };
                if let Some(open) = durable.episode.as_mut().filter(|open| open.end.is_none()) {
                    open.as_peer = Some(leave);
                }
            }
            Order::Pause { by, why } => {
                durable.paused = Some(Pause { by: by.clone(), why: why.clone(), since: now.wall });
            }
            Order::Resume { .. } => durable.paused = None,
            // In the middle of the way down what was done is taken back; when everything is down
            // only the wish is forgotten.
            Order::ClearIntent { by } if durable.intent.progress == Progress::ShuttingDown => {
                start(now, durable, by);
            }
            Order::ClearIntent { by } => {
                end_wish(now, durable, Author::Person { name: by.clone() });
            }
            Order::Ack { by, name } => ack(library, now, durable, by, name),
            Order::HostStops { stops: true } => {
                durable.host_stops.get_or_insert(HostStops { at: now.mono, wall: now.wall });
            }
            Order::HostStops { stops: false } => durable.host_stops = None,
        }
    }
}

/// A person wants it up. What can't be taken back any more is finished first.
fn start(now: &Moment, durable: &mut Durable, by: &str) {
    let author = Author::Person { name: by.to_owned() };
    if descent::past_return(durable) {
        if let Some(descent) = &mut durable.descent {
            descent.turn = Some(author);
        }
        return;
    }
    let cause = descent::cause("startup", &author);
    if durable.intent.desired == Desired::Up {
        episode::open(now, durable, cause);
    } else {
        end_wish(now, durable, author);
        episode::turn(now, durable, cause);
    }
}

/// Somebody ends the wish for down of whomever it is.
pub(super) fn end_wish(now: &Moment, durable: &mut Durable, by: Author) {
    let reason = format!("{by} ended the wish of {}", durable.intent.by);
    want_up(now, durable, by, reason);
}

/// It is wanted up; what was wanted beneath a wish for down is forgotten with it.
pub(super) fn want_up(now: &Moment, durable: &mut Durable, by: Author, reason: String) {
    if durable.intent.desired == Desired::Up {
        return;
    }
    durable.beneath = None;
    durable.intent = Intent {
        desired: Desired::Up,
        progress: Progress::Normal,
        scope: Scope::Whole,
        by,
        reason,
        since: now.wall,
        epoch: durable.epoch,
    };
}

/// A person did their part: the remedies for this gate or machine start anew.
fn ack(library: &Library, now: &Moment, durable: &mut Durable, by: &str, name: &str) {
    let gate_id = GateId::new(name);
    let target = Target::Machine(MachineName::new(name));
    if let Some(gate) = way::gate(library, &gate_id) {
        for remedy in gate.ladder {
            durable.attempts.remove(&remedy.id);
        }
        durable.alarms.retain(|(gate, _)| *gate != gate_id);
    }
    for targets in durable.attempts.values_mut() {
        targets.remove(&target);
    }
    durable.alarms.retain(|(_, about)| *about != target);
    if let (Some(descent), Target::Machine(machine)) = (&mut durable.descent, &target)
        && durable.intent.progress == Progress::ShuttingDown
    {
        descent.vouched.insert(machine.clone());
    }
    if durable.manual.remove(&target).is_some() {
        durable.acked.insert(target);
    }
    let ended = durable.episode.as_ref().and_then(|episode| episode.end.as_ref());
    if ended.is_some_and(|end| end.how == EndKind::Degraded) {
        let cause = Cause::Command { verb: format!("ack {name}"), by: by.to_owned() };
        episode::open(now, durable, cause);
    }
}
