use super::{Lasts, Late, Stage, always, half};
use crate::gates::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static STAGE: Stage = Stage {
    gate: Gate {
        id: GateId::fixed("applications-evicted"),
        title: "Applications left the nodes that go down",
        after: &[&super::NODES_CORDONED.gate, &super::DATASTORE_SAVED.gate],
        waits: Waits::ForAll,
        checks: &[&checks::APPLICATIONS_EVICTED],
        opens: Opens::Whole,
        soak: no_soak,
        ladder: &[&remedies::EVICT_APPLICATIONS],
    },
    reverses: None,
    part: always,
    late: Late::Cut,
    lasts: Lasts::Once,
    limit: |rules| half(rules.drain),
};
