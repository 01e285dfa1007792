use super::{AskMissing, Check, probed};
use crate::model::ids::CheckId;
use crate::model::policy::Timing;
use crate::model::probe::{Answer, Ask, ProbeName};
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::vault::{Seal, VaultAsk};
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("vault-open"),
    title: "Each vault that is named is open",
    evidence: "its own word, less than a minute old (sys/seal-status); a pod that is Ready may \
               have been sealed since",
    grace,
    missing: AskMissing::Ask,
    person: only_a_person,
    judge,
    by_hand,
};

/// What opens vaults within the cluster, where there is such a thing, comes first.
const fn grace(_: &Timing) -> Span {
    Span::mins(1)
}

/// What a vault said, as long as that counts.
pub(crate) fn seal<'a>(sit: &Situation<'a>, target: &Target) -> Option<(&'a VaultAsk, &'a Seal)> {
    let name = target.service()?;
    let Ask::Vault(ask) = &sit.policy.probes.get(&ProbeName::new(name))?.ask else { return None };
    match &probed::found(sit, name).ok()?.answer {
        Answer::Seal(said) => Some((ask, &said.seal)),
        Answer::Http(_)
        | Answer::Accepted
        | Answer::Resolved
        | Answer::NoSuchName
        | Answer::Nothing { .. } => None,
    }
}

/// One that says nothing is a matter of `secrets-answer`, which then does not pass.
fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let names = sit.policy.probes.keys().map(|name| Target::Service(name.to_string()));
    let said = names.filter_map(|target| {
        let verdict = match seal(sit, &target)?.1.complaint() {
            None => Verdict::Pass,
            Some(why) => Verdict::fail(why),
        };
        Some((target, verdict))
    });
    said.collect()
}

/// Nobody but a person knows what becomes of a vault that holds nothing.
fn only_a_person(sit: &Situation<'_>, target: &Target) -> bool {
    matches!(seal(sit, target), Some((_, Seal::Empty)))
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let mut lines = probed::by_hand(sit, target);
    let Some((ask, seal)) = seal(sit, target) else { return lines };
    let probe = target.service().map(|name| sit.policy.probe(name));
    let there = |line: String| match &probe {
        Some(probe) => probed::from_there(line, probe),
        None => line,
    };
    match seal {
        Seal::Open => {}
        Seal::Keys { needs, .. } => {
            let line = format!("{}   ({needs}x, a key each)", probed::by_key(ask));
            lines.push(there(line));
        }
        Seal::Elsewhere { kind } => {
            lines.push(format!("look whether {kind} can be reached from the vault's own log"));
        }
        Seal::Empty => {
            lines.push("look for its storage: the volume, the other pods, a snapshot".to_owned());
            lines.push("no `vault operator init` before that: it would bury what was there".into());
        }
    }
    lines
}
