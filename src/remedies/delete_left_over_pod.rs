use super::{Applies, Blast, Need, OnlyIf, Remedy, Verify, When, shown_soon};
use crate::checks;
use crate::model::action::Effect;
use crate::model::cluster::{ObjectPath, Pods, Trouble, TroubledPod};
use crate::model::facts::Seen;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: checks::DELETE_LEFT_OVER,
    title: "Take away the record of a pod that ended with its node",
    helps: "pods that were evicted, or ended by a shutdown, stay as Failed for ever, and hide what \
            is wrong among what only was",
    harms: "none to what runs: only the record of a pod whose workload is whole without it; those \
            of Jobs, and of nobody, are kept",
    undo: "needs none",
    cures: &[&checks::PODS_UNTROUBLED],
    needs: Need::Api,
    when: When::Episode,
    blast: Blast::Nothing,
    only_if: &[OnlyIf::WaveHasRoom],
    budget: checks::DELETE_LEFT_OVER_TRIES,
    limit: Span::secs(10),
    verify: Verify::Shows { holds: is_gone, within: shown_soon },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    match left_over(sit, target) {
        Some((pod, it)) if it.of.is_some() && !it.uid.is_empty() => {
            Applies::Yes(Effect::DeletePod { pod, uid: it.uid.clone() })
        }
        Some(_) | None => Applies::No,
    }
}

/// The check says when nobody can miss it; here it is only looked up.
fn left_over<'a>(sit: &Situation<'a>, target: &Target) -> Option<(ObjectPath, &'a TroubledPod)> {
    let path = target.object().filter(|name| name.kind == Pods::KIND).map(ObjectPath::of)?;
    let pods = sit.seen.cluster.pods.if_fresh(sit.now, sit.policy.timing.fresh_for)?;
    let pod = pods.troubled.get(&path).filter(|pod| pod.trouble == Trouble::LeftOver)?;
    Some((path, pod))
}

fn is_gone(sit: &Situation<'_>, target: &Target) -> bool {
    matches!(sit.seen.cluster.pods, Seen::Known { .. }) && left_over(sit, target).is_none()
}
