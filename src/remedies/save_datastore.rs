use super::{Applies, Blast, Need, Remedy, Verify, When, shown_soon};
use crate::checks;
use crate::model::action::Effect;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: checks::SAVE_DATASTORE,
    title: "Save the datastore on a server, before anything is evicted",
    helps: "a battery that ends too early, or a disk that does not come back, would take what only \
            the datastore has",
    harms: "it takes room on the server's disk; k3s itself keeps only so many of its own",
    undo: "none is needed: a snapshot is a file",
    cures: &[&checks::DATASTORE_SAVED],
    needs: Need::Guard,
    when: When::Episode,
    blast: Blast::Nothing,
    only_if: &[],
    budget: 3,
    limit: Span::secs(120),
    verify: Verify::Shows { holds: saved, within: shown_soon },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    match target.machine() {
        Some(name) if checks::saving_server(sit) == Some(name) => {
            Applies::Yes(Effect::SaveDatastore { host: name.clone() })
        }
        Some(_) | None => Applies::No,
    }
}

fn saved(sit: &Situation<'_>, _: &Target) -> bool {
    sit.descent().is_some_and(|descent| descent.saved.is_some())
}
