use super::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static GATE: Gate = Gate {
    id: GateId::fixed("kustomizations"),
    title: "What is in git was applied, and charts are installed, since the outage",
    // Not after the sources as a whole: one that is down holds back only what comes from it.
    after: &[&super::FRESH_READY],
    waits: Waits::ForMost,
    checks: &[&checks::KUSTOMIZATION_APPLIED, &checks::HELM_RELEASE],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[&remedies::RESUME_FLUX, &remedies::REQUEST_RECONCILE],
};
