use super::{AskMissing, Check, no_grace};
use crate::model::facts::{GuardState, HostFacts, Sudo};
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("guard-works"),
    title: "On every managed node sudo lets ananke through to the guard of this version",
    evidence: "the guard's own answer through sudo",
    grace: no_grace,
    missing: AskMissing::Skip,
    person: |_, _| true,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let managed = sit.hosts().filter(|(_, m, _)| m.managed && m.role.is_node());
    managed
        .map(|(name, _, host)| {
            let verdict = match host {
                Ok(host) => guard(host, sit.standing.is_alone()),
                // That it does not answer is the finding of ssh-answers, in the same gate. Said
                // twice, and once as unknown, the gate could never open without the machine.
                Err(blind) => Verdict::skipped(format!("sudo can't be asked: {blind}")),
            };
            (Target::Machine(name.clone()), verdict)
        })
        .collect()
}

fn guard(host: &HostFacts, alone: bool) -> Verdict {
    match (&host.guard, &host.sudo) {
        (_, Sudo::Refused { why }) => Verdict::fail(format!("sudo refuses: {why}")),
        (GuardState::Current, Sudo::Works) => Verdict::Pass,
        (GuardState::Absent, Sudo::Works) if !alone => {
            Verdict::fail("unguarded: nothing else keeps two ananke hosts apart")
        }
        (GuardState::Absent, Sudo::Works) => {
            Verdict::skipped("unguarded: only plain systemctl start and stop are used")
        }
        (GuardState::Other { version }, Sudo::Works) => {
            Verdict::fail(format!("its guard is of another version: {version}"))
        }
    }
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![format!("ananke prepare {target} --execute   installs the guard and its sudoers line")]
}
