use super::{Lasts, Late, Stage, always};
use crate::gates::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static STAGE: Stage = Stage {
    gate: Gate {
        id: GateId::fixed("servers-stopped"),
        title: "The servers that go down are stopped, the etcd leader last",
        // An agent that can't be emptied is skipped there, and has to be stopped all the same.
        // Where no agent goes down nothing else would keep the API until it is no longer needed.
        after: &[
            &super::NODES_CORDONED.gate,
            &super::DATASTORE_SAVED.gate,
            &super::VOLUMES_DETACHED.gate,
            &super::AGENTS_STOPPED.gate,
            &super::AGENTS_EMPTIED.gate,
        ],
        waits: Waits::ForAll,
        checks: &[&checks::SERVER_STOPPED],
        opens: Opens::Whole,
        soak: no_soak,
        ladder: &[&remedies::STOP_SERVER],
    },
    reverses: Some(&crate::gates::CONTROL_PLANE),
    part: always,
    late: Late::Left,
    lasts: Lasts::ToTheEnd,
    limit: |rules| rules.stop,
};
