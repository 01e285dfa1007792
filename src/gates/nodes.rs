use super::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static GATE: Gate = Gate {
    id: GateId::fixed("nodes"),
    title: "The machines answer over SSH, sudo lets ananke through to the guard, and of several \
            ananke hosts the guards have accepted this one",
    after: &[&super::POWER, &super::INVENTORY],
    waits: Waits::ForAll,
    checks: &[
        &checks::POWERED_ON,
        &checks::SSH_ANSWERS,
        &checks::GUARD_WORKS,
        &checks::START_CLAIMED,
    ],
    opens: Opens::Degraded,
    soak: no_soak,
    ladder: &[&remedies::POWER_ON, &remedies::CLAIM_START],
};
