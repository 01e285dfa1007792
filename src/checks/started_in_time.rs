use super::{AskMissing, Check, no_grace, not_only_a_person};
use crate::model::facts::{Unit, UnitActive};
use crate::model::ids::{CheckId, MachineName};
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::time::{Skew, Span};
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("started-in-time"),
    title: "k3s was not started before the machine's clock was right",
    evidence: "when its process began, by systemd's wall clock of that time and by the monotonic \
               one: what the two differ by now is what the clock was set by since",
    grace: no_grace,
    missing: AskMissing::Skip,
    person: not_only_a_person,
    judge,
    by_hand,
};

/// What was issued with a clock that was so far behind has expired when the clock is right: the
/// tokens that a kubelet asks for are valid for one hour (TokenRequest, `expirationSeconds`).
const BEHIND: Span = Span::mins(60);

/// What was issued with a clock that was so far ahead is not yet valid (`nbf`); the API server
/// forgives one minute (go-jose, `DefaultLeeway`).
const AHEAD: Span = Span::mins(1);

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    if sit.policy.time.is_none() {
        let why = "startup.time_sync_mode is not set: clocks are not judged";
        return vec![(Target::Cluster, Verdict::skipped(why))];
    }
    sit.nodes().map(|name| (Target::Machine(name.clone()), started(sit, name))).collect()
}

fn started(sit: &Situation<'_>, name: &MachineName) -> Verdict {
    let Some(unit) = sit.role(name).and_then(Role::unit) else {
        return Verdict::skipped("no node");
    };
    let host = match sit.host(name) {
        Ok(host) => host,
        Err(blind) => return Verdict::unknown(format!("it can't be asked: {blind}")),
    };
    let runs = |active| matches!(active, UnitActive::Active | UnitActive::Activating);
    match host.units.get(&unit).filter(|facts| runs(facts.active)) {
        None => Verdict::skipped(format!("{unit} does not run")),
        Some(facts) => match facts.clock_set {
            None => Verdict::unknown(format!("systemd does not say when {unit} began")),
            Some(set) => judged(unit, set),
        },
    }
}

/// Whether what runs there was started under a right clock.
pub(crate) fn began_in_time(sit: &Situation<'_>, name: &MachineName) -> bool {
    started(sit, name) == Verdict::Pass
}

fn judged(unit: Unit, set: Skew) -> Verdict {
    let limit = if set.is_behind() { AHEAD } else { BEHIND };
    if set.apart() <= limit {
        return Verdict::Pass;
    }
    let was = if set.is_behind() { "ahead" } else { "behind" };
    Verdict::fail(format!("{unit} was started when the clock was {} {was}", set.apart()))
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let unit = target.machine().and_then(|name| sit.role(name)).and_then(Role::unit);
    unit.map(|unit| format!("sudo systemctl restart {unit}   on {target}")).into_iter().collect()
}
