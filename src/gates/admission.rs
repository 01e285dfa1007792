use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;

pub static GATE: Gate = Gate {
    id: GateId::fixed("admission"),
    title: "Nothing is refused because the webhook that has to judge it is away",
    // Not after fresh nodes: a webhook for nodes may be what keeps them from getting so.
    after: &[&super::CORDONS],
    waits: Waits::ForMost,
    checks: &[&checks::WEBHOOK_ANSWERS],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[],
};
