//! The rules that a ledger must keep, checked on its records alone.
//!
//! The first record may stand in the middle of a ledger's life: what its memory says is taken
//! for granted. Actions of one record on one machine are done in order, so they may be open
//! together; an action on a machine where an earlier record's one is still open may not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::model::action::{Action, Effect};
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
    /// Begun, and neither an outcome nor "lost" so far.
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
        self.begins(record);
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
        let ended = record.outcomes.iter().map(|outcome| &outcome.action);
        for id in ended.chain(&record.lost) {
            self.open.insert(id.clone(), None);
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
        for id in record.outcomes.iter().map(|outcome| &outcome.action) {
            self.end(id, "outcome", "has an outcome");
        }
        for id in &record.lost {
            self.end(id, "lost", "is given up");
        }
    }

    fn end(&mut self, id: &ActionId, rule: &'static str, what: &str) {
        if self.open.remove(id).is_some() {
            self.closed.insert(id.clone());
        } else if self.closed.contains(id) {
            self.broken(rule, format!("action {id} {what} a second time"));
        } else {
            self.broken(rule, format!("action {id} {what} and was never begun"));
        }
    }

    fn permission(&mut self, record: &LedgerRecord) {
        let Some(first) = record.begin.first() else { return };
        if let Some(pause) = &record.memory.paused {
            let text = format!("{} is begun while {} paused it", first.effect, pause.by);
            self.broken("paused", text);
        }
        let intent = &record.memory.intent;
        if intent.desired != Desired::Up {
            let text = format!("{} is begun while {} wants it down", first.effect, intent.by);
            self.broken("intent-down", text);
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
            | Effect::WriteCanary => {}
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
        | Effect::ResetFailedUnit { host, .. } => Some(host),
        Effect::Cordon { node, .. }
        | Effect::Uncordon { node, .. }
        | Effect::MarkManual { node, .. }
        | Effect::ClearMark { node } => Some(node),
        Effect::WriteCanary => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ids::{BootId, Epoch};
    use crate::model::memory::Pause;
    use crate::replay::samples::{Move, RESTART, SmallLoop, budget};

    fn a_move() -> impl Strategy<Value = Move> {
        prop_oneof![
            1 => Just(Move::NewEpisode),
            6 => (0_u8..3).prop_map(Move::Restart),
            3 => (0_u8..3).prop_map(Move::Cordon),
            3 => (0_u8..3).prop_map(Move::Uncordon),
            8 => Just(Move::Outcome),
            1 => Just(Move::Crash),
            1 => Just(Move::Pause),
            2 => Just(Move::Resume),
            1 => Just(Move::Down),
            2 => Just(Move::Up),
            1 => Just(Move::Epoch),
            1 => Just(Move::Ack),
        ]
    }

    fn rules(records: &[LedgerRecord]) -> Vec<&'static str> {
        verify(records, &budget).into_iter().map(|violation| violation.rule).collect()
    }

    /// Two restarts of one machine, cordoned around the second, with all outcomes.
    fn ledger() -> Vec<LedgerRecord> {
        SmallLoop::run(&[
            Move::Restart(1),
            Move::Outcome,
            Move::Cordon(1),
            Move::Outcome,
            Move::Restart(1),
            Move::Restart(2),
            Move::Outcome,
            Move::Outcome,
            Move::Uncordon(1),
            Move::Outcome,
        ])
    }

    type Mutation = fn(&mut Vec<LedgerRecord>);

    /// How a loop could break each rule. Record 2 (at 1) restarts w-1 for the first time, record
    /// 4 (at 3) cordons it, record 6 (at 5) restarts it again, record 10 (at 9) uncordons it.
    const MUTATIONS: &[(&str, Mutation)] = &[
        ("format", |l| l[3].format = 7),
        ("sequence", |l| drop(l.remove(0))),
        ("sequence", |l| l[4].seq = 9),
        ("cluster", |l| l[4].cluster = "other".into()),
        ("boot", |l| l[4].at.boot = BootId::fixed("boot-2")),
        ("clock", |l| l[4].at.mono.0 = 0),
        ("epoch", |l| l[4].memory.epoch = Epoch(0)),
        ("epoch", |l| l[1].begin[0].epoch = Epoch(0)),
        ("episode", |l| l[4].memory.last_episode.0 = 0),
        ("action-number", |l| l[5].begin[0].id = ActionId::fixed("1-1")),
        ("action-number", |l| l[5].begin[0].id = ActionId::fixed("restart")),
        ("action-number", |l| l[5].memory.last_action = 1),
        ("outcome", |l| l[2].outcomes[0].action = ActionId::fixed("1-9")),
        ("outcome", |l| {
            let twice = l[2].outcomes.clone();
            l[4].outcomes.extend(twice);
        }),
        ("outcome", |l| l[1].outcomes = l[2].outcomes.clone()),
        ("lost", |l| l[4].lost.push(ActionId::fixed("1-0001"))),
        ("in-flight", |l| l[2].outcomes.clear()),
        ("in-flight", |l| l[1].memory.in_flight.clear()),
        ("in-flight", |l| {
            let ended = l[1].memory.in_flight.clone();
            l[3].memory.in_flight.extend(ended);
        }),
        ("attempts", |l| {
            l[7].memory.attempts.remove(&RESTART);
        }),
        ("counted", |l| l[5].memory.attempts = l[4].memory.attempts.clone()),
        ("counted", |l| l[1].memory.attempts.clear()),
        ("budget", |l| {
            let counts = l[10].memory.attempts.values_mut().flat_map(|t| t.values_mut());
            counts.for_each(|attempts| attempts.count = 4);
        }),
        ("one-at-a-time", |l| {
            let machine = l[5].begin[0].effect.clone();
            l[6].begin[0].effect = machine;
        }),
        ("uncordon", |l| {
            let Effect::Uncordon { id, .. } = &mut l[9].begin[0].effect else { return };
            *id = CordonId::fixed("somebody's");
        }),
        ("paused", |l| {
            let since = l[0].at.wall;
            l[5].memory.paused = Some(Pause { by: "brad".into(), why: "no".into(), since });
        }),
        ("intent-down", |l| l[5].memory.intent.desired = Desired::DownPoweroff),
    ];

    #[test]
    fn a_good_ledger_breaks_no_rule_and_every_broken_one_is_found_by_name() {
        assert_eq!(verify(&ledger(), &budget), []);
        for (index, (rule, mutate)) in MUTATIONS.iter().enumerate() {
            let mut records = ledger();
            mutate(&mut records);
            if *rule == "sequence" && index == 1 {
                // Without its first record it is the middle of a ledger's life, and good.
                assert_eq!(rules(&records), [""; 0]);
                records.remove(3);
            }
            assert!(rules(&records).contains(rule), "{index} {rule}: {:?}", rules(&records));
        }
    }

    #[test]
    fn a_violation_reads_as_a_line() {
        let mut records = ledger();
        records[5].memory.intent.desired = Desired::DownPoweroff;
        let line = verify(&records, &budget)[0].to_string();
        let expected = "record 6: intent-down: restart k3s-agent on w-1 is begun while ananke \
                        wants it down";
        assert_eq!(line, expected);
    }

    proptest! {
        #[test]
        fn a_loop_that_keeps_the_rules_is_never_blamed(
            moves in proptest::collection::vec(a_move(), 0..80),
            skip in 0_usize..40,
        ) {
            let records = SmallLoop::run(&moves);
            prop_assert_eq!(verify(&records, &budget), []);
            // What is left after compactions is good, too.
            let rest = &records[skip.min(records.len())..];
            prop_assert_eq!(verify(rest, &budget), []);
        }

        #[test]
        fn a_lost_or_repeated_record_is_found(
            moves in proptest::collection::vec(a_move(), 3..40),
            at in 0_usize..40,
        ) {
            let records = SmallLoop::run(&moves);
            let at = 1 + at % (records.len() - 2);
            let mut lost = records.clone();
            lost.remove(at);
            prop_assert!(rules(&lost).contains(&"sequence"));
            let mut repeated = records;
            repeated.insert(at, repeated[at].clone());
            prop_assert!(rules(&repeated).contains(&"sequence"));
        }

        #[test]
        fn an_outcome_taken_away_is_found(moves in proptest::collection::vec(a_move(), 5..60)) {
            let mut records = SmallLoop::run(&moves);
            let ended = records.iter_mut().find(|record| !record.outcomes.is_empty());
            prop_assume!(ended.is_some());
            ended.unwrap().outcomes.clear();
            prop_assert!(rules(&records).contains(&"in-flight"));
        }

        #[test]
        fn an_attempt_taken_away_is_found(
            moves in proptest::collection::vec(a_move(), 5..60),
            pick in 0_usize..99,
        ) {
            let mut records = SmallLoop::run(&moves);
            let begins: Vec<usize> =
                (0..records.len()).filter(|at| !records[*at].begin.is_empty()).collect();
            prop_assume!(!begins.is_empty());
            let at = begins[pick % begins.len()];
            let Action { remedy, target, .. } = records[at].begin[0].clone();
            let targets = records[at].memory.attempts.get_mut(&remedy).unwrap();
            targets.get_mut(&target).unwrap().count -= 1;
            prop_assert!(rules(&records).contains(&"counted"));
        }
    }
}
