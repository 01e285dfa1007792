//! What a gate's ladder offers for one finding: the first rung that fits and is not spent.

use super::Library;
use super::holds::Candidate;
use super::tally::Tally;
use crate::gates::Gate;
use crate::model::action::{Channel, Effect};
use crate::model::assessment::Finding;
use crate::model::facts::GuardState;
use crate::model::ids::RemedyId;
use crate::model::memory::Attempts;
use crate::model::plan::Hold;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};
use crate::remedies::{Applies, Need, Remedy};

/// What comes of a ladder for one finding.
#[derive(Debug)]
pub(super) enum Rung {
    /// This may be done, as far as the target itself is concerned.
    Try(&'static Remedy, Effect, Channel),
    /// This would help, and something holds it back.
    Held(&'static Remedy, Hold),
    /// Every rung that fits was tried as often as it may be.
    Spent,
    /// No rung fits.
    Nothing,
}

/// Whether there is hope without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prospect {
    /// Something is being done, verified, or waited for.
    Working,
    /// What would help is held until a person acts.
    NeedsPerson,
    /// Everything was tried.
    Spent,
    /// There is no remedy for it, or none that may be used as things stand.
    Nothing,
}

/// The first rung that fits the finding, beside the steps that the tally counts already.
pub(super) fn climb(
    library: &Library,
    gate: &Gate,
    finding: &Finding,
    sit: &Situation<'_>,
    tally: &Tally,
) -> Rung {
    let Verdict::Fail { .. } = finding.verdict else { return Rung::Nothing };
    let mut spent = false;
    let mut held = None;
    for remedy in gate.ladder.iter().filter(|r| r.cures.iter().any(|c| c.id == finding.check)) {
        let target = &finding.target;
        let tried = attempts(sit, &remedy.id, target);
        if let Some(until) = tried.and_then(|tried| tried.verify_until) {
            return Rung::Held(remedy, Hold::Verifying { until });
        }
        let effect = match (remedy.applies)(sit, target) {
            Applies::No => continue,
            Applies::Blind(why) => return Rung::Held(remedy, Hold::Blind { why }),
            Applies::Forbidden(what) => return Rung::Held(remedy, Hold::UnitForbidden { what }),
            Applies::Yes(effect) => effect,
        };
        if tried.is_some_and(|tried| tried.count >= remedy.budget) {
            spent = true;
            continue;
        }
        let channel = match channel(remedy, &effect, sit) {
            Ok(channel) => channel,
            // A rung that can't be reached is named; the next one may be.
            Err(hold) => {
                held.get_or_insert((*remedy, hold));
                continue;
            }
        };
        let candidate = Candidate { remedy, target, effect: &effect, tally };
        return match library.holds.iter().find_map(|rule| (rule.judge)(&candidate, sit)) {
            Some(hold) => Rung::Held(remedy, hold),
            None => Rung::Try(remedy, effect, channel),
        };
    }
    match held {
        Some((remedy, hold)) => Rung::Held(remedy, hold),
        None if spent => Rung::Spent,
        None => Rung::Nothing,
    }
}

/// Whether there is hope for a finding without a person.
pub(super) fn prospect(
    library: &Library,
    gate: &Gate,
    finding: &Finding,
    sit: &Situation<'_>,
    tally: &Tally,
) -> Prospect {
    let target = &finding.target;
    if tally.busy(target, None).is_some() {
        return Prospect::Working;
    }
    match climb(library, gate, finding, sit, tally) {
        Rung::Held(_, hold) if hold.needs_person() => Prospect::NeedsPerson,
        // Nothing that ananke does ends these; if they last, somebody has to hear of it.
        Rung::Held(_, Hold::Storm { .. } | Hold::LastSchedulable | Hold::NoEpisode) => {
            Prospect::Nothing
        }
        Rung::Try(..) | Rung::Held(..) => Prospect::Working,
        Rung::Spent => Prospect::Spent,
        Rung::Nothing => {
            let check = gate.checks.iter().find(|check| check.id == finding.check);
            if check.is_some_and(|check| (check.person)(sit, target)) {
                Prospect::NeedsPerson
            } else {
                Prospect::Nothing
            }
        }
    }
}

/// What was tried on a target in this episode.
pub(super) fn attempts<'a>(
    sit: &Situation<'a>,
    remedy: &RemedyId,
    target: &Target,
) -> Option<&'a Attempts> {
    sit.durable.attempts.get(remedy)?.get(target)
}

/// By which way the effect can reach its target.
fn channel(remedy: &Remedy, effect: &Effect, sit: &Situation<'_>) -> Result<Channel, Hold> {
    if remedy.needs == Need::Api {
        let what = "the Kubernetes API".to_owned();
        return if sit.api_up() { Ok(Channel::Api) } else { Err(Hold::NotReachable { what }) };
    }
    if remedy.needs == Need::Here {
        return Ok(Channel::Here);
    }
    let Some(name) = effect.host() else {
        return Err(Hold::NotReachable { what: "its machine".to_owned() });
    };
    let host = sit.host(name).map_err(|blind| Hold::Blind { why: blind.to_string() })?;
    if let crate::model::facts::Sudo::Refused { why } = &host.sudo {
        return Err(Hold::SudoRefused { why: why.clone() });
    }
    match (&host.guard, remedy.needs) {
        (GuardState::Current, _) => Ok(Channel::Guard),
        (GuardState::Other { version }, _) => Err(Hold::OtherGuard { version: version.clone() }),
        // Past the guard nothing fences two ananke hosts.
        (GuardState::Absent, Need::GuardOrPlain) if sit.standing.is_alone() => {
            Ok(Channel::Unguarded)
        }
        (GuardState::Absent, Need::GuardOrPlain | Need::Guard | Need::Api | Need::Here) => {
            Err(Hold::Unguarded)
        }
    }
}
