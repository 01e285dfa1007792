//! What must hold at every tick, whatever the world does. Each breach has the name of its rule.

use std::collections::{BTreeMap, BTreeSet};

use ananke::checks;
use ananke::decide::{Library, tick};
use ananke::model::action::{Action, Effect, Leads};
use ananke::model::assessment::Phase;
use ananke::model::cordon::{CordonKind, CordonMark};
use ananke::model::facts::{Link, Unit, UnitActive, UnitLoad};
use ananke::model::ids::{EpisodeId, MachineName, RemedyId};
use ananke::model::intent::{Author, Desired, Progress};
use ananke::model::memory::Durable;
use ananke::model::plan::Missing;
use ananke::model::policy::Role;
use ananke::model::power::{StatusToken, UpsName};
use ananke::model::situation::Situation;
use ananke::model::tick::{Decision, Order, TickInput};
use ananke::model::verdict::Target;
use ananke::remedies::{self, When};

use crate::bench::{Power, Secs, World};

/// Every breach of this tick. `step` is how long ago the tick before was.
pub(crate) fn breaches(
    library: &Library,
    input: &TickInput,
    decision: &Decision,
    world: &World,
    step: Secs,
) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if decision.wake.at <= input.now.mono {
        found.push(("wake", format!("wakes at {:?}", decision.wake)));
    }
    for action in &decision.plan.steps {
        knowledge(input, action, &mut found);
        ownership(input, decision, action, &mut found);
        quiet(input, decision, action, &mut found);
        patience(input, decision, action, &mut found);
        company(input, decision, action, &mut found);
    }
    permission(input, decision, &mut found);
    power(input, decision, &mut found);
    way_down(input, decision, world, &mut found);
    crowds(input, decision, &mut found);
    counts(input, decision, &mut found);
    truth(input, decision, world, step, &mut found);
    // The dearest look: at every decision that acts, and at every sixteenth other one.
    if !decision.plan.steps.is_empty() || input.memory.passing.tick.is_multiple_of(16) {
        same_again(library, input, decision, &mut found);
    }
    found
}

type Found = Vec<(&'static str, String)>;

fn situation<'a>(
    input: &'a TickInput,
    decision: &'a Decision,
    none: &'a BTreeMap<MachineName, Missing>,
) -> Situation<'a> {
    Situation {
        now: input.now.mono,
        wall: input.now.wall,
        wall_trusted: input.now.wall_trusted,
        policy: &input.policy,
        request: &input.request,
        seen: &input.observation,
        durable: &decision.memory.durable,
        passing: &decision.memory.passing,
        standing: &decision.standing,
        power: &decision.power,
        missing: none,
    }
}

/// Nothing is done to what can't be seen now.
fn knowledge(input: &TickInput, action: &Action, found: &mut Found) {
    let fresh_for = input.policy.timing.fresh_for;
    let now = input.now.mono;
    if let Some(host) = action.effect.host() {
        let seen = input.observation.hosts.get(host);
        if seen.is_none_or(|seen| seen.fresh(now, fresh_for).is_err()) {
            found.push(("knowledge", format!("{} on an unseen machine", action.effect)));
        }
    } else if !matches!(
        action.effect,
        Effect::Wake { .. } | Effect::UnsealVault { .. } | Effect::PowerOffHere { .. }
    ) {
        if !matches!(input.observation.api.link, Link::Up { .. }) {
            found.push(("knowledge", format!("{} without an API", action.effect)));
        }
        let nodes = input.observation.api.nodes.fresh(now, fresh_for);
        if action.target.machine().is_some() && nodes.is_err() {
            found.push(("knowledge", format!("{} on an unseen node", action.effect)));
        }
    }
}

/// What a person or another tool holds is left alone.
fn ownership(input: &TickInput, decision: &Decision, action: &Action, found: &mut Found) {
    let Some(name) = action.target.machine() else { return };
    // ananke's own host need not be in the inventory.
    let Some(machine) = input.policy.machines.get(name) else { return };
    let none = BTreeMap::new();
    let sit = situation(input, decision, &none);
    if action.effect.host().is_some() {
        let down = action.effect.leads() == Leads::Down;
        let masked = !down
            && sit
                .host(name)
                .is_ok_and(|host| host.units.values().any(|unit| unit.load == UnitLoad::Masked));
        if !machine.managed || masked {
            found.push(("forbidden", format!("{} against a person's word", action.effect)));
        }
    }
    let Ok(Some(node)) = sit.node(name) else { return };
    let touches = matches!(
        action.effect,
        Effect::Cordon { .. } | Effect::Uncordon { .. } | Effect::RestartUnit { .. }
    );
    if touches && node.hold.is_some() {
        found.push(("person-hold", format!("{} under a person's hold", action.effect)));
    }
    if touches && !node.foreign.is_empty() {
        found.push(("foreign", format!("{} under another tool's mark", action.effect)));
    }
    match &action.effect {
        Effect::Cordon { .. } if node.unschedulable || node.cordon != CordonMark::None => {
            found.push(("cordon", format!("{} which is cordoned already", action.effect)));
        }
        Effect::Uncordon { id, .. } => {
            let own = matches!(&node.cordon, CordonMark::Record(record)
                if record.id == *id
                    && record.kind != CordonKind::Manual
                    && record.owner == input.policy.owner);
            if !own || !sit.proven(name) {
                found.push(("uncordon", format!("{}: own {own}, or unproven", action.effect)));
            }
        }
        Effect::EvictPods { .. } if !node.unschedulable => {
            found.push(("evict", format!("{} which takes pods", action.effect)));
        }
        Effect::StartUnit { .. }
        | Effect::RestartUnit { .. }
        | Effect::ResetFailedUnit { .. }
        | Effect::Cordon { .. }
        | Effect::MarkManual { .. }
        | Effect::ClearMark { .. }
        | Effect::WriteCanary
        | Effect::StopUnit { .. }
        | Effect::EndPods { .. }
        | Effect::MendHost { .. }
        | Effect::SaveDatastore { .. }
        | Effect::PowerOff { .. }
        | Effect::PowerOffHere { .. }
        | Effect::Wake { .. }
        | Effect::Claim { .. }
        | Effect::SuspendFlux { .. }
        | Effect::ResumeFlux { .. }
        | Effect::RequestReconcile { .. }
        | Effect::DeletePod { .. }
        | Effect::Scale { .. }
        | Effect::UnsealVault { .. }
        | Effect::EvictPods { .. } => {}
    }
}

/// A person's will, and a record before the act.
fn permission(input: &TickInput, decision: &Decision, found: &mut Found) {
    let Some(first) = decision.plan.steps.first() else { return };
    let durable = &decision.memory.durable;
    if durable.paused.is_some() {
        found.push(("paused", format!("{} while paused", first.effect)));
    }
    let down = durable.intent.desired != Desired::Up;
    let presses = durable.descent.as_ref().is_some_and(|it| it.deadline.is_some());
    let ups = down && (presses || durable.intent.by.is_pressed());
    for action in &decision.plan.steps {
        match action.effect.leads() {
            Leads::Up if down => {
                found.push(("intent-down", format!("{} against the intent", action.effect)));
            }
            Leads::Down if !down => {
                found.push(("intent-up", format!("{} against the intent", action.effect)));
            }
            Leads::Up | Leads::Down | Leads::Neither => {}
        }
        let spared = ups && action.effect.leads() == Leads::Down;
        if input.observation.disk.is_err() && !spared {
            found.push(("disk", format!("{} without a record", action.effect)));
        }
    }
}

/// The order of the way down, by the truth of the bench; and that it is never half taken back.
fn way_down(input: &TickInput, decision: &Decision, world: &World, found: &mut Found) {
    let (before, after) = (&input.memory.durable, &decision.memory.durable);
    let Some(descent) = &after.descent else { return };
    let spent = |name: &MachineName| {
        descent.left.contains_key(name)
            || descent.vouched.contains(name)
            || descent.off.contains(name)
            || after.manual.contains_key(&Target::Machine(name.clone()))
            || !input.policy.machines[name].managed
    };
    let runs = |name: &MachineName| {
        let host = &world.hosts[name];
        host.active == UnitActive::Active && !host.deaf
    };
    let agents = || input.policy.with_role(Role::Agent);
    for action in &decision.plan.steps {
        if let Effect::StopUnit { host, .. } = &action.effect
            && input.policy.machines[host].role == Role::Server
        {
            if let Some(agent) = agents().find(|name| runs(name) && !spent(name)) {
                found.push(("server-order", format!("{} while {agent} runs", action.effect)));
            }
            if !descent.servers.contains(host) {
                found.push(("server-order", format!("{}: no order", action.effect)));
            }
        }
        if let Effect::PowerOff { host } = &action.effect {
            if runs(host) && !spent(host) {
                found.push(("power-off", format!("{} while its unit runs", action.effect)));
            }
            if descent.past_return.is_none() {
                found.push(("no-return", format!("{host} is switched off, not noted")));
            }
        }
        if action.effect.ends_host() {
            let given_up = |name: &MachineName| spent(name) && !descent.off.contains(name);
            let on = |name: &MachineName| {
                let host = world.hosts.get(name);
                host.is_some_and(|host| host.power == Power::On && !host.leaving)
            };
            let own = &input.policy.owner;
            let mut machines = input.policy.machines.keys().filter(|it| it.as_str() != own);
            if let Some(name) = machines.find(|name| on(name) && !given_up(name)) {
                found.push(("own-host", format!("{} while {name} is on", action.effect)));
            }
            if descent.host_told.as_ref() != Some(&input.now.boot) {
                found.push(("own-host", format!("{}, not noted", action.effect)));
            }
        }
        if let Effect::Wake { machine } = &action.effect
            && !descent.up_before.contains_key(machine)
        {
            found.push(("wake", format!("{machine} was not up before")));
        }
    }
    let past = before.descent.as_ref().is_some_and(|it| it.past_return.is_some());
    let under_way = before.intent.progress == Progress::ShuttingDown;
    let turned = after.intent.desired == Desired::Up && decision.phase != Phase::Down;
    if past && under_way && before.intent.desired != Desired::Up && turned {
        found.push(("no-return", "turned round half-way".to_owned()));
    }
}

/// Nothing is started on borrowed time, and no UPS takes anything down while every one says mains.
fn power(input: &TickInput, decision: &Decision, found: &mut Found) {
    let (before, after) = (&input.memory.durable.intent, &decision.memory.durable);
    let mains = |name: &UpsName| {
        let seen = input.observation.upses.get(name);
        let fresh_for = input.policy.power.upses[name].fresh_for;
        seen.and_then(|seen| seen.fresh(input.now.mono, fresh_for).ok())
            .is_some_and(|facts| facts.status.has(&StatusToken::Online))
    };
    let mut upses = input.policy.power.upses.keys();
    let on_mains = upses.len() > 0 && upses.all(mains);
    let goes_down = before.desired == Desired::Up && after.intent.desired != Desired::Up;
    if goes_down && on_mains && matches!(after.intent.by, Author::Ups { .. }) {
        found.push(("mains", format!("{} although there is mains", after.intent.reason)));
    }
    let consent = after.episode.as_ref().is_some_and(|episode| episode.on_battery.is_some())
        || input.policy.power.start_on_battery;
    let alone = input.policy.power.domains.iter().all(|domain| domain.feeds.len() == domain.need);
    for action in decision.plan.steps.iter().filter(|action| action.effect.starts()) {
        let dark = input.policy.power.upses.keys().find(|name| !mains(name));
        if let Some(name) = dark.filter(|_| !consent && alone) {
            found.push(("power", format!("{} while {name} has no mains", action.effect)));
        }
    }
}

/// One change at a time on one machine; waves and cordons within their limits.
fn crowds(input: &TickInput, decision: &Decision, found: &mut Found) {
    let steps = &decision.plan.steps;
    let ended: BTreeSet<_> = input.outcomes.iter().map(|outcome| &outcome.action).collect();
    let before = &input.memory.durable.in_flight;
    let open = before.iter().filter(|(id, _)| !ended.contains(id)).map(|(_, f)| &f.action);
    let mut busy: BTreeSet<&Target> = open.map(|action| &action.target).collect();
    for action in steps {
        if !busy.insert(&action.target) {
            found.push(("in-flight", format!("{} beside another change", action.effect)));
        }
    }
    let durable = &decision.memory.durable;
    let starting = durable
        .attempts
        .get(&remedies::START_AGENT.id)
        .map_or(0, |targets| targets.values().filter(|tried| tried.verify_until.is_some()).count());
    let begins = steps.iter().any(|action| action.remedy == remedies::START_AGENT.id);
    if begins && starting > input.policy.limits.wave {
        found.push(("wave", format!("{starting} agents are being started")));
    }
    let cordons = steps.iter().any(|action| matches!(action.effect, Effect::Cordon { .. }));
    let repairs = durable.cordons.values();
    let repairs = repairs.filter(|it| it.record.kind == CordonKind::Recovery).count();
    if cordons && repairs > input.policy.limits.cordons {
        found.push(("cordon-limit", format!("{repairs} cordons at once")));
    }
}

/// On a quiet day only what is declared for it is done, or what finishes that.
fn quiet(input: &TickInput, decision: &Decision, action: &Action, found: &mut Found) {
    let (before, after) = (&input.memory.durable, &decision.memory.durable);
    if open_episode(before).or(open_episode(after)).is_some() {
        return;
    }
    let remedy = remedies::ALL.iter().find(|known| known.id == action.remedy);
    let may = remedy.is_some_and(|remedy| match remedy.when {
        When::Always => true,
        When::Episode => false,
        When::EpisodeOrAfter(first) => {
            let tried = after.attempts.get(&first.id);
            tried.is_some_and(|targets| targets.contains_key(&action.target))
        }
    });
    if !may {
        found.push(("no-episode", format!("{} on a quiet day", action.effect)));
    }
}

/// What was tried a moment ago is not tried again at once.
fn patience(input: &TickInput, decision: &Decision, action: &Action, found: &mut Found) {
    let (before, after) = (&input.memory.durable, &decision.memory.durable);
    let acked = input.request.orders.iter().any(|order| matches!(order, Order::Ack { .. }));
    let anew = open_episode(before) != open_episode(after) || before.boot != input.now.boot;
    // A battery does not wait: on the way down the stage's own time is the limit.
    let down = action.effect.leads() == Leads::Down || after.intent.desired != Desired::Up;
    if anew || acked || down || action.effect == Effect::WriteCanary {
        return;
    }
    let tried = before.attempts.get(&action.remedy).and_then(|all| all.get(&action.target));
    let since = tried.map(|tried| input.now.mono.since(tried.last));
    if let Some(since) = since.filter(|since| *since < input.policy.timing.backoff) {
        found.push(("back-off", format!("{} again after {since}", action.effect)));
    }
}

/// What is right for one of many is wrong for the last one, for a minority, and for all at once.
fn company(input: &TickInput, decision: &Decision, action: &Action, found: &mut Found) {
    let none = BTreeMap::new();
    let sit = situation(input, decision, &none);
    if let Effect::StartUnit { unit: Unit::K3s, .. } = action.effect {
        let servers = input.policy.with_role(Role::Server);
        let there = servers.filter(|name| sit.host(name).is_ok()).count();
        if there < input.policy.quorum() {
            found.push(("too-few-servers", format!("{} with {there} servers", action.effect)));
        }
    }
    // A shutdown closes every node; what it takes down has nothing left to schedule.
    if let Effect::Cordon { node, record } = &action.effect
        && record.kind != CordonKind::Shutdown
    {
        let listed = input.observation.api.nodes.any_age().into_iter().flatten();
        let mut others = listed.filter(|(name, it)| *name != node && !it.unschedulable);
        if others.next().is_none() {
            found.push(("last-schedulable", action.effect.to_string()));
        }
    }
    let repairs = [&remedies::CORDON_FOR_REPAIR, &remedies::RESTART_AGENT];
    if repairs.iter().any(|remedy| remedy.id == action.remedy) && is_a_storm(input, decision) {
        found.push(("storm", format!("{} in a storm", action.effect)));
    }
}

/// Whether nodes fail together, counted by the strictest reading: without any that was given up.
fn is_a_storm(input: &TickInput, decision: &Decision) -> bool {
    let missing: BTreeSet<_> =
        decision.assessment.missing.iter().map(|missing| &missing.machine).collect();
    let grace = (checks::NODE_FRESH.grace)(&input.policy.timing);
    let failing = decision.memory.passing.failing.get(&checks::NODE_FRESH.id);
    let failing = failing.into_iter().flatten().filter(|(target, since)| {
        let stays = input.now.mono.since(**since) >= grace;
        stays && target.machine().is_some_and(|name| !missing.contains(name))
    });
    let failing = failing.count();
    let nodes = input.policy.machines.values().filter(|machine| machine.role.is_node()).count();
    failing >= 3 && failing * 100 > nodes * usize::from(input.policy.limits.storm_percent)
}

fn open_episode(durable: &Durable) -> Option<EpisodeId> {
    durable.episode.as_ref().filter(|episode| episode.end.is_none()).map(|episode| episode.id)
}

/// Attempts are counted in the decision that plans them, and never forgotten in an episode.
fn counts(input: &TickInput, decision: &Decision, found: &mut Found) {
    let (before, after) = (&input.memory.durable, &decision.memory.durable);
    let count = |durable: &Durable, remedy: &RemedyId, target: &Target| {
        let tried = durable.attempts.get(remedy).and_then(|targets| targets.get(target));
        tried.map_or(0, |tried| tried.count)
    };
    for (remedy, targets) in &after.attempts {
        for (target, tried) in targets {
            if remedies::budget(remedy).is_some_and(|budget| tried.count > budget) {
                found.push(("budget", format!("{remedy} on {target}: {} times", tried.count)));
            }
        }
    }
    let acked = input.request.orders.iter().any(|order| matches!(order, Order::Ack { .. }));
    let same = open_episode(before).is_some() && open_episode(before) == open_episode(after);
    for (remedy, targets) in before.attempts.iter().filter(|_| same && !acked) {
        for (target, tried) in targets {
            if count(after, remedy, target) < tried.count {
                found.push(("attempts", format!("{remedy} on {target}: forgotten")));
            }
        }
    }
    for action in &decision.plan.steps {
        let (was, is) = (
            count(before, &action.remedy, &action.target),
            count(after, &action.remedy, &action.target),
        );
        let anew = is == 1 && (!same || acked);
        if is != was + 1 && !anew {
            found.push(("counted", format!("{}: {was} before, {is} after", action.effect)));
        }
    }
    let given = after.last_action - before.last_action;
    if given != decision.plan.steps.len() as u64 {
        found.push(("numbered", format!("{given} numbers for the steps")));
    }
}

/// How long a kubelet may be dead before the API says so: the node controller's patience and one
/// renewal.
const SHOWS_AFTER: Secs = 60;

/// Converged and degraded are claims about the world: the bench knows whether they are true.
fn truth(input: &TickInput, decision: &Decision, world: &World, step: Secs, found: &mut Found) {
    let missing: BTreeSet<_> =
        decision.assessment.missing.iter().map(|missing| &missing.machine).collect();
    match decision.phase {
        Phase::Converged if !missing.is_empty() => {
            found.push(("truth", "converged with machines missing".to_owned()));
        }
        Phase::Converged | Phase::Degraded => {}
        Phase::Looking
        | Phase::Recovering
        | Phase::Soaking
        | Phase::Blocked
        | Phase::GoingDown
        | Phase::Down
        | Phase::Held => return,
    }
    let durable = &decision.memory.durable;
    if !durable.in_flight.is_empty() || !durable.cordons.is_empty() {
        found.push(("truth", "good with actions or cordons left".to_owned()));
    }
    let Some(api) = world.api_up_since else {
        found.push(("truth", "good without an API".to_owned()));
        return;
    };
    let soak = input.policy.timing.soak.as_secs();
    for (name, host) in world.hosts.iter().filter(|(name, _)| !missing.contains(name)) {
        if !input.policy.machines[name].role.is_node() {
            continue;
        }
        let dead = host.dead.map(|(from, to)| (from.max(api), to.unwrap_or(world.now)));
        let Some((from, to)) = dead else { continue };
        let shown = to.saturating_sub(from) > SHOWS_AFTER + step;
        if shown && to + soak > world.now + step + 10 {
            found.push(("truth", format!("{name} was dead from {from} to {to}")));
        }
    }
}

/// The same input decides the same, byte for byte, also after a way through a file.
fn same_again(library: &Library, input: &TickInput, decision: &Decision, found: &mut Found) {
    let bytes = serde_json::to_vec(&(input, decision)).expect("a tick is JSON");
    let read: (TickInput, Decision) = serde_json::from_slice(&bytes).expect("a tick reads back");
    if read.0 != *input || read.1 != *decision {
        found.push(("replay", "a recorded tick reads back differently".to_owned()));
    }
    let again = tick(library, &read.0);
    if serde_json::to_vec(&(&read.0, &again)).expect("a tick is JSON") != bytes {
        found.push(("replay", "the same input decides differently".to_owned()));
    }
}
