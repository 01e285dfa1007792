use super::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static GATE: Gate = Gate {
    id: GateId::fixed("time"),
    title: "The clocks are right, and k3s was not started before they were",
    after: &[&super::NODES],
    waits: Waits::ForMost,
    checks: &[&checks::CLOCK_RIGHT, &checks::STARTED_IN_TIME],
    opens: Opens::Degraded,
    soak: no_soak,
    ladder: &[&remedies::RESYNC_CLOCK, &remedies::SET_CLOCK, &remedies::RESTART_UNDER_RIGHT_CLOCK],
};
