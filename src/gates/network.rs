use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("network"),
    title: "The cluster's network carries what is asked through it",
    // Not after the cordons: one that is still being accounted for holds back only its own node.
    after: &[&super::FRESH_READY],
    waits: Waits::ForMost,
    checks: &[&checks::NETWORK_ANSWERS],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[],
};
