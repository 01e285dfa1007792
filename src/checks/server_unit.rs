use super::{AskMissing, Check, no_grace, not_only_a_person, unit};
use crate::model::facts::Unit;
use crate::model::ids::CheckId;
use crate::model::policy::Role;

pub static CHECK: Check = Check {
    id: CheckId::fixed("server-unit"),
    title: "k3s.service runs on every server",
    evidence: "systemd on the server itself; whether it works is for the checks after it",
    grace: no_grace,
    missing: AskMissing::Skip,
    person: not_only_a_person,
    judge: |sit| unit::judge(sit, Role::Server, Unit::K3s, sit.policy.timing.server_start),
    by_hand: |_, target| unit::by_hand(Unit::K3s, target),
};
