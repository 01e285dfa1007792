use super::{AskMissing, Check, no_grace, not_only_a_person};
use crate::model::facts::{GuardState, HostFacts};
use crate::model::ids::CheckId;
use crate::model::intent::Desired;
use crate::model::peers::Standing;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("start-claimed"),
    title: "Where there are several ananke hosts, the guards have accepted this one",
    evidence: "the claim that each guard keeps on its disk, by its own word through sudo",
    grace: no_grace,
    missing: AskMissing::Skip,
    person: not_only_a_person,
    judge,
    by_hand,
};

/// Asked for by the host that acts only; a host that is the only one claims nothing.
fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let claims = match sit.standing {
        Standing::Acts { .. } => sit.durable.intent.desired == Desired::Up,
        Standing::Alone
        | Standing::Follows { .. }
        | Standing::Awaits { .. }
        | Standing::NotAsked { .. }
        | Standing::Relearns { .. }
        | Standing::Disputed { .. }
        | Standing::Overtaken { .. } => false,
    };
    if !claims {
        return Vec::new();
    }
    let managed = sit.hosts().filter(|(_, m, _)| m.managed && m.role.is_node());
    managed
        .map(|(name, _, host)| {
            let verdict = match host {
                Ok(host) => accepted(sit, host),
                Err(blind) => Verdict::skipped(format!("its guard can't be asked: {blind}")),
            };
            (Target::Machine(name.clone()), verdict)
        })
        .collect()
}

fn accepted(sit: &Situation<'_>, host: &HostFacts) -> Verdict {
    let (epoch, owner) = (sit.durable.epoch, &sit.policy.owner);
    match &host.fence {
        // The finding of guard-works, in the same gate.
        _ if host.guard != GuardState::Current => Verdict::skipped("it has no guard to accept it"),
        None => Verdict::unknown("its guard did not say whose word counts"),
        Some(fence) if fence.accepts(epoch, owner) => Verdict::Pass,
        Some(_) => {
            Verdict::fail(format!("its guard has not accepted {owner} under epoch {epoch} yet"))
        }
    }
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![format!("on {target}: sudo cat /var/lib/ananke-guard/epoch shows whose word counts")]
}
