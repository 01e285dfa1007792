use super::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static GATE: Gate = Gate {
    id: GateId::fixed("workloads"),
    title: "What should run does, by counts and pods of this boot, and nothing stands at zero",
    // Not after the Kustomizations: their health checks wait for these very pods.
    after: &[&super::FRESH_READY],
    waits: Waits::ForMost,
    checks: &[
        &checks::REPLICAS_AS_RECORDED,
        &checks::WORKLOADS_CONVERGED,
        &checks::PODS_UNTROUBLED,
    ],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[
        &remedies::RESTORE_REPLICAS,
        &remedies::DELETE_LEFT_OVER_POD,
        &remedies::DELETE_STUCK_POD,
    ],
};
