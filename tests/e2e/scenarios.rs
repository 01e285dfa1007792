//! Every scenario file of this folder, on the site of its size.

use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ananke::config::problems_to_text;
use ananke::decide::LIBRARY;
use ananke::sim::faces::drive::drive;
use ananke::sim::scenario::ast::Size;
use ananke::sim::scenario::outcome::Word;
use ananke::sim::scenario::{Outcome, Run, parse};

use crate::bed::{Bed, roster};
use crate::process::pause;
use crate::scene::{Scene, Way};

/// Moments to die at are the same in every run.
const SEED: u64 = 1;

macro_rules! scenarios {
    ($($size:ident { $($test:ident $file:literal)+ })+) => {
        $(mod $size {
            $(#[test]
            fn $test() {
                let text = include_str!(concat!(stringify!($size), "/", $file));
                super::run(stringify!($size), $file, text);
            })+
        })+

        /// What is listed above.
        const LISTED: &[(&str, &str)] = &[$($((stringify!($size), $file)),+),+];
    };
}

scenarios! {
    tiny {
        api_lost "api-lost.txt"
        blackout "blackout.txt"
        full_disk "full-disk.txt"
        host_key "host-key.txt"
        killed_at_acted "killed-at-acted.txt"
        killed_at_decided "killed-at-decided.txt"
        killed_at_learned "killed-at-learned.txt"
        killed_at_written "killed-at-written.txt"
        lease_runs_out "lease-runs-out.txt"
        never_returns "never-returns.txt"
        outage "outage.txt"
        outage_killed "outage-killed.txt"
        own_cordon "own-cordon.txt"
        paused "paused.txt"
        persons_cordon "persons-cordon.txt"
        still_on_battery "still-on-battery.txt"
        stopped_agent "stopped-agent.txt"
        sudo_refused "sudo-refused.txt"
    }
    three {
        cold_start "cold-start.txt"
        one_server_short "one-server-short.txt"
        two_servers_short "two-servers-short.txt"
    }
    small {
        flux_suspended "flux-suspended.txt"
        git_down "git-down.txt"
        jump_host_down "jump-host-down.txt"
        jump_host_gone_round "jump-host-gone-round.txt"
        outage "outage.txt"
        wrong_branch "wrong-branch.txt"
    }
    big {
        cold_start "cold-start.txt"
        one_server_short "one-server-short.txt"
        two_servers_short "two-servers-short.txt"
    }
}

/// Runs one to its end, then sees that the site is as it was.
fn run(size: &str, file: &str, text: &str) {
    let scenario = parse(text, file).unwrap_or_else(|wrong| panic!("{}", problems_to_text(&wrong)));
    let gates: Vec<&str> = LIBRARY.up.iter().map(|gate| gate.id.as_str()).collect();
    if let Some(outcome) = Outcome::not_built(&scenario, SEED, &gates) {
        panic!("{outcome}");
    }
    let jump = matches!(scenario.site, Size::Of { jump: true, .. });
    let scene = Scene::on(size, &scenario.name, if jump { Way::Jump } else { Way::Direct });
    let roster = roster(&scene);
    let run = Run::new(&scenario, roster.clone(), SEED).unwrap_or_else(|error| panic!("{error}"));
    let mut scene = scene;
    if run.scenario().arms_power() {
        scene.know_power();
    }
    for setting in &run.scenario().settings {
        scene.settle(&setting.key, &setting.value);
    }
    let mut bed = Bed::new(scene, roster);
    let outcome = match wait(drive(run, &mut bed)) {
        Ok(outcome) => outcome,
        Err((error, outcome)) => panic!("{error}\n{outcome}"),
    };
    let scene = bed.end();
    assert_eq!(outcome.result, Word::Passed, "{outcome}");
    if scene.path("state/ledger.jsonl").exists() {
        scene.replays();
    }
    scene.site.make_well();
    scene.close();
}

/// The driver of real machines waits by itself, so there is nothing to be woken by.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => pause(),
        }
    }
}

#[test]
fn every_scenario_is_listed_under_its_size() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    for size in ["tiny", "three", "small", "big"] {
        let Ok(folder) = here.join(size).read_dir() else { continue };
        for file in folder {
            let file = file.unwrap().file_name().into_string().unwrap();
            assert!(LISTED.contains(&(size, file.as_str())), "{size}/{file} is not listed");
        }
    }
}
