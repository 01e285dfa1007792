use super::{AskMissing, Check, hygiene, no_grace, not_only_a_person};
use crate::model::hygiene::HygieneFacts;
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("modules-loaded"),
    title: "The kernel modules that the node needs are loaded or built in",
    evidence: "the running kernel's own list, not a file that says what should be loaded",
    grace: no_grace,
    missing: AskMissing::Skip,
    person: not_only_a_person,
    judge: |sit| hygiene::judge(sit, "hosts.modules", |needs| !needs.modules.is_empty(), loaded),
    by_hand,
};

fn loaded(facts: &HygieneFacts) -> Verdict {
    let gone = hygiene::listed(&facts.missing_modules);
    if gone.is_empty() { Verdict::Pass } else { Verdict::fail(format!("not loaded: {gone}")) }
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let facts = target.machine().and_then(|name| sit.hygiene(name).ok());
    let modules = facts.into_iter().flat_map(|facts| &facts.missing_modules);
    modules.map(|module| format!("sudo modprobe {module}   on {target}")).collect()
}
