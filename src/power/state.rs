//! What a UPS is: from its words, and from its silence.

use crate::model::facts::{Blind, BlindKind, Seen};
use crate::model::power::{
    BlindSpell, Condition, Drain, Outage, Sample, StatusToken, Trusted, UpsFacts, UpsMemory,
    UpsRules, UpsState,
};
use crate::model::time::{Mono, Span};

use super::runtime;

/// Below so many volts at the input there is no mains. The lowest mains of the world are 100 V.
const NO_MAINS_VOLTS: u16 = 50;

/// Memory after a look. Only an answer that is newer than the last one and says what the input is
/// changes what is trusted.
pub(super) fn observe(
    memory: &UpsMemory,
    seen: &Seen<UpsFacts>,
    rules: &UpsRules,
    now: Mono,
) -> UpsMemory {
    let mut next = memory.clone();
    match seen {
        Seen::Known { value, at } if now.since(*at) <= rules.fresh_for => {
            let is_new = next.sample.as_ref().is_none_or(|sample| *at > sample.at);
            match condition(value, next.trusted) {
                Ok(condition) if is_new => learn(&mut next, value, condition, *at, rules),
                Ok(_) => {}
                Err(why) => go_blind(&mut next, why, *at),
            }
        }
        Seen::Known { at, .. } => {
            let why = format!("its last answer is older than {}", rules.fresh_for);
            go_blind(&mut next, Blind::new(BlindKind::Stale, why), *at);
        }
        Seen::Unknown { why, since } => go_blind(&mut next, why.clone(), *since),
    }
    next
}

/// What the words come to, or why they come to nothing.
fn condition(facts: &UpsFacts, last: Option<Trusted>) -> Result<Condition, Blind> {
    let has = |token| facts.status.has(&token);
    let on_battery = has(StatusToken::OnBattery);
    let low = has(StatusToken::LowBattery);
    let input_known = has(StatusToken::Online) != on_battery && !has(StatusToken::Wait);
    if has(StatusToken::ForcedShutdown) {
        // With the order latched and no other word, the last known input decides.
        let drained = last.is_some_and(|last| last.condition.drains());
        return match (input_known, drained) {
            (true, _) => Ok(Condition::ForcedShutdown { on_battery }),
            (false, true) => Ok(Condition::ForcedShutdown { on_battery: true }),
            (false, false) => Err(no_input(facts)),
        };
    }
    if has(StatusToken::Wait) || has(StatusToken::Online) && on_battery {
        return Err(no_input(facts));
    }
    let no_volts = facts.input_volts.said().is_some_and(|volts| volts < NO_MAINS_VOLTS);
    if has(StatusToken::Calibrating) && input_known && !(on_battery && no_volts) {
        return Ok(Condition::Calibrating { on_battery, low });
    }
    match (on_battery, low) {
        (true, true) => Ok(Condition::Low),
        (true, false) => Ok(Condition::OnBattery),
        (false, _) if has(StatusToken::Off) => Ok(Condition::Off),
        (false, _) if has(StatusToken::Bypass) => Ok(Condition::Bypass),
        (false, _) if has(StatusToken::Online) => Ok(Condition::Online),
        (false, _) => Err(no_input(facts)),
    }
}

fn no_input(facts: &UpsFacts) -> Blind {
    if facts.status.has(&StatusToken::Wait) {
        return Blind::new(BlindKind::NotYet, "upsd waits for the first word of its driver");
    }
    let why = format!("its status \"{}\" does not say whether there is mains", facts.status);
    Blind::new(BlindKind::Garbled, why)
}

fn go_blind(memory: &mut UpsMemory, why: Blind, since: Mono) {
    let last = memory.trusted.map_or(since, |trusted| since.max(trusted.at));
    let since = memory.blind.as_ref().map_or(last, |spell| spell.since);
    memory.blind = Some(BlindSpell { since, why });
}

fn learn(
    memory: &mut UpsMemory,
    facts: &UpsFacts,
    condition: Condition,
    at: Mono,
    rules: &UpsRules,
) {
    let old = memory.sample.take();
    let drained = memory.trusted.is_some_and(|trusted| trusted.condition.drains());
    let transferred = condition.drains() && !drained;
    // A value that was said on mains begins to count down with the transfer only.
    let kept = old.as_ref().filter(|_| !transferred);
    let sample = Sample {
        at,
        status: facts.status.clone(),
        runtime: facts.runtime,
        runtime_since: kept.filter(|s| s.runtime == facts.runtime).map_or(at, |s| s.runtime_since),
        charge: facts.charge,
        charge_since: kept.filter(|s| s.charge == facts.charge).map_or(at, |s| s.charge_since),
        alarm: facts.alarm.clone(),
    };
    memory.outage = outage(memory, old.as_ref(), &sample, condition, rules);
    let since = match memory.trusted {
        Some(trusted) if trusted.condition == condition => trusted.since,
        Some(_) | None => at,
    };
    memory.trusted = Some(Trusted { condition, since, at });
    memory.sample = Some(sample);
    memory.blind = None;
}

/// The outage after an answer.
fn outage(
    memory: &UpsMemory,
    old: Option<&Sample>,
    new: &Sample,
    condition: Condition,
    rules: &UpsRules,
) -> Option<Outage> {
    let last = memory.trusted;
    let drained = last.filter(|trusted| trusted.condition.drains());
    let since_last = drained.map_or(Span::ZERO, |trusted| new.at.since(trusted.at));
    let Some(mut outage) = memory.outage else {
        let had_mains = last.is_some_and(|trusted| trusted.condition.has_mains());
        let before = old.filter(|_| had_mains).and_then(|sample| runtime::on_mains(sample).ok());
        return condition.drains().then_some(Outage {
            began: new.at,
            transfer: new.at,
            used: Span::ZERO,
            mains_since: None,
            before,
            drain: None,
        });
    };
    if condition.drains() {
        outage.used = outage.used + since_last;
        outage.mains_since = None;
        if drained.is_none() {
            outage.transfer = new.at;
            outage.drain = None;
        }
        outage.drain = outage.drain.or_else(|| first_step(&outage, old, new));
        return Some(outage);
    }
    if memory.blind.is_none() {
        outage.used = outage.used + since_last;
    }
    outage.mains_since = match condition.has_mains() {
        true => outage.mains_since.or(Some(new.at)),
        false => None,
    };
    let is_over = outage.mains_since.is_some_and(|since| new.at.since(since) >= rules.dwell);
    (!is_over).then_some(outage)
}

/// The first fall of the charge after the UPS has settled: the edge is exact, the value before it
/// is not.
fn first_step(outage: &Outage, old: Option<&Sample>, new: &Sample) -> Option<Drain> {
    let before = old?.charge.said()?;
    let charge = new.charge.said()?;
    let settled = new.at.since(outage.transfer) >= runtime::SETTLE;
    (settled && charge < before).then_some(Drain { at: new.at, charge })
}

/// What the UPS is, as of now.
pub(super) fn now(memory: &UpsMemory, rules: &UpsRules, now: Mono) -> UpsState {
    let lost = memory
        .blind
        .as_ref()
        .filter(|spell| memory.trusted.is_none() || now.since(spell.since) >= rules.lost_after);
    if let Some(BlindSpell { since, why }) = lost {
        return UpsState::Unknown { since: *since, why: why.clone(), last: memory.trusted };
    }
    let Some(Trusted { condition, since, .. }) = memory.trusted else {
        let why = Blind::new(BlindKind::NotYet, "nobody has asked it yet");
        return UpsState::Unknown { since: now, why, last: None };
    };
    match condition {
        Condition::Online => UpsState::Online { since },
        Condition::OnBattery => UpsState::OnBattery { since },
        Condition::Low => UpsState::Low { since },
        Condition::ForcedShutdown { on_battery } => UpsState::ForcedShutdown { since, on_battery },
        Condition::Calibrating { .. } => UpsState::Calibrating { since },
        Condition::Off => UpsState::Off { since },
        Condition::Bypass => UpsState::Bypass { since },
    }
}

/// Since when mains are there, by the last word. `None` while they are not.
pub(super) fn mains_since(memory: &UpsMemory) -> Option<Mono> {
    let trusted = memory.trusted.filter(|trusted| trusted.condition.has_mains())?;
    Some(memory.outage.and_then(|outage| outage.mains_since).unwrap_or(trusted.since))
}

/// How long the load has been on battery in this outage, the silent time included.
pub(super) fn on_battery_for(memory: &UpsMemory, outage: &Outage, now: Mono) -> Span {
    match memory.trusted.filter(|trusted| trusted.condition.drains()) {
        Some(trusted) => outage.used + now.since(trusted.at),
        None => outage.used,
    }
}
