use super::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static GATE: Gate = Gate {
    id: GateId::fixed("fresh-ready"),
    title: "Every node is Ready, proven to be of its present boot",
    after: &[&super::WORKERS],
    waits: Waits::ForMost,
    checks: &[&checks::NODE_FRESH],
    opens: Opens::Degraded,
    soak: no_soak,
    ladder: &[&remedies::CORDON_FOR_REPAIR, &remedies::RESTART_AGENT],
};
