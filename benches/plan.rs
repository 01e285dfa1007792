//! What one decision costs, and how that grows: 100 machines against 1,000, in the states that
//! matter. Ends with an error if ten times the machines cost more than twelve times the time.
//! Pure: `cargo bench --no-default-features --bench plan`.
#![expect(clippy::print_stdout, reason = "printing is what a benchmark is for")]

#[expect(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../tests/decide/answers.rs"]
mod answers;
#[expect(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../tests/decide/bench.rs"]
mod bench;
#[expect(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../tests/decide/cluster.rs"]
mod cluster;
#[path = "../tests/decide/mending.rs"]
mod mending;
#[path = "../tests/decide/site.rs"]
mod site;
#[path = "../tests/decide/upsd.rs"]
mod upsd;
#[path = "../tests/decide/wall.rs"]
mod wall;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use ananke::decide::{LIBRARY, tick};
use ananke::model::assessment::Phase;
use ananke::model::facts::UnitActive;
use ananke::model::ids::{BootId, MachineName};
use ananke::model::intent::Author;
use ananke::model::memory::{Durable, Memory, Passing};
use ananke::model::outcome::Outcome;
use ananke::model::policy::{Policy, Role};
use ananke::model::tick::{Order, Request, TickInput, Verb};
use ananke::model::time::{Moment, Mono};

use bench::{Secs, Starts, World};
use wall::wall;

/// The sizes that are compared, servers among them.
const SMALL: usize = 100;
const LARGE: usize = 1_000;
const SERVERS: usize = 3;

/// Ten times the machines, and a fifth for what is sorted.
const RATIO_MAX: f64 = 12.0;

/// Each tick counts with its fastest run of this many.
const RUNS: usize = 9;

/// The pause between two ticks, in seconds, and how many are made of each state.
const PAUSE: Secs = 10;
const TICKS: u32 = 60;

/// How long a site may take until it is good, in ticks.
const GOOD_AFTER: usize = 100;

/// A state that a site is brought into after a good day.
struct State {
    name: &'static str,
    ordered: bool,
    enter: fn(&mut World, &[MachineName]),
}

const STATES: [State; 4] = [
    State { name: "all good", ordered: false, enter: |_, _| {} },
    State { name: "cold start", ordered: false, enter: cold_start },
    State { name: "storm", ordered: true, enter: storm },
    State { name: "agents stopped", ordered: true, enter: agents_stopped },
];

fn cold_start(world: &mut World, _: &[MachineName]) {
    let all: Vec<_> = world.hosts.keys().cloned().collect();
    for name in &all {
        world.power_off(name);
        world.host(name.as_str()).enabled = false;
    }
    world.advance(60);
    for name in &all {
        world.power_on(name, 60);
    }
}

/// The kubelets hang behind units that run, and start again as badly.
fn storm(world: &mut World, agents: &[MachineName]) {
    for name in agents {
        world.hang(name.as_str());
        let host = world.host(name.as_str());
        (host.boots, host.starts) = (host.boots + 1, Starts::Hangs);
    }
}

fn agents_stopped(world: &mut World, agents: &[MachineName]) {
    for name in agents {
        world.stop(name.as_str(), UnitActive::Failed, "exit-code");
        world.host(name.as_str()).starts = Starts::Fails;
    }
}

/// The loop without ledger and sinks: looks, decides, acts, and keeps what each tick was given.
struct Crank {
    policy: Policy,
    world: World,
    memory: Memory,
    outcomes: Vec<Outcome>,
    request: Request,
    zero: Secs,
}

impl Crank {
    fn new(machines: usize) -> Self {
        let policy = site::policy(SERVERS, machines - SERVERS);
        let world = World::healthy(&policy);
        let zero = world.now - 600;
        let durable = Durable::fresh(&moment(world.now, zero));
        let orders = vec![Order::Startup { by: "bench".to_owned() }];
        let (verb, by) = (Verb::Daemon, Author::Ananke);
        let request = Request { verb, execute: true, by, orders, stand_in: false };
        let memory = Memory { durable, passing: Passing::default() };
        Self { policy, world, memory, outcomes: Vec::new(), request, zero }
    }

    /// One tick after a pause. Gives its input, and the phase that it found.
    fn turn(&mut self) -> (TickInput, Phase) {
        self.world.advance(PAUSE);
        let now = moment(self.world.now, self.zero);
        let input = TickInput {
            now: now.clone(),
            policy: self.policy.clone(),
            request: self.request.clone(),
            observation: self.world.observe(self.zero),
            outcomes: std::mem::take(&mut self.outcomes),
            memory: self.memory.clone(),
        };
        self.request.orders.clear();
        let decision = tick(&LIBRARY, &input);
        for action in &decision.plan.steps {
            let result = self.world.perform(action);
            let (began, ended) = (now.mono, now.mono);
            self.outcomes.push(Outcome { action: action.id.clone(), result, began, ended });
        }
        self.memory = decision.memory;
        (input, decision.phase)
    }
}

fn moment(now: Secs, zero: Secs) -> Moment {
    Moment {
        boot: BootId::new("own-boot"),
        mono: Mono(now.saturating_sub(zero) * 1_000),
        wall: wall(now),
        wall_trusted: true,
    }
}

/// What one site costs in one state: all its ticks together, and the slowest of them.
struct Cost {
    all: Duration,
    slowest: Duration,
}

fn cost(state: &State, machines: usize) -> Cost {
    let mut crank = Crank::new(machines);
    let good = (0..GOOD_AFTER).any(|_| crank.turn().1 == Phase::Converged);
    assert!(good, "the bench's site does not get good");
    let agents: Vec<_> = crank.policy.with_role(Role::Agent).cloned().collect();
    (state.enter)(&mut crank.world, &agents);
    if state.ordered {
        crank.request.orders.push(Order::Startup { by: "bench".to_owned() });
    }
    let mut cost = Cost { all: Duration::ZERO, slowest: Duration::ZERO };
    for _ in 0..TICKS {
        let (input, _) = crank.turn();
        let fastest = (0..RUNS).map(|_| once(&input)).min().unwrap_or_default();
        cost.all += fastest;
        cost.slowest = cost.slowest.max(fastest);
    }
    cost
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures in real time")]
fn once(input: &TickInput) -> Duration {
    let began = Instant::now();
    let decision = tick(&LIBRARY, input);
    let took = began.elapsed();
    drop(decision);
    took
}

fn ratio(large: Duration, small: Duration) -> f64 {
    large.as_secs_f64() / small.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn main() -> ExitCode {
    println!("a decision for {SMALL} and for {LARGE} machines; at most {RATIO_MAX} times the time");
    println!("{:<16}{SMALL:>12}{LARGE:>12}{:>8}{:>16}{:>8}", "", "ratio", "slowest tick", "ratio");
    let mut good = true;
    for state in &STATES {
        let (small, large) = (cost(state, SMALL), cost(state, LARGE));
        let (all, slowest) = (ratio(large.all, small.all), ratio(large.slowest, small.slowest));
        let mean = |cost: &Cost| cost.all.as_secs_f64() * 1e3 / f64::from(TICKS);
        println!(
            "{:<16}{:>9.3} ms{:>9.3} ms{all:>8.1}{:>13.3} ms{slowest:>8.1}",
            state.name,
            mean(&small),
            mean(&large),
            large.slowest.as_secs_f64() * 1e3,
        );
        good &= all <= RATIO_MAX && slowest <= RATIO_MAX;
    }
    if good {
        return ExitCode::SUCCESS;
    }
    println!("planning grows faster than the site");
    ExitCode::FAILURE
}
