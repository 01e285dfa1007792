//! What a site does without ananke, as the header of each scenario says: it heals by itself, or it
//! stays broken for as long as anybody looks.

use std::num::NonZeroU32;

use ananke::model::ids::MachineName;
use ananke::model::time::{Mono, Span};
use ananke::sim::deed::Deed;
use ananke::sim::faces::Stage;
use ananke::sim::faces::config::{self, Reach};
use ananke::sim::faces::driver::{MemoryAnanke, StageDriver};
use ananke::sim::scenario::ast::{Alone, Event, Expectation, What};
use ananke::sim::scenario::look::{Body, Truth};
use ananke::sim::scenario::shipped::{SHIPPED, shipped};
use ananke::sim::scenario::{Driver, Roster, Scenario};
use ananke::sim::world::World;

use crate::stage::virtually;

const SEED: u64 = 1;

/// How long it is left to itself after the last thing that befalls it.
const LONG: Span = Span::mins(60);

/// Scenarios whose end is neither, each with the reason.
const NEITHER: [(&str, &str); 1] =
    [("wrong-branch", "everything runs, and it is not what somebody wanted to run")];

/// What befalls the site, each with its time, and when the last step is over. What people tell
/// ananke is left out; what is expected takes all the time that it may.
fn fate(scenario: &Scenario) -> (Vec<(Span, Deed)>, Span) {
    let (mut deeds, mut now) = (Vec::new(), Span::ZERO);
    for step in &scenario.steps {
        match &step.what {
            What::Happens(Event::Deed(deed)) => deeds.push((now, deed.clone())),
            What::Later(after, Event::Deed(deed)) => deeds.push((now + *after, deed.clone())),
            What::Wait(time)
            | What::Expect(Expectation::Within(_, time) | Expectation::Stays(_, time)) => {
                now = now + *time;
            }
            What::Happens(Event::Ananke(_))
            | What::Later(_, Event::Ananke(_))
            | What::Expect(Expectation::Now(_) | Expectation::Never(_)) => {}
        }
    }
    deeds.sort_by_key(|(at, _)| *at);
    let last = deeds.last().map_or(now, |(at, _)| now.max(*at));
    (deeds, last)
}

/// The site after its fate and an hour more.
fn left_alone(scenario: &Scenario) -> Truth {
    let site = scenario.site.site();
    let scenario = scenario.on(&scenario.site.roster()).expect("its own site");
    let mut world = World::new(&site, SEED);
    let (deeds, last) = fate(&scenario);
    for (at, deed) in &deeds {
        world.advance(Mono(0) + *at);
        world.suffer(deed).expect("the site has it");
    }
    world.advance(Mono(0) + last + LONG);
    virtually(async {
        let settings = config::settings(&site, &Reach::nowhere()).expect("a configuration");
        let stage = Stage::new(world, NonZeroU32::MIN);
        // It is never started.
        let ananke = MemoryAnanke::new(stage.clone(), settings);
        let look = StageDriver::new(stage, ananke, None).look().await;
        look.expect("it can be looked at").truth
    })
}

/// Everything that is not good, whatever any status says of it.
fn ills(truth: &Truth, roster: &Roster) -> Vec<String> {
    let mut ills = Vec::new();
    if !truth.api {
        ills.push("the API is silent".to_owned());
    }
    let fresh = |name: &MachineName| truth.machines.get(name).is_some_and(Body::is_fresh);
    ills.extend(roster.nodes().filter(|name| !fresh(name)).map(|name| format!("{name} is away")));
    let idle = truth.works.iter().filter(|(_, works)| !**works);
    ills.extend(idle.map(|(name, _)| format!("{name} does not work")));
    let unready = truth.applied.iter().filter(|(_, ready)| !**ready);
    ills.extend(unready.map(|(name, _)| format!("kustomization {name} is not ready")));
    ills
}

#[test]
fn each_scenario_ends_without_ananke_as_its_header_says() {
    let mut wrong = Vec::new();
    for (name, _) in SHIPPED {
        let scenario = shipped(name).unwrap_or_else(|error| panic!("{error}"));
        let neither = NEITHER.iter().any(|(it, _)| it == name);
        let Some(alone) = scenario.alone else {
            assert!(neither, "{name} has no line `alone heals` or `alone stays broken`");
            continue;
        };
        assert!(!neither, "{name} says how it ends without ananke: it is no exception any more");
        let ills = ills(&left_alone(&scenario), &scenario.site.roster());
        println!("{name}: {}", if ills.is_empty() { "heals" } else { "stays broken" });
        match alone {
            Alone::Heals if !ills.is_empty() => {
                wrong.push(format!("{name} does not heal: {}", ills.join(", ")));
            }
            Alone::StaysBroken if ills.is_empty() => wrong.push(format!("{name} heals by itself")),
            Alone::Heals | Alone::StaysBroken => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_fate_has_no_word_of_ananke_in_it_and_keeps_its_pace() {
    let scenario = shipped("second-outage").expect("it is shipped");
    let (deeds, last) = fate(&scenario);
    let said: Vec<String> = deeds.iter().map(|(at, deed)| format!("{at} {deed}")).collect();
    let wanted = [
        "0s unit k3s-agent on titan-09 does not start at boot",
        "0s power off all",
        "30s power on all",
        "6m power off all",
        "7m power on all",
    ];
    assert_eq!(said, wanted);
    assert_eq!(last, Span::secs(30 + 360 + 40 + 60 + 720));
}
