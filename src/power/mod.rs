//! What the UPSes mean for the machines. Pure: what was seen and remembered, and the time, go in.
//!
//! [`step`] takes the newest look at one UPS and says what it is (`state` of things), what is
//! left (`runtime`), and every reason to go down with its margin (`reasons`). [`domains`] then
//! says which machines that concerns and until when, [`budget`] what a shutdown takes, and
//! [`obstacles`] what speaks against a start.
//!
//! The rules that everything here keeps:
//! - With mains, by the UPS's last word that made sense, nothing ever goes down.
//! - Silence is not mains and not an outage. After mains it is an alarm; on battery the last
//!   runtime that was believed runs out in real time.
//! - No runtime is believed for what it is; the smallest of several that are plausible counts.

mod budget;
mod domains;
mod keep;
mod reasons;
mod runtime;
mod start;
mod state;
#[cfg(test)]
mod tests;

pub use budget::{budget, learn};
pub use domains::{domains, uncovered};
pub use keep::{kept, restored};
pub use start::obstacles;

use crate::model::facts::Seen;
use crate::model::power::{
    Condition, Fit, RuntimeView, StatusToken, UpsAlarm, UpsFacts, UpsMemory, UpsRules, UpsState,
    UpsView,
};
use crate::model::time::{Mono, Span};

/// How long an output may be off before it is an alarm: self-tests begin with it (upsmon's
/// OFFDURATION is 30 s).
const OFF_FOR: Span = Span::secs(30);

/// Takes the newest look at a UPS. `needed` is what a shutdown takes, all told ([`budget`]).
///
/// Looking twice at the same answer teaches nothing new, but lets time pass.
pub fn step(
    memory: &UpsMemory,
    seen: &Seen<UpsFacts>,
    needed: Span,
    rules: &UpsRules,
    now: Mono,
) -> (UpsMemory, UpsView) {
    let mut memory = state::observe(memory, seen, rules, now);
    let runtime = runtime::believed(&memory, now);
    memory.anchor = runtime::anchored(&memory, &runtime, now);
    let reasons = reasons::weigh(&mut memory, &runtime, needed, rules, now);
    let state = state::now(&memory, rules, now);
    let heard = !matches!(state, UpsState::Unknown { .. });
    let drains = memory.trusted.is_some_and(|trusted| trusted.condition.drains());
    // Unlike a battery, mains do not run out in a way that could be told from old words.
    let runtime = if heard || drains { runtime } else { RuntimeView::default() };
    let fit = fit(&runtime, needed + rules.margin());
    let view = UpsView {
        on_battery_for: memory.outage.map(|outage| state::on_battery_for(&memory, &outage, now)),
        mains_since: state::mains_since(&memory).filter(|_| heard),
        charge: memory.sample.as_ref().filter(|_| heard).and_then(|it| it.charge.said()),
        alarms: alarms(&memory, &state, &fit, rules, now),
        recheck: reasons::recheck(&memory, &reasons, rules, now),
        state,
        runtime,
        reasons,
        fit,
    };
    (memory, view)
}

fn fit(runtime: &RuntimeView, threshold: Span) -> Fit {
    match runtime.left {
        None => Fit::Unknown,
        Some((_, left)) if left > threshold => Fit::Fits { spare: left.less(threshold) },
        Some((_, left)) => Fit::Short { by: threshold.less(left) },
    }
}

/// What a person should know, most urgent first.
fn alarms(
    memory: &UpsMemory,
    state: &UpsState,
    fit: &Fit,
    rules: &UpsRules,
    now: Mono,
) -> Vec<UpsAlarm> {
    let mut alarms = Vec::new();
    if let UpsState::Unknown { why, last, .. } = state {
        alarms.push(UpsAlarm::Silent { why: why.clone(), ever: last.is_some() });
    }
    let Some((trusted, sample)) = memory.trusted.zip(memory.sample.as_ref()) else {
        return alarms;
    };
    let has = |token| sample.status.has(&token);
    let mains = trusted.condition.has_mains();
    let nothing_limits = rules.charge_floor.is_none() && rules.on_battery_max.is_none();
    let no_runtime = runtime::on_mains(sample).is_err();
    let mut raise = |yes: bool, alarm: UpsAlarm| {
        if yes {
            alarms.push(alarm);
        }
    };
    raise(
        trusted.condition == (Condition::ForcedShutdown { on_battery: false }),
        UpsAlarm::StaleLatch,
    );
    raise(
        trusted.condition == Condition::Off && now.since(trusted.since) >= OFF_FOR,
        UpsAlarm::Off,
    );
    raise(has(StatusToken::Overload), UpsAlarm::Overload);
    raise(trusted.condition == Condition::Bypass, UpsAlarm::Bypass);
    raise(mains && has(StatusToken::LowBattery), UpsAlarm::LowOnMains);
    raise(has(StatusToken::ReplaceBattery), UpsAlarm::ReplaceBattery);
    let discharging = trusted.condition == Condition::Online && has(StatusToken::Discharging);
    raise(discharging, UpsAlarm::DischargingOnLine);
    if let Fit::Short { by } = fit {
        raise(mains, UpsAlarm::TooShort { by: *by });
    }
    raise(mains && nothing_limits && no_runtime, UpsAlarm::NothingToGoBy);
    let words = sample.alarm.clone().unwrap_or_default();
    raise(has(StatusToken::Alarm) || !words.is_empty(), UpsAlarm::Vendor { words });
    alarms
}
