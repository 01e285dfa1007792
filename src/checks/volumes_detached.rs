use super::{AskMissing, Check, evicted, kind, no_grace, not_only_a_person};
use crate::model::cluster::Volumes;
use crate::model::ids::{CheckId, MachineName};
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("volumes-detached"),
    title: "No volume of what was evicted hangs on a node that goes down",
    evidence: "the VolumeAttachments: each is there until its driver has let the volume go",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    match kind::fresh(sit, "VolumeAttachment", &sit.seen.cluster.volumes) {
        Ok(volumes) => evicted::of_each(sit, |name| detached(sit, name, volumes)),
        Err(verdict) => evicted::left_out(sit).unwrap_or_else(|| evicted::of_all(verdict)),
    }
}

fn detached(sit: &Situation<'_>, name: &MachineName, volumes: &Volumes) -> Verdict {
    let rules = &sit.policy.shutdown;
    let here = volumes.get(name).into_iter().flatten();
    // Who stays on the node keeps its volume.
    let ours = here.filter(|(namespace, _)| rules.tier(namespace).is_some());
    match ours.map(|(_, count)| *count).sum::<u32>() {
        0 => Verdict::Pass,
        count => Verdict::fail(format!("volumes that still hang there: {count}")),
    }
}

fn by_hand(_: &Situation<'_>, _: &Target) -> Vec<String> {
    vec![
        "kubectl get volumeattachments".to_owned(),
        "sudo ananke shutdown --execute --reason WHY --skip-drain   to go on without".to_owned(),
    ]
}
