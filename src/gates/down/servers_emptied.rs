use super::{Lasts, Late, Stage, always};
use crate::gates::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static STAGE: Stage = Stage {
    gate: Gate {
        id: GateId::fixed("servers-emptied"),
        title: "Nothing of pods runs on the servers that go down",
        after: &[&super::SERVERS_STOPPED.gate],
        waits: Waits::ForAll,
        checks: &[&checks::SERVER_EMPTY],
        opens: Opens::Whole,
        soak: no_soak,
        ladder: &[&remedies::END_PODS],
    },
    reverses: None,
    part: always,
    late: Late::Left,
    lasts: Lasts::ToTheEnd,
    limit: |rules| rules.pods,
};
