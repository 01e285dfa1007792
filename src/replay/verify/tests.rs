//! Ledgers that keep the rules, and each rule broken once.

use proptest::prelude::*;

use jiff::Timestamp;

use super::*;
use crate::model::action::PodTier;
use crate::model::descent::{Descent, NoReturn};
use crate::model::facts::Unit;
use crate::model::ids::{BootId, Epoch};
use crate::model::intent::Progress;
use crate::model::memory::Pause;
use crate::model::object::ObjectName;
use crate::model::time::Mono;
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

fn descent() -> Descent {
    Descent::ordered(Mono(0), Timestamp::UNIX_EPOCH, true, true)
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
    ("in-flight", |l| l[2].outcomes.clear()),
    ("in-flight", |l| l[1].memory.in_flight.clear()),
    ("in-flight", |l| {
        let ended = l[1].memory.in_flight.clone();
        l[3].memory.in_flight.extend(ended);
    }),
    ("intent-up", |l| {
        let host = MachineName::fixed("w-1");
        l[1].begin[0].effect = Effect::StopUnit { host, unit: Unit::K3sAgent };
    }),
    ("no-return", |l| {
        let host = MachineName::fixed("w-1");
        l[1].begin[0].effect = Effect::PowerOff { host };
        l[1].memory.descent = Some(descent());
    }),
    ("own-host", |l| {
        let host = MachineName::fixed("w-1");
        l[1].begin[0].effect = Effect::PowerOffHere { host };
        l[1].memory.descent = Some(descent());
    }),
    ("server-order", |l| {
        let host = MachineName::fixed("w-1");
        l[1].begin[0].effect = Effect::StopUnit { host, unit: Unit::K3s };
        l[1].memory.descent = Some(descent());
    }),
    ("suspended", |l| {
        let object = ObjectName::in_namespace("Kustomization", "flux-system", "apps");
        l[1].begin[0].effect = Effect::SuspendFlux { object };
        l[1].memory.descent = Some(descent());
    }),
    ("suspended", |l| {
        let object = ObjectName::in_namespace("Kustomization", "flux-system", "apps");
        let suspended = BTreeSet::from([object]);
        l[7].memory.descent = Some(Descent { suspended, ..descent() });
    }),
    ("drain", |l| {
        let (node, tier) = (MachineName::fixed("w-1"), PodTier::Services);
        let namespaces = BTreeSet::from(["vault".to_owned()]);
        let overruled = BTreeSet::new();
        l[1].begin[0].effect = Effect::EvictPods { node, tier, namespaces, overruled };
        l[1].memory.descent = Some(Descent { drain: false, ..descent() });
    }),
    ("drain", |l| {
        let (node, tier) = (MachineName::fixed("w-1"), PodTier::Services);
        let namespaces = BTreeSet::from(["vault".to_owned()]);
        let overruled = namespaces.clone();
        l[1].begin[0].effect = Effect::EvictPods { node, tier, namespaces, overruled };
        l[1].memory.descent = Some(descent());
    }),
    ("wake", |l| {
        l[1].begin[0].effect = Effect::Wake { machine: MachineName::fixed("w-1") };
        l[1].memory.descent = Some(descent());
    }),
    ("no-return", |l| {
        let past = NoReturn { at: Timestamp::UNIX_EPOCH, what: "stop k3s on s-1".to_owned() };
        let descent = Descent { past_return: Some(past), ..descent() };
        l[7].memory.intent.desired = Desired::DownClusterOnly;
        l[7].memory.intent.progress = Progress::ShuttingDown;
        for record in [7, 8] {
            l[record].memory.descent = Some(descent.clone());
        }
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
