use super::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static GATE: Gate = Gate {
    id: GateId::fixed("undo"),
    title: "Everything temporary was given back",
    after: &[&super::SOAK],
    waits: Waits::ForAll,
    checks: &[&checks::NOTHING_LEFT],
    opens: Opens::Whole,
    soak: no_soak,
    // Where the gates of Flux are skipped, what ananke suspended is given back here.
    ladder: &[&remedies::RESUME_FLUX],
};
