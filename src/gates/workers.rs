use super::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static GATE: Gate = Gate {
    id: GateId::fixed("workers"),
    title: "The agents run",
    after: &[&super::CONTROL_PLANE],
    waits: Waits::ForMost,
    checks: &[&checks::AGENT_UNIT],
    opens: Opens::Degraded,
    soak: no_soak,
    ladder: &[&remedies::CLEAR_FAILED_UNIT, &remedies::START_AGENT],
};
