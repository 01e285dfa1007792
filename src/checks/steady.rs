use super::{AskMissing, Check, no_grace, not_only_a_person, nothing_by_hand};
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("steady"),
    title: "Nothing regressed for the whole soak",
    evidence: "every gate before it, at every tick of the window",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand: nothing_by_hand,
};

/// The window itself belongs to the gate: it opens only when everything before it has been open
/// for that long without a break.
fn judge(_: &Situation<'_>) -> Vec<(Target, Verdict)> {
    vec![(Target::Cluster, Verdict::Pass)]
}
