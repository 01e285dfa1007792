use std::collections::BTreeMap;

use super::{AskMissing, Check};
use crate::model::facts::{BlindKind, HostFacts};
use crate::model::ids::{CheckId, MachineName};
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("ssh-answers"),
    title: "Every expected machine runs a real command over SSH, and is the machine it should be",
    evidence: "a command's output over a session whose host key was verified",
    grace: |timing| timing.boot,
    missing: AskMissing::Ask,
    person,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let hosts: Vec<_> = sit.hosts().collect();
    let answering = |(name, _, host): &(_, _, Result<_, _>)| Some((*name, *host.as_ref().ok()?));
    let twins = twins(hosts.iter().filter_map(answering));
    let answers = hosts.into_iter().map(|(name, _, host)| {
        let verdict = match host {
            Ok(host) => match twins.get(name) {
                Some(twin) => {
                    Verdict::fail(format!("{twin} is the same machine ({})", host.machine_id))
                }
                None => Verdict::Pass,
            },
            Err(blind) => silence(blind.kind, blind.detail),
        };
        (Target::Machine(name.clone()), verdict)
    });
    answers.collect()
}

/// Of machines that answer with the same id, for each the first of the others.
fn twins<'a>(
    hosts: impl Iterator<Item = (&'a MachineName, &'a HostFacts)>,
) -> BTreeMap<&'a MachineName, &'a MachineName> {
    let mut ids: Vec<_> = hosts.map(|(name, host)| (&host.machine_id, name)).collect();
    ids.sort();
    let mut twins = BTreeMap::new();
    for same in ids.chunk_by(|one, two| one.0 == two.0).filter(|same| same.len() > 1) {
        let first_two = [same[1].1, same[0].1];
        for (at, (_, name)) in same.iter().enumerate() {
            twins.insert(*name, first_two[at.min(1)]);
        }
    }
    twins
}

/// That a machine does not answer is a failure of this check; that nobody has looked is not.
fn silence(kind: BlindKind, detail: String) -> Verdict {
    match kind {
        BlindKind::NotYet | BlindKind::Stale => Verdict::unknown(detail),
        BlindKind::NotAsked => Verdict::skipped(detail),
        BlindKind::Unreachable
        | BlindKind::Refused
        | BlindKind::TimedOut
        | BlindKind::Identity
        | BlindKind::Denied
        | BlindKind::Garbled => Verdict::fail(detail),
    }
}

/// A key or a login that is wrong stays wrong. While a machine boots, a login may be refused for
/// that alone (pam_nologin); the grace covers it.
fn person(sit: &Situation<'_>, target: &Target) -> bool {
    let blind = target.machine().and_then(|name| sit.host(name).err());
    blind.is_some_and(|blind| matches!(blind.kind, BlindKind::Identity | BlindKind::Denied))
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let Some(name) = target.machine() else { return Vec::new() };
    let kind = sit.host(name).err().map(|blind| blind.kind);
    match kind {
        Some(BlindKind::Identity) => vec![
            format!("ananke hosts scan {name}     shows the key that {name} offers now"),
            format!("ananke hosts accept {name}   if that is the key you know to be right"),
        ],
        Some(BlindKind::Denied) => {
            vec![format!("ssh {name} true   with the user and key of the configuration")]
        }
        _ => vec![format!("look at the power, the console and the network of {name}")],
    }
}
