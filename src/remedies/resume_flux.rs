use super::{Applies, Blast, Need, Remedy, Verify, When, shown_soon};
use crate::checks;
use crate::model::action::Effect;
use crate::model::cluster::Suspended;
use crate::model::ids::RemedyId;
use crate::model::object::ObjectName;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("resume-flux"),
    title: "Let an object of Flux go on that ananke suspended",
    helps: "ananke suspended it on the way down, and wrote so on it",
    harms: "what somebody else suspended may be suspended to save data: without ananke's own note \
            it is never touched",
    undo: "suspend it again, by the way down",
    cures: &[
        &checks::FLUX_SOURCE,
        &checks::KUSTOMIZATION_APPLIED,
        &checks::HELM_RELEASE,
        &checks::NOTHING_LEFT,
    ],
    needs: Need::Api,
    when: When::Episode,
    blast: Blast::Nothing,
    only_if: &[],
    budget: 5,
    limit: Span::secs(10),
    verify: Verify::Shows { holds: goes_on, within: shown_soon },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    match target.object() {
        Some(name) if suspended(sit, name) == Some(Suspended::ByUs) => {
            Applies::Yes(Effect::ResumeFlux { object: name.clone() })
        }
        Some(_) | None => Applies::No,
    }
}

fn suspended(sit: &Situation<'_>, name: &ObjectName) -> Option<Suspended> {
    Some(sit.seen.cluster.progress(name)?.suspended)
}

fn goes_on(sit: &Situation<'_>, target: &Target) -> bool {
    target.object().is_some_and(|name| suspended(sit, name) == Some(Suspended::No))
}
