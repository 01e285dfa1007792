use std::collections::BTreeMap;

use super::{AskMissing, Check};
use crate::model::facts::BlindKind;
use crate::model::ids::{CheckId, MachineId, MachineName};
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
    let mut twins: Twins<'_> = BTreeMap::new();
    for name in sit.policy.machines.keys() {
        if let Ok(host) = sit.host(name) {
            twins.entry(&host.machine_id).or_default().push(name);
        }
    }
    let names = sit.policy.machines.keys();
    names.map(|name| (Target::Machine(name.clone()), answers(sit, name, &twins))).collect()
}

/// Which machines answer with which id.
type Twins<'a> = BTreeMap<&'a MachineId, Vec<&'a MachineName>>;

fn answers(sit: &Situation<'_>, name: &MachineName, twins: &Twins<'_>) -> Verdict {
    let host = match sit.host(name) {
        Ok(host) => host,
        Err(blind) => return silence(blind.kind, blind.detail),
    };
    let same = twins.get(&host.machine_id);
    match same.and_then(|same| same.iter().find(|other| **other != name)) {
        Some(twin) => Verdict::fail(format!("{twin} is the same machine ({})", host.machine_id)),
        None => Verdict::Pass,
    }
}

/// That a machine does not answer is a failure of this check; that nobody has looked is not.
fn silence(kind: BlindKind, detail: String) -> Verdict {
    match kind {
        BlindKind::NotYet | BlindKind::Stale => Verdict::unknown(detail),
        BlindKind::NotAsked => Verdict::skipped(detail),
        BlindKind::Unreachable
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
