use std::collections::BTreeSet;

use super::{Applies, Blast, Need, OnlyIf, Remedy, Verify, When};
use crate::checks;
use crate::model::action::{Effect, Mending};
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("install-packages"),
    title: "Install missing packages from the node's own cache, without a network",
    helps: "storage can't work for a package that is gone: a disk was replaced, or a person erred",
    harms: "an installation may restart services: only packages of the configuration, only from \
            the cache that prepare filled, and only in an episode",
    undo: "apt-get remove, by a person",
    cures: &[&checks::PACKAGES_THERE],
    needs: Need::Guard,
    when: When::Episode,
    blast: Blast::OneUnit,
    only_if: &[OnlyIf::NodeIsOurs],
    budget: 2,
    // An SD card takes minutes for nfs-common and what it needs.
    limit: Span::mins(5),
    verify: Verify::Shows { holds: installed, within: super::looked_closer },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    let facts = match sit.hygiene(name) {
        Ok(facts) => facts,
        Err(blind) => return Applies::Blind(blind.to_string()),
    };
    match &facts.missing_packages {
        None => Applies::Blind("there is no dpkg to ask".to_owned()),
        Some(missing) if missing.is_empty() => Applies::No,
        Some(missing) => {
            let mending = Mending::InstallPackages(missing.clone());
            Applies::Yes(Effect::MendHost { host: name.clone(), mending })
        }
    }
}

fn installed(sit: &Situation<'_>, target: &Target) -> bool {
    let facts = target.machine().and_then(|name| sit.hygiene(name).ok());
    facts.is_some_and(|facts| facts.missing_packages.as_ref().is_some_and(BTreeSet::is_empty))
}
