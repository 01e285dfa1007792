use super::{AskMissing, Check, answers, kind, no_grace};
use crate::model::cluster::{Claim, ObjectPath};
use crate::model::ids::CheckId;
use crate::model::object::ObjectName;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("claim-kept"),
    title: "No claim has lost the volume that it had on a good day",
    evidence: "no PersistentVolumeClaim says Lost that did not before the outage; one that waits \
               for its first volume has lost none",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: is_lost,
    judge,
    by_hand,
};

/// The kind of a claim.
pub(crate) const CLAIM: &str = "PersistentVolumeClaim";

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let unbound = match kind::fresh(sit, CLAIM, &sit.seen.cluster.claims) {
        Ok(unbound) => unbound,
        Err(verdict) => return vec![(Target::Cluster, verdict)],
    };
    let lost = unbound.iter().filter(|(_, it)| it.is_lost());
    let each: Vec<_> = lost
        .map(|(path, it)| {
            let name = path.of_kind(CLAIM);
            let verdict = said(sit, &name, it);
            (Target::Object(name), verdict)
        })
        .collect();
    if each.is_empty() {
        return vec![(Target::Cluster, Verdict::Pass)];
    }
    answers::bounded(each)
}

fn said(sit: &Situation<'_>, name: &ObjectName, it: &Claim) -> Verdict {
    let why = format!("Lost: its volume {} is gone", it.volume);
    if !sit.in_episode() {
        return Verdict::skipped(format!("{why}: held against nobody on a quiet day"));
    }
    match &sit.durable.normal.amiss {
        Some(amiss) if amiss.contains(name) => {
            Verdict::skipped(format!("{why}; it was so before the outage"))
        }
        Some(_) => Verdict::fail(why),
        None => Verdict::skipped(format!(
            "{why}; no good day is remembered that could say whether it was so before"
        )),
    }
}

/// Only a person can say where the data is.
const fn is_lost(_: &Situation<'_>, target: &Target) -> bool {
    target.object().is_some()
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let Some(name) = target.object() else {
        return vec!["kubectl get pvc -A".to_owned()];
    };
    let namespace = name.namespace.as_deref().unwrap_or("default");
    let claims = sit.seen.cluster.claims.any_age();
    let volume = claims.and_then(|all| all.get(&ObjectPath::of(name)));
    let volume = volume.map_or("", |it| it.volume.as_str());
    vec![
        format!("kubectl -n {namespace} describe pvc {}", name.name),
        format!("kubectl get pv {volume} -o yaml    delete neither the claim nor the volume"),
        format!("kubectl -n longhorn-system get volumes.longhorn.io {volume}"),
    ]
}
