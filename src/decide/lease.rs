//! How much of the leases of our cordons is used.

use crate::model::cordon::CordonKind;
use crate::model::facts::Link;
use crate::model::intent::Desired;
use crate::model::memory::{HeldCordon, Memory};
use crate::model::tick::TickInput;
use crate::model::time::Span;

/// Cluster-up time is written down in steps of this length, so that a lease costs one durable
/// write a minute. What was not written at a crash counts as one whole step.
const LEASE_STEP: Span = Span::mins(1);

/// A lease counts time in which the cluster was up, so that a long outage expires none.
pub(super) fn count(input: &TickInput, memory: &mut Memory) {
    if memory.passing.tick == 0 {
        // Rounded up, so that a loop that dies every minute does not hold a cordon for ever.
        let counts = |held: &&mut HeldCordon| held.record.kind != CordonKind::Shutdown;
        for held in memory.durable.cordons.values_mut().filter(counts) {
            held.used = held.used + LEASE_STEP;
        }
        return;
    }
    let Link::Up { since, .. } = &input.observation.api.link else { return };
    let from = memory.passing.last_tick.max(*since);
    let passed = input.now.mono.since(from);
    let down = memory.durable.intent.desired != Desired::Up;
    for (name, held) in &mut memory.durable.cordons {
        let back = !down && memory.passing.answering.contains_key(name);
        // The lease of a shutdown begins when its machine is back.
        if held.record.kind == CordonKind::Shutdown && !back {
            continue;
        }
        let extra = memory.passing.cordon_extra.entry(name.clone()).or_default();
        *extra = *extra + passed;
        if *extra >= LEASE_STEP {
            held.used = held.used + *extra;
            *extra = Span::ZERO;
        }
    }
}
