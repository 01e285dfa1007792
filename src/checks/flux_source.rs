use super::kind::Verdicts;
use super::{AskMissing, Check, flux, no_grace, not_only_a_person};
use crate::model::cluster::{ObjectPath, Source};
use crate::model::ids::CheckId;
use crate::model::object::ObjectName;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("flux-source"),
    title: "Flux follows the expected repository and has fetched it since the outage",
    evidence: "its controller dealt with a request that ananke made in this episode, and says \
               Ready with an artifact; Ready alone outlives a power cut, the artifact need not",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand: |_, target| flux::by_hand(target),
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let mut verdicts = Verdicts::default();
    let cluster = &sit.seen.cluster;
    for (kind, seen) in
        [(Source::GIT, &cluster.git_repositories), (Source::OCI, &cluster.oci_repositories)]
    {
        verdicts.of(sit, kind, seen, |path, source| fetched(sit, kind, path, source));
    }
    verdicts.or("Flux has no source here")
}

fn fetched(sit: &Situation<'_>, kind: &str, path: &ObjectPath, source: &Source) -> Verdict {
    let name = path.of_kind(kind);
    if let Some(verdict) = drifted(sit, &name, source) {
        return verdict;
    }
    if let Some(verdict) = flux::left_alone(&source.progress) {
        return verdict;
    }
    let said = flux::said(&source.progress);
    if said != Verdict::Pass {
        return said;
    }
    if source.revision.is_empty() {
        return Verdict::fail("Ready, and without an artifact");
    }
    flux::proven(sit, &source.progress)
}

/// Whether the source that everything comes from is another one than the configuration says.
pub(crate) fn drift(sit: &Situation<'_>, name: &ObjectName, source: &Source) -> Option<String> {
    let flux = &sit.policy.flux;
    if name.kind != Source::GIT || ObjectPath::of(name) != flux.root {
        return None;
    }
    let other = |expected: &Option<String>, seen: &str, what: &str| {
        let expected = expected.as_ref().filter(|expected| *expected != seen)?;
        Some(format!("it follows the {what} {seen:?}, and {expected:?} is expected"))
    };
    other(&flux.url, &source.url, "repository")
        .or_else(|| other(&flux.branch, &source.branch, "branch"))
}

fn drifted(sit: &Situation<'_>, name: &ObjectName, source: &Source) -> Option<Verdict> {
    drift(sit, name, source).map(Verdict::fail)
}
