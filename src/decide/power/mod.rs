//! The UPSes: what they are, what they forbid (here), what they want (`wish`), and what a person
//! should hear of them (`alarms`).

mod alarms;
mod wish;

use std::collections::BTreeMap;

pub(super) use alarms::alarms;
pub(super) use wish::{is_wanted, wish};

use super::Library;

use crate::gates::down::{self, Stage};
use crate::model::facts::{Blind, BlindKind, Seen};
use crate::model::intent::Desired;
use crate::model::memory::{Durable, Memory};
use crate::model::policy::Policy;
use crate::model::power::{
    Against, Arming, Domain, Obstacle, PowerView, StageId, Unarmed, UpsName, UpsView,
};
use crate::model::tick::TickInput;
use crate::model::time::Span;
use crate::power;

/// Takes the newest look at every UPS, and says what all of them together mean.
pub(super) fn look(library: &Library, input: &TickInput, memory: &mut Memory) -> PowerView {
    let (policy, now) = (&input.policy.power, input.now.mono);
    memory.passing.upses.retain(|name, _| policy.upses.contains_key(name));
    memory.durable.upses.retain(|name, _| policy.upses.contains_key(name));
    if policy.upses.is_empty() {
        return PowerView::default();
    }
    let stages = stages(library, &input.policy);
    let budget = power::budget(stages, &memory.durable.stage_times, &policy.budget);
    let mut upses = BTreeMap::new();
    for (name, rules) in &policy.upses {
        let unseen = || Seen::Unknown {
            why: Blind::new(BlindKind::NotYet, "nobody has asked it yet"),
            since: now,
        };
        let seen = input.observation.upses.get(name).cloned().unwrap_or_else(unseen);
        let kept = memory.durable.upses.get(name).cloned();
        let before = match (memory.passing.upses.remove(name), &kept) {
            (Some(before), _) => before,
            (None, Some(kept)) => power::restored(kept, now),
            (None, None) => Default::default(),
        };
        let (after, view) = power::step(&before, &seen, budget.needed, rules, now);
        let keep = power::kept(&after, &kept.unwrap_or_default());
        memory.durable.upses.insert(name.clone(), keep);
        memory.passing.upses.insert(name.clone(), after);
        upses.insert(name.clone(), view);
    }
    PowerView {
        arming: arming(input),
        domains: power::domains(policy, &upses),
        against: against(input, &upses, &memory.durable),
        budget: Some(budget),
        upses,
    }
}

/// The stages of the way down that a UPS may ask for, from top to bottom, each with how long it
/// may take. That of ananke's own host is none of them: nobody is left to measure it, and the
/// budget has a tail for it.
fn stages(library: &Library, policy: &Policy) -> Vec<(StageId, Span)> {
    let to = policy.power.on_low.map_or(Desired::DownPoweroff, wish::how_far);
    let own = &down::OWN_HOST_OFF.gate.id;
    let stages = library.down.iter().filter(|it| (it.part)(to) && it.gate.id != *own);
    let limit = |stage: &Stage| (stage.limit)(&policy.shutdown);
    stages.map(|it| (StageId::new(it.gate.id.as_str()), limit(it))).collect()
}

fn arming(input: &TickInput) -> Arming {
    let policy = &input.policy.power;
    let machines = power::uncovered(policy, input.policy.machines.keys());
    let mut why = Vec::new();
    if !machines.is_empty() {
        why.push(Unarmed::Unfed { machines });
    }
    if !input.request.execute {
        why.push(Unarmed::Observes);
    }
    match policy.on_low {
        None => {
            why.insert(0, Unarmed::NotAsked);
            Arming::NotArmed { why }
        }
        Some(on_low) if why.is_empty() => Arming::Armed { on_low },
        Some(_) => Arming::NotArmed { why },
    }
}

/// What speaks against a start, and on which UPSes a start depends.
fn against(
    input: &TickInput,
    views: &BTreeMap<UpsName, UpsView>,
    durable: &Durable,
) -> BTreeMap<UpsName, Against> {
    let policy = &input.policy.power;
    let episode = durable.episode.as_ref().filter(|episode| episode.end.is_none());
    let consent = episode.is_some_and(|episode| episode.on_battery.is_some());
    let found: BTreeMap<&UpsName, Vec<Obstacle>> = views
        .iter()
        .filter_map(|(name, view)| {
            let rules = policy.upses.get(name)?;
            let allowed = consent || policy.start_on_battery;
            let mut found = power::obstacles(view, rules, allowed, input.now.mono);
            found.retain(|obstacle| match obstacle {
                // A person who looks at the UPS may know what ananke can't hear.
                Obstacle::Unknown { .. } => !consent,
                // One look proves no dwell.
                Obstacle::Unsettled { .. } => input.request.execute,
                Obstacle::OnBattery
                | Obstacle::Latched
                | Obstacle::LowBattery
                | Obstacle::NotProtecting { .. }
                | Obstacle::Charge { .. }
                | Obstacle::Short { .. }
                | Obstacle::NothingToGoBy => true,
            });
            (!found.is_empty()).then_some((name, found))
        })
        .collect();
    let needed = |name: &UpsName| {
        let mut fed = policy.domains.iter().filter(|domain| domain.feeds.contains(name)).peekable();
        let good = |domain: &Domain| {
            domain.feeds.iter().filter(|feed| !found.contains_key(feed)).count() >= domain.need
        };
        fed.peek().is_none() || fed.any(|domain| !good(domain))
    };
    let against = found.iter().map(|(name, obstacles)| {
        ((*name).clone(), Against { obstacles: obstacles.clone(), needed: needed(name) })
    });
    against.collect()
}
