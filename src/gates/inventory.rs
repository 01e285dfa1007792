use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("inventory"),
    title: "The configuration names the machines, and what each of them is",
    after: &[],
    waits: Waits::ForAll,
    checks: &[&checks::INVENTORY_SANE],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[],
};
