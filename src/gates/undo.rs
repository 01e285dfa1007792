use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("undo"),
    title: "Everything temporary was given back",
    after: &[&super::SOAK],
    waits: Waits::ForAll,
    checks: &[&checks::NOTHING_LEFT],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[],
};
