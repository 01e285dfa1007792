use super::{Gate, Opens, Waits};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("soak"),
    title: "Nothing regressed for the whole soak",
    after: &[
        &super::FRESH_READY,
        &super::CORDONS,
        &super::ADMISSION,
        &super::STORAGE,
        &super::SECRETS,
        &super::REGISTRY,
        &super::FLUX_SOURCE,
        &super::KUSTOMIZATIONS,
        &super::WORKLOADS,
        &super::ENDPOINTS,
        &super::INGRESS,
        &super::SERVICES,
    ],
    waits: Waits::ForAll,
    checks: &[&checks::STEADY],
    opens: Opens::Whole,
    soak: |timing| timing.soak,
    ladder: &[],
};
