//! The stages: the way down, as a list. Each is a gate like those of the way up, judged and worked
//! on by the same engine, and names the gate of the way up that it takes back; the list is the way
//! up backwards.
//!
//! To add one: a file with a `STAGE` on top, and one line in [`ALL`], after the stages that it
//! comes after.

mod agents_emptied;
mod agents_off;
mod agents_stopped;
mod applications_evicted;
mod datastore_saved;
mod flux_suspended;
mod jump_off;
mod nodes_cordoned;
mod others_off;
mod own_host_off;
mod servers_emptied;
mod servers_off;
mod servers_stopped;
mod services_evicted;
mod volumes_detached;

pub use agents_emptied::STAGE as AGENTS_EMPTIED;
pub use agents_off::STAGE as AGENTS_OFF;
pub use agents_stopped::STAGE as AGENTS_STOPPED;
pub use applications_evicted::STAGE as APPLICATIONS_EVICTED;
pub use datastore_saved::STAGE as DATASTORE_SAVED;
pub use flux_suspended::STAGE as FLUX_SUSPENDED;
pub use jump_off::STAGE as JUMP_OFF;
pub use nodes_cordoned::STAGE as NODES_CORDONED;
pub use others_off::STAGE as OTHERS_OFF;
pub use own_host_off::STAGE as OWN_HOST_OFF;
pub use servers_emptied::STAGE as SERVERS_EMPTIED;
pub use servers_off::STAGE as SERVERS_OFF;
pub use servers_stopped::STAGE as SERVERS_STOPPED;
pub use services_evicted::STAGE as SERVICES_EVICTED;
pub use volumes_detached::STAGE as VOLUMES_DETACHED;

use super::Gate;
use crate::model::intent::Desired;
use crate::model::policy::ShutdownRules;
use crate::model::time::Span;

/// The way down, from top to bottom.
pub static ALL: &[&Stage] = &[
    &FLUX_SUSPENDED,
    &NODES_CORDONED,
    &DATASTORE_SAVED,
    &APPLICATIONS_EVICTED,
    &SERVICES_EVICTED,
    &VOLUMES_DETACHED,
    &AGENTS_STOPPED,
    &AGENTS_EMPTIED,
    &SERVERS_STOPPED,
    &SERVERS_EMPTIED,
    &AGENTS_OFF,
    &SERVERS_OFF,
    &OTHERS_OFF,
    &JUMP_OFF,
    &OWN_HOST_OFF,
];

/// A declared stage. No field has a default: a missing one does not compile.
#[derive(Debug)]
pub struct Stage {
    /// What it proves, in which order, and with which remedies.
    pub gate: Gate,
    /// The gate of the way up that it takes back. `None` for what has no counterpart there.
    pub reverses: Option<&'static Gate>,
    /// Whether it is part of the way to this end.
    pub part: fn(Desired) -> bool,
    /// What becomes of it when it is late.
    pub late: Late,
    /// Whether it has to stay so, or has been enough once.
    pub lasts: Lasts,
    /// How long it may take while no battery says otherwise.
    pub limit: fn(&ShutdownRules) -> Span,
}

/// What becomes of a stage that is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// For a UPS it is cut as a whole; a person is asked.
    Cut,
    /// Machine by machine: for a UPS the way goes on without one whose time is spent; a person is
    /// asked, unless the machine was not up when the way began.
    Left,
    /// It goes on being tried, and a person is asked: nothing comes after it that needs the time.
    Kept,
}

/// Whether a stage has to stay so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// Done once is done: the API that could say so goes down on the way.
    Once,
    /// It is looked at to the end.
    ToTheEnd,
}

/// What each of two stages has of a time that they share.
const fn half(both: Span) -> Span {
    Span::millis(both.as_millis() / 2)
}

/// A stage of every way down.
const fn always(_: Desired) -> bool {
    true
}

/// A stage of a way down at whose end the machines are off.
const fn poweroff(desired: Desired) -> bool {
    matches!(desired, Desired::DownPoweroff)
}

#[cfg(test)]
mod tests {
    use super::ALL;
    use crate::gates;
    use crate::model::ids::CheckId;

    fn place(id: &str) -> usize {
        let found = gates::ALL.iter().position(|gate| gate.id.as_str() == id);
        found.unwrap_or_else(|| panic!("{id} is no gate of the way up"))
    }

    #[test]
    fn the_way_down_is_the_way_up_backwards() {
        let taken_back = ALL.iter().filter_map(|stage| stage.reverses);
        let places: Vec<_> = taken_back.map(|gate| place(gate.id.as_str())).collect();
        assert!(places.is_sorted_by(|earlier, later| earlier >= later), "{places:?}");
    }

    #[test]
    fn every_stage_stands_after_the_stages_it_comes_after_and_no_id_is_used_twice() {
        for (at, stage) in ALL.iter().enumerate() {
            let same = |id: &crate::model::ids::GateId| *id == stage.gate.id;
            assert!(!gates::ALL.iter().any(|gate| same(&gate.id)), "{}", stage.gate.id);
            assert!(!ALL[..at].iter().any(|other| same(&other.gate.id)), "{}", stage.gate.id);
            for before in stage.gate.after {
                let earlier = ALL[..at].iter().any(|other| other.gate.id == before.id);
                assert!(earlier, "{} stands before {}", stage.gate.id, before.id);
            }
        }
    }

    #[test]
    fn ladders_cure_what_their_stage_asks() {
        for stage in ALL {
            for remedy in stage.gate.ladder {
                let asked = |id: &CheckId| stage.gate.checks.iter().any(|check| check.id == *id);
                assert!(remedy.cures.iter().any(|check| asked(&check.id)), "{}", remedy.id);
            }
        }
    }
}
