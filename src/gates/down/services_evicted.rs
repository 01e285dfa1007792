use super::{Lasts, Late, Stage, always, half};
use crate::gates::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static STAGE: Stage = Stage {
    gate: Gate {
        id: GateId::fixed("services-evicted"),
        title: "What applications need left the nodes that go down",
        after: &[&super::APPLICATIONS_EVICTED.gate],
        waits: Waits::ForAll,
        checks: &[&checks::SERVICES_EVICTED],
        opens: Opens::Whole,
        soak: no_soak,
        ladder: &[&remedies::EVICT_SERVICES],
    },
    reverses: None,
    part: always,
    late: Late::Cut,
    lasts: Lasts::Once,
    limit: |rules| half(rules.drain),
};
