use super::{AskMissing, Check, hygiene, no_grace, not_only_a_person};
use crate::model::hygiene::HygieneFacts;
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("packages-there"),
    title: "The packages and programs that the node needs are installed",
    evidence: "dpkg on the node in this boot, and for programs that a shell finds them",
    grace: no_grace,
    missing: AskMissing::Skip,
    person: not_only_a_person,
    judge: |sit| {
        let asks = |needs: &crate::model::policy::Needs| {
            !needs.packages.is_empty() || !needs.programs.is_empty()
        };
        hygiene::judge(sit, "hosts.packages", asks, there)
    },
    by_hand,
};

fn there(facts: &HygieneFacts) -> Verdict {
    let Some(packages) = &facts.missing_packages else {
        return Verdict::unknown("there is no dpkg to ask");
    };
    let gone = hygiene::listed(packages.iter().chain(&facts.missing_programs));
    if gone.is_empty() { Verdict::Pass } else { Verdict::fail(format!("not installed: {gone}")) }
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let facts = target.machine().and_then(|name| sit.hygiene(name).ok());
    let packages = facts.and_then(|facts| facts.missing_packages.as_ref()).into_iter().flatten();
    let names: Vec<&str> = packages.map(String::as_str).collect();
    vec![
        format!("sudo apt-get install {}   on {target}", names.join(" ")),
        format!(
            "ananke prepare {target} --execute   fills its cache, so that ananke can next time"
        ),
    ]
}
