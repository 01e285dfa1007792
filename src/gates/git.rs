use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("git"),
    title: "The git server serves what Flux fetches",
    after: &[&super::DATABASE, &super::LOAD_BALANCER],
    waits: Waits::ForMost,
    checks: &[&checks::GIT_ANSWERS],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[],
};
