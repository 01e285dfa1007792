use super::{Applies, Blast, Need, OnlyIf, Remedy, Verify, When};
use crate::checks;
use crate::model::action::Effect;
use crate::model::cluster::{ObjectPath, Objects, Trouble, TroubledPod, Workload};
use crate::model::facts::{BlindKind, Seen};
use crate::model::ids::RemedyId;
use crate::model::object::ObjectName;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("delete-stuck-pod"),
    title: "Delete a pod that still waits in a back-off whose cause is over",
    helps: "a pod waits up to five minutes before it tries again, long after what it lacked is \
            back; a new one tries at once",
    harms: "what it writes down outside of its volumes is lost: only a pod that its workload makes \
            anew is deleted, on a node that is proven fresh, one of a workload at a time, never \
            the source of Flux, and none whose volume does not hang where it should",
    undo: "needs none: its workload has made another",
    cures: &[&checks::WORKLOADS_CONVERGED, &checks::PODS_UNTROUBLED],
    needs: Need::Api,
    when: When::Episode,
    blast: Blast::OneWorkload,
    only_if: &[OnlyIf::WaveHasRoom],
    budget: 3,
    limit: Span::secs(10),
    verify: Verify::Shows { holds: is_whole, within: |_| PROOF },
    applies,
};

/// A pod that was made anew starts, and may wait for its image, within this.
const PROOF: Span = Span::mins(4);

/// So long a pod has to be in its back-off, seen again and again, before it is called stuck.
const LEAST: Span = Span::mins(1);

/// After so many starts the pause before the next one is longer than a new pod takes.
const RESTARTS: u32 = 4;

/// What serves Flux its artifacts, which go with the pod.
const SOURCES: &str = "source-controller";

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.object() else { return Applies::No };
    let of_flux = name.namespace.as_deref() == sit.policy.flux.root.namespace();
    if (of_flux && name.name == SOURCES)
        || checks::failing_for(sit, &checks::PODS_UNTROUBLED_ID, name) < LEAST
    {
        return Applies::No;
    }
    let stuck = checks::troubled(sit, name).filter(|(_, pod)| is_stuck(sit, pod));
    // The one that has tried most often waits longest.
    let stuck = stuck.max_by_key(|(_, pod)| pod.restarts);
    let Some((path, pod)) = stuck else { return Applies::No };
    if checks::cause_of_trouble(sit, name, pod).is_some() {
        return Applies::No;
    }
    match volume(sit, name, pod) {
        Volume::Well => {}
        Volume::Unwell => return Applies::No,
        Volume::Unseen(why) => return Applies::Blind(why),
    }
    Applies::Yes(Effect::DeletePod { pod: path.clone(), uid: pod.uid.clone() })
}

fn is_stuck(sit: &Situation<'_>, pod: &TroubledPod) -> bool {
    let long = match pod.trouble {
        Trouble::BacksOff => pod.restarts >= RESTARTS,
        Trouble::NoImage => true,
        Trouble::LeftOver | Trouble::Waits | Trouble::NotReady => false,
    };
    // A pod without a uid can't be told from its successor.
    long && !pod.uid.is_empty() && pod.node.as_ref().is_some_and(|node| sit.proven(node))
}

/// What is known of a pod's volume.
enum Volume {
    Well,
    Unwell,
    Unseen(String),
}

/// Which volume a pod has is not looked at: anything amiss on its node, or in its namespace, may
/// be its own. Only a StatefulSet's pod takes its name, and its volume, to its successor.
fn volume(sit: &Situation<'_>, name: &ObjectName, pod: &TroubledPod) -> Volume {
    if name.kind != Workload::STATEFUL_SET {
        return Volume::Well;
    }
    let cluster = &sit.seen.cluster;
    let on_node = seen(sit, &cluster.attachments, |_, it| pod.node.as_ref() == Some(&it.node));
    let space = name.namespace.as_deref();
    let of_space = seen(sit, &cluster.claims, |path: &ObjectPath, _| path.namespace() == space);
    match (on_node, of_space) {
        (Ok(false), Ok(false)) => Volume::Well,
        (Err(why), _) | (_, Err(why)) => Volume::Unseen(format!("volumes: {why}")),
        (Ok(_), Ok(_)) => Volume::Unwell,
    }
}

/// Whether there is such an object. A kind that the cluster does not serve has none.
fn seen<T>(
    sit: &Situation<'_>,
    objects: &Objects<T>,
    is_ours: impl Fn(&ObjectPath, &T) -> bool,
) -> Result<bool, String> {
    match objects {
        Seen::Unknown { why, .. } if why.kind == BlindKind::NotAsked => Ok(false),
        Seen::Unknown { .. } | Seen::Known { .. } => objects
            .fresh(sit.now, sit.policy.timing.fresh_for)
            .map(|all| all.iter().any(|(path, it)| is_ours(path, it)))
            .map_err(|blind| blind.to_string()),
    }
}

/// Its workload has all its pods, and none of them is in a back-off.
fn is_whole(sit: &Situation<'_>, target: &Target) -> bool {
    target.object().is_some_and(|name| {
        checks::workload(sit, name).is_some_and(Workload::is_whole)
            && checks::troubled(sit, name).next().is_none()
    })
}
