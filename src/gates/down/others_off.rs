use super::{Lasts, Late, Stage, poweroff};
use crate::gates::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static STAGE: Stage = Stage {
    gate: Gate {
        id: GateId::fixed("others-off"),
        title: "What is no node is switched off, after all that may need it",
        after: &[&super::AGENTS_OFF.gate, &super::SERVERS_OFF.gate],
        waits: Waits::ForAll,
        checks: &[&checks::OTHER_OFF],
        opens: Opens::Whole,
        soak: no_soak,
        ladder: &[&remedies::POWER_OFF],
    },
    reverses: Some(&crate::gates::NODES),
    part: poweroff,
    late: Late::Left,
    lasts: Lasts::ToTheEnd,
    limit: |rules| rules.power_off,
};
