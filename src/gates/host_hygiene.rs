use super::{Gate, Opens, Waits, no_soak};
use crate::model::ids::GateId;
use crate::{checks, remedies};

pub static GATE: Gate = Gate {
    id: GateId::fixed("host-hygiene"),
    title: "The nodes have what k3s and its storage need: disks, packages, modules, services",
    after: &[&super::TIME],
    waits: Waits::ForMost,
    checks: &[
        &checks::DISKS_WRITABLE,
        &checks::PACKAGES_THERE,
        &checks::MODULES_LOADED,
        &checks::SERVICES_RUN,
        &checks::ROUTE_THERE,
    ],
    opens: Opens::Degraded,
    soak: no_soak,
    ladder: &[&remedies::INSTALL_PACKAGES, &remedies::LOAD_MODULE, &remedies::START_SERVICE],
};
