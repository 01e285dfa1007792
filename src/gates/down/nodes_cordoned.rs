use super::{Lasts, Late, Stage, always};
use crate::gates::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static STAGE: Stage = Stage {
    gate: Gate {
        id: GateId::fixed("nodes-cordoned"),
        title: "The nodes that go down take no new pods",
        after: &[&super::FLUX_SUSPENDED.gate],
        waits: Waits::ForAll,
        checks: &[&checks::CLOSED_TO_PODS],
        opens: Opens::Whole,
        soak: no_soak,
        ladder: &[&remedies::CORDON_FOR_SHUTDOWN],
    },
    reverses: Some(&crate::gates::CORDONS),
    part: always,
    late: Late::Cut,
    lasts: Lasts::Once,
    limit: |rules| rules.api,
};
