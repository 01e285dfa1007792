use super::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static GATE: Gate = Gate {
    id: GateId::fixed("control-plane"),
    title: "The servers run, the datastore has quorum, the API serves and takes writes",
    after: &[&super::HOST_HYGIENE],
    waits: Waits::ForMost,
    checks: &[
        &checks::SERVER_UNIT,
        &checks::ETCD_QUORUM,
        &checks::API_READY,
        &checks::WRITE_CANARY,
    ],
    opens: Opens::Degraded,
    soak: no_soak,
    ladder: &[&remedies::CLEAR_FAILED_UNIT, &remedies::START_SERVER, &remedies::PROVE_WRITE],
};
