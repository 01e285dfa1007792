use super::{Applies, Blast, Need, Remedy, Verify, When, shown_soon};
use crate::checks;
use crate::model::action::Effect;
use crate::model::ids::RemedyId;
use crate::model::object::ObjectName;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("restore-replicas"),
    title: "Scale a workload that stands at zero to what it had on the last good day",
    helps: "somebody, or some tool, scaled it down for the outage, and nobody is there to scale it \
            up: Flux may wait for this very workload",
    harms: "a person may want it at zero: what a person scales on a quiet day is what is recorded, \
            so it is touched in an episode only, and not where an autoscaler, or a person's mark, \
            is on it",
    undo: "kubectl scale ... --replicas=0",
    cures: &[&checks::REPLICAS_AS_RECORDED],
    needs: Need::Api,
    when: When::Episode,
    blast: Blast::OneWorkload,
    only_if: &[],
    budget: 2,
    limit: Span::secs(10),
    verify: Verify::Shows { holds: is_wanted, within: shown_soon },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.object() else { return Applies::No };
    let Some(had) = sit.durable.normal.replicas_of(name).filter(|had| *had > 0) else {
        return Applies::No;
    };
    match checks::workload(sit, name) {
        Some(it) if it.wanted == 0 && it.left_alone.is_empty() => {
            Applies::Yes(Effect::Scale { object: name.clone(), replicas: had })
        }
        Some(_) | None => Applies::No,
    }
}

fn wanted(sit: &Situation<'_>, name: &ObjectName) -> Option<u32> {
    checks::workload(sit, name).map(|it| it.wanted)
}

/// That its pods run then is another check's matter.
fn is_wanted(sit: &Situation<'_>, target: &Target) -> bool {
    target.object().is_some_and(|name| wanted(sit, name).is_some_and(|wanted| wanted > 0))
}
