use super::answers::{self, Word};
use super::{AskMissing, Check, kind, not_only_a_person};
use crate::model::cluster::{Attachment, ObjectPath};
use crate::model::ids::CheckId;
use crate::model::object::ObjectName;
use crate::model::situation::Situation;
use crate::model::time::{Mono, Span};
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("volume-attached"),
    title: "No volume hangs on an error since the outage",
    evidence: "its VolumeAttachment says attached, without an error, or storage has not had its \
               time since the last node came back",
    grace: |_| LONGHORN,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

/// How long Longhorn mends itself after the last of its nodes is back (its document on node
/// failures says up to seven minutes). Whoever acts before that makes it worse.
pub(crate) const LONGHORN: Span = Span::mins(10);

/// The kind of an attachment.
pub(crate) const ATTACHMENT: &str = "VolumeAttachment";

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let troubled = match kind::fresh(sit, ATTACHMENT, &sit.seen.cluster.attachments) {
        Ok(troubled) => troubled,
        Err(verdict) => return vec![(Target::Cluster, verdict)],
    };
    if troubled.is_empty() {
        return vec![(Target::Cluster, Verdict::Pass)];
    }
    let left_alone = left_alone(sit);
    let each = troubled.iter().map(|(path, it)| {
        let name = path.of_kind(ATTACHMENT);
        let verdict = hangs(sit, &name, it, left_alone.as_ref());
        (Target::Object(name), verdict)
    });
    answers::bounded(each.collect())
}

fn hangs(
    sit: &Situation<'_>,
    name: &ObjectName,
    it: &Attachment,
    left_alone: Option<&(String, Mono)>,
) -> Verdict {
    let (volume, node) = (&it.volume, &it.node);
    let why = if it.error.is_empty() {
        format!("{volume} does not hang on {node} yet")
    } else {
        format!("{volume} on {node}: {}", it.error)
    };
    if !sit.in_episode() {
        return Verdict::skipped(format!("{why}: held against nobody on a quiet day"));
    }
    if sit.durable.normal.amiss.as_ref().is_some_and(|amiss| amiss.contains(name)) {
        return Verdict::skipped(format!("{why}; it was so before the outage"));
    }
    match answers::word(sit, node) {
        Word::Missing => return Verdict::skipped(format!("{why}; the machine is missing")),
        Word::Stranger => {
            return Verdict::skipped(format!("{why}; that is no machine of the inventory"));
        }
        Word::New | Word::NewAt(_) | Word::Old => {}
    }
    match left_alone {
        Some((until_then, until)) => {
            Verdict::Settling { why: format!("{why}; {until_then}"), until: *until }
        }
        None => Verdict::fail(why),
    }
}

/// Until when, and why, storage is left alone: its time begins when the last node is back.
fn left_alone(sit: &Situation<'_>) -> Option<(String, Mono)> {
    let mut last = None;
    for name in sit.nodes().filter(|name| !sit.missing.contains_key(*name)) {
        match sit.durable.proofs.get(name) {
            Some(proof) if sit.proven(name) => last = last.max(Some(proof.at)),
            Some(_) | None => {
                let why = format!("storage is left alone until its nodes are back: {name} is not");
                return Some((why, sit.now + LONGHORN));
            }
        }
    }
    let until = last? + LONGHORN;
    let why = "storage mends itself for some minutes after its last node is back".to_owned();
    (sit.now < until).then_some((why, until))
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let Some(name) = target.object() else {
        return vec!["kubectl get volumeattachments".to_owned()];
    };
    let all = sit.seen.cluster.attachments.any_age();
    let mut lines = vec![format!("kubectl describe volumeattachment {}", name.name)];
    if let Some(it) = all.and_then(|all| all.get(&ObjectPath::of(name))) {
        lines.extend([
            format!("kubectl -n longhorn-system get volumes.longhorn.io {} -o wide", it.volume),
            format!("kubectl get pods -A -o wide --field-selector spec.nodeName={}", it.node),
            format!(
                "kubectl delete volumeattachment {}    only if {} is off for good and no pod uses \
                 the volume; never take its finalizer away",
                name.name, it.node
            ),
        ]);
    }
    lines
}
