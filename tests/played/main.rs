//! Every scenario that comes with the program, and every one that is written for real machines, in
//! memory under virtual time: one language, one file, each driver. Each is a test of its own, by
//! its name: `cargo test --test played dead-git`.

mod play;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use ananke::config::problems_to_text;
use ananke::sim::scenario::ast::{Expectation, What};
use ananke::sim::scenario::outcome::Word;
use ananke::sim::scenario::shipped::{SHIPPED, shipped};
use ananke::sim::scenario::{Outcome, Scenario, parse};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::play::{House, play};

/// Moments of chance are the same in every run.
const SEED: u64 = 1;

/// What only real machines have.
const NOT_HERE: [(&str, &str); 4] = [
    ("tiny/still-on-battery.txt", "its settings name the UPSes of the testbed"),
    ("big/one-server-short.txt", "harbor's database was on that server: nobody makes it elsewhere"),
    ("small/jump-host-down.txt", "no machine of the world stands between ananke and the others"),
    ("small/jump-host-gone-round.txt", "as above"),
];

/// The limits of a file are those of real machines, which may be faster than those of the world.
/// What happens, and in which order, is what must be the same.
const SLOWER: u64 = 8;

fn main() -> ExitCode {
    let wanted = Arguments::from_args();
    let mut trials: Vec<Trial> = SHIPPED
        .iter()
        .map(|(name, _)| {
            let run = move || {
                let scenario = shipped(name).unwrap_or_else(|error| panic!("{error}"));
                verdict(&play(&scenario, &House::of(&scenario), SEED))
            };
            Trial::test(*name, run)
        })
        .collect();
    let mut real = real();
    for (file, why) in NOT_HERE {
        assert!(real.remove(file).is_some(), "{file} is left out ({why}), and is not there");
    }
    assert!(!real.is_empty(), "there are no scenarios for real machines");
    trials.extend(real.into_iter().map(|(file, scenario)| {
        let house = House::like_the_testbed(&scenario, has_flux(&file));
        Trial::test(file, move || verdict(&play(&slower(scenario), &house, SEED)))
    }));
    libtest_mimic::run(&wanted, trials).exit_code()
}

/// What is to be said of one that did not end as it says.
fn verdict(outcome: &Outcome) -> Result<(), Failed> {
    if outcome.result == Word::Failed {
        return Err(format!("{outcome}\n{}", outcome.timeline_text()).into());
    }
    Ok(())
}

/// The files of `tests/e2e`, by their names from there.
fn real() -> BTreeMap<String, Scenario> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    let mut found = BTreeMap::new();
    for size in ["tiny", "three", "small", "big"] {
        for file in here.join(size).read_dir().expect("a folder for each size") {
            let path = file.expect("a file").path();
            let text = fs::read_to_string(&path).expect("a text");
            let base = path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{size}/{base}");
            let scenario = parse(&text, &name);
            let scenario = scenario.unwrap_or_else(|wrong| panic!("{}", problems_to_text(&wrong)));
            found.insert(name, scenario);
        }
    }
    found
}

/// Sites without Flux are the small ones.
fn has_flux(file: &str) -> bool {
    !file.starts_with("tiny/") && !file.starts_with("three/")
}

/// The same, with so much more time for whatever is waited for.
fn slower(mut scenario: Scenario) -> Scenario {
    for step in &mut scenario.steps {
        if let What::Expect(Expectation::Within(_, time)) = &mut step.what {
            *time = time.times(SLOWER);
        }
    }
    scenario
}
