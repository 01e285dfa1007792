//! From findings to actions: what is done now, and what is held with its named reason.

use std::collections::BTreeMap;

use super::assess::{self, Judged};
use super::descent;
use super::holds;
use super::ladder::{self, Rung};
use super::learn;
use super::tally::Tally;
use super::way::Way;
use super::{Library, situation};
use crate::gates::{Gate, Waits};
use crate::model::action::{Action, Channel, Effect, Expect};
use crate::model::assessment::{Finding, GateState, GateView};
use crate::model::ids::{ActionId, GateId};
use crate::model::in_step::MostlyInStep;
use crate::model::memory::{Attempts, HeldCordon, HeldSince, InFlight, Memory};
use crate::model::plan::{Held, Hold, Plan};
use crate::model::situation::Situation;
use crate::model::tick::TickInput;
use crate::model::time::Span;
use crate::model::verdict::Target;
use crate::remedies::Remedy;

/// The steps that were chosen, before they are numbered, each with its remedy.
struct Chosen {
    steps: Vec<(&'static Remedy, Action)>,
    tally: Tally,
}

/// Plans, and counts every attempt in memory: the record precedes the act.
pub(super) fn plan(
    library: &Library,
    way: &Way,
    input: &TickInput,
    judged: &Judged,
    memory: &mut Memory,
) -> Plan {
    let mut held = Vec::new();
    let chosen = {
        let sit = situation(input, &memory.durable, &memory.passing, &judged.missing);
        let mut chosen = Chosen { steps: Vec::new(), tally: Tally::of(&sit) };
        for (gate, view) in way.gates().zip(&judged.assessment.gates) {
            for finding in ordered(view, &sit) {
                // Where machines go on by themselves, each waits for its own turn.
                let waits = (gate.waits == Waits::ForItself)
                    .then(|| assess::waits_for(way, gate, &finding.target, &judged.assessment))
                    .flatten();
                let place = Place { gate, view, waits };
                consider(library, &place, finding, &sit, &mut chosen, &mut held);
            }
        }
        chosen.steps
    };
    keep_since(input, memory, &mut held);
    let steps =
        chosen.into_iter().map(|(remedy, action)| begin(remedy, action, input, memory)).collect();
    Plan { steps, held }
}

/// The failures of a gate; the leader of last time comes first, because its data is newest, then
/// the other servers, because everything waits for them.
fn ordered<'a>(view: &'a GateView, sit: &Situation<'_>) -> Vec<&'a Finding> {
    let leader = sit.durable.normal.leader.as_ref();
    let mut findings: Vec<&Finding> =
        view.findings.iter().filter(|finding| holds::is_failure(finding)).collect();
    findings.sort_by_key(|finding| {
        let machine = finding.target.machine();
        let follows = leader.is_none() || machine != leader;
        (follows, machine.and_then(|name| sit.role(name)))
    });
    findings
}

/// Where a finding stands on the way.
struct Place<'a> {
    gate: &'static Gate,
    view: &'a GateView,
    /// What this very target waits for.
    waits: Option<GateId>,
}

impl Place<'_> {
    /// The gate that has to open first.
    fn closed(&self) -> Option<GateId> {
        let before = match &self.view.state {
            GateState::Waiting { on } => Some(on.clone()),
            GateState::Skipped { .. }
            | GateState::Cut { .. }
            | GateState::Open
            | GateState::Degraded
            | GateState::Soaking { .. }
            | GateState::Closed => None,
        };
        self.waits.clone().or(before)
    }
}

fn consider(
    library: &Library,
    place: &Place<'_>,
    finding: &Finding,
    sit: &Situation<'_>,
    chosen: &mut Chosen,
    held: &mut Vec<Held>,
) {
    let gate = place.gate;
    let mut hold = |remedy: &Remedy, hold: Hold| {
        held.push(Held {
            gate: gate.id.clone(),
            remedy: remedy.id.clone(),
            target: finding.target.clone(),
            hold,
            since: sit.now,
        });
    };
    let rung = ladder::climb(library, gate, finding, sit, &chosen.tally);
    let (remedy, effect, channel) = match rung {
        Rung::Nothing | Rung::Spent => return,
        Rung::Held(remedy, why) => {
            // What a machine waits for says more than that something else is done to it.
            let closed = place.closed().filter(|_| matches!(why, Hold::InFlight { .. }));
            return hold(remedy, closed.map_or(why, |gate| Hold::GateClosed { gate }));
        }
        Rung::Try(remedy, effect, channel) => (remedy, effect, channel),
    };
    if let Some(gate) = place.closed() {
        return hold(remedy, Hold::GateClosed { gate });
    }
    if matches!(place.view.state, GateState::Skipped { .. } | GateState::Cut { .. }) {
        return;
    }
    let action = Action {
        id: ActionId::fixed(""),
        remedy: remedy.id.clone(),
        target: finding.target.clone(),
        expect: expect(sit, finding, &effect, channel),
        effect,
        channel,
        epoch: sit.durable.epoch,
        owner: sit.policy.owner.clone(),
        limit: remedy.limit,
    };
    chosen.tally.choose(&action);
    chosen.steps.push((remedy, action));
}

/// What the receiver must still find as we saw it.
fn expect(sit: &Situation<'_>, finding: &Finding, effect: &Effect, channel: Channel) -> Expect {
    let Some(name) = finding.target.machine() else { return Expect::default() };
    if effect.ends_host() {
        return Expect { boot_id: Some(sit.durable.boot.clone()), ..Expect::default() };
    }
    if channel == Channel::Api {
        let node = sit.node(name).ok().flatten();
        return Expect {
            uid: node.map(|node| node.uid.clone()),
            resource_version: node.map(|node| node.resource_version.clone()),
            ..Expect::default()
        };
    }
    let host = effect.host().and_then(|name| sit.host(name).ok());
    Expect {
        boot_id: host.map(|host| host.boot_id.clone()),
        machine_id: host.map(|host| host.machine_id.clone()),
        ..Expect::default()
    }
}

/// Numbers a step and counts it.
fn begin(remedy: &Remedy, mut action: Action, input: &TickInput, memory: &mut Memory) -> Action {
    if let Effect::StartUnit { host, .. }
    | Effect::RestartUnit { host, .. }
    | Effect::StopUnit { host, .. } = &action.effect
    {
        learn::forget_proof(host, memory);
    }
    let durable = &mut memory.durable;
    descent::note_point_of_no_return(&action, input, durable);
    descent::note_suspended(&action, durable);
    durable.last_action += 1;
    let episode = durable.episode.as_ref().map_or(0, |episode| episode.id.0);
    action.id = ActionId::new(format!("{}.{episode}-{}", durable.life, durable.last_action));
    if let Effect::Cordon { record, .. } = &mut action.effect {
        record.id = crate::model::ids::CordonId::new(format!("c{}", action.id));
    }
    if let Effect::RequestReconcile { token, .. } = &mut action.effect {
        action.id.as_str().clone_into(token);
    }
    let now = input.now.mono;
    let within = remedy.limit + remedy.verify.within(&input.policy.timing);
    let targets = durable.attempts.entry(remedy.id.clone()).or_default();
    let attempts = targets.entry(action.target.clone()).or_insert(Attempts {
        count: 0,
        last: now,
        result: None,
        verify_until: None,
    });
    attempts.count += 1;
    attempts.last = now;
    attempts.result = None;
    attempts.verify_until = Some(now + within);
    if let Effect::Cordon { node, record } = &action.effect {
        let held = HeldCordon { record: record.clone(), used: Span::ZERO };
        durable.cordons.insert(node.clone(), held);
    }
    durable.in_flight.insert(action.id.clone(), InFlight { action: action.clone(), since: now });
    action
}

/// Since when each repair has been held for a reason of the same kind.
fn keep_since(input: &TickInput, memory: &mut Memory, held: &mut [Held]) {
    let before = std::mem::take(&mut memory.passing.held);
    let walk = |(remedy, targets)| (remedy, MostlyInStep::new(targets));
    let mut before: BTreeMap<_, _> = before.iter().map(walk).collect();
    let mut now: BTreeMap<_, Vec<(Target, HeldSince)>> = BTreeMap::new();
    for item in held {
        let known = before.get_mut(&item.remedy).and_then(|targets| targets.at(&item.target));
        item.since = known
            .filter(|known| known.name == item.hold.name())
            .map_or(input.now.mono, |known| known.since);
        let entry = HeldSince { name: item.hold.name().to_owned(), since: item.since };
        now.entry(item.remedy.clone()).or_default().push((item.target.clone(), entry));
    }
    let now = now.into_iter().map(|(remedy, targets)| (remedy, targets.into_iter().collect()));
    memory.passing.held = now.collect();
}
