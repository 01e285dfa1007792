use super::{Applies, Blast, Need, OnlyIf, Remedy, Verify, When};
use crate::checks;
use crate::model::action::Effect;
use crate::model::cluster::{Kustomization, ObjectPath, Source, Suspended};
use crate::model::facts::Ready;
use crate::model::object::ObjectName;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: checks::REQUEST_RECONCILE,
    title: "Ask Flux to look at an object now",
    helps: "its controller sleeps in a back-off of up to a quarter of an hour, or its word is from \
            before the outage: the answer to a request is a word of now",
    harms: "none to the object; asking for what waits for others costs one of four workers, so it \
            is asked in order: source, root, then what comes after what is good",
    undo: "needs none",
    cures: &[&checks::FLUX_SOURCE, &checks::KUSTOMIZATION_APPLIED, &checks::HELM_RELEASE],
    needs: Need::Api,
    when: When::Episode,
    blast: Blast::Nothing,
    only_if: &[OnlyIf::WaveHasRoom],
    // With proofs of two minutes and waits that double these last for half an hour, and a person
    // who has to act hears of it then. Flux itself goes on trying, and is believed when it
    // succeeds.
    budget: 7,
    limit: Span::secs(10),
    verify: Verify::Shows { holds: answered, within: |_| ANSWER },
    applies,
};

/// A Kustomization whose health checks fail takes its own time-out before it answers.
const ANSWER: Span = Span::mins(2);

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.object() else { return Applies::No };
    let Some(progress) = sit.seen.cluster.progress(name) else { return Applies::No };
    // A suspended object moves its token as well, and does nothing.
    if progress.suspended != Suspended::No || waits(sit, name) {
        return Applies::No;
    }
    // The id of the action takes this place when it gets one.
    Applies::Yes(Effect::RequestReconcile { object: name.clone(), token: String::new() })
}

/// Whether asking is of no use yet, because something comes before it.
fn waits(sit: &Situation<'_>, name: &ObjectName) -> bool {
    let path = ObjectPath::of(name);
    let cluster = &sit.seen.cluster;
    match name.kind.as_str() {
        Kustomization::KIND => {
            let all = cluster.kustomizations.any_age();
            let Some(it) = all.and_then(|all| all.get(&path)) else { return true };
            let root = &sit.policy.flux.root;
            let root_first = path != *root
                && all.is_some_and(|all| all.contains_key(root))
                && !asked(sit, &root.of_kind(Kustomization::KIND));
            root_first
                || !checks::source_is_good(sit, &it.source)
                || !it.after.iter().all(|before| checks::kustomization_is_good(sit, before))
        }
        Source::GIT => cluster.source(name).is_none_or(|it| checks::drift(sit, name, it).is_some()),
        _ => false,
    }
}

/// Whether it was asked in this episode.
fn asked(sit: &Situation<'_>, name: &ObjectName) -> bool {
    let asked = sit.durable.attempts.get(&checks::REQUEST_RECONCILE);
    asked.is_some_and(|asked| asked.contains_key(&Target::Object(name.clone())))
}

/// It was dealt with, and its controller is content with the result.
fn answered(sit: &Situation<'_>, target: &Target) -> bool {
    target.object().is_some_and(|name| {
        let said = sit.seen.cluster.progress(name);
        said.is_some_and(|it| it.ready == Ready::True && checks::flux_answered(sit, it))
    })
}
