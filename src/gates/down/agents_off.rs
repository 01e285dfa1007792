use super::{Lasts, Late, Stage, poweroff};
use crate::gates::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static STAGE: Stage = Stage {
    gate: Gate {
        id: GateId::fixed("agents-off"),
        title: "The agents that go down are switched off",
        after: &[&super::AGENTS_STOPPED.gate, &super::AGENTS_EMPTIED.gate],
        waits: Waits::ForItself,
        checks: &[&checks::AGENT_OFF],
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
