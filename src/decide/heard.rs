//! What was said to an action that the way down, or back from it, is remembered by.

use crate::model::action::{Action, Effect, PodTier};
use crate::model::descent::{Descent, HeldPods};
use crate::model::ids::MachineName;
use crate::model::memory::Durable;
use crate::model::outcome::ActionResult;
use crate::model::time::Mono;

/// Keeps it.
pub(super) fn keep(now: Mono, action: &Action, result: &ActionResult, durable: &mut Durable) {
    let Some(descent) = &mut durable.descent else { return };
    let done = matches!(result, ActionResult::Done | ActionResult::AlreadyDone);
    let not_done = matches!(result, ActionResult::Refused { .. } | ActionResult::Failed { .. });
    if let Effect::PowerOff { host } = &action.effect {
        power_off(host, result, descent);
    }
    // The host of this process did not go off: its next boot has another reason.
    if action.effect.ends_host() && not_done {
        descent.host_told = None;
    }
    if let Effect::EvictPods { node, tier, .. } = &action.effect {
        eviction(now, node, *tier, result, descent);
    }
    if let (Effect::SaveDatastore { host }, true) = (&action.effect, done) {
        descent.saved = Some(host.clone());
    }
    if let (Effect::SuspendFlux { object }, true) = (&action.effect, not_done) {
        descent.suspended.remove(object);
    }
    if let (Effect::ResumeFlux { object }, true) = (&action.effect, done) {
        descent.suspended.remove(object);
    }
}

/// What a machine said to the word to switch itself off.
fn power_off(host: &MachineName, result: &ActionResult, descent: &mut Descent) {
    match result {
        ActionResult::Done | ActionResult::AlreadyDone => {
            descent.accepted.insert(host.clone());
        }
        ActionResult::Refused { .. } | ActionResult::Held { .. } | ActionResult::Failed { .. } => {
            descent.told.remove(host);
        }
        ActionResult::Unknown { .. } => {}
    }
}

/// Since when disruption budgets hold pods of a node. An answer about something else says nothing
/// of them.
fn eviction(
    now: Mono,
    node: &MachineName,
    tier: PodTier,
    result: &ActionResult,
    descent: &mut Descent,
) {
    match result {
        ActionResult::Held { .. } => {
            let first = HeldPods { tier, since: now };
            let held = descent.held.entry(node.clone()).or_insert(first);
            if held.tier != tier {
                *held = first;
            }
        }
        ActionResult::Done | ActionResult::AlreadyDone => {
            descent.held.remove(node);
        }
        ActionResult::Refused { .. }
        | ActionResult::Failed { .. }
        | ActionResult::Unknown { .. } => {}
    }
}
