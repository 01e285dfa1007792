//! What this tick's outcomes and facts teach, before anything is judged.

use std::collections::{BTreeMap, BTreeSet};

use super::{Library, situation};
use crate::checks::{self, Check};
use crate::model::action::{Action, Effect};
use crate::model::cordon::{CordonKind, CordonMark};
use crate::model::facts::{HostFacts, Link, NodeFacts, Ready, Seen, UnitActive};
use crate::model::ids::MachineName;
use crate::model::memory::{
    Attempts, Durable, FreshProof, HeldCordon, LeaseWatch, ManualMark, Memory,
};
use crate::model::outcome::{ActionResult, Outcome};
use crate::model::situation::Situation;
use crate::model::tick::TickInput;
use crate::model::time::{Mono, Span};
use crate::model::verdict::{Target, Verdict};
use crate::remedies::{self, Applies, Remedy, Verify};

use super::assess::Judged;
use super::episode;

/// Cluster-up time is written down in steps of this length, so that a lease costs one durable
/// write a minute. What was not written at a crash counts as one whole step.
const LEASE_STEP: Span = Span::mins(1);

/// The first tick of a process: what only an earlier one saw is not known to this one. An API that
/// accepted its write then has to accept one of ours, and is not waited for.
pub(super) fn new_process(input: &TickInput, memory: &mut Memory) {
    if memory.passing.tick > 0 {
        return;
    }
    memory.passing.began = input.now.mono;
    let proofs = memory.durable.attempts.get_mut(&remedies::PROVE_WRITE.id);
    for tried in proofs.into_iter().flat_map(BTreeMap::values_mut) {
        tried.verify_until = None;
    }
}

/// Takes in what became of earlier actions.
pub(super) fn outcomes(input: &TickInput, durable: &mut Durable) {
    for outcome in &input.outcomes {
        let Some(flight) = durable.in_flight.remove(&outcome.action) else { continue };
        let attempts = durable
            .attempts
            .get_mut(&flight.action.remedy)
            .and_then(|targets| targets.get_mut(&flight.action.target));
        if let Some(attempts) = attempts {
            attempts.result = Some(outcome.result.clone());
            let in_vain = matches!(
                outcome.result,
                ActionResult::Refused { .. } | ActionResult::Failed { .. }
            );
            // A write that only proves something has no later effect to wait for: one that was
            // lost with a process is made again, not waited for.
            let lost = matches!(outcome.result, ActionResult::Unknown { .. });
            if in_vain || (lost && flight.action.effect.is_proof()) {
                attempts.verify_until = None;
            }
        }
        cordon_outcome(&flight.action, outcome, durable);
    }
}

/// A cordon is remembered before it is taken; what its receiver said corrects that.
fn cordon_outcome(action: &Action, outcome: &Outcome, durable: &mut Durable) {
    let happened = matches!(outcome.result, ActionResult::Done | ActionResult::AlreadyDone);
    let refused = matches!(outcome.result, ActionResult::Refused { .. });
    match &action.effect {
        Effect::Cordon { node, .. } if refused => {
            durable.cordons.remove(node);
        }
        Effect::Uncordon { node, .. } | Effect::MarkManual { node, cordon: Some(_), .. }
            if happened =>
        {
            durable.cordons.remove(node);
        }
        Effect::Cordon { .. }
        | Effect::Uncordon { .. }
        | Effect::MarkManual { .. }
        | Effect::ClearMark { .. }
        | Effect::StartUnit { .. }
        | Effect::RestartUnit { .. }
        | Effect::ResetFailedUnit { .. }
        | Effect::WriteCanary
        | Effect::StopUnit { .. }
        | Effect::EndPods { .. }
        | Effect::SaveDatastore { .. }
        | Effect::PowerOff { .. }
        | Effect::Wake { .. }
        | Effect::SuspendFlux { .. }
        | Effect::ResumeFlux { .. }
        | Effect::RequestReconcile { .. }
        | Effect::EvictPods { .. } => {}
    }
}

/// Takes in what was seen.
pub(super) fn facts(input: &TickInput, memory: &mut Memory) {
    let flights = memory.durable.in_flight.values();
    let busy: BTreeSet<Target> = flights.map(|flight| flight.action.target.clone()).collect();
    let (now, fresh_for) = (input.now.mono, input.policy.timing.fresh_for);
    let nodes = input.observation.api.nodes.fresh(now, fresh_for).ok();
    for name in input.policy.machines.keys() {
        let seen = input.observation.hosts.get(name);
        let host = seen.and_then(|seen| seen.fresh(now, fresh_for).ok());
        let node = nodes.and_then(|nodes| nodes.get(name));
        match host {
            Some(_) if memory.passing.answering.contains_key(name) => {}
            Some(_) => drop(memory.passing.answering.insert(name.clone(), now)),
            None => drop(memory.passing.answering.remove(name)),
        }
        if let Some(host) = host {
            leader(name, host, &mut memory.durable);
            unit_down(input, name, host, memory);
        }
        if let (Some(host), Some(node)) = (host, node) {
            heartbeat(input, name, host, node, memory);
        }
        if let Some(node) = node {
            cordon(input, name, node, &busy, memory);
            mark(input, name, node, &mut memory.durable);
        }
    }
    lease_time(input, memory);
}

/// The remedies after which a node's cordon is another one.
static CHANGE_CORDONS: &[&Remedy] =
    &[&remedies::CORDON_FOR_REPAIR, &remedies::UNCORDON_OWN, &remedies::HAND_TO_PERSON];

fn leader(name: &MachineName, host: &HostFacts, durable: &mut Durable) {
    let leads = host.etcd.is_some_and(|etcd| etcd.is_leader && etcd.healthy);
    if leads && durable.normal.leader.as_ref() != Some(name) {
        durable.normal.leader = Some(name.clone());
    }
}

/// What a kubelet proved before its unit went down says nothing of the one that comes after.
fn unit_down(input: &TickInput, name: &MachineName, host: &HostFacts, memory: &mut Memory) {
    let unit = input.policy.machines.get(name).and_then(|machine| machine.role.unit());
    let runs = unit
        .and_then(|unit| host.units.get(&unit))
        .is_some_and(|facts| facts.active == UnitActive::Active);
    if !runs {
        forget_proof(name, memory);
    }
}

/// The node has to be proven anew.
pub(super) fn forget_proof(name: &MachineName, memory: &mut Memory) {
    memory.durable.proofs.remove(name);
    memory.passing.leases.remove(name);
}

/// A node's status is of its present boot once SSH and the API show the same boot id, Ready is
/// True, and the heartbeat moved while we looked.
fn heartbeat(
    input: &TickInput,
    name: &MachineName,
    host: &HostFacts,
    node: &NodeFacts,
    memory: &mut Memory,
) {
    if memory.durable.proofs.get(name).is_some_and(|proof| proof.boot_id != host.boot_id) {
        memory.durable.proofs.remove(name);
    }
    if node.boot_id != host.boot_id {
        memory.passing.leases.remove(name);
        return;
    }
    let Some(lease) = &node.lease else { return };
    let watch = memory.passing.leases.entry(name.clone()).or_insert_with(|| LeaseWatch {
        boot_id: host.boot_id.clone(),
        renew_time: lease.renew_time.clone(),
        moves: 0,
    });
    if watch.boot_id != host.boot_id {
        *watch = LeaseWatch {
            boot_id: host.boot_id.clone(),
            renew_time: lease.renew_time.clone(),
            moves: 0,
        };
    }
    if watch.renew_time != lease.renew_time {
        watch.renew_time.clone_from(&lease.renew_time);
        watch.moves = watch.moves.saturating_add(1);
    }
    let moved = watch.moves >= checks::MOVES_NEEDED;
    if moved && node.ready == Ready::True && !memory.durable.proofs.contains_key(name) {
        let proof = FreshProof {
            boot_id: host.boot_id.clone(),
            at: input.now.mono,
            action: memory.durable.last_action,
        };
        memory.durable.proofs.insert(name.clone(), proof);
    }
}

/// What the node shows corrects what we remember of our cordon on it.
fn cordon(
    input: &TickInput,
    name: &MachineName,
    node: &NodeFacts,
    busy: &BTreeSet<Target>,
    memory: &mut Memory,
) {
    let durable = &mut memory.durable;
    let target = Target::Machine(name.clone());
    // What was seen may be older than what was done.
    let verifying = |remedy: &&Remedy| {
        let targets = durable.attempts.get(&remedy.id);
        let attempts = targets.and_then(|targets| targets.get(&target));
        attempts.is_some_and(|attempts| attempts.verify_until.is_some())
    };
    if busy.contains(&target) || CHANGE_CORDONS.iter().any(verifying) {
        return;
    }
    match &node.cordon {
        CordonMark::Record(record)
            if record.kind == CordonKind::Recovery && record.owner == input.policy.owner =>
        {
            // A record of ours that we do not remember: the state was lost, the lease starts anew.
            durable
                .cordons
                .entry(name.clone())
                .or_insert_with(|| HeldCordon { record: record.clone(), used: Span::ZERO });
        }
        CordonMark::Record(_) | CordonMark::None | CordonMark::Garbled => {
            durable.cordons.remove(name);
            memory.passing.cordon_extra.remove(name);
        }
    }
}

/// A mark on a node that nobody remembers was made by an earlier life of this host: it stands
/// until a person ends it. One that a person ended is forgotten when the node no longer shows it.
fn mark(input: &TickInput, name: &MachineName, node: &NodeFacts, durable: &mut Durable) {
    let target = Target::Machine(name.clone());
    match &node.manual {
        None => {
            durable.acked.remove(&target);
        }
        Some(_) if durable.acked.contains(&target) => {}
        Some(reason) => {
            let since = input.now.wall;
            let mark = || ManualMark { reason: reason.clone(), since };
            durable.manual.entry(target).or_insert_with(mark);
        }
    }
}

/// A lease counts time in which the cluster was up, so that a long outage expires none.
fn lease_time(input: &TickInput, memory: &mut Memory) {
    if memory.passing.tick == 0 {
        // Rounded up, so that a loop that dies every minute does not hold a cordon for ever.
        for held in memory.durable.cordons.values_mut() {
            held.used = held.used + LEASE_STEP;
        }
        return;
    }
    let Link::Up { since, .. } = &input.observation.api.link else { return };
    let from = memory.passing.last_tick.max(*since);
    let passed = input.now.mono.since(from);
    for (name, held) in &mut memory.durable.cordons {
        let extra = memory.passing.cordon_extra.entry(name.clone()).or_default();
        *extra = *extra + passed;
        if *extra >= LEASE_STEP {
            held.used = held.used + *extra;
            *extra = Span::ZERO;
        }
    }
}

/// Ends verifications: those that hold, and those whose time is over.
pub(super) fn verified(library: &Library, input: &TickInput, memory: &mut Memory) {
    let none = BTreeMap::new();
    let mut ended = Vec::new();
    {
        let sit = situation(input, memory, &none);
        let flights = memory.durable.in_flight.values().map(|flight| &flight.action);
        let busy: BTreeSet<_> = flights.map(|action| (&action.remedy, &action.target)).collect();
        for remedy in library.gates.iter().flat_map(|gate| gate.ladder) {
            let Some(targets) = memory.durable.attempts.get(&remedy.id) else { continue };
            let mut passing = None;
            for (target, attempts) in targets {
                let Some(until) = attempts.verify_until else { continue };
                let holds = !busy.contains(&(&remedy.id, target))
                    && seen_since(input, target, attempts.last)
                    && match remedy.verify {
                        // Asked once for all targets of the remedy.
                        Verify::Passes { check, .. } => {
                            passing.get_or_insert_with(|| passes(check, &sit)).contains(target)
                        }
                        Verify::Shows { holds, .. } => holds(&sit, target),
                    };
                let over = input.now.mono >= until || in_vain(remedy, attempts, &sit, target);
                if holds || over {
                    ended.push((remedy.id.clone(), target.clone(), holds));
                }
            }
        }
    }
    let quiet = !episode::is_open(&memory.durable);
    for (remedy, target, holds) in ended {
        let Some(targets) = memory.durable.attempts.get_mut(&remedy) else { continue };
        // Outside an episode nothing refunds attempts, and an API comes and goes for years.
        if quiet && holds && remedy == remedies::PROVE_WRITE.id {
            targets.remove(&target);
        } else if let Some(attempts) = targets.get_mut(&target) {
            attempts.verify_until = None;
        }
    }
}

/// Whether a start of unknown fate has evidently not happened: its time on the machine is over,
/// and a later look shows the unit down. A crash between the record and the act ends so.
fn in_vain(remedy: &Remedy, tried: &Attempts, sit: &Situation<'_>, target: &Target) -> bool {
    let unknown = matches!(tried.result, Some(ActionResult::Unknown { .. }));
    let over = tried.last + remedy.limit;
    let seen = target.machine().and_then(|name| sit.seen.hosts.get(name));
    let later = matches!(seen, Some(Seen::Known { at, .. }) if *at > over);
    unknown
        && later
        && matches!((remedy.applies)(sit, target), Applies::Yes(Effect::StartUnit { .. }))
}

/// Every target for which a check passes.
fn passes(check: &Check, sit: &Situation<'_>) -> BTreeSet<Target> {
    let verdicts = (check.judge)(sit).into_iter();
    verdicts.filter(|(_, verdict)| *verdict == Verdict::Pass).map(|(target, _)| target).collect()
}

/// Whether the target was seen after the attempt: facts of before it verify nothing.
fn seen_since(input: &TickInput, target: &Target, attempt: Mono) -> bool {
    let later = |at: Option<Mono>| at.is_some_and(|at| at > attempt);
    let nodes = match &input.observation.api.nodes {
        Seen::Known { at, .. } => later(Some(*at)),
        Seen::Unknown { .. } => true,
    };
    let object =
        target.object().is_none_or(|name| later(input.observation.cluster.seen_at(&name.kind)));
    let host = target.machine().is_none_or(|name| match input.observation.hosts.get(name) {
        Some(Seen::Known { at, .. }) => later(Some(*at)),
        Some(Seen::Unknown { .. }) | None => false,
    });
    nodes && host && object
}

/// Machines that were given up wait for a person, in the ledger as well as on the node.
pub(super) fn given_up(input: &TickInput, judged: &Judged, durable: &mut Durable) {
    for missing in &judged.assessment.missing {
        durable
            .manual
            .entry(Target::Machine(missing.machine.clone()))
            .or_insert_with(|| ManualMark { reason: missing.why.clone(), since: input.now.wall });
    }
}
