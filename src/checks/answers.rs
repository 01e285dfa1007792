//! What the checks of services share: how much a word from the API is worth that names a node.

use crate::model::cluster::Answerers;
use crate::model::ids::{CheckId, MachineName};
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::time::{Mono, Span};
use crate::model::verdict::{Target, Verdict};

/// What a kubelet that came back, and the controllers behind it, need at most to write what they
/// found. Before it is over, a status on a fresh node may still be that of the last boot.
const SETTLES: Span = Span::secs(30);

/// Pods are made anew on any day. What lasts no longer than this on a quiet one is named, and held
/// against nobody.
const BRIEF: Span = Span::mins(5);

/// More findings of one check than this are counted, not named.
const MAX_NAMED: usize = 64;

/// What the API's word about something on a node is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// It is newer than the node's last boot.
    New,
    /// It will be, by then.
    NewAt(Mono),
    /// It may be from before.
    Old,
    /// An earlier gate gave the machine up.
    Missing,
    /// ananke knows no such machine.
    Stranger,
}

/// What the API's word about something on a node is worth.
pub(super) fn word(sit: &Situation<'_>, node: &MachineName) -> Word {
    if !sit.role(node).is_some_and(Role::is_node) {
        return Word::Stranger;
    }
    if sit.missing.contains_key(node) {
        return Word::Missing;
    }
    match sit.durable.proofs.get(node) {
        Some(proof) if sit.proven(node) => {
            let at = proof.at + SETTLES;
            if sit.now >= at { Word::New } else { Word::NewAt(at) }
        }
        Some(_) | None => Word::Old,
    }
}

/// Whether somebody answers for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Somebody does.
    Somebody,
    /// Its slices say so, and that proves nothing, or nothing yet.
    Unproven(Verdict),
    /// Whoever did was on machines that are missing: these.
    Gone(String),
    /// Nobody.
    Nobody,
}

/// Whether somebody answers for a service, by facts that are newer than the outage. On a quiet day
/// the word of its slices is enough.
pub(super) fn answer(sit: &Situation<'_>, it: &Answerers) -> Answer {
    if !sit.in_episode() {
        return if it.are_ready() { Answer::Somebody } else { Answer::Nobody };
    }
    let (mut soon, mut old, mut stranger) = (None, None, it.elsewhere > 0);
    for node in it.on.keys() {
        match word(sit, node) {
            Word::New => return Answer::Somebody,
            Word::NewAt(at) => soon = Some(soon.map_or(at, |other: Mono| other.min(at))),
            Word::Old => old = old.or(Some(node)),
            Word::Missing => {}
            Word::Stranger => stranger = true,
        }
    }
    if let Some(until) = soon {
        let why = "ready by its word, on a node that has just come back".to_owned();
        return Answer::Unproven(Verdict::Settling { why, until });
    }
    if let Some(node) = old {
        let why =
            format!("ready by a word that may be from before the outage: {node} is not proven");
        return Answer::Unproven(Verdict::unknown(why));
    }
    if stranger {
        let why = "ready by its word alone: its endpoints are on no machine of the inventory";
        return Answer::Unproven(Verdict::skipped(why));
    }
    let on: Vec<&MachineName> = it.on.keys().chain(&it.waiting).collect();
    if !on.is_empty() && on.iter().all(|node| sit.missing.contains_key(*node)) {
        let names: Vec<&str> = on.iter().take(3).map(|node| node.as_str()).collect();
        return Answer::Gone(names.join(", "));
    }
    Answer::Nobody
}

/// A failure of a quiet day that has not lasted is skipped.
pub(super) fn unless_brief(
    sit: &Situation<'_>,
    check: &CheckId,
    target: &Target,
    verdict: Verdict,
) -> Verdict {
    match verdict {
        Verdict::Fail { why } if !sit.in_episode() => {
            let known = sit.passing.failing.get(check).and_then(|all| all.get(target));
            let since = known.copied().unwrap_or(sit.now);
            if sit.now.since(since) < BRIEF {
                Verdict::skipped(format!("{why}; on a quiet day that counts after {BRIEF}"))
            } else {
                Verdict::Fail { why }
            }
        }
        verdict @ (Verdict::Fail { .. }
        | Verdict::Pass
        | Verdict::Settling { .. }
        | Verdict::Unknown { .. }
        | Verdict::Skipped { .. }) => verdict,
    }
}

/// How bad a verdict is beside others.
pub(super) const fn badness(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Skipped { .. } => 1,
        Verdict::Settling { .. } => 2,
        Verdict::Unknown { .. } => 3,
        Verdict::Fail { .. } => 4,
    }
}

/// The same verdicts, with no more of them named than a person reads. What is left out counts as
/// one that is as bad as the worst of it.
pub(super) fn bounded(all: Vec<(Target, Verdict)>) -> Vec<(Target, Verdict)> {
    let mut kept = Vec::new();
    let (mut named, mut more, mut worst) = (0, 0_usize, Verdict::Pass);
    for (target, verdict) in all {
        if verdict == Verdict::Pass || target == Target::Cluster {
            kept.push((target, verdict));
        } else if named < MAX_NAMED {
            named += 1;
            kept.push((target, verdict));
        } else {
            more += 1;
            if badness(&verdict) > badness(&worst) {
                worst = verdict;
            }
        }
    }
    if more > 0 && !kept.iter().any(|(target, _)| *target == Target::Cluster) {
        kept.push((Target::Cluster, and_more(more, &worst)));
    }
    kept
}

fn and_more(more: usize, worst: &Verdict) -> Verdict {
    let why = format!("{more} more, the worst of them: {}", worst.why());
    match worst {
        Verdict::Pass => Verdict::Pass,
        Verdict::Settling { until, .. } => Verdict::Settling { why, until: *until },
        Verdict::Fail { .. } => Verdict::Fail { why },
        Verdict::Unknown { .. } => Verdict::Unknown { why },
        Verdict::Skipped { .. } => Verdict::Skipped { why },
    }
}

/// How a person looks at the pods of a service.
pub(super) fn look(namespace: &str, service: &str) -> [String; 2] {
    [
        format!(
            "kubectl -n {namespace} get endpointslices -l kubernetes.io/service-name={service}"
        ),
        format!("kubectl -n {namespace} get pods -o wide"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_counted_and_fails() {
        let target = |n: usize| Target::Service(format!("s-{n}"));
        let all = (0..1_000).map(|n| (target(n), Verdict::fail("no"))).collect();
        let kept = bounded(all);
        assert_eq!(kept.len(), MAX_NAMED + 1);
        assert_eq!(kept.last().unwrap().1, Verdict::fail("936 more, the worst of them: no"));
        let few: Vec<_> = (0..3).map(|n| (target(n), Verdict::Pass)).collect();
        assert_eq!(bounded(few.clone()), few);
    }
}
