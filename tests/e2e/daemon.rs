//! The daemon: the only loop of the host.

use std::fs;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use crate::process::{Process, now, pause, until};
use crate::scene::Scene;
use crate::site::AGENT;

const LIMIT: Duration = Duration::from_secs(90);

/// How long a quiet daemon is watched.
const QUIET: Duration = Duration::from_secs(30);

/// The daemon, when it takes connections.
pub(crate) fn daemon(scene: &Scene) -> Process {
    let mut daemon = scene.begin(&["daemon", "--execute"]);
    // A daemon that was killed leaves its socket file: only one that takes connections counts.
    until(LIMIT, "the daemon takes connections", || {
        assert!(daemon.is_running(), "the daemon ended");
        UnixStream::connect(scene.path("run/control.sock")).ok()
    });
    daemon
}

#[test]
fn the_daemon_is_the_only_loop_and_takes_the_orders() {
    let scene = Scene::open("daemon");
    scene.site.stop_agent();
    let first = daemon(&scene);
    scene.ananke(&["daemon", "--execute"]).exits(1).says("another ananke runs on this host");

    // A quiet day: what a person stopped stays stopped, until somebody asks.
    until(LIMIT, "status answers from the daemon", || {
        let answer = scene.status();
        (answer.has("may act") && answer.has("w-1: k3s-agent")).then_some(())
    });
    assert_eq!(scene.site.unit(AGENT, "k3s-agent"), "inactive", "no episode is open");
    let mark = scene.mark();

    paused_and_resumed(&scene);
    assert_eq!(scene.begun_since(&mark).len(), 1, "one start, by the daemon");
    let first_report = report(&scene);
    assert_eq!(first_report["actions"][0]["text"], "start k3s-agent on w-1", "{first_report:#}");

    drop(first.kill());
    scene.site.stop_agent();
    let second = daemon(&scene);
    let answer = scene.startup(0);
    assert_eq!(answer["actions"].as_array().unwrap().len(), 1, "{answer:#}");
    assert_eq!(scene.begun_since(&mark).len(), 2);
    let second_report = report(&scene);
    assert_eq!(second_report["actions"], answer["actions"], "{second_report:#}");
    assert_ne!(second_report["episode"], first_report["episode"], "{second_report:#}");

    quiet(&scene);
    second.terminate().exits(0);
    scene.replays();
    scene.close();
}

/// The report that the daemon wrote when the episode ended: the end is seen on the socket only
/// after that.
fn report(scene: &Scene) -> Value {
    let text = fs::read_to_string(scene.path("state/last-startup-report.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["report"]["result"], "converged", "{file:#}");
    file["report"].clone()
}

/// A pause holds while an episode is open; `startup` follows until the end.
fn paused_and_resumed(scene: &Scene) {
    scene.ananke(&["pause", "--reason", "looking at w-1"]).exits(0);
    let held = scene.ananke(&["startup", "--execute"]).exits(4);
    held.says("Paused by operator: looking at w-1");
    scene.status().exits(4).says("Paused by operator");
    assert_eq!(scene.site.unit(AGENT, "k3s-agent"), "inactive", "paused");
    let ledger = scene.ledger();
    let episode = ledger.last().unwrap().memory.episode.clone().expect("an episode");
    assert!(episode.end.is_none(), "the episode stays open: {episode:?}");
    scene.ananke(&["resume"]).exits(0);
    let answer = scene.ananke(&["startup", "--execute"]).exits(0);
    answer.says("converged");
    assert_eq!(scene.site.unit(AGENT, "k3s-agent"), "active");
}

/// Nothing happens, so nothing is written down.
fn quiet(scene: &Scene) {
    let ledger = scene.path("state/ledger.jsonl");
    let before = fs::read(&ledger).unwrap();
    let began = now();
    while began.elapsed() < QUIET {
        pause();
    }
    assert_eq!(fs::read(&ledger).unwrap().len(), before.len(), "a quiet daemon wrote");
}
