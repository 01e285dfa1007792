use super::{Lasts, Late, Stage, always};
use crate::gates::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static STAGE: Stage = Stage {
    gate: Gate {
        id: GateId::fixed("flux-suspended"),
        title: "Flux is suspended, root first",
        after: &[],
        waits: Waits::ForAll,
        checks: &[&checks::FLUX_SUSPENDED],
        opens: Opens::Whole,
        soak: no_soak,
        ladder: &[&remedies::SUSPEND_FLUX],
    },
    reverses: Some(&crate::gates::KUSTOMIZATIONS),
    part: always,
    late: Late::Cut,
    lasts: Lasts::Once,
    limit: |rules| rules.api,
};
