use super::{AskMissing, Check, no_grace, not_only_a_person, off};
use crate::model::ids::CheckId;
use crate::model::policy::Role;

pub static CHECK: Check = Check {
    id: CheckId::fixed("server-off"),
    title: "Every server that goes down is switched off",
    evidence: "no answer at all for some seconds after it was told: that SSH returned proves \
               nothing, and a refused connection is the word of a kernel that runs",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge: |sit| off::judge(sit, Role::Server),
    by_hand: off::by_hand,
};
