use super::{AskMissing, Check, no_grace, not_only_a_person};
use crate::model::descent::Descent;
use crate::model::facts::BlindKind;
use crate::model::ids::{CheckId, MachineName};
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("powered-on"),
    title: "Every machine that was up before the shutdown is on again",
    evidence: "another boot id than before, over SSH",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

/// Who was told to switch itself off; and of those that can be switched on, also who was not: its
/// battery may have ended first, and its firmware may not start it.
fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let Some(descent) = sit.descent() else { return Vec::new() };
    let wakes = &sit.policy.shutdown.wakes;
    let expected = |name: &&MachineName| descent.told.contains(*name) || wakes.contains(*name);
    let before = descent.up_before.keys().filter(|name| sit.policy.machines.contains_key(*name));
    let asked = before.filter(expected);
    asked.map(|name| (Target::Machine(name.clone()), on(sit, descent, name))).collect()
}

fn on(sit: &Situation<'_>, descent: &Descent, name: &MachineName) -> Verdict {
    let told = descent.told.contains(name);
    match sit.host(name) {
        Ok(host) if told && descent.up_before.get(name) == Some(&host.boot_id) => {
            Verdict::fail("it was told to switch itself off, and still runs in the same boot")
        }
        Ok(_) => Verdict::Pass,
        Err(blind) if matches!(blind.kind, BlindKind::NotYet | BlindKind::Stale) => {
            Verdict::unknown(blind.detail)
        }
        Err(_) if !told => Verdict::fail("it was up before the shutdown, and does not answer yet"),
        Err(_) if sit.policy.shutdown.wakes.contains(name) => {
            Verdict::fail("the shutdown switched it off, and it does not answer yet")
        }
        Err(_) => Verdict::fail(
            "the shutdown switched it off, and ananke has no way to switch it on \
             (power.turn_on): its firmware does when power returns, or a person",
        ),
    }
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let mut steps =
        vec![format!("switch {target} on at its button, its outlet or its management board")];
    let wakes = &sit.policy.shutdown.wakes;
    if !target.machine().is_some_and(|name| wakes.contains(name)) {
        steps.push(format!("name a way for {target} in power.turn_on: ananke does it next time"));
    }
    steps
}
