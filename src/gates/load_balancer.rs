use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("load-balancer"),
    title: "The load balancer lets the cluster be reached",
    after: &[&super::NETWORK],
    waits: Waits::ForMost,
    checks: &[&checks::LOAD_BALANCER_ANSWERS],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[],
};
