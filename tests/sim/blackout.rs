//! All power goes, comes back, and the cluster rises: the same way each time.

use std::sync::Arc;
use std::time::Duration;

use ananke::engine::End;
use ananke::model::assessment::Phase;
use ananke::model::record::TickRecord;
use ananke::model::time::{Mono, Span};
use ananke::remedies::budget;
use ananke::replay::verify;
use ananke::sim::faces::memory::{Fuse, all_well};
use ananke::sim::site::Site;
use tokio::time::Instant;

use crate::stage::{Theatre, virtually};

/// What is left of a run.
struct Run {
    end: End,
    ledger: String,
    ticks: Vec<Arc<TickRecord>>,
    took: Span,
    world: u64,
}

fn blackout(site: &Site, seed: u64) -> Run {
    virtually(async {
        let theatre = Theatre::open(site, seed);
        theatre.pass(Span::secs(30)).await;
        theatre.blackout().await;
        let began = theatre.now();
        let end = theatre.startup(Fuse::never(), all_well()).await.expect("nobody kills it");
        assert_eq!(verify(&theatre.disk.records(), &budget), []);
        Run {
            end,
            ledger: theatre.disk.text(),
            ticks: theatre.ticks.kept(),
            took: theatre.now().since(began),
            world: theatre.stage.with(|world| world.digest()),
        }
    })
}

/// The time of this processor, which virtual time has nothing to do with.
#[expect(clippy::disallowed_methods, reason = "a test says how long it took")]
fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let began = std::time::Instant::now();
    let done = what();
    (done, began.elapsed())
}

#[test]
fn a_site_that_lost_all_power_is_converged_within_a_quarter_of_an_hour() {
    let sites = [("3 and 4", Site::of("quick", 3, 4)), ("3 and 22", Site::big())];
    for (name, site) in sites {
        let (run, real) = timed(|| blackout(&site, 7));
        println!(
            "{name}: {} of the site's time, {} ticks, {} actions, in {real:?}",
            run.took,
            run.ticks.len(),
            run.end.done.len()
        );
        let decision = &run.end.last.decision;
        assert_eq!(decision.phase, Phase::Converged, "{name}: {:#?}", decision.assessment);
        assert!(run.took <= Span::mins(15), "{name}: {}", run.took);
        assert!(!run.end.interrupted);
        assert!(run.end.done.len() > site.machines.len(), "{name}: each had to be started");
    }
}

#[test]
fn two_runs_of_one_seed_are_the_same_byte_by_byte_and_seeds_differ() {
    let site = Site::of("quick", 3, 4);
    let mut ledgers = Vec::new();
    for seed in 1..=4 {
        let (one, other) = (blackout(&site, seed), blackout(&site, seed));
        assert!(one.ledger == other.ledger, "the ledgers of seed {seed} differ");
        for (one, other) in one.ticks.iter().zip(&other.ticks) {
            assert_eq!(one, other, "seed {seed}");
        }
        assert_eq!(one.ticks.len(), other.ticks.len());
        assert_eq!(one.world, other.world, "the worlds of seed {seed} differ");
        ledgers.push(one.ledger);
    }
    ledgers.dedup();
    assert_eq!(ledgers.len(), 4, "each seed is a run of its own");
}

#[test]
fn virtual_time_costs_no_real_time() {
    let (real, passed) = virtually(async {
        let theatre = Theatre::open(&Site::small(), 1);
        let began = Instant::now();
        theatre.pass(Span::mins(60)).await;
        (began.elapsed(), theatre.now())
    });
    assert_eq!(real, Duration::from_secs(3_600));
    assert_eq!(passed, Mono(3_600_000));
}
