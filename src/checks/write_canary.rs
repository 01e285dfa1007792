use super::{AskMissing, Check, no_grace, not_only_a_person, nothing_by_hand};
use crate::model::facts::{Link, Seen};
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("write-canary"),
    title: "The Kubernetes API takes a write",
    evidence: "a write of ananke's own Lease since the API last came up: /readyz alone proves no \
               write",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand: nothing_by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    vec![(Target::Cluster, canary(sit))]
}

fn canary(sit: &Situation<'_>) -> Verdict {
    let Link::Up { since, .. } = &sit.seen.api.link else {
        return Verdict::unknown("the API does not answer");
    };
    match &sit.seen.api.canary {
        Seen::Known { at, .. } if at >= since => Verdict::Pass,
        _ if !sit.standing.acts() => Verdict::skipped("only the ananke host that acts writes"),
        _ if !sit.request.execute => Verdict::skipped("unproven: a dry run writes nothing"),
        Seen::Known { .. } => Verdict::fail("no write was accepted since the API came up"),
        Seen::Unknown { why, .. } => Verdict::fail(why.detail.clone()),
    }
}
