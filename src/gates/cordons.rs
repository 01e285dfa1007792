use super::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static GATE: Gate = Gate {
    id: GateId::fixed("cordons"),
    title: "Cordons and marks are accounted for: ours given back, those of others kept",
    after: &[&super::CONTROL_PLANE],
    waits: Waits::ForMost,
    checks: &[&checks::CORDON_CLEAR, &checks::MISSING_MARKED, &checks::MARK_CURRENT],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[
        &remedies::MARK_MISSING,
        &remedies::HAND_TO_PERSON,
        &remedies::CLEAR_MARK,
        &remedies::UNCORDON_OWN,
    ],
};
