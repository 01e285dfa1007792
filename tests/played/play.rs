//! One scenario in memory under virtual time, to its end.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use ananke::decide::LIBRARY;
use ananke::model::ids::GateId;
use ananke::model::time::Span;
use ananke::remedies::budget;
use ananke::replay::verify;
use ananke::sim::faces::Stage;
use ananke::sim::faces::config::{self, Reach};
use ananke::sim::faces::drive::drive;
use ananke::sim::faces::driver::{MemoryAnanke, StageDriver};
use ananke::sim::scenario::ast::Setting;
use ananke::sim::scenario::{Outcome, Run, Scenario};
use ananke::sim::site::Site;
use ananke::sim::world::World;

/// Where a scenario is played.
pub(crate) struct House {
    site: Site,
    reach: Reach,
    settings: Vec<Setting>,
    skip: BTreeMap<GateId, String>,
}

/// How the tests on real machines set ananke, so that they end in minutes (`tests/e2e/scene.rs`).
const IMPATIENT: [(&str, &str); 7] = [
    ("startup.soak", "5s"),
    ("startup.agent_start", "40s"),
    ("startup.server_start", "60s"),
    ("startup.backoff", "5s"),
    ("startup.tick", "1s"),
    ("ssh.poll", "1s"),
    ("ssh.command_timeout", "4s"),
];

/// A machine of the testbed boots in seconds.
const REAL_BOOT: Span = Span::secs(4);

impl House {
    /// The site of the world, as it is.
    pub(crate) fn of(scenario: &Scenario) -> Self {
        Self {
            site: scenario.site.site(),
            reach: Reach::nowhere(),
            settings: Vec::new(),
            skip: BTreeMap::new(),
        }
    }

    /// A site like those that the testbed has for the scenarios of real machines: it boots fast,
    /// and ananke knows of its UPSes where a scenario says what a low battery does. The smallest is
    /// without Flux; here nobody waits for it then.
    pub(crate) fn like_the_testbed(scenario: &Scenario, flux: bool) -> Self {
        let mut house = Self::of(scenario);
        house.site.machines.values_mut().for_each(|spec| spec.boot = REAL_BOOT);
        if !scenario.arms_power() {
            house.reach.upsd = None;
        }
        let set = |(key, value): (&str, &str)| Setting { key: key.into(), value: value.into() };
        house.settings = IMPATIENT.into_iter().map(set).collect();
        if !flux {
            let none = "these machines have nothing of it".to_owned();
            let gates = BARE.map(GateId::fixed);
            house.skip = gates.into_iter().map(|gate| (gate, none.clone())).collect();
        }
        house
    }
}

/// What the smallest machines of the testbed do not have: Flux, storage, Ingresses, workloads.
const BARE: [&str; 6] =
    ["flux-source", "kustomizations", "workloads", "storage", "endpoints", "ingress"];

/// Runs one to its end; also judges its ledger by the rules of `replay --verify`.
pub(crate) fn play(scenario: &Scenario, house: &House, seed: u64) -> Outcome {
    let gates: Vec<&str> = LIBRARY.up.iter().map(|gate| gate.id.as_str()).collect();
    if let Some(outcome) = Outcome::not_built(scenario, seed, &gates) {
        return outcome;
    }
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let House { site, reach, settings, skip } = house;
        let run = Run::new(scenario, scenario.site.roster(), seed).expect("the site fits");
        let mut settings = settings.clone();
        // With the names of the site: a scenario may speak of places.
        settings.extend(run.scenario().settings.iter().cloned());
        let mut settings = config::with(site, reach, &settings).expect("a configuration");
        settings.policy.skip.extend(skip.clone());
        let stage = Stage::new(World::new(site, seed), NonZeroU32::MIN);
        let driving = tokio::spawn(stage.clone().drive());
        let ananke = MemoryAnanke::new(stage.clone(), settings);
        let mut driver = StageDriver::new(stage, ananke, None);
        let outcome = drive(run, &mut driver).await.unwrap_or_else(|(_, outcome)| outcome);
        let ananke = driver.close().await;
        driving.abort();
        assert_eq!(verify(&ananke.disk().records(), &budget), [], "{}", scenario.name);
        outcome
    })
}
