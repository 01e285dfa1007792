//! The rules that a ledger must keep, checked on its records alone.
//!
//! The first record may stand in the middle of a ledger's life: what its memory says is taken
//! for granted. Actions of one record on one machine are done in order, so they may be open
//! together; an action on a machine where an earlier record's one is still open may not.

mod down;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::model::action::{Action, Effect, Leads};
use crate::model::ids::{ActionId, CordonId, EpisodeId, MachineName, RemedyId};
use crate::model::intent::Desired;
use crate::model::memory::Durable;
use crate::model::record::{FORMAT, LedgerRecord};
use crate::model::tick::Order;
use crate::model::verdict::Target;

/// A rule that a record breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which record.
    pub seq: u64,
    /// The rule's name: stable, for machines.
    pub rule: &'static str,
    /// What is wrong, for people.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {}: {}", self.seq, self.rule, self.text)
    }
}

/// Checks records in the order in which they were read. `budget` is how often a remedy may be
/// tried on one target in one episode; `None` for a remedy without a limit.
pub fn verify(
    records: &[LedgerRecord],
    budget: &dyn Fn(&RemedyId) -> Option<u32>,
) -> Vec<Violation> {
    let mut ledger = Verifier::new(budget);
    for record in records {
        ledger.record(record);
    }
    ledger.violations
}

struct Verifier<'a> {
    budget: &'a dyn Fn(&RemedyId) -> Option<u32>,
    violations: Vec<Violation>,
    seq: u64,
    before: Option<&'a LedgerRecord>,
    /// Begun, and no outcome so far.
    open: BTreeMap<ActionId, Option<MachineName>>,
    closed: BTreeSet<ActionId>,
    cordons: BTreeSet<CordonId>,
    last_action: u64,
}

impl<'a> Verifier<'a> {
    fn new(budget: &'a dyn Fn(&RemedyId) -> Option<u32>) -> Self {
        Self {
            budget,
            violations: Vec::new(),
            seq: 0,
            before: None,
            open: BTreeMap::new(),
            closed: BTreeSet::new(),
            cordons: BTreeSet::new(),
            last_action: 0,
        }
    }

    fn broken(&mut self, rule: &'static str, text: String) {
        self.violations.push(Violation { seq: self.seq, rule, text });
    }

    fn record(&mut self, record: &'a LedgerRecord) {
        self.seq = record.seq;
        if self.before.is_none() {
            self.take_for_granted(record);
        }
        self.order(record);
        self.ends(record);
        self.permission(record);
        self.descent(record);
        self.begins(record);
        for outcome in &record.outcomes {
            if self.open.remove(&outcome.action).is_some() {
                self.closed.insert(outcome.action.clone());
            }
        }
        self.attempts(record);
        self.in_flight(record);
        self.before = Some(record);
    }

    /// What was begun before the first record that is left.
    fn take_for_granted(&mut self, record: &LedgerRecord) {
        let begun: BTreeSet<_> = record.begin.iter().map(|action| &action.id).collect();
        for (id, flight) in &record.memory.in_flight {
            if !begun.contains(id) {
                self.open.insert(id.clone(), machine(&flight.action.effect).cloned());
            }
        }
        for outcome in &record.outcomes {
            self.open.insert(outcome.action.clone(), None);
        }
        self.cordons.extend(held(&record.memory).cloned());
        for action in &record.begin {
            if let Effect::Uncordon { id, .. } = &action.effect {
                self.cordons.insert(id.clone());
            }
        }
    }

    fn order(&mut self, record: &LedgerRecord) {
        if record.format == 0 || record.format > FORMAT {
            self.broken("format", format!("format {} is not known", record.format));
        }
        if record.memory.boot != record.at.boot {
            let text = "memory counts time in another boot than the record".to_owned();
            self.broken("boot", text);
        }
        let Some(before) = self.before else { return };
        if record.seq != before.seq + 1 {
            self.broken("sequence", format!("it follows record {}", before.seq));
        }
        if record.cluster != before.cluster {
            let text = format!("cluster '{}', was '{}'", record.cluster, before.cluster);
            self.broken("cluster", text);
        }
        if record.memory.epoch < before.memory.epoch {
            let text = format!("epoch {}, was {}", record.memory.epoch, before.memory.epoch);
            self.broken("epoch", text);
        }
        if record.memory.last_episode < before.memory.last_episode {
            let (now, was) = (record.memory.last_episode, before.memory.last_episode);
            self.broken("episode", format!("last episode {now}, was {was}"));
        }
        if record.at.boot == before.at.boot && record.at.mono < before.at.mono {
            self.broken("clock", "the monotonic clock went back within one boot".to_owned());
        }
    }

    fn ends(&mut self, record: &LedgerRecord) {
        // What was begun while the disk refused is told together with its end.
        let here: BTreeSet<_> = record.begin.iter().map(|action| &action.id).collect();
        let earlier = |id: &&ActionId| !here.contains(id);
        for id in record.outcomes.iter().map(|outcome| &outcome.action).filter(earlier) {
            if self.open.remove(id).is_some() {
                self.closed.insert(id.clone());
            } else if self.closed.contains(id) {
                self.broken("outcome", format!("action {id} has an outcome a second time"));
            } else {
                self.broken("outcome", format!("action {id} has an outcome and was never begun"));
            }
        }
    }

    fn permission(&mut self, record: &LedgerRecord) {
        let Some(first) = record.begin.first() else { return };
        if let Some(pause) = &record.memory.paused {
            let text = format!("{} is begun while {} paused it", first.effect, pause.by);
            self.broken("paused", text);
        }
        let intent = &record.memory.intent;
        let down = intent.desired != Desired::Up;
        for action in &record.begin {
            let against = match action.effect.leads() {
                Leads::Up if down => ("intent-down", "down"),
                Leads::Down if !down => ("intent-up", "up"),
                Leads::Up | Leads::Down | Leads::Neither => continue,
            };
            let (rule, wanted) = against;
            let text = format!("{} is begun while {} wants it {wanted}", action.effect, intent.by);
            self.broken(rule, text);
        }
    }

    fn begins(&mut self, record: &LedgerRecord) {
        let floor = self.before.map_or(0, |before| before.memory.last_action);
        self.last_action = self.last_action.max(floor);
        // Only earlier records' actions: those of this one are done in order.
        let busy: BTreeMap<MachineName, ActionId> = self
            .open
            .iter()
            .filter_map(|(id, machine)| Some((machine.clone()?, id.clone())))
            .collect();
        for action in &record.begin {
            self.number(action);
            if action.epoch != record.memory.epoch {
                let text = format!("action {} carries epoch {}", action.id, action.epoch);
                self.broken("epoch", text);
            }
            if let Some(other) = machine(&action.effect).and_then(|name| busy.get(name)) {
                let text =
                    format!("action {} ({}) while {other} is open", action.id, action.effect);
                self.broken("one-at-a-time", text);
            }
            self.cordon(record, action);
            self.open.insert(action.id.clone(), machine(&action.effect).cloned());
        }
        if record.memory.last_action < self.last_action {
            let (now, was) = (record.memory.last_action, self.last_action);
            self.broken("action-number", format!("last action {now}, {was} was given out"));
        }
        self.cordons.extend(held(&record.memory).cloned());
    }

    /// Numbers only go up, so the guards can tell a repeated action from a new one.
    fn number(&mut self, action: &Action) {
        let id = &action.id;
        let number = id.as_str().rsplit_once('-').and_then(|(_, number)| number.parse().ok());
        match number {
            None => self.broken("action-number", format!("action {id} has no number")),
            Some(number) if number <= self.last_action => {
                let text = format!("action {id} does not come after {}", self.last_action);
                self.broken("action-number", text);
            }
            Some(number) => self.last_action = number,
        }
    }

    fn cordon(&mut self, record: &LedgerRecord, action: &Action) {
        match &action.effect {
            Effect::Cordon { record: cordon, .. } => {
                self.cordons.insert(cordon.id.clone());
            }
            Effect::Uncordon { node, id } => {
                let known = self.cordons.contains(id) || held(&record.memory).any(|k| k == id);
                if !known {
                    self.broken("uncordon", format!("{node}: cordon {id} was never recorded"));
                }
            }
            Effect::StartUnit { .. }
            | Effect::RestartUnit { .. }
            | Effect::ResetFailedUnit { .. }
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

    fn attempts(&mut self, record: &LedgerRecord) {
        let episode = open_episode(&record.memory);
        let anew = |order: &Order| matches!(order, Order::Ack { .. } | Order::Startup { .. });
        // After these, counting starts again and nothing can be compared.
        let before = self
            .before
            .map(|before| &before.memory)
            .filter(|memory| open_episode(memory) == episode && !record.orders.iter().any(anew));
        if let Some(before) = before.filter(|_| episode.is_some()) {
            for (remedy, target, count) in counts(before) {
                let now = tried(&record.memory, remedy, target);
                if now < count {
                    let text = format!("{remedy} on {target}: {now} attempts, there were {count}");
                    self.broken("attempts", text);
                }
            }
        }
        for action in record.begin.iter().filter(|action| !action.effect.is_proof()) {
            let Action { id, remedy, target, .. } = action;
            let now = tried(&record.memory, remedy, target);
            if now == 0 || before.is_some_and(|before| tried(before, remedy, target) == now) {
                let text = format!("action {id} ({remedy} on {target}) is begun, not counted");
                self.broken("counted", text);
            }
        }
        for (remedy, target, count) in counts(&record.memory) {
            if let Some(budget) = (self.budget)(remedy).filter(|budget| count > *budget) {
                let text = format!("{remedy} on {target}: {count} attempts of {budget}");
                self.broken("budget", text);
            }
        }
    }

    /// Every action that was begun has its end, or memory knows that it is under way.
    fn in_flight(&mut self, record: &LedgerRecord) {
        let remembered = &record.memory.in_flight;
        let forgotten: Vec<_> =
            self.open.keys().filter(|id| !remembered.contains_key(*id)).cloned().collect();
        for id in forgotten {
            self.open.remove(&id);
            self.broken("in-flight", format!("action {id} is forgotten without an outcome"));
        }
        for id in remembered.keys().filter(|id| !self.open.contains_key(*id)) {
            let text = format!("action {id} is remembered as under way and is not");
            self.violations.push(Violation { seq: record.seq, rule: "in-flight", text });
        }
    }
}

fn open_episode(memory: &Durable) -> Option<EpisodeId> {
    memory.episode.as_ref().filter(|episode| episode.end.is_none()).map(|episode| episode.id)
}

fn counts(memory: &Durable) -> impl Iterator<Item = (&RemedyId, &Target, u32)> {
    memory.attempts.iter().flat_map(|(remedy, targets)| {
        targets.iter().map(move |(target, attempts)| (remedy, target, attempts.count))
    })
}

fn tried(memory: &Durable, remedy: &RemedyId, target: &Target) -> u32 {
    let attempts = memory.attempts.get(remedy).and_then(|targets| targets.get(target));
    attempts.map_or(0, |attempts| attempts.count)
}

fn held(memory: &Durable) -> impl Iterator<Item = &CordonId> {
    memory.cordons.values().map(|held| &held.record.id)
}

/// The machine that an effect changes, over SSH or as a node of the API.
const fn machine(effect: &Effect) -> Option<&MachineName> {
    match effect {
        Effect::StartUnit { host, .. }
        | Effect::RestartUnit { host, .. }
        | Effect::ResetFailedUnit { host, .. }
        | Effect::StopUnit { host, .. }
        | Effect::EndPods { host }
        | Effect::Claim { host }
        | Effect::MendHost { host, .. }
        | Effect::SaveDatastore { host }
        | Effect::PowerOff { host }
        | Effect::PowerOffHere { host }
        | Effect::Wake { machine: host } => Some(host),
        Effect::Cordon { node, .. }
        | Effect::Uncordon { node, .. }
        | Effect::MarkManual { node, .. }
        | Effect::ClearMark { node }
        | Effect::EvictPods { node, .. } => Some(node),
        Effect::WriteCanary
        | Effect::SuspendFlux { .. }
        | Effect::ResumeFlux { .. }
        | Effect::RequestReconcile { .. }
        | Effect::DeletePod { .. }
        | Effect::Scale { .. }
        | Effect::UnsealVault { .. } => None,
    }
}

#[cfg(test)]
mod tests;
