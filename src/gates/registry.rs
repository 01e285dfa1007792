use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("registry"),
    title: "The registry serves images",
    // Flux does not wait for it: most images lie on the nodes, and its own may be what is amiss.
    after: &[&super::NETWORK],
    waits: Waits::ForMost,
    checks: &[&checks::REGISTRY_ANSWERS],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[],
};
