use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("power"),
    title: "There is mains, and what the batteries hold would carry another shutdown",
    after: &[],
    waits: Waits::ForAll,
    checks: &[&checks::POWER_SUFFICES],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[],
};
