use super::{Applies, Blast, Need, Remedy, Verify, When, shown_soon};
use crate::checks;
use crate::model::action::Effect;
use crate::model::cluster::{Kustomization, ObjectPath, Suspended};
use crate::model::ids::RemedyId;
use crate::model::object::ObjectName;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("suspend-flux"),
    title: "Suspend an object of Flux, and write on it that ananke did",
    helps: "Flux would start again what is evicted or stopped, and try in vain to apply the rest",
    harms: "what is in git is not applied until it is resumed: it is written down before it is \
            done, and what somebody else suspended is not touched",
    undo: "resume-flux, on the way up",
    cures: &[&checks::FLUX_SUSPENDED],
    needs: Need::Api,
    when: When::Episode,
    blast: Blast::Nothing,
    only_if: &[],
    budget: 20,
    limit: Span::secs(10),
    verify: Verify::Shows { holds: is_suspended, within: shown_soon },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.object() else { return Applies::No };
    if suspended(sit, name) != Some(Suspended::No) || waits_for_root(sit, name) {
        return Applies::No;
    }
    Applies::Yes(Effect::SuspendFlux { object: name.clone() })
}

/// The root applies the others, and would let them go on where git says so: it goes first.
fn waits_for_root(sit: &Situation<'_>, name: &ObjectName) -> bool {
    let root = &sit.policy.flux.root;
    let is_root = name.kind == Kustomization::KIND && ObjectPath::of(name) == *root;
    !is_root && suspended(sit, &root.of_kind(Kustomization::KIND)) == Some(Suspended::No)
}

fn suspended(sit: &Situation<'_>, name: &ObjectName) -> Option<Suspended> {
    Some(sit.seen.cluster.progress(name)?.suspended)
}

fn is_suspended(sit: &Situation<'_>, target: &Target) -> bool {
    target.object().is_some_and(|name| suspended(sit, name) == Some(Suspended::ByUs))
}
