//! What a person should hear of the UPSes.

use crate::checks;
use crate::gates;
use crate::model::alarm::Alarm;
use crate::model::facts::BlindKind;
use crate::model::memory::{Memory, PowerTold};
use crate::model::power::{Arming, PowerView, UpsAlarm, UpsName, UpsState, UpsView};
use crate::model::tick::TickInput;
use crate::model::time::{Mono, Span};
use crate::model::verdict::Target;

/// How long an alarm that has ended is not told anew: a USB cable that comes and goes would call a
/// person each time.
const QUIET: Span = Span::mins(30);

/// How long a UPS with mains may be silent before somebody is called: its USB may drop for 20 s.
const SILENT: Span = Span::secs(60);

/// The alarms that stand, each with whether it is news.
pub(in crate::decide) fn alarms(input: &TickInput, memory: &mut Memory) -> Vec<Alarm> {
    let now = input.now.mono;
    let (view, told_of) = (&memory.passing.power, &mut memory.passing.power_told);
    let mut raised = Vec::new();
    for (domain, down) in view.going_down() {
        let name = &domain.name;
        let what = match &view.arming {
            Arming::Armed { .. } => format!("its battery gives out: {name} goes down"),
            Arming::NotArmed { .. } | Arming::NoUps => {
                format!("its battery gives out, and {name} is NOT shut down: power is not armed")
            }
        };
        let steps = unarmed_steps(view);
        raised.extend(
            down.upses.iter().map(|ups| (ups, format!("down {name}"), what.clone(), steps.clone())),
        );
    }
    for (name, ups) in &view.upses {
        for alarm in ups.alarms.iter().filter(|alarm| is_loud(alarm, ups, now)) {
            let steps = vec![format!("upsc {name}   shows what upsd says of it")];
            raised.push((name, alarm.key().to_owned(), alarm.to_string(), steps));
        }
    }
    let alarms = raised.into_iter().map(|(name, key, what, by_hand)| {
        let told = told_of.entry(name.clone()).or_default();
        let known = told.get(&key).copied();
        let since = known.map_or(now, |known| known.since);
        told.insert(key, PowerTold { since, last: now });
        alarm(name, what, since, known.is_none(), by_hand)
    });
    let alarms = alarms.collect();
    for told in told_of.values_mut() {
        told.retain(|_, told| now.since(told.last) < QUIET);
    }
    told_of.retain(|_, told| !told.is_empty());
    alarms
}

fn alarm(ups: &UpsName, what: String, since: Mono, new: bool, by_hand: Vec<String>) -> Alarm {
    Alarm {
        gate: gates::POWER.id.clone(),
        check: checks::POWER_SUFFICES.id.clone(),
        target: Target::Ups(ups.clone()),
        what,
        since,
        new,
        tried: Vec::new(),
        by_hand,
    }
}

/// What a person has to do where ananke may do nothing.
fn unarmed_steps(view: &PowerView) -> Vec<String> {
    match &view.arming {
        Arming::Armed { .. } | Arming::NoUps => Vec::new(),
        Arming::NotArmed { why } => {
            let mut steps = vec!["shut the machines down by hand, agents first".to_owned()];
            steps.extend(why.iter().map(|why| format!("for the next time: {why}")));
            steps
        }
    }
}

/// Whether a person is called for it.
fn is_loud(alarm: &UpsAlarm, ups: &UpsView, now: Mono) -> bool {
    let UpsAlarm::Silent { why, .. } = alarm else { return true };
    let silent = match &ups.state {
        UpsState::Unknown { since, .. } => now.since(*since),
        UpsState::Online { .. }
        | UpsState::OnBattery { .. }
        | UpsState::Low { .. }
        | UpsState::ForcedShutdown { .. }
        | UpsState::Calibrating { .. }
        | UpsState::Off { .. }
        | UpsState::Bypass { .. } => return false,
    };
    ups.drains() || (why.kind != BlindKind::NotYet && silent >= SILENT)
}
