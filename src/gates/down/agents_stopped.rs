use super::{Lasts, Late, Stage, always};
use crate::gates::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static STAGE: Stage = Stage {
    gate: Gate {
        id: GateId::fixed("agents-stopped"),
        title: "The agents that go down are stopped",
        after: &[&super::NODES_CORDONED.gate, &super::VOLUMES_DETACHED.gate],
        waits: Waits::ForItself,
        checks: &[&checks::AGENT_STOPPED],
        opens: Opens::Whole,
        soak: no_soak,
        ladder: &[&remedies::STOP_AGENT],
    },
    reverses: Some(&crate::gates::WORKERS),
    part: always,
    late: Late::Left,
    lasts: Lasts::ToTheEnd,
    limit: |rules| rules.stop,
};
