use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("services"),
    title: "Every service that is named under no other gate answers",
    after: &[&super::KUSTOMIZATIONS],
    waits: Waits::ForMost,
    checks: &[&checks::SERVICES_ANSWER],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[],
};
