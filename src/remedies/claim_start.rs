use super::{Applies, Blast, Need, Remedy, Verify, When};
use crate::checks;
use crate::model::action::Effect;
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("claim-start"),
    title: "Have the guard of a node accept the ananke host that acts",
    helps: "there are several ananke hosts, and the node's guard keeps no claim of this one, or an \
            older one",
    harms: "an older host is refused from then on, which is what it is for: only the host that \
            acts claims, and never under a number that another one has",
    undo: "needs none: a newer claim takes its place",
    cures: &[&checks::START_CLAIMED],
    needs: Need::Guard,
    when: When::Always,
    blast: Blast::Nothing,
    only_if: &[],
    // Each host that takes over within an episode costs one.
    budget: 12,
    limit: Span::secs(20),
    verify: Verify::Shows { holds: accepted, within: |timing| timing.fresh_for },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    match target.machine() {
        Some(host) if !accepted(sit, target) => Applies::Yes(Effect::Claim { host: host.clone() }),
        Some(_) | None => Applies::No,
    }
}

fn accepted(sit: &Situation<'_>, target: &Target) -> bool {
    let host = target.machine().and_then(|name| sit.host(name).ok());
    let fence = host.and_then(|host| host.fence.as_ref());
    fence.is_some_and(|fence| fence.accepts(sit.durable.epoch, &sit.policy.owner))
}
