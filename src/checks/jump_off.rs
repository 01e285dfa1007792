use super::{AskMissing, Check, no_grace, not_only_a_person, off};
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("jump-off"),
    title: "The jump host is switched off, after all that is reached through it",
    evidence: "no answer at all for some seconds after it was told",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand: off::by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let jump = sit.policy.shutdown.jump.as_ref();
    let concerned = sit.going_down().filter(|(name, _)| Some(*name) == jump);
    concerned.map(|(name, _)| (Target::Machine(name.clone()), off::off(sit, name))).collect()
}
