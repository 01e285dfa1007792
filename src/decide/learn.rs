//! What this tick's outcomes and facts teach, before anything is judged.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Library, situation};
use crate::checks::{self, Check};
use crate::model::action::{Action, Effect};
use crate::model::cordon::{CordonKind, CordonMark};
use crate::model::facts::{HostFacts, Link, NodeFacts, Ready, Seen, UnitActive};
use crate::model::ids::{BootId, MachineName};
use crate::model::in_step::InStep;
use crate::model::memory::{
    Attempts, Durable, FreshProof, HeldCordon, LeaseWatch, ManualMark, Memory,
};
use crate::model::outcome::{ActionResult, Outcome};
use crate::model::policy::{Machine, Role};
use crate::model::probe::ProbeName;
use crate::model::situation::Situation;
use crate::model::tick::TickInput;
use crate::model::time::{Mono, Span};
use crate::model::verdict::{Target, Verdict};
use crate::remedies::{self, Applies, Remedy, Verify};

use super::assess::Judged;
use super::{episode, heard, lease, way};

/// The first tick of a process: what only an earlier one saw is not known to this one. An API that
/// accepted its write then has to accept one of ours, and is not waited for. Nor is the end of this
/// host, which has begun no process while it ended.
pub(super) fn new_process(input: &TickInput, memory: &mut Memory) {
    if memory.passing.tick > 0 {
        return;
    }
    memory.passing.began = input.now.mono;
    for remedy in [&remedies::PROVE_WRITE.id, &remedies::POWER_OFF_OWN_HOST.id] {
        let targets = memory.durable.attempts.get_mut(remedy);
        for tried in targets.into_iter().flat_map(BTreeMap::values_mut) {
            tried.verify_until = None;
        }
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
                ActionResult::Refused { .. }
                    | ActionResult::Held { .. }
                    | ActionResult::Failed { .. }
            );
            // A write that only proves something has no later effect to wait for: one that was
            // lost with a process is made again, not waited for.
            let lost = matches!(outcome.result, ActionResult::Unknown { .. });
            if in_vain || (lost && flight.action.effect.is_proof()) {
                attempts.verify_until = None;
            }
        }
        cordon_outcome(&flight.action, outcome, durable);
        heard::keep(input.now.mono, &flight.action, &outcome.result, durable);
    }
}

/// A cordon is remembered before it is taken; what its receiver said corrects that.
fn cordon_outcome(action: &Action, outcome: &Outcome, durable: &mut Durable) {
    let happened = matches!(outcome.result, ActionResult::Done | ActionResult::AlreadyDone);
    let refused = matches!(outcome.result, ActionResult::Refused { .. });
    if let Effect::Cordon { node, .. } = &action.effect
        && refused
    {
        durable.cordons.remove(node);
    }
    if let Effect::Uncordon { node, .. } | Effect::MarkManual { node, cordon: Some(_), .. } =
        &action.effect
        && happened
    {
        durable.cordons.remove(node);
    }
}

/// Takes in what was seen.
pub(super) fn facts(input: &TickInput, memory: &mut Memory) {
    let sights = sights(input);
    answering(input.now.mono, &sights, &mut memory.passing.answering);
    leader(&sights, &mut memory.durable);
    heartbeats(input.now.mono, &sights, memory);
    cordons(input, &sights, memory);
    marks(input.now.wall, &sights, &mut memory.durable);
    lease::count(input, memory);
}

/// One machine, with what is fresh of it.
struct Sight<'a> {
    name: &'a MachineName,
    role: Role,
    host: Option<&'a HostFacts>,
    node: Option<&'a NodeFacts>,
}

/// Every machine, in its order.
fn sights(input: &TickInput) -> Vec<Sight<'_>> {
    let (now, fresh_for) = (input.now.mono, input.policy.timing.fresh_for);
    let mut hosts = InStep::new(&input.observation.hosts);
    let mut nodes = input.observation.api.nodes.if_fresh(now, fresh_for).map(InStep::new);
    let sight = |(name, machine): (_, &Machine)| Sight {
        name,
        role: machine.role,
        host: hosts.at(name).and_then(|seen| seen.if_fresh(now, fresh_for)),
        node: nodes.as_mut().and_then(|nodes| nodes.at(name)),
    };
    input.policy.machines.iter().map(sight).collect()
}

/// Since when each machine answers.
fn answering(now: Mono, sights: &[Sight<'_>], known: &mut BTreeMap<MachineName, Mono>) {
    let mut before = InStep::new(&*known);
    let changed = |sight: &&Sight<'_>| before.at(sight.name).is_some() != sight.host.is_some();
    for sight in sights.iter().filter(changed).collect::<Vec<_>>() {
        match sight.host {
            Some(_) => drop(known.insert(sight.name.clone(), now)),
            None => drop(known.remove(sight.name)),
        }
    }
}

/// The remedies after which a node's cordon is another one.
static CHANGE_CORDONS: &[&Remedy] = &[
    &remedies::CORDON_FOR_REPAIR,
    &remedies::CORDON_FOR_SHUTDOWN,
    &remedies::UNCORDON_OWN,
    &remedies::HAND_TO_PERSON,
];

fn leader(sights: &[Sight<'_>], durable: &mut Durable) {
    for Sight { name, host, .. } in sights {
        let leads = host.and_then(|host| host.etcd).is_some_and(|it| it.is_leader && it.healthy);
        if leads && durable.normal.leader.as_ref() != Some(*name) {
            durable.normal.leader = Some((*name).clone());
        }
    }
}

/// The node has to be proven anew.
pub(super) fn forget_proof(name: &MachineName, memory: &mut Memory) {
    memory.durable.proofs.remove(name);
    memory.passing.leases.remove(name);
}

/// What a look teaches of one node's heartbeat, when it is more than that it moved on.
enum Learned {
    /// The proof counts no longer.
    Unproven,
    /// It is not watched any longer.
    Unwatched,
    /// It is watched from now on.
    Watched(LeaseWatch),
    /// Its status of this version is of another boot.
    Outlived(u64),
    /// Its status is of its present boot.
    Proven(FreshProof),
}

/// Follows the heartbeat of every node. The memory of each is changed in place or, when an entry
/// comes or goes, after the walk.
fn heartbeats(now: Mono, sights: &[Sight<'_>], memory: &mut Memory) {
    let action = memory.durable.last_action;
    let (proofs, leases) = (&mut memory.durable.proofs, &mut memory.passing.leases);
    let outlived = &mut memory.passing.outlived;
    let (mut proven, mut watched) = (InStep::new(&*proofs), InStep::new(&mut *leases));
    let mut learned = Vec::new();
    for sight in sights {
        let (proof, watch) = (proven.at(sight.name), watched.at(sight.name));
        heartbeat(now, sight, proof, watch, &mut |what| learned.push((sight.name, what)));
    }
    for (name, what) in learned {
        match what {
            Learned::Unproven => drop(proofs.remove(name)),
            Learned::Unwatched => drop(leases.remove(name)),
            Learned::Watched(watch) => drop(leases.insert(name.clone(), watch)),
            Learned::Outlived(version) => drop(outlived.insert(name.clone(), version)),
            Learned::Proven(proof) => {
                let after = outlived.get(name).copied().unwrap_or_default();
                proofs.insert(name.clone(), FreshProof { action, after, ..proof });
            }
        }
    }
}

/// A node's status is of its present boot once SSH and the API show the same boot id, Ready is
/// True, and the heartbeat moved while we looked. What a kubelet proved before its unit went down
/// says nothing of the one that comes after.
fn heartbeat(
    now: Mono,
    sight: &Sight<'_>,
    proof: Option<&FreshProof>,
    watch: Option<&mut LeaseWatch>,
    learned: &mut dyn FnMut(Learned),
) {
    let Some(host) = sight.host else { return };
    let unit = sight.role.unit().and_then(|unit| host.units.get(&unit));
    let runs = unit.is_some_and(|facts| facts.active == UnitActive::Active);
    let same = |boot_id: &BootId| *boot_id == host.boot_id;
    let stands = proof.is_some_and(|it| runs && (sight.node.is_none() || same(&it.boot_id)));
    if proof.is_some() && !stands {
        learned(Learned::Unproven);
    }
    let of_another_boot = sight.node.is_some_and(|node| !same(&node.boot_id));
    if of_another_boot
        && let Some(version) = sight.node.and_then(|node| node.resource_version.parse().ok())
    {
        learned(Learned::Outlived(version));
    }
    let keep = runs && !of_another_boot;
    if watch.is_some() && !keep {
        learned(Learned::Unwatched);
    }
    let watch = watch.filter(|_| keep);
    let Some(node) = sight.node.filter(|_| !of_another_boot) else { return };
    let Some(lease) = &node.lease else { return };
    let renew_time = &lease.renew_time;
    let anew =
        || LeaseWatch { boot_id: host.boot_id.clone(), renew_time: renew_time.clone(), moves: 0 };
    let Some(watch) = watch else { return learned(Learned::Watched(anew())) };
    if !same(&watch.boot_id) {
        *watch = anew();
    } else if watch.renew_time != *renew_time {
        watch.renew_time.clone_from(renew_time);
        watch.moves = watch.moves.saturating_add(1);
    }
    if watch.moves >= checks::MOVES_NEEDED && node.ready == Ready::True && !stands {
        let boot_id = host.boot_id.clone();
        learned(Learned::Proven(FreshProof { boot_id, at: now, action: 0, after: 0 }));
    }
}

/// What the nodes show corrects what we remember of our cordons on them.
fn cordons(input: &TickInput, sights: &[Sight<'_>], memory: &mut Memory) {
    let Durable { attempts, in_flight, cordons, .. } = &mut memory.durable;
    // What was seen may be older than what was done.
    let verifying = CHANGE_CORDONS.iter().filter_map(|remedy| attempts.get(&remedy.id)).flatten();
    let verifying = verifying.filter(|(_, tried)| tried.verify_until.is_some());
    let targets = in_flight.values().map(|flight| &flight.action.target);
    let targets = targets.chain(verifying.map(|(target, _)| target));
    let busy: BTreeSet<_> = targets.filter_map(Target::machine).collect();
    for Sight { name, node, .. } in sights {
        let Some(node) = node.filter(|_| !busy.contains(name)) else { continue };
        match &node.cordon {
            CordonMark::Record(record)
                if record.kind != CordonKind::Manual && record.owner == input.policy.owner =>
            {
                // A record of ours that we do not remember: the state was lost, the lease starts
                // anew.
                cordons
                    .entry((*name).clone())
                    .or_insert_with(|| HeldCordon { record: record.clone(), used: Span::ZERO });
            }
            CordonMark::Record(_) | CordonMark::None | CordonMark::Garbled => {
                cordons.remove(*name);
                memory.passing.cordon_extra.remove(*name);
            }
        }
    }
}

/// A mark on a node that nobody remembers was made by an earlier life of this host: it stands
/// until a person ends it. One that a person ended is forgotten when the node no longer shows it.
fn marks(since: Timestamp, sights: &[Sight<'_>], durable: &mut Durable) {
    let mut known = InStep::new(&durable.manual);
    let mut found = Vec::new();
    for Sight { name, node, .. } in sights {
        let Some(node) = node else { continue };
        let target = Target::Machine((*name).clone());
        match &node.manual {
            None => {
                durable.acked.remove(&target);
            }
            Some(_) if durable.acked.contains(&target) => {}
            Some(_) if known.at(&target).is_some() => {}
            Some(reason) => found.push((target, ManualMark { reason: reason.clone(), since })),
        }
    }
    durable.manual.extend(found);
}

/// Ends verifications: those that hold, and those whose time is over.
pub(super) fn verified(library: &Library, input: &TickInput, memory: &mut Memory) {
    let none = BTreeMap::new();
    let mut ended = Vec::new();
    {
        let sit = situation(input, &memory.durable, &memory.passing, &none);
        let flights = memory.durable.in_flight.values().map(|flight| &flight.action);
        let busy: BTreeSet<_> = flights.map(|action| (&action.remedy, &action.target)).collect();
        for remedy in way::remedies(library) {
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
    // While nothing is seen through the API nothing is verified by it either.
    let nodes = match (&input.observation.api.link, &input.observation.api.nodes) {
        (Link::Up { .. }, Seen::Known { at, .. }) => later(Some(*at)),
        _ => true,
    };
    let object =
        target.object().is_none_or(|name| later(input.observation.cluster.seen_at(&name.kind)));
    let host = target.machine().is_none_or(|name| match input.observation.hosts.get(name) {
        Some(Seen::Known { at, .. }) => later(Some(*at)),
        Some(Seen::Unknown { .. }) | None => false,
    });
    let answer = target.service().is_none_or(|name| {
        match input.observation.probes.get(&ProbeName::new(name)) {
            Some(Seen::Known { at, .. }) => later(Some(*at)),
            Some(Seen::Unknown { .. }) | None => false,
        }
    });
    nodes && host && object && answer
}

/// Machines that were given up wait for a person, in the ledger as well as on the node.
pub(super) fn given_up(input: &TickInput, judged: &Judged, durable: &mut Durable) {
    let mut known = InStep::new(&durable.manual);
    let mut news = Vec::new();
    for missing in &judged.assessment.missing {
        let target = Target::Machine(missing.machine.clone());
        if known.at(&target).is_none() {
            news.push((target, ManualMark { reason: missing.why.clone(), since: input.now.wall }));
        }
    }
    durable.manual.extend(news);
}
