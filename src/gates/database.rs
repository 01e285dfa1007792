use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("database"),
    title: "The databases answer",
    after: &[&super::NETWORK],
    waits: Waits::ForMost,
    checks: &[&checks::DATABASE_ANSWERS],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[],
};
