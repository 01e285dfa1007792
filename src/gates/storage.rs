use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("storage"),
    title: "Storage drivers are registered again, volumes hang where they should, no claim is lost",
    after: &[&super::CORDONS],
    waits: Waits::ForMost,
    checks: &[&checks::DRIVER_REGISTERED, &checks::VOLUME_ATTACHED, &checks::CLAIM_KEPT],
    opens: Opens::Degraded,
    soak: no_soak,
    // Storage mends itself on known clocks, and most of what a tool could do to it loses data.
    ladder: &[],
};
