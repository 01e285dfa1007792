use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("endpoints"),
    title: "Somebody answers for each service behind an Ingress, as on a good day",
    after: &[&super::KUSTOMIZATIONS],
    waits: Waits::ForMost,
    checks: &[&checks::SERVICE_ANSWERS],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[],
};
