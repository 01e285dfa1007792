use super::{Lasts, Late, Stage, always};
use crate::checks;
use crate::gates::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;

pub static STAGE: Stage = Stage {
    gate: Gate {
        id: GateId::fixed("volumes-detached"),
        title: "The volumes of what was evicted are let go",
        after: &[&super::SERVICES_EVICTED.gate],
        waits: Waits::ForAll,
        checks: &[&checks::VOLUMES_DETACHED],
        opens: Opens::Whole,
        soak: no_soak,
        ladder: &[],
    },
    reverses: None,
    part: always,
    late: Late::Cut,
    lasts: Lasts::Once,
    limit: |rules| rules.volumes,
};
