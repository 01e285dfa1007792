//! How many fates a processor can live through in an hour: at least seven nodes, an outage, twenty
//! virtual minutes and 200 ticks each, in memory under virtual time, judged by the rules of the
//! ledger. With `--full` 1,000 of them are lived twice, and must be the same byte by byte.
//!
//! `cargo bench --bench schedules` measures what is shipped; a debug build is several times slower.
#![expect(clippy::print_stdout, reason = "printing is what a benchmark is for")]

#[path = "../tests/sim/stage.rs"]
mod stage;

use std::process::ExitCode;
use std::time::Duration;

use ananke::model::time::Span;
use ananke::remedies::budget;
use ananke::replay::verify;
use ananke::sim::deed::{Deed, Which};
use ananke::sim::faces::memory::{Fuse, all_well};
use ananke::sim::site::Site;
use rustix::time::{ClockId, clock_gettime};

use stage::{Theatre, virtually};

/// The least that counts as one.
const NODES: usize = 7;
const LONG: Span = Span::mins(20);
const TICKS: usize = 200;

/// How many are measured, and how many are lived twice with `--full`.
const MEASURED: u64 = 40;
const DOUBLE: u64 = 1_000;

/// What is left of one life.
#[derive(PartialEq, Eq)]
struct Life {
    ledger: String,
    world: u64,
    ticks: usize,
    took: u64,
}

/// A site loses all power, and in every second life a part of it again while it rises.
fn life(seed: u64) -> Life {
    virtually(async {
        let theatre = Theatre::open(&Site::of("quick", 3, NODES - 3), seed);
        theatre.pass(Span::secs(30 + seed % 60)).await;
        theatre.blackout().await;
        if seed % 2 == 1 {
            let stage = theatre.stage.clone();
            tokio::spawn(async move {
                let clock = ananke::ports::Clock::now(stage.clock()).mono;
                let later = clock + Span::secs(60 + seed % 180);
                ananke::ports::Clock::sleep_until(stage.clock(), later).await;
                stage.suffer(&Deed::PowerOff(Which::Agents)).ok();
                stage.suffer(&Deed::PowerOn(Which::Agents)).ok();
            });
        }
        let end = theatre.startup(Fuse::never(), all_well()).await;
        assert!(end.is_some(), "nobody kills it");
        // What is good stays under watch until the life is long enough.
        while theatre.now() < ananke::model::time::Mono(0) + LONG
            || theatre.ticks.kept().len() < TICKS
        {
            drop(theatre.startup(Fuse::never(), all_well()).await);
            theatre.pass(Span::secs(5)).await;
        }
        assert_eq!(verify(&theatre.disk.records(), &budget), [], "seed {seed}");
        Life {
            ledger: theatre.disk.text(),
            world: theatre.stage.with(|world| world.digest()),
            ticks: theatre.ticks.kept().len(),
            took: theatre.now().0,
        }
    })
}

/// The time of this process on its processors.
fn spent() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

fn main() -> ExitCode {
    let full = std::env::args().any(|argument| argument == "--full");
    let before = spent();
    let lives: Vec<Life> = (0..MEASURED).map(life).collect();
    let took = spent().saturating_sub(before);
    let (ticks, virtually): (usize, u64) =
        lives.iter().fold((0, 0), |(ticks, took), it| (ticks + it.ticks, took + it.took));
    let an_hour = 3_600.0 * f64::from(u32::try_from(MEASURED).unwrap_or(0)) / took.as_secs_f64();
    println!(
        "{MEASURED} schedules of {NODES} nodes: {ticks} ticks, {} virtual minutes, {:.1} s of \
         processor: {an_hour:.0} schedules per CPU-hour",
        virtually / 60_000,
        took.as_secs_f64()
    );
    let least = lives.iter().map(|it| it.ticks).min().unwrap_or(0);
    println!("the shortest had {least} ticks");
    let twice = if full { DOUBLE } else { 8 };
    let differ = (0..twice).filter(|seed| life(*seed) != life(*seed)).count();
    println!("{differ} differences in {twice} double runs");
    if differ == 0 && least >= TICKS { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
