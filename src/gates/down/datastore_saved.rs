use super::{Lasts, Late, Stage, always};
use crate::gates::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static STAGE: Stage = Stage {
    gate: Gate {
        id: GateId::fixed("datastore-saved"),
        title: "The datastore is saved",
        after: &[&super::NODES_CORDONED.gate],
        waits: Waits::ForAll,
        checks: &[&checks::DATASTORE_SAVED],
        opens: Opens::Whole,
        soak: no_soak,
        ladder: &[&remedies::SAVE_DATASTORE],
    },
    reverses: None,
    part: always,
    late: Late::Cut,
    lasts: Lasts::Once,
    limit: |rules| rules.snapshot,
};
