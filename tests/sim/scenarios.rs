//! Every scenario that comes with the program, in memory under virtual time.

use std::num::NonZeroU32;

use ananke::decide::LIBRARY;
use ananke::replay::verify;
use ananke::sim::faces::Stage;
use ananke::sim::faces::config::{self, Reach};
use ananke::sim::faces::drive::drive;
use ananke::sim::faces::driver::{MemoryAnanke, StageDriver};
use ananke::sim::scenario::outcome::Word;
use ananke::sim::scenario::shipped::{SHIPPED, shipped};
use ananke::sim::scenario::{Outcome, Run, Scenario};
use ananke::sim::world::World;

use crate::stage::{budget, virtually};

/// Runs one to its end; also judges its ledger by the rules of `replay --verify`.
fn play(scenario: &Scenario, seed: u64) -> Outcome {
    let gates: Vec<&str> = LIBRARY.up.iter().map(|gate| gate.id.as_str()).collect();
    if let Some(outcome) = Outcome::not_built(scenario, seed, &gates) {
        return outcome;
    }
    virtually(async {
        let site = scenario.site.site();
        let stage = Stage::new(World::new(&site, seed), NonZeroU32::MIN);
        let driving = tokio::spawn(stage.clone().drive());
        let reach = Reach::nowhere();
        let settings = config::with(&site, &reach, &scenario.settings).expect("a configuration");
        let ananke = MemoryAnanke::new(stage.clone(), settings);
        let run = Run::new(scenario, scenario.site.roster(), seed).expect("the site fits");
        let mut driver = StageDriver::new(stage, ananke, None);
        let outcome = drive(run, &mut driver).await.unwrap_or_else(|(_, outcome)| outcome);
        let ananke = driver.close().await;
        driving.abort();
        assert_eq!(verify(&ananke.disk().records(), &budget), [], "{}", scenario.name);
        outcome
    })
}

#[test]
fn each_scenario_ends_as_it_says() {
    let mut bad = Vec::new();
    for (name, _) in SHIPPED {
        let scenario = shipped(name).unwrap_or_else(|error| panic!("{error}"));
        let outcome = play(&scenario, 1);
        println!("{outcome}");
        if outcome.result == Word::Failed {
            bad.push(format!("{outcome}\n{}", outcome.timeline_text()));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
