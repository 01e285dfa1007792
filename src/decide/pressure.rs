//! What a battery that gives out asks of the way down: until when, and what becomes of the late.

use super::descent::{is_under_way, past_return};
use super::ladder;
use crate::gates::down::{self, Late, Stage};
use crate::model::descent::StageEnd;
use crate::model::ids::MachineName;
use crate::model::intent::{Author, Desired};
use crate::model::memory::{Durable, HeldSince};
use crate::model::power::{Arming, PowerView};
use crate::model::situation::Situation;
use crate::model::time::{Mono, Span};
use crate::model::verdict::Target;
use crate::remedies::Need;

/// By how much the end of the energy may move before it is written down anew: each change costs a
/// synced write, in an outage of all times.
const MOVES: Span = Span::secs(30);

/// Takes over until when the batteries last of which machines go down. What begins to drain again
/// gives the stages their time anew.
pub(super) fn hurry(now: Mono, power: &PowerView, durable: &mut Durable) {
    let under_way = is_under_way(durable) && matches!(power.arming, Arming::Armed { .. });
    let Some(descent) = &mut durable.descent else { return };
    let lasts = power.going_down().filter_map(|(domain, _)| domain.deadline).min();
    let ends = lasts.filter(|_| under_way).map(|left| now + left);
    match (descent.deadline, ends) {
        (Some(known), Some(ends)) => {
            let moved = known.since(ends).max(ends.since(known));
            if moved >= MOVES {
                descent.deadline = Some(ends);
            }
        }
        (None, Some(ends)) => {
            descent.stages.retain(|_, mark| mark.end.is_some());
            descent.deadline = Some(ends);
        }
        (_, None) => descent.deadline = None,
    }
}

/// Whether a battery presses: what is late then is cut or left, and a disk that takes no record
/// stops nothing.
pub(super) fn is_pressed(durable: &Durable) -> bool {
    let ups = durable.intent.by.is_pressed();
    let ends = durable.descent.as_ref().is_some_and(|descent| descent.deadline.is_some());
    durable.intent.desired != Desired::Up && (ups || ends)
}

/// Whether a UPS wanted it down, gives no reason for it now, and it can still be taken back: then
/// nothing more goes down until mains have stayed, or are gone again. What another host's UPS
/// wants is that host's to take back.
pub(super) fn rests(durable: &Durable, power: &PowerView) -> bool {
    matches!(durable.intent.by, Author::Ups { .. })
        && !past_return(durable)
        && is_under_way(durable)
        && !power.upses.is_empty()
        && power.going_down().next().is_none()
}

/// Whether UPSes wanted it down, and none of this host's does now. Then this host does not go
/// off, also past the point of no return: its power does not go, so none that comes back starts it.
pub(super) fn spares_own_host(durable: &Durable, power: &PowerView) -> bool {
    durable.intent.by.is_pressed() && is_under_way(durable) && power.going_down().next().is_none()
}

/// However little a battery leaves, each stage is tried for so long.
const LEAST: Span = Span::secs(20);

/// When the time of a stage is over. `None` before its turn has come, and while it rests. Where a
/// battery leaves less than this stage and those to come may take, it has its share of what was
/// left when its turn came.
pub(super) fn due(stage: &Stage, sit: &Situation<'_>) -> Option<Mono> {
    let descent = sit.descent()?;
    let began = descent.stages.get(&stage.gate.id)?.began;
    let last = stage.gate.id == down::OWN_HOST_OFF.gate.id;
    if rests(sit.durable, sit.power) || (last && spares_own_host(sit.durable, sit.power)) {
        return None;
    }
    let rules = &sit.policy.shutdown;
    let own = (stage.limit)(rules);
    let Some(deadline) = descent.deadline else { return Some(began + own) };
    let to_come = down::ALL.iter().skip_while(|other| other.gate.id != stage.gate.id);
    let to_come = to_come.filter(|other| (other.part)(sit.durable.intent.desired));
    let all = to_come.fold(Span::ZERO, |sum, other| sum + (other.limit)(rules)).as_millis();
    let share = Span::millis(deadline.since(began).as_millis() * own.as_millis() / all.max(1));
    Some(began + own.min(share.max(LEAST)))
}

/// Whether the time of a stage is over.
pub(super) fn is_late(stage: &Stage, sit: &Situation<'_>) -> bool {
    due(stage, sit).is_some_and(|due| sit.now >= due)
}

/// Why a stage is cut, if it is: its time is over, or it needs an API that does not answer and
/// that a stage before it has waited for in vain.
pub(super) fn why_cut(stage: &Stage, sit: &Situation<'_>) -> Option<String> {
    let marks = &sit.descent()?.stages;
    if is_late(stage, sit) {
        let had = sit.now.since(marks.get(&stage.gate.id)?.began);
        return Some(format!("not done after {had}: the energy is needed for what comes after"));
    }
    let by_api = stage.gate.ladder.iter().all(|remedy| remedy.needs == Need::Api);
    let cut = marks.values().any(|mark| matches!(mark.end, Some(StageEnd::Cut { .. })));
    let in_vain = by_api && cut && !sit.api_up() && !rests(sit.durable, sit.power);
    in_vain.then(|| "the API does not answer, and was waited for before".to_owned())
}

/// Whether the way goes on without a machine whose time is spent, instead of asking a person:
/// for a UPS once it had its turn, else for one that nobody has seen up since the way began.
pub(super) fn may_leave(stage: &Stage, name: &MachineName, sit: &Situation<'_>) -> bool {
    let silent = sit.host(name).is_err();
    let unseen =
        silent && sit.descent().is_some_and(|descent| !descent.up_before.contains_key(name));
    let pressed = is_pressed(sit.durable) && (silent || had_its_turn(stage, name, sit));
    stage.late == Late::Left && (pressed || unseen)
}

/// Whether what a stage does was tried on a machine, or can't be. The time of a stage runs from
/// when it was the first machine's turn.
fn had_its_turn(stage: &Stage, name: &MachineName, sit: &Situation<'_>) -> bool {
    let target = Target::Machine(name.clone());
    let in_vain = |held: &HeldSince| held.name != GATE_CLOSED && sit.now.since(held.since) >= LEAST;
    stage.gate.ladder.iter().any(|remedy| {
        let held = sit.passing.held.get(&remedy.id).and_then(|targets| targets.get(&target));
        ladder::attempts(sit, &remedy.id, &target).is_some() || held.is_some_and(in_vain)
    })
}

/// The name of the reason that says that it is not a machine's turn yet (`model::plan::Hold`).
const GATE_CLOSED: &str = "gate-closed";
