//! The hand crank: observe, decide, write down, act, as the engine does, one step at a time.

use std::collections::BTreeMap;

use ananke::decide::{LIBRARY, Library, tick};
use ananke::model::action::{Action, Effect};
use ananke::model::assessment::{GateState, Phase};
use ananke::model::ids::{BootId, MachineName};
use ananke::model::intent::Author;
use ananke::model::memory::{Durable, Memory, Passing};
use ananke::model::outcome::{ActionResult, Outcome};
use ananke::model::plan::Held;
use ananke::model::policy::{Machine, Policy};
use ananke::model::record::{FORMAT, LedgerRecord, TICK_FORMAT, TickRecord};
use ananke::model::tick::{Decision, Order, Request, TickInput, Verb};
use ananke::model::time::{Moment, Mono};
use ananke::model::verdict::Target;
use ananke::replay;

use crate::bench::{Secs, World};
use crate::company::Company;
use crate::invariants::breaches;
use crate::site;
use crate::wall::wall;

/// What becomes of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives, and so does its answer.
    Arrives,
    Refused,
    Failed,
    /// The answer is lost; the effect was done or not.
    Unknown {
        done: bool,
    },
    /// No answer for as long as this process lives.
    Silent {
        done: bool,
    },
    /// Done at once, answered after so many seconds.
    Slow {
        seconds: Secs,
    },
}

#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) library: Library,
    pub(crate) policy: Policy,
    pub(crate) world: World,
    pub(crate) memory: Memory,
    pub(crate) request: Request,
    pub(crate) fate: Fate,
    /// What becomes of what goes to this machine over SSH.
    pub(crate) fates: BTreeMap<MachineName, Fate>,
    /// Whether ananke's own wall clock is synchronised.
    pub(crate) trusted: bool,
    /// The bench time at which ananke's own host booted, and how often it has.
    pub(crate) zero: Secs,
    pub(crate) own_boots: u32,
    /// The other ananke host, and what the guards keep.
    pub(crate) company: Company,
    due: Vec<(Secs, Outcome)>,
    pub(crate) ledger: Vec<LedgerRecord>,
    pub(crate) taken: Vec<Action>,
    pub(crate) last: Option<TickRecord>,
    last_step: Secs,
    owed: (Vec<Order>, Vec<Outcome>, Vec<Action>),
    /// Breaches are collected instead of failing at once: for a library with a rule taken away.
    pub(crate) collect: Option<Vec<(&'static str, String)>>,
}

impl Rig {
    /// A healthy site, and a person who ran `startup --execute`.
    pub(crate) fn startup(servers: usize, agents: usize) -> Self {
        let mut rig = Self::daemon(servers, agents);
        rig.request.verb = Verb::Startup;
        rig.order(Order::Startup { by: "brad".to_owned() });
        rig
    }

    /// A healthy site, and a daemon on a quiet day that knows nothing yet.
    pub(crate) fn daemon(servers: usize, agents: usize) -> Self {
        let policy = site::policy(servers, agents);
        let world = World::healthy(&policy);
        let zero = world.now - 600;
        let mut rig = Self {
            library: LIBRARY,
            policy,
            world,
            memory: Memory {
                durable: Durable::fresh(&moment(0, zero, 1)),
                passing: Passing::default(),
            },
            request: Request {
                verb: Verb::Daemon,
                execute: true,
                by: Author::Ananke,
                orders: Vec::new(),
                stand_in: false,
            },
            fate: Fate::Arrives,
            fates: BTreeMap::new(),
            trusted: true,
            zero,
            own_boots: 1,
            company: Company::default(),
            due: Vec::new(),
            ledger: Vec::new(),
            taken: Vec::new(),
            last: None,
            last_step: 5,
            owed: Default::default(),
            collect: None,
        };
        rig.memory.durable = Durable::fresh(&rig.now());
        rig
    }

    /// A daemon that has seen a good day: converged after a startup, nothing remembered as wrong.
    pub(crate) fn good_day(servers: usize, agents: usize) -> Self {
        let mut rig = Self::startup(servers, agents);
        rig.until(600, |d| d.phase == Phase::Converged);
        rig.request.verb = Verb::Daemon;
        rig.taken.clear();
        rig
    }

    pub(crate) fn now(&self) -> Moment {
        Moment { wall_trusted: self.trusted, ..moment(self.world.now, self.zero, self.own_boots) }
    }

    pub(crate) fn machine(&mut self, name: &str) -> &mut Machine {
        self.policy.machines.get_mut(&site::name(name)).expect("a machine of the site")
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.request.orders.push(order);
    }

    /// One tick after `seconds`.
    pub(crate) fn step(&mut self, seconds: Secs) -> Decision {
        self.world.advance(seconds);
        self.last_step = seconds;
        let input = self.input();
        self.decide(input)
    }

    pub(crate) fn input(&mut self) -> TickInput {
        let now = self.now();
        let (due, later) = std::mem::take(&mut self.due)
            .into_iter()
            .partition::<Vec<_>, _>(|(at, _)| *at <= self.world.now);
        self.due = later;
        TickInput {
            now,
            policy: self.policy.clone(),
            request: Request {
                orders: std::mem::take(&mut self.request.orders),
                ..self.request.clone()
            },
            observation: self.company.shown(self.world.observe(self.zero), self.now().mono),
            outcomes: due.into_iter().map(|(_, outcome)| outcome).collect(),
            memory: self.memory.clone(),
        }
    }

    fn decide(&mut self, input: TickInput) -> Decision {
        let decision = tick(&self.library, &input);
        let step = self.last_step;
        let found = breaches(&self.library, &input, &decision, &self.world, step);
        match &mut self.collect {
            Some(all) => all.extend(found),
            None => assert!(found.is_empty(), "{found:#?}\n{}", story(&decision)),
        }
        if input.request.execute {
            self.write(&input, &decision);
            for action in &decision.plan.steps {
                self.act(action);
            }
            self.memory = decision.memory.clone();
        }
        self.taken.extend(decision.plan.steps.iter().cloned());
        let version = "test".to_owned();
        let (format, decided) = (TICK_FORMAT, decision.clone());
        self.last = Some(TickRecord { format, version, input, decision: decided });
        decision
    }

    /// The record as the engine makes it: when durable memory changed or something was said.
    fn write(&mut self, input: &TickInput, decision: &Decision) {
        let changed = decision.memory.durable != input.memory.durable;
        let said = !input.outcomes.is_empty() || !input.request.orders.is_empty();
        // What was said while the disk took nothing is owed to the next record.
        self.owed.0.extend(input.request.orders.iter().cloned());
        self.owed.1.extend(input.outcomes.iter().cloned());
        let said = said || !self.owed.0.is_empty() || !self.owed.1.is_empty();
        self.owed.2.extend(decision.plan.steps.iter().cloned());
        if input.observation.disk.is_err() || !(changed || said) {
            return;
        }
        let (orders, outcomes, begin) = std::mem::take(&mut self.owed);
        self.ledger.push(LedgerRecord {
            format: FORMAT,
            seq: self.ledger.len() as u64 + 1,
            at: input.now.clone(),
            cluster: self.policy.cluster.clone(),
            orders,
            outcomes,
            begin,
            memory: decision.memory.durable.clone(),
        });
    }

    fn act(&mut self, action: &Action) {
        let fate = action
            .effect
            .host()
            .and_then(|name| self.fates.get(name))
            .copied()
            .unwrap_or(self.fate);
        let lost = || ActionResult::Unknown { why: "the connection was lost".to_owned() };
        let (after, result) = match fate {
            // This host's own end: a test boots it, or lets it hang.
            Fate::Arrives if action.effect.ends_host() => (0, ActionResult::Done),
            Fate::Arrives => (0, self.deliver(action)),
            Fate::Slow { seconds } => (seconds, self.carry_out(action)),
            Fate::Refused => (0, ActionResult::Refused { why: "an older epoch".to_owned() }),
            Fate::Failed => (0, ActionResult::Failed { why: "exit status 1".to_owned() }),
            Fate::Unknown { done } | Fate::Silent { done } => {
                if done {
                    self.carry_out(action);
                }
                if matches!(fate, Fate::Silent { .. }) {
                    return;
                }
                (0, lost())
            }
        };
        let now = self.now().mono;
        let outcome = Outcome { action: action.id.clone(), result, began: now, ended: now };
        self.due.push((self.world.now + after, outcome));
    }

    /// The guard has the first word.
    fn deliver(&mut self, action: &Action) -> ActionResult {
        let refused = self.company.fence(action);
        refused.unwrap_or_else(|| self.carry_out(action))
    }

    fn carry_out(&mut self, action: &Action) -> ActionResult {
        if let Effect::UnsealVault { vault } = &action.effect {
            return self.world.answers.unseal(vault.as_str());
        }
        self.world.perform(action)
    }

    /// ananke is killed and started again: durable memory through its bytes, the rest is gone.
    pub(crate) fn restart(&mut self) {
        let bytes = serde_json::to_vec(&self.memory.durable).expect("memory is JSON");
        let durable: Durable = serde_json::from_slice(&bytes).expect("memory reads back");
        assert_eq!(durable, self.memory.durable, "memory changed on its way over the disk");
        let now = self.now().mono;
        let lost = durable.in_flight.keys().map(|action| Outcome {
            action: action.clone(),
            result: ActionResult::Unknown { why: "ananke ended before it was known".to_owned() },
            began: now,
            ended: now,
        });
        self.due = lost.map(|outcome| (self.world.now, outcome)).collect();
        self.memory = Memory { durable, passing: Passing::default() };
        self.world.forget_what_was_seen();
    }

    /// ananke's own host boots: the monotonic clock starts again.
    pub(crate) fn reboot(&mut self) {
        self.restart();
        self.own_boots += 1;
        self.zero = self.world.now - 20;
        let now = self.now().mono;
        for (_, outcome) in &mut self.due {
            (outcome.began, outcome.ended) = (now, now);
        }
    }

    /// Steps of five seconds until it is so. Fails after `limit` seconds.
    pub(crate) fn until(&mut self, limit: Secs, want: impl Fn(&Decision) -> bool) -> Decision {
        let end = self.world.now + limit;
        loop {
            let decision = self.step(5);
            if want(&decision) {
                return decision;
            }
            assert!(self.world.now < end, "not within {limit} s: {}", story(&decision));
        }
    }

    /// Steps of five seconds, each of which must be so.
    pub(crate) fn throughout(&mut self, seconds: Secs, want: impl Fn(&Decision) -> bool) {
        let end = self.world.now + seconds;
        while self.world.now < end {
            let decision = self.step(5);
            assert!(want(&decision), "at {}: {}", self.world.now, story(&decision));
        }
    }

    /// Everything that was done but proofs, as lines.
    pub(crate) fn repairs(&self) -> Vec<String> {
        let repairs = self.taken.iter().filter(|action| !action.effect.is_proof());
        repairs.map(|action| said(&action.effect)).collect()
    }

    pub(crate) fn converged(&mut self) -> Decision {
        self.until(900, |decision| decision.phase == Phase::Converged)
    }
}

impl Drop for Rig {
    /// Whatever a test did: its ledger keeps the rules of `replay --verify`.
    fn drop(&mut self) {
        if !std::thread::panicking() && self.collect.is_none() {
            let found = replay::verify(&self.ledger, &ananke::remedies::budget);
            assert!(found.is_empty(), "{found:#?}");
        }
    }
}

/// The effect without the number of its cordon.
pub(crate) fn said(effect: &Effect) -> String {
    let text = effect.to_string();
    text.split(" (").next().unwrap_or_default().to_owned()
}

pub(crate) fn moment(now: Secs, zero: Secs, boots: u32) -> Moment {
    Moment {
        boot: BootId::new(format!("own-boot-{boots}")),
        mono: Mono(now.saturating_sub(zero) * 1_000),
        wall: wall(now),
        wall_trusted: true,
    }
}

pub(crate) fn on(machine: &str) -> Target {
    Target::Machine(MachineName::new(machine))
}

/// The names of what is held, for one target.
pub(crate) fn holds(decision: &Decision, target: &Target) -> Vec<&'static str> {
    let ours = decision.plan.held.iter().filter(|held: &&Held| held.target == *target);
    ours.map(|held| held.hold.name()).collect()
}

pub(crate) fn gate<'a>(decision: &'a Decision, id: &str) -> &'a GateState {
    let view = decision.assessment.gates.iter().find(|gate| gate.id.as_str() == id);
    &view.expect("a gate of the library").state
}

/// A decision in a few lines, for a test that fails.
pub(crate) fn story(decision: &Decision) -> String {
    let gates = decision.assessment.gates.iter().map(|gate| {
        let findings: Vec<_> = gate
            .findings
            .iter()
            .take(6)
            .map(|f| format!("\n      {} {}: {:?}", f.check, f.target, f.verdict))
            .collect();
        format!("\n  {} {:?}{}", gate.id, gate.state, findings.concat())
    });
    let gates: String = gates.collect();
    let steps: Vec<_> = decision.plan.steps.iter().map(|s| s.effect.to_string()).collect();
    let held: Vec<_> = decision
        .plan
        .held
        .iter()
        .map(|held| format!("{} {}: {:?}", held.remedy, held.target, held.hold))
        .collect();
    let phase = decision.phase;
    format!("{phase}{gates}\n  steps {steps:?}\n  held {held:#?}")
}
