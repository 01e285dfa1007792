//! Since when a service can be expected to answer: nothing is late while what it needs is not
//! there.

use crate::gates::Gate;
use crate::model::assessment::GateState;
use crate::model::ids::GateId;
use crate::model::situation::Situation;
use crate::model::time::Mono;
use crate::model::verdict::Target;

/// Since when a target can be expected to be good. One that is no service has its own remedies,
/// and its time runs from when it failed.
pub(super) fn expected_since(gate: &Gate, sit: &Situation<'_>, target: &Target) -> Mono {
    let Target::Service(_) = target else { return Mono(0) };
    let before = sit.passing.gates.get(&gate.id);
    before.map_or(Mono(0), |memory| memory.expected.unwrap_or(sit.now))
}

/// Since when what a gate asks for can be expected, given the word of its state now: since it no
/// longer had to wait. What comes before it may be proven anew, which takes seconds, and changes
/// nothing; a wait as long as a start is a new beginning.
pub(super) fn expected(sit: &Situation<'_>, gate: &GateId, word: &str) -> Option<Mono> {
    let before = sit.passing.gates.get(gate);
    let known = before.and_then(|memory| memory.expected);
    if word != GateState::WAITING {
        return known.or(Some(sit.now));
    }
    let waits = before.filter(|memory| memory.word == GateState::WAITING);
    let short = waits.is_none_or(|it| sit.now.since(it.since) < sit.policy.timing.agent_start);
    known.filter(|_| short)
}
