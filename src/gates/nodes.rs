use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("nodes"),
    title: "The machines answer over SSH, and sudo lets ananke through to the guard",
    after: &[&super::POWER, &super::INVENTORY],
    waits: Waits::ForAll,
    checks: &[&checks::SSH_ANSWERS, &checks::GUARD_WORKS],
    opens: Opens::Degraded,
    soak: no_soak,
    ladder: &[],
};
