use super::{Lasts, Late, Stage, poweroff};
use crate::gates::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::model::policy::ShutdownRules;
use crate::{checks, remedies};

pub static STAGE: Stage = Stage {
    gate: Gate {
        id: GateId::fixed("own-host-off"),
        title: "ananke's own host is switched off, after all others, where it may be",
        after: &[&super::JUMP_OFF.gate],
        waits: Waits::ForAll,
        checks: &[&checks::OWN_HOST_OFF],
        opens: Opens::Whole,
        soak: no_soak,
        ladder: &[&remedies::POWER_OFF_OWN_HOST],
    },
    // Nobody but its firmware, its battery or a person switches it on again.
    reverses: None,
    part: poweroff,
    late: Late::Kept,
    lasts: Lasts::ToTheEnd,
    limit: ShutdownRules::own_host_off,
};
