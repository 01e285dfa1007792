use super::{Applies, Blast, Need, OnlyIf, Remedy, Verify, When, shown_soon};
use crate::checks;
use crate::model::action::Effect;
use crate::model::cordon::{CordonKind, CordonMark, CordonRecord};
use crate::model::facts::{NodeFacts, UnitActive};
use crate::model::ids::{CordonId, MachineName, RemedyId};
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("cordon-for-repair"),
    title: "Cordon a node that is about to be repaired, with a lease",
    helps: "the agent runs but the node is not fresh: nothing new should land there meanwhile",
    harms: "a cordon that outlives its reason takes the node away: it carries a lease of one hour \
            of cluster-up time, then it is cleared or a person is called",
    undo: "uncordon, by ananke when the node is proven fresh",
    cures: &[&checks::NODE_FRESH],
    needs: Need::Api,
    when: When::Episode,
    blast: Blast::Scheduling,
    only_if: &[OnlyIf::NotAStorm, OnlyIf::CordonHasRoom, OnlyIf::NodeIsOurs],
    budget: 3,
    limit: Span::secs(10),
    verify: Verify::Shows { holds: cordoned, within: shown_soon },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    if !repairable(sit, name) {
        return Applies::No;
    }
    let node = match sit.node(name) {
        Ok(Some(node)) => node,
        Ok(None) => return Applies::No,
        Err(blind) => return Applies::Blind(blind.to_string()),
    };
    // Somebody's cordon serves as well, and is never taken over.
    if node.unschedulable || node.cordon != CordonMark::None {
        return Applies::No;
    }
    let record = record(sit, node, CordonKind::Recovery);
    Applies::Yes(Effect::Cordon { node: name.clone(), record })
}

/// The record of a cordon that is taken now.
pub(super) fn record(sit: &Situation<'_>, node: &NodeFacts, kind: CordonKind) -> CordonRecord {
    let lease = sit.policy.timing.cordon_lease;
    CordonRecord {
        id: cordon_id(sit),
        owner: sit.policy.owner.clone(),
        kind,
        prior_unschedulable: false,
        acquired_at: sit.wall,
        expires_at: sit.wall.saturating_add(lease.to_std()).unwrap_or(sit.wall),
        boot_id: node.boot_id.clone(),
    }
}

/// Only an agent whose unit runs is repaired here: one whose unit is down is started instead.
fn repairable(sit: &Situation<'_>, name: &MachineName) -> bool {
    sit.role(name) == Some(Role::Agent)
        && sit.host(name).is_ok_and(|host| {
            host.units
                .get(&crate::model::facts::Unit::K3sAgent)
                .is_some_and(|unit| unit.active == UnitActive::Active)
        })
}

/// Numbered by the action that will take it, so that it is as unique as that one.
fn cordon_id(sit: &Situation<'_>) -> CordonId {
    let episode = sit.durable.episode.as_ref().map_or(0, |episode| episode.id.0);
    CordonId::new(format!("c{episode}-{}", sit.durable.last_action + 1))
}

fn cordoned(sit: &Situation<'_>, target: &Target) -> bool {
    target.machine().is_some_and(|name| sit.own_cordon(name).is_some())
}
