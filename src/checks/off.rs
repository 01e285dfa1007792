//! Whether a machine is switched off. Shared by the checks of servers, agents and others.

use crate::model::facts::{Blind, BlindKind};
use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

/// The verdict on every machine of a role that goes down, but not on one through which others are
/// reached.
pub(super) fn judge(sit: &Situation<'_>, role: Role) -> Vec<(Target, Verdict)> {
    let jump = sit.policy.shutdown.jump.as_ref();
    let concerned = sit.going_down().filter(|(_, machine)| machine.role == role);
    concerned
        .filter(|(name, _)| Some(*name) != jump)
        .map(|(name, _)| (Target::Machine(name.clone()), off(sit, name)))
        .collect()
}

/// The verdict on one machine.
pub(super) fn off(sit: &Situation<'_>, name: &MachineName) -> Verdict {
    // One that did not stop in time and answers is switched off all the same: a battery that gives
    // out would do it worse.
    let left = sit.descent().is_some_and(|descent| descent.left.contains_key(name));
    let answers = sit.host(name).is_ok();
    if let Some(verdict) = sit.without(name).filter(|_| !(left && answers)) {
        return verdict;
    }
    if name.as_str() == sit.policy.owner {
        return Verdict::skipped("ananke's own host: it comes last (own-host-off)");
    }
    let told = sit.descent().is_some_and(|descent| descent.told.contains(name));
    match sit.host(name) {
        Ok(_) if told => Verdict::fail("it was told to switch itself off, and still answers"),
        Ok(_) => Verdict::fail("it is on"),
        Err(blind) if told => leaving(sit, name, &blind),
        Err(blind) => Verdict::unknown(format!("{blind}; ananke has not switched it off")),
    }
}

/// What the silence of a machine means that was told to switch itself off.
fn leaving(sit: &Situation<'_>, name: &MachineName, blind: &Blind) -> Verdict {
    let accepted = sit.descent().is_some_and(|descent| descent.accepted.contains(name));
    match (blind.kind, sit.passing.silent.get(name)) {
        (BlindKind::Refused, _) => Verdict::fail("its kernel still answers: not off"),
        _ if !accepted => Verdict::unknown(format!(
            "{blind}; it was told to switch itself off, and nobody knows whether it heard that"
        )),
        (BlindKind::Unreachable, Some(since)) => {
            let why = format!("no answer for {}", sit.now.since(*since));
            Verdict::Settling { why, until: *since + sit.policy.shutdown.quiet }
        }
        _ => Verdict::unknown(blind.detail.clone()),
    }
}

/// What a person can do about it.
pub(super) fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![
        format!("look at the console of {target}, and switch it off there or at its outlet"),
        format!("sudo ananke ack {target}   when it is off, or may be left as it is"),
    ]
}
