use std::collections::BTreeMap;

use super::{Applies, Blast, Need, OnlyIf, Remedy, Verify, When};
use crate::checks;
use crate::model::action::{Effect, Mending};
use crate::model::hygiene::ServiceFacts;
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("start-service"),
    title: "Clear the failed state of a host service that the node needs, and start it",
    helps: "iscsid, a time daemon or their like failed at boot, before what they need was there",
    harms: "one that a person stopped is started: only in an episode, and only those of the \
            configuration, which prepare wrote down on the node",
    undo: "systemctl stop, by the person who wants it",
    cures: &[&checks::SERVICES_RUN],
    needs: Need::Guard,
    when: When::Episode,
    blast: Blast::OneUnit,
    only_if: &[OnlyIf::NodeIsOurs],
    budget: 3,
    limit: Span::secs(30),
    verify: Verify::Shows { holds: runs, within: super::looked_closer },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    let facts = match sit.hygiene(name) {
        Ok(facts) => facts,
        Err(blind) => return Applies::Blind(blind.to_string()),
    };
    let mut idle = facts.idle_services.iter().flatten();
    // One that systemd does not know, or that a person masked, can't be started.
    let startable = |(_, service): &(&String, &ServiceFacts)| service.active.is_some();
    match idle.find(startable) {
        Some((service, _)) => {
            let mending = Mending::StartService(service.clone());
            Applies::Yes(Effect::MendHost { host: name.clone(), mending })
        }
        None => Applies::No,
    }
}

fn runs(sit: &Situation<'_>, target: &Target) -> bool {
    let facts = target.machine().and_then(|name| sit.hygiene(name).ok());
    facts.is_some_and(|facts| facts.idle_services.as_ref().is_some_and(BTreeMap::is_empty))
}
