use super::{AskMissing, Check, not_only_a_person};
use crate::model::facts::{BlindKind, Link};
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("api-ready"),
    title: "The Kubernetes API says on /readyz that it serves",
    evidence: "the status code of a request made now, by an endpoint of the configuration",
    grace: |timing| timing.server_start,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let verdict = match &sit.seen.api.link {
        Link::Up { .. } => Verdict::Pass,
        Link::Probing => Verdict::unknown("nobody has asked yet"),
        Link::Down { why, .. } if why.kind == BlindKind::NotAsked => {
            Verdict::unknown(why.detail.clone())
        }
        Link::Down { why, .. } => Verdict::fail(why.detail.clone()),
    };
    vec![(Target::Cluster, verdict)]
}

fn by_hand(_: &Situation<'_>, _: &Target) -> Vec<String> {
    vec!["sudo k3s kubectl get --raw /readyz?verbose   on a server".to_owned()]
}
