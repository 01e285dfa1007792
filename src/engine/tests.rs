//! The loop on a ledger that was left behind by a crash, and on one whose disk refuses.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use super::{End, Run, Stop, World};
use crate::decide::LIBRARY;
use crate::model::action::Action;
use crate::model::ids::MachineName;
use crate::model::observation::Observation;
use crate::model::outcome::{ActionResult, Outcome};
use crate::model::record::{LedgerRecord, TickRecord};
use crate::model::tick::Order;
use crate::model::time::{Moment, Mono};
use crate::ports::{Clock, Hands, Ledger, LedgerError, Observer, Recorder, Sink, Told};
use crate::replay::samples::{Move, SmallLoop, budget, moment, tick};
use crate::replay::verify;

/// When the runs of these tests are halted, and when they should have ended long ago.
const END: Mono = Mono(60_000);
const NEVER_ENDS: Mono = Mono(3_600_000);

/// Time passes only where somebody waits for it.
#[derive(Clone)]
struct JumpingClock(Arc<AtomicU64>);

impl Clock for JumpingClock {
    fn now(&self) -> Moment {
        moment(self.0.load(Ordering::Relaxed))
    }

    async fn sleep_until(&self, at: Mono) {
        assert!(at < NEVER_ENDS, "the run does not end");
        tokio::task::yield_now().await;
        self.0.fetch_max(at.0, Ordering::Relaxed);
    }
}

/// Nobody has seen anything yet, so nothing is begun.
struct Blind(Observation);

impl Observer for Blind {
    fn snapshot(&self) -> Observation {
        self.0.clone()
    }

    async fn changed(&mut self) {
        std::future::pending::<()>().await;
    }

    fn attend(&self, _: BTreeSet<MachineName>) {}
}

struct NoHands;

impl Hands for NoHands {
    async fn perform(&self, action: Action) -> Outcome {
        panic!("nothing was to be begun: {action:?}");
    }
}

/// Refuses the first records, then takes the rest.
struct Memory {
    records: Arc<Mutex<Vec<LedgerRecord>>>,
    refuses: u32,
}

impl Ledger for Memory {
    fn append(&mut self, record: &LedgerRecord) -> Result<(), LedgerError> {
        if let Some(left) = self.refuses.checked_sub(1) {
            self.refuses = left;
            return Err(LedgerError::Write(std::io::ErrorKind::StorageFull.into()));
        }
        self.records.lock().unwrap().push(record.clone());
        Ok(())
    }

    fn next_seq(&self) -> u64 {
        self.records.lock().unwrap().last().map_or(1, |record| record.seq + 1)
    }
}

struct Nobody;

impl Recorder for Nobody {
    fn keep(&mut self, _: &Arc<TickRecord>) {}
}

impl Sink for Nobody {
    async fn publish(&mut self, _: &Arc<TickRecord>) {}
}

/// Goes on from these records, for a minute. Gives all records, and the end.
async fn go_on(
    before: Vec<LedgerRecord>,
    execute: bool,
    refuses: u32,
    told: Option<Told>,
) -> (Vec<LedgerRecord>, End) {
    let sample = tick(0).input;
    let last = before.last().expect("the small loop's first record");
    let memory = last.memory.clone();
    let clock = JumpingClock(Arc::new(AtomicU64::new(last.at.mono.0)));
    let records = Arc::new(Mutex::new(before));
    let (tell, orders) = mpsc::channel(1);
    if let Some(told) = told {
        tell.send(told).await.unwrap();
    }
    let mut request = sample.request;
    request.execute = execute;
    let run = Run {
        library: &LIBRARY,
        policy: sample.policy,
        request,
        memory,
        stop: Stop::Never,
        orders,
    };
    let time = clock.clone();
    let halt = async move {
        while time.now().mono < END {
            tokio::task::yield_now().await;
        }
    };
    let world = World {
        clock,
        observer: Blind(sample.observation),
        hands: Arc::new(NoHands),
        ledger: Memory { records: Arc::clone(&records), refuses },
        recorder: Nobody,
        sink: Nobody,
    };
    let (end, Nobody) = run.run(world, halt).await;
    let records = records.lock().unwrap().clone();
    (records, end)
}

#[tokio::test]
async fn what_a_crash_left_open_ends_as_unknown_in_the_first_record_also_of_a_refusing_disk() {
    let left = SmallLoop::run(&[Move::Restart(1), Move::Restart(2)]);
    let open: Vec<_> = left.last().unwrap().memory.in_flight.keys().cloned().collect();
    assert_eq!(open.len(), 2);
    for refuses in [0, 1, 4] {
        let (records, _) = go_on(left.clone(), true, refuses, None).await;
        assert_eq!(verify(&records, &budget), [], "{refuses}");
        let first = &records[left.len()];
        let ended: Vec<_> = first.outcomes.iter().map(|outcome| outcome.action.clone()).collect();
        assert_eq!(ended, open, "{refuses}");
        let unknown = |o: &Outcome| matches!(o.result, ActionResult::Unknown { .. });
        assert!(first.outcomes.iter().all(unknown), "{refuses}");
        assert!(first.memory.in_flight.is_empty(), "{refuses}");
    }
}

#[tokio::test]
async fn a_dry_run_after_a_crash_ends_and_writes_nothing() {
    let left = SmallLoop::run(&[Move::Restart(1)]);
    let (records, end) = go_on(left.clone(), false, 0, None).await;
    assert_eq!(records, left);
    assert!(end.last.decision.memory.durable.in_flight.is_empty());
}

#[tokio::test]
async fn an_order_that_the_disk_refused_is_in_a_later_record_once_and_is_not_called_taken() {
    for refuses in [0, 3] {
        let taken = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&taken);
        let order = Order::Pause { by: "brad".to_owned(), why: "a new fan".to_owned() };
        let told = Told {
            order: order.clone(),
            taken: Box::new(move |_| heard.store(true, Ordering::Relaxed)),
        };
        let left = SmallLoop::run(&[]);
        let (records, _) = go_on(left, true, refuses, Some(told)).await;
        let orders: Vec<_> = records.iter().flat_map(|record| &record.orders).collect();
        assert_eq!(orders, [&order], "{refuses}");
        assert!(records.last().unwrap().memory.paused.is_some(), "{refuses}");
        assert_eq!(taken.load(Ordering::Relaxed), refuses == 0);
        assert_eq!(verify(&records, &budget), [], "{refuses}");
    }
}

#[tokio::test]
async fn outcomes_that_the_disk_refused_to_the_end_are_named_at_the_end() {
    let left = SmallLoop::run(&[Move::Restart(1), Move::Restart(2)]);
    let open: Vec<_> = left.last().unwrap().memory.in_flight.keys().cloned().collect();
    let (records, end) = go_on(left.clone(), true, u32::MAX, None).await;
    assert_eq!(records, left, "the disk took nothing");
    let unwritten = end.unwritten.expect("two outcomes are on no disk");
    assert_eq!((unwritten.actions, unwritten.orders), (open, 0));
    assert!(unwritten.why.contains("space"), "{}", unwritten.why);
    let (_, end) = go_on(left, true, 0, None).await;
    assert_eq!(end.unwritten, None);
}
