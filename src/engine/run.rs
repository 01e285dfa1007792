//! One run of the loop, for every verb: startup, converge and daemon differ only in the request
//! and in when they stop.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::error;

use super::act::{begin_all, note};
use super::failpoint;
use crate::decide::{Library, tick};
use crate::model::action::Action;
use crate::model::assessment::Phase;
use crate::model::error_text::chain;
use crate::model::ids::{ActionId, MachineName};
use crate::model::memory::{Durable, Memory, Passing};
use crate::model::outcome::{ActionResult, Outcome};
use crate::model::policy::Policy;
use crate::model::record::{FORMAT, LedgerRecord, TICK_FORMAT, TickRecord};
use crate::model::tick::{Decision, Order, Request, TickInput};
use crate::model::time::{Moment, Mono, Span};
use crate::ports::{Clock, Hands, Ledger, Observer, Recorder, Sink, Told};

/// Looks that follow each other faster than this are taken together: 25 machines that answer in
/// the same moment are one tick, not 25.
const SHORTEST_TICK: Span = Span::millis(100);

/// How many outcomes may wait for a tick. More actions than this are never in flight.
const OUTCOME_QUEUE: usize = 1_024;

/// Everything outside that the loop needs.
#[derive(Debug)]
pub struct World<C, O, H, L, R, S> {
    /// Time.
    pub clock: C,
    /// What is seen.
    pub observer: O,
    /// What acts.
    pub hands: Arc<H>,
    /// The write-ahead record. Not written in a dry run.
    pub ledger: L,
    /// Ticks for replay.
    pub recorder: R,
    /// What shows the decisions.
    pub sink: S,
}

/// What this run is for.
#[derive(Debug)]
pub struct Run {
    /// The tables.
    pub library: &'static Library,
    /// The settings.
    pub policy: Policy,
    /// Who asked for what.
    pub request: Request,
    /// What was remembered when the ledger was opened.
    pub memory: Durable,
    /// When the run ends by itself.
    pub stop: Stop,
    /// What a person tells the running loop.
    pub orders: mpsc::Receiver<Told>,
}

/// When a run ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// After the first tick that has looked at everything once.
    FirstLook,
    /// When the cluster is good, or a person is needed; at the latest at the given time.
    Settled {
        /// The deadline, if there is one.
        by: Option<Mono>,
    },
    /// Never: the daemon.
    Never,
}

/// How a run ended.
#[derive(Debug)]
pub struct End {
    /// The last tick.
    pub last: Arc<TickRecord>,
    /// Every action that was begun, with what became of it. A dry run's plan has none.
    pub done: Vec<(Action, Option<Outcome>)>,
    /// Whether the run was ended from outside before it was settled.
    pub interrupted: bool,
    /// What the ledger does not have, because the disk refused to the end.
    pub unwritten: Option<Unwritten>,
}

/// What is lost with the process: the next one takes these actions as of unknown outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwritten {
    /// Whose outcome is on no disk.
    pub actions: Vec<ActionId>,
    /// How many orders are on no disk.
    pub orders: usize,
    /// What the disk said.
    pub why: String,
}

/// The state of a run between two ticks.
struct Loop {
    memory: Memory,
    disk: Result<(), String>,
    /// What the next tick learns.
    heard: Vec<Outcome>,
    /// What ticks learned and were told that no record holds yet, because the disk refused.
    owed: Owed,
    done: Vec<(Action, Option<Outcome>)>,
    interrupted: bool,
    told: Vec<Box<dyn FnOnce(u64) + Send>>,
}

/// What the next record has to say besides its own tick; only a shutdown for power begins so.
#[derive(Default)]
struct Owed {
    orders: Vec<Order>,
    outcomes: Vec<Outcome>,
    begin: Vec<Action>,
}

impl Run {
    /// Runs until [`Stop`], or until `halt` resolves. Actions that are under way are waited for,
    /// each within its own limit. Gives the sink back, so that it can finish.
    pub fn run<C, O, H, L, R, S>(
        self,
        world: World<C, O, H, L, R, S>,
        halt: impl Future<Output = ()>,
    ) -> impl Future<Output = (End, S)>
    where
        C: Clock,
        O: Observer,
        H: Hands,
        L: Ledger,
        R: Recorder,
        S: Sink,
    {
        // It holds whole ticks: on the heap it costs those who wait for it nothing.
        Box::pin(self.go_on(world, halt))
    }

    async fn go_on<C, O, H, L, R, S>(
        mut self,
        mut world: World<C, O, H, L, R, S>,
        halt: impl Future<Output = ()>,
    ) -> (End, S)
    where
        C: Clock,
        O: Observer,
        H: Hands,
        L: Ledger,
        R: Recorder,
        S: Sink,
    {
        let (told, mut outcomes) = mpsc::channel::<Outcome>(OUTCOME_QUEUE);
        let mut state = self.begin(&world.clock.now());
        let mut halt = std::pin::pin!(halt);
        loop {
            let started = world.clock.now().mono;
            while let Ok(outcome) = outcomes.try_recv() {
                state.heard.push(outcome);
            }
            let record = Arc::new(self.one_tick(&mut world, &mut state));
            let steps = record.decision.plan.steps.iter().filter(|_| self.request.execute);
            let (last, others): (Vec<_>, Vec<_>) = steps.partition(|it| it.effect.ends_host());
            begin_all(&others, &world.hands, &told, &mut state.done);
            world.recorder.keep(&record);
            world.sink.publish(&record).await;
            // What ends this host comes when its record and the reports are on disk: the sink
            // writes the files before it returns.
            begin_all(&last, &world.hands, &told, &mut state.done);
            let idle = state.memory.durable.in_flight.is_empty();
            if idle && (state.interrupted || self.is_over(&record, world.clock.now().mono)) {
                let unwritten = settle(&mut world, &self.policy, &mut state);
                let (done, interrupted) = (state.done, state.interrupted);
                return (End { last: record, done, interrupted, unwritten }, world.sink);
            }
            let wake = record.decision.wake.at;
            // In a fixed order, so that the same events give the same run byte for byte under a
            // simulated clock. What ends the run comes first, then what became of actions, then
            // what a person says, then time; news is last, because machines have some always.
            tokio::select! {
                biased;
                () = &mut halt, if !state.interrupted => state.interrupted = true,
                Some(outcome) = outcomes.recv() => state.heard.push(outcome),
                Some(told) = self.orders.recv() => {
                    self.request.orders.push(told.order);
                    state.told.push(told.taken);
                }
                () = world.clock.sleep_until(wake) => {}
                () = world.observer.changed() => {}
            }
            world.clock.sleep_until(started + SHORTEST_TICK).await;
        }
    }

    /// The state of the first tick. Actions that an earlier process left without an outcome are
    /// of unknown outcome: they may have been done. The first record says so.
    fn begin(&mut self, now: &Moment) -> Loop {
        let lost = self.memory.in_flight.keys().map(|action| Outcome {
            action: action.clone(),
            result: ActionResult::Unknown { why: "ananke ended before it was known".to_owned() },
            began: now.mono,
            ended: now.mono,
        });
        let heard = lost.collect();
        let memory = Memory { durable: self.memory.clone(), passing: Passing::default() };
        Loop {
            memory,
            disk: Ok(()),
            heard,
            owed: Owed::default(),
            done: Vec::new(),
            interrupted: false,
            told: Vec::new(),
        }
    }

    /// Observes, decides and writes down. What is in the record's plan may be done afterwards.
    fn one_tick<C: Clock, O: Observer, H, L: Ledger, R, S>(
        &mut self,
        world: &mut World<C, O, H, L, R, S>,
        state: &mut Loop,
    ) -> TickRecord {
        let now = world.clock.now();
        if state.disk.is_err() {
            // A disk that failed is asked again with a record that changes nothing.
            let again = record(world, &now, &self.policy, &state.memory.durable);
            state.disk = append(&mut world.ledger, again, &mut state.owed);
        }
        let mut observation = world.observer.snapshot();
        observation.disk = observation.disk.and(state.disk.clone());
        let mut input = TickInput {
            now,
            policy: self.policy.clone(),
            request: self.request.clone(),
            observation,
            outcomes: std::mem::take(&mut state.heard),
            memory: state.memory.clone(),
        };
        self.request.orders.clear();
        for outcome in &input.outcomes {
            note(outcome, &mut state.done);
        }
        let mut decision = tick(self.library, &input);
        failpoint::reached("decided");
        if self.request.execute {
            state.owed.orders.extend(input.request.orders.iter().cloned());
            state.owed.outcomes.extend(input.outcomes.iter().cloned());
            if let Err(why) = write(world, &input, &decision, &mut state.owed) {
                // The record did not get to the disk: decide again, knowing that.
                error!("nothing new is begun: {why}");
                input.observation.disk = Err(why);
                decision = tick(self.library, &input);
            }
            state.disk = input.observation.disk.clone();
            let unwritten = decision.plan.steps.iter().filter(|_| state.disk.is_err());
            state.owed.begin.extend(unwritten.cloned());
            failpoint::reached("written");
            let tick = input.memory.passing.tick;
            let taken = state.told.drain(..);
            // Who gave an order that could not be written down hears that its fate is unknown.
            taken.filter(|_| state.disk.is_ok()).for_each(|taken| taken(tick));
            state.memory = decision.memory.clone();
        } else {
            state.memory = rehearsed(&input.memory, &decision);
        }
        world.observer.attend(unproven(&input, &state.memory));
        TickRecord {
            format: TICK_FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            input,
            decision,
        }
    }

    fn is_over(&self, record: &TickRecord, now: Mono) -> bool {
        let phase = record.decision.phase;
        match self.stop {
            Stop::Never => false,
            Stop::FirstLook => {
                let machines = record.input.policy.machines.len();
                record.input.observation.is_whole(machines)
            }
            Stop::Settled { by } => match phase {
                Phase::Converged | Phase::Degraded | Phase::Blocked | Phase::Down | Phase::Held => {
                    !record.turns_round()
                }
                Phase::Looking | Phase::Recovering | Phase::Soaking | Phase::GoingDown => {
                    by.is_some_and(|by| now >= by)
                }
            },
        }
    }
}

/// Writes the record, if there is anything that must not be lost.
fn write<C, O, H, L: Ledger, R, S>(
    world: &mut World<C, O, H, L, R, S>,
    input: &TickInput,
    decision: &Decision,
    owed: &mut Owed,
) -> Result<(), String> {
    let changed = decision.memory.durable != input.memory.durable;
    let said = !owed.outcomes.is_empty() || !owed.orders.is_empty();
    if input.observation.disk.is_err() || !(changed || said) {
        return Ok(());
    }
    let mut record = record(world, &input.now, &input.policy, &decision.memory.durable);
    record.begin.clone_from(&decision.plan.steps);
    append(&mut world.ledger, record, owed)
}

/// Writes a record together with all that is owed, which stays owed if the disk refuses.
fn append<L: Ledger>(
    ledger: &mut L,
    mut record: LedgerRecord,
    owed: &mut Owed,
) -> Result<(), String> {
    record.orders.clone_from(&owed.orders);
    record.outcomes.clone_from(&owed.outcomes);
    record.begin.splice(..0, owed.begin.iter().cloned());
    ledger.append(&record).map_err(|error| chain(&error))?;
    *owed = Owed::default();
    Ok(())
}

/// Asks the disk a last time to take what it refused so far. Gives what is lost if it refuses
/// again, and says so.
fn settle<C: Clock, O, H, L: Ledger, R, S>(
    world: &mut World<C, O, H, L, R, S>,
    policy: &Policy,
    state: &mut Loop,
) -> Option<Unwritten> {
    let owed = &mut state.owed;
    if owed.outcomes.is_empty() && owed.orders.is_empty() && owed.begin.is_empty() {
        return None;
    }
    let last = record(world, &world.clock.now(), policy, &state.memory.durable);
    let why = append(&mut world.ledger, last, owed).err()?;
    let actions: Vec<_> = owed.outcomes.iter().map(|outcome| outcome.action.clone()).collect();
    for outcome in &owed.outcomes {
        let (action, word) = (&outcome.action, outcome.result.word());
        error!(%action, "{word}, and on no disk: the next run takes it as unknown ({why})");
    }
    Some(Unwritten { actions, orders: owed.orders.len(), why })
}

/// A record of what is remembered, with nothing begun.
fn record<C, O, H, L: Ledger, R, S>(
    world: &World<C, O, H, L, R, S>,
    now: &Moment,
    policy: &Policy,
    memory: &Durable,
) -> LedgerRecord {
    LedgerRecord {
        format: FORMAT,
        seq: world.ledger.next_seq(),
        at: now.clone(),
        cluster: policy.cluster.clone(),
        orders: Vec::new(),
        outcomes: Vec::new(),
        begin: Vec::new(),
        memory: memory.clone(),
    }
}

/// The nodes whose present boot is not proven yet.
fn unproven(input: &TickInput, memory: &Memory) -> BTreeSet<MachineName> {
    let proven = |name: &MachineName| {
        let boot = memory.durable.proofs.get(name).map(|proof| &proof.boot_id);
        let seen = input.observation.hosts.get(name).and_then(|seen| seen.any_age());
        boot.is_some() && boot == seen.map(|host| &host.boot_id)
    };
    let nodes = input.policy.machines.iter().filter(|(_, machine)| machine.role.is_node());
    nodes.map(|(name, _)| name).filter(|name| !proven(name)).cloned().collect()
}

/// What a dry run remembers: everything that was seen, nothing that was only planned.
fn rehearsed(before: &Memory, decision: &Decision) -> Memory {
    let mut memory = decision.memory.clone();
    memory.durable.attempts.clone_from(&before.durable.attempts);
    // What an earlier process left behind has ended; what is only planned was never begun.
    let under_way = &before.durable.in_flight;
    memory.durable.in_flight.retain(|id, _| under_way.contains_key(id));
    memory.durable.last_action = before.durable.last_action;
    memory.durable.cordons.clone_from(&before.durable.cordons);
    memory
}
