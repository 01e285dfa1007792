//! The reasons to go down, each with its margin, and how long each must hold.

use crate::model::power::{
    Condition, Holding, Measure, Reading, Reason, ReasonKind, RuntimeView, UpsMemory, UpsRules,
};
use crate::model::time::{Mono, Span};

use super::state::on_battery_for;

/// A calibration ends by itself within seconds of low battery. If low battery stays for longer,
/// mains are gone as well.
const CALIBRATION_LOW: Span = Span::secs(30);

/// In how many different answers a reason must hold, however long it has: one may be a slip.
const ANSWERS: u32 = 2;

/// Weighs every reason. Empty unless the load is on battery, by the UPS's last word.
pub(super) fn weigh(
    memory: &mut UpsMemory,
    runtime: &RuntimeView,
    needed: Span,
    rules: &UpsRules,
    now: Mono,
) -> Vec<Reason> {
    let measures = match memory.trusted.map(|trusted| trusted.condition) {
        Some(condition) if condition.drains() => {
            on_battery(memory, condition, runtime, needed + rules.margin(), rules, now)
        }
        Some(Condition::Calibrating { on_battery: true, low }) => vec![
            (ReasonKind::LowBattery, Measure::Said { yes: low }, CALIBRATION_LOW),
            (ReasonKind::ChargeFloor, charge_floor(memory, rules), rules.debounce),
        ],
        Some(_) | None => Vec::new(),
    };
    memory.holding.retain(|kind, _| measures.iter().any(|(listed, _, _)| listed == kind));
    measures
        .into_iter()
        .map(|(kind, measure, wait)| {
            let (since, fires) = hold(memory, kind, &measure, wait, now);
            Reason { kind, measure, since, fires }
        })
        .collect()
}

fn on_battery(
    memory: &UpsMemory,
    condition: Condition,
    runtime: &RuntimeView,
    threshold: Span,
    rules: &UpsRules,
    now: Mono,
) -> Vec<(ReasonKind, Measure, Span)> {
    let forced = matches!(condition, Condition::ForcedShutdown { .. });
    let silent = memory.blind.as_ref().map(|spell| now.since(spell.since));
    let left = runtime.left.map(|(_, have)| Measure::Left { have, need: threshold });
    let mut measures = vec![
        (ReasonKind::ForcedShutdown, Measure::Said { yes: forced }, Span::ZERO),
        (ReasonKind::LowBattery, Measure::Said { yes: condition == Condition::Low }, rules.low_for),
        (ReasonKind::ChargeFloor, charge_floor(memory, rules), rules.debounce),
        (ReasonKind::TimeOnBattery, time_on_battery(memory, rules, now), Span::ZERO),
    ];
    measures.push(match silent.filter(|silent| *silent >= rules.lost_after) {
        // Silence was debounced already, and a countdown does not jitter.
        Some(have) => {
            let limit = rules.blind_max;
            let measure = left.unwrap_or(Measure::Passed { have, limit });
            (ReasonKind::ConnectionLost, measure, Span::ZERO)
        }
        None => {
            let why = "no runtime is believed".to_owned();
            let measure = left.unwrap_or(Measure::Unknown { why });
            (ReasonKind::Runtime, measure, rules.debounce)
        }
    });
    measures
}

fn charge_floor(memory: &UpsMemory, rules: &UpsRules) -> Measure {
    let Some(floor) = rules.charge_floor else { return Measure::NotAsked };
    let reading = memory.sample.as_ref().map_or(Reading::Absent, |sample| sample.charge);
    match reading {
        Reading::Said(have) => Measure::Charge { have, floor },
        Reading::Absent => Measure::Unknown { why: "no charge is reported".to_owned() },
        Reading::Garbled => Measure::Unknown { why: "the charge is no number".to_owned() },
    }
}

fn time_on_battery(memory: &UpsMemory, rules: &UpsRules, now: Mono) -> Measure {
    match (rules.on_battery_max, &memory.outage) {
        (None, _) => Measure::NotAsked,
        (Some(limit), Some(outage)) => {
            Measure::Passed { have: on_battery_for(memory, outage, now), limit }
        }
        (Some(limit), None) => Measure::Passed { have: Span::ZERO, limit },
    }
}

fn holds(measure: &Measure) -> bool {
    match measure {
        Measure::Left { have, need } => have <= need,
        Measure::Passed { have, limit } => have >= limit,
        Measure::Charge { have, floor } => have <= floor,
        Measure::Said { yes } => *yes,
        Measure::Unknown { .. } | Measure::NotAsked => false,
    }
}

/// Since when a reason has held without a break, and whether that is long enough.
fn hold(
    memory: &mut UpsMemory,
    kind: ReasonKind,
    measure: &Measure,
    wait: Span,
    now: Mono,
) -> (Option<Mono>, bool) {
    if !holds(measure) {
        memory.holding.remove(&kind);
        return (None, false);
    }
    let answer = memory.sample.as_ref().map_or(now, |sample| sample.at);
    let first = Holding { since: now, samples: 1, at: answer };
    let holding = memory.holding.entry(kind).or_insert(first);
    if answer > holding.at {
        holding.samples = holding.samples.saturating_add(1);
        holding.at = answer;
    }
    let confirmed = holding.samples >= ANSWERS || memory.blind.is_some();
    let fires = wait == Span::ZERO || confirmed && now.since(holding.since) >= wait;
    (Some(holding.since), fires)
}

/// When a reason may begin to hold or to fire, or the state may change, although nothing new is
/// heard. Only while there is an outage or silence; on a quiet day the ordinary look is enough.
pub(super) fn recheck(
    memory: &UpsMemory,
    reasons: &[Reason],
    rules: &UpsRules,
    now: Mono,
) -> Option<Mono> {
    let lost = memory.blind.as_ref().map(|spell| spell.since + rules.lost_after);
    let stale = memory.sample.as_ref().filter(|_| !reasons.is_empty());
    let stale = stale.map(|sample| sample.at + rules.fresh_for + Span::millis(1));
    let over = memory.outage.and_then(|outage| outage.mains_since).map(|at| at + rules.dwell);
    let moved = reasons.iter().filter(|reason| !reason.fires).filter_map(|reason| {
        match (&reason.measure, reason.since) {
            (_, Some(since)) => Some(since + wait_of(reason.kind, memory, rules)),
            (Measure::Left { have, need }, None) => Some(now + have.less(*need)),
            (Measure::Passed { have, limit }, None) => Some(now + limit.less(*have)),
            (
                Measure::Charge { .. }
                | Measure::Said { .. }
                | Measure::Unknown { .. }
                | Measure::NotAsked,
                None,
            ) => None,
        }
    });
    let all = [lost, stale, over].into_iter().flatten().chain(moved);
    all.filter(|at| *at > now).min()
}

fn wait_of(kind: ReasonKind, memory: &UpsMemory, rules: &UpsRules) -> Span {
    let calibrating = memory
        .trusted
        .is_some_and(|trusted| matches!(trusted.condition, Condition::Calibrating { .. }));
    match kind {
        ReasonKind::LowBattery if calibrating => CALIBRATION_LOW,
        ReasonKind::LowBattery => rules.low_for,
        ReasonKind::Runtime | ReasonKind::ChargeFloor => rules.debounce,
        ReasonKind::ForcedShutdown | ReasonKind::TimeOnBattery | ReasonKind::ConnectionLost => {
            Span::ZERO
        }
    }
}
