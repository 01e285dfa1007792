use super::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static GATE: Gate = Gate {
    id: GateId::fixed("flux-source"),
    title: "Flux follows the expected repository, and has fetched it since the outage",
    after: &[&super::FRESH_READY, &super::GIT],
    waits: Waits::ForMost,
    checks: &[&checks::FLUX_SOURCE],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[&remedies::RESUME_FLUX, &remedies::REQUEST_RECONCILE],
};
