use super::{Applies, Blast, Need, OnlyIf, Remedy, Verify, When};
use crate::checks;
use crate::model::action::{Effect, Mending};
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("load-module"),
    title: "Load a kernel module that the node needs",
    helps: "storage or the network fails for a module that nobody loaded at this boot",
    harms: "a module changes the kernel: only those of the configuration, which prepare wrote down \
            on the node, and none that the node's own modprobe.d forbids",
    undo: "it is gone with the next boot",
    cures: &[&checks::MODULES_LOADED],
    needs: Need::Guard,
    when: When::Episode,
    blast: Blast::OneUnit,
    only_if: &[OnlyIf::NodeIsOurs],
    budget: 3,
    limit: Span::secs(30),
    verify: Verify::Shows { holds: loaded, within: super::looked_closer },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    match sit.hygiene(name) {
        Err(blind) => Applies::Blind(blind.to_string()),
        Ok(facts) => facts.missing_modules.first().map_or(Applies::No, |module| {
            Applies::Yes(Effect::MendHost {
                host: name.clone(),
                mending: Mending::LoadModule(module.clone()),
            })
        }),
    }
}

fn loaded(sit: &Situation<'_>, target: &Target) -> bool {
    let facts = target.machine().and_then(|name| sit.hygiene(name).ok());
    facts.is_some_and(|facts| facts.missing_modules.is_empty())
}
