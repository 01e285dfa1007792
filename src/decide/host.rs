//! ananke's own host: that somebody switches it off or restarts it, past ananke.
//!
//! That comes as an order, so that the ledger has it before the host is gone.

use super::descent;
use crate::gates::down;
use crate::model::alarm::Alarm;
use crate::model::ids::MachineName;
use crate::model::intent::Desired;
use crate::model::memory::Durable;
use crate::model::tick::TickInput;
use crate::model::time::{Moment, Span};
use crate::model::verdict::Target;

/// A host that is stopped is gone within minutes: no unit has more than its stop time (90 s unless
/// it says otherwise). One that is still there after this goes on.
const GONE_WITHIN: Span = Span::mins(10);

/// Forgets an end of which nothing came.
pub(super) fn still_there(now: &Moment, durable: &mut Durable) {
    durable.host_stops = durable.host_stops.filter(|it| now.mono.since(it.at) < GONE_WITHIN);
}

/// What a person should hear when the host ends while the cluster needs it. `None` where it does
/// not end, where ananke itself ends it, and where everything is down anyway.
pub(super) fn alarm(input: &TickInput, durable: &Durable) -> Option<Alarm> {
    let stops = durable.host_stops?;
    let descent = durable.descent.as_ref();
    let own_doing = descent.is_some_and(|it| it.host_told.as_ref() == Some(&input.now.boot));
    let going_down = descent::is_under_way(durable);
    if own_doing || !(going_down || durable.intent.desired == Desired::Up) {
        return None;
    }
    let meanwhile = match going_down {
        true => "the way down is not finished",
        false => "no UPS is answered until it is back",
    };
    Some(Alarm {
        gate: down::OWN_HOST_OFF.gate.id.clone(),
        check: Alarm::HOST_STOPS,
        target: Target::Machine(MachineName::new(input.policy.owner.clone())),
        what: format!("somebody switches this host off or restarts it: {meanwhile}"),
        since: stops.at,
        // The word is taken in once, and forgotten with the boot.
        new: input.memory.durable.host_stops.is_none(),
        tried: Vec::new(),
        by_hand: vec![
            "switch the host on again; ananke goes on from its ledger".to_owned(),
            "if its power is to go: sudo ananke shutdown --execute --reason WHY comes first"
                .to_owned(),
        ],
    })
}
