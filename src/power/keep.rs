//! What a restart of ananke must not lose, and how seldom that is written.

use crate::model::facts::{Blind, BlindKind};
use crate::model::power::{Anchor, BlindSpell, Outage, Trusted, UpsKept, UpsMemory};
use crate::model::time::{Mono, Span};

/// How far the countdown of the runtime that is written down may be off before it is written
/// again. Each change costs a synced write, in an outage of all times.
const OFF_BY: Span = Span::secs(60);

/// What is to be kept of a UPS: the same as `before`, as long as that still says the same.
pub fn kept(memory: &UpsMemory, before: &UpsKept) -> UpsKept {
    let condition = |trusted: Option<Trusted>| trusted.map(|it| (it.condition, it.since));
    let outage = |outage: Option<Outage>| outage.map(|it| (it.began, it.transfer, it.mains_since));
    let is_same = condition(memory.trusted) == condition(before.trusted)
        && outage(memory.outage) == outage(before.outage)
        && is_near(memory.anchor, before.anchor);
    if is_same {
        return before.clone();
    }
    UpsKept { trusted: memory.trusted, outage: memory.outage, anchor: memory.anchor }
}

fn is_near(now: Option<Anchor>, before: Option<Anchor>) -> bool {
    let (Some(now), Some(before)) = (now, before) else { return now.is_none() && before.is_none() };
    let counted = before.left.less(now.at.since(before.at));
    counted.less(now.left).max(now.left.less(counted)) < OFF_BY
}

/// Memory after a restart of ananke within one boot of its host. After a boot of the host there is
/// nothing to restore: its clock began anew, and so may have everything else.
pub fn restored(kept: &UpsKept, now: Mono) -> UpsMemory {
    let why = "not asked yet since ananke started";
    UpsMemory {
        trusted: kept.trusted,
        blind: kept
            .trusted
            .map(|_| BlindSpell { since: now, why: Blind::new(BlindKind::NotYet, why) }),
        outage: kept.outage,
        anchor: kept.anchor,
        ..UpsMemory::default()
    }
}
