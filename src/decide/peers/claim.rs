//! The claim: under which number this host acts, and how many guards have accepted it. The guards
//! of a majority of the nodes are the fence: two hosts can't both have them under one number.

use crate::decide::episode;
use crate::model::facts::GuardState;
use crate::model::ids::Epoch;
use crate::model::memory::Durable;
use crate::model::peers::{Claim, Fence, HostRole};
use crate::model::situation::Situation;
use crate::model::tick::TickInput;

use super::{heard, wish, word};

/// What the guards say that have said it lately, of the nodes that ananke may change.
fn fences(input: &TickInput) -> impl Iterator<Item = &Fence> {
    let (now, fresh_for) = (input.now.mono, input.policy.timing.fresh_for);
    let nodes = input.policy.machines.iter().filter(|(_, it)| it.managed && it.role.is_node());
    nodes.filter_map(move |(name, _)| {
        let host = input.observation.hosts.get(name)?.if_fresh(now, fresh_for)?;
        host.fence.as_ref().filter(|_| host.guard == GuardState::Current)
    })
}

/// Every claim that they show, those of whoever brings a machine down among them, and that of the
/// Lease while it moves.
fn claims(input: &TickInput) -> impl Iterator<Item = &Claim> {
    let lease = input.observation.api.holder.iter().filter(|holder| holder.live);
    let fences = fences(input).flat_map(|fence| fence.claim.iter().chain(&fence.down));
    fences.chain(lease.map(|holder| &holder.claim))
}

/// The newest number that is known to be this host's own.
fn own_epoch(input: &TickInput) -> Option<Epoch> {
    let own = claims(input).filter(|claim| claim.owner == input.policy.owner);
    own.map(|claim| claim.epoch).max()
}

/// A host without its state learns what the others and the nodes know of it.
///
/// # Errors
/// What has to be heard first.
pub(super) fn relearn(input: &TickInput, durable: &mut Durable) -> Result<(), String> {
    for name in &input.policy.coordination.peers {
        word(input, name).map_err(|blind| format!("{name} has to be heard first: {blind}"))?;
    }
    let (have, need) = (fences(input).count(), input.policy.majority_of_guards());
    if have < need {
        return Err(format!("{have} guards have said whose word counts, {need} make a majority"));
    }
    durable.epoch = durable.epoch.max(own_epoch(input).unwrap_or_default());
    let owner = &input.policy.owner;
    let told = heard(input).filter_map(|(_, facts)| facts.heard.as_ref());
    if let Some((_, wanted)) = told.filter(|(whose, _)| whose == owner).last() {
        wish::restore(&input.now, wanted, durable);
    }
    durable.part = Some(Default::default());
    Ok(())
}

/// Keeps the number of this host ahead of all that the nodes know, where it may.
///
/// # Errors
/// The newer claim of another host, or one of the same number.
pub(super) fn keep(input: &TickInput, durable: &mut Durable) -> Result<(), Claim> {
    durable.epoch = durable.epoch.max(own_epoch(input).unwrap_or_default());
    let others = claims(input).filter(|claim| claim.owner != input.policy.owner);
    let Some(newest) = others.max().filter(|claim| claim.epoch >= durable.epoch) else {
        return Ok(());
    };
    let open = episode::open_id(durable);
    let part = durable.part.get_or_insert_default();
    let may = part.may_claim.is_some() && part.may_claim == open;
    if !may && !others_yield(input) {
        return Err(newest.clone());
    }
    part.may_claim = None;
    durable.epoch = Epoch(newest.epoch.0 + 1);
    Ok(())
}

/// Whether every other host says that it does not act, and that nobody there wants it down. Who
/// is not heard may act.
fn others_yield(input: &TickInput) -> bool {
    let coordination = &input.policy.coordination;
    let yields = |name| {
        word(input, name).is_ok_and(|facts| facts.knows && !facts.acts && facts.wish.is_none())
    };
    coordination.role == HostRole::Coordinator && coordination.peers.iter().all(yields)
}

/// How many guards have accepted the claim of this host.
pub(in crate::decide) fn accepted(sit: &Situation<'_>) -> usize {
    let accepts = |fence: &Fence| fence.accepts(sit.durable.epoch, &sit.policy.owner);
    let nodes = sit.hosts().filter(|(_, machine, _)| machine.managed && machine.role.is_node());
    let shown = nodes.filter_map(|(_, _, host)| host.ok());
    let current = shown.filter(|host| host.guard == GuardState::Current);
    current.filter(|host| host.fence.as_ref().is_some_and(accepts)).count()
}
