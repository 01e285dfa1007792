use super::{AskMissing, Check, no_grace, not_only_a_person, stopped};
use crate::model::ids::CheckId;
use crate::model::policy::Role;

pub static CHECK: Check = Check {
    id: CheckId::fixed("server-stopped"),
    title: "k3s.service is stopped on every server that goes down",
    evidence: "systemd on the server itself, or that the machine is proven to be off",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge: |sit| stopped::judge(sit, Role::Server),
    by_hand: stopped::by_hand,
};
