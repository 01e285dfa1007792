use super::{AskMissing, Check, no_grace, not_only_a_person};
use crate::model::descent::Descent;
use crate::model::ids::{CheckId, MachineName};
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("powered-on"),
    title: "Every machine that the shutdown switched off is on again",
    evidence: "another boot id than before, over SSH",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let Some(descent) = sit.descent() else { return Vec::new() };
    let told = descent.told.iter().filter(|name| descent.up_before.contains_key(*name));
    told.map(|name| (Target::Machine(name.clone()), on(sit, descent, name))).collect()
}

fn on(sit: &Situation<'_>, descent: &Descent, name: &MachineName) -> Verdict {
    match sit.host(name) {
        Ok(host) if descent.up_before.get(name) == Some(&host.boot_id) => {
            Verdict::fail("it was told to switch itself off, and still runs in the same boot")
        }
        Ok(_) => Verdict::Pass,
        Err(_) => Verdict::fail("the shutdown switched it off, and it does not answer yet"),
    }
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![format!("switch {target} on at its button, its outlet or its management board")]
}
