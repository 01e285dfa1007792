//! How long the battery lasts: several sources, their known lies left out, the smallest counts.

use crate::model::power::{
    Anchor, Claim, Distrust, Outage, Reading, RuntimeSource, RuntimeView, Sample, UpsMemory,
};
use crate::model::time::{Mono, Span};

/// How long after a transfer a UPS still measures its load and says anything.
pub(super) const SETTLE: Span = Span::secs(30);

/// What 16-bit registers show for "I don't know" (networkupstools/nut#731).
const NOT_A_RUNTIME: i64 = 65_535;

/// The longest runtime that can be meant, in seconds: a day.
const LONGEST: i64 = 86_400;

/// With more charge than this, in percent, a runtime of 0 is "I don't know" (nut#2190).
const EMPTY_ENOUGH: u8 = 20;

/// How long the charge must have been seen to fall before its speed means anything.
const DRAIN_FOR: Span = Span::secs(60);

/// By how many percent it must have fallen.
const DRAIN_STEPS: u8 = 2;

/// What is left, by every source.
pub(super) fn believed(memory: &UpsMemory, now: Mono) -> RuntimeView {
    let drains = memory.trusted.is_some_and(|trusted| trusted.condition.drains());
    let claims = match (&memory.outage, &memory.sample, &memory.blind) {
        (Some(outage), Some(sample), None) if drains => on_battery(memory, outage, sample, now),
        (Some(outage), ..) if drains => last_trusted(memory, outage, now).into_iter().collect(),
        (_, Some(sample), _) => {
            vec![Claim { source: RuntimeSource::Reported, left: on_mains(sample) }]
        }
        (_, None, _) => Vec::new(),
    };
    let left = claims
        .iter()
        .filter_map(|claim| Some((claim.source, *claim.left.as_ref().ok()?)))
        .min_by_key(|(_, left)| *left);
    RuntimeView { claims, left }
}

/// The runtime that was believed last, after this look. None outside of an outage.
pub(super) fn anchored(memory: &UpsMemory, view: &RuntimeView, now: Mono) -> Option<Anchor> {
    memory.outage?;
    let drains = memory.trusted.is_some_and(|trusted| trusted.condition.drains());
    match view.left {
        Some((_, left)) if drains && memory.blind.is_none() => Some(Anchor { left, at: now }),
        Some(_) | None => memory.anchor,
    }
}

/// What a UPS on mains says that it would last.
pub(super) fn on_mains(sample: &Sample) -> Result<Span, Distrust> {
    plausible(sample, false)
}

fn on_battery(memory: &UpsMemory, outage: &Outage, sample: &Sample, now: Mono) -> Vec<Claim> {
    let settled = outage.transfer + SETTLE;
    let settling = now < settled;
    let reported = match settling {
        true => Err(Distrust::Settling { until: settled }),
        // What has not moved since then was true then, at the best.
        false => plausible(sample, true).map(|left| left.less(now.since(sample.runtime_since))),
    };
    let mut claims = vec![
        Claim { source: RuntimeSource::Reported, left: reported },
        Claim { source: RuntimeSource::Drain, left: drain(outage, sample, now) },
    ];
    let before = outage.before.filter(|_| settling).map(|before| Claim {
        source: RuntimeSource::BeforeOutage,
        left: Ok(before.less(super::state::on_battery_for(memory, outage, now))),
    });
    claims.extend(before);
    // Of an earlier stretch of this outage, which knows more than what was said before it; or from
    // before the UPS began to say nonsense.
    let smallest = claims.iter().filter_map(|claim| claim.left.as_ref().ok()).min().copied();
    let last = last_trusted(memory, outage, now).filter(|last| match smallest {
        Some(smallest) => settling && last.left.as_ref().is_ok_and(|left| *left < smallest),
        None => true,
    });
    claims.extend(last);
    claims
}

fn last_trusted(memory: &UpsMemory, outage: &Outage, now: Mono) -> Option<Claim> {
    let anchor = memory.anchor.filter(|anchor| anchor.at >= outage.began)?;
    let left = anchor.left.less(now.since(anchor.at));
    Some(Claim { source: RuntimeSource::LastTrusted, left: Ok(left) })
}

fn plausible(sample: &Sample, on_battery: bool) -> Result<Span, Distrust> {
    let said = match sample.runtime {
        Reading::Absent => return Err(Distrust::Absent),
        Reading::Garbled => return Err(Distrust::Garbled),
        Reading::Said(said) => said,
    };
    let empty = on_battery && sample.charge.said().is_some_and(|charge| charge <= EMPTY_ENOUGH);
    match u64::try_from(said) {
        Ok(0) if !empty => Err(Distrust::Implausible { said }),
        Ok(secs) if said != NOT_A_RUNTIME && said <= LONGEST => Ok(Span::secs(secs)),
        Ok(_) | Err(_) => Err(Distrust::Implausible { said }),
    }
}

/// From the speed at which the charge fell, between two of its steps.
fn drain(outage: &Outage, sample: &Sample, now: Mono) -> Result<Span, Distrust> {
    let charge = match sample.charge {
        Reading::Absent => return Err(Distrust::Absent),
        Reading::Garbled => return Err(Distrust::Garbled),
        Reading::Said(charge) => charge,
    };
    let from = outage.drain.ok_or(Distrust::TooFew)?;
    let fallen = from.charge.saturating_sub(charge);
    let took = sample.charge_since.since(from.at);
    if fallen < DRAIN_STEPS || took < DRAIN_FOR {
        return Err(Distrust::TooFew);
    }
    let at_step = took.times(u64::from(charge)).as_millis() / u64::from(fallen);
    Ok(Span::millis(at_step).less(now.since(sample.charge_since)))
}
