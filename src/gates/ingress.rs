use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("ingress"),
    title: "Every host that the ingresses name answers as its users expect",
    after: &[&super::KUSTOMIZATIONS],
    waits: Waits::ForMost,
    checks: &[&checks::INGRESS_ANSWERS],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[],
};
