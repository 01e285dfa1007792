//! The main one: a stopped agent is found, started through the guard, and proven; also where the
//! way to the API has to be fetched from a server first.

use std::fs;

use serde_json::Value;

use crate::scene::{Mark, Scene};
use crate::site::AGENT;

fn count(answer: &Value, list: &str) -> usize {
    answer[list].as_array().unwrap_or_else(|| panic!("no {list}: {answer}")).len()
}

#[test]
fn a_stopped_agent_is_started_once_and_proven() {
    let scene = Scene::open("stopped agent");
    scene.site.stop_agent();
    let mark = scene.mark();
    scene.status().exits(3).says("w-1: k3s-agent is not running");
    let plan = scene.ananke(&["plan", "-o", "json"]).exits(3).json();
    assert_eq!(count(&plan, "actions"), 1, "{plan:#}");
    assert_eq!(plan["actions"][0]["text"], "start k3s-agent on w-1");
    assert_eq!(plan["actions"][0]["channel"], "guard");
    assert_eq!(scene.begun_since(&mark).len(), 0, "a dry run");
    assert!(scene.ledger().is_empty(), "a dry run");

    let renewed = renewed(&scene);
    let first = scene.startup(0);
    assert_eq!(first["result"], "converged");
    assert_eq!(count(&first, "actions"), 1, "{first:#}");
    assert_ne!(renewed, self::renewed(&scene), "the heartbeat moved");
    let ledger = scene.ledger();
    let proofs = &ledger.last().unwrap().memory.proofs;
    let proven = proofs.iter().map(|(name, proof)| (name.as_str(), proof.boot_id.as_str()));
    for (name, boot) in proven {
        assert_eq!(boot, scene.site.boot_id(name), "{name}");
        assert_eq!(boot, scene.site.node(name).boot_id, "{name}");
    }
    assert_eq!(proofs.len(), scene.site.members().len());
    let begun = scene.begun_since(&mark);
    assert_eq!(begun.len(), 1, "{begun:?}");
    assert!(begun[0].ends_with("start k3s-agent"), "{begun:?}");

    let second = scene.startup(0);
    assert_eq!(count(&second, "actions"), 0, "{second:#}");
    assert_eq!(scene.begun_since(&mark).len(), 1);
    scene.replays();
    let report = fs::read_to_string(scene.path("state/last-startup-report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["report"]["result"], "converged");
    scene.status().exits(0);
    state_lost(&scene, &mark);
    scene.close();
}

/// No kubeconfig is configured: that of the server comes over SSH, through its guard. It names the
/// server's loopback, so the API is asked at the address at which SSH finds the machine.
#[test]
fn without_a_kubeconfig_that_of_a_server_is_fetched() {
    let mut scene = Scene::open("fetched kubeconfig");
    scene.unset("kubeconfig");
    scene.site.stop_agent();
    let answer = scene.ananke(&["startup", "--execute", "-o", "json"]).exits(0);
    let answer = answer.says("using the server's admin kubeconfig").json();
    assert_eq!(answer["result"], "converged");
    assert_eq!(count(&answer, "actions"), 1, "{answer:#}");
    assert_ne!(count(&answer, "proofs"), 0, "the API took a write: {answer:#}");
    scene.replays();
    scene.close();
}

/// A new state directory gives out no number that the guard still remembers of the old one.
fn state_lost(scene: &Scene, mark: &Mark) {
    fs::remove_dir_all(scene.path("state")).unwrap();
    fs::create_dir(scene.path("state")).unwrap();
    scene.site.stop_agent();
    let answer = scene.startup(0);
    assert_eq!(count(&answer, "actions"), 1, "{answer:#}");
    assert_eq!(answer["actions"][0]["result"], "done", "{answer:#}");
    assert_eq!(scene.begun_since(mark).len(), 2);
}

fn renewed(scene: &Scene) -> String {
    let path = "jsonpath={.spec.renewTime}";
    scene.site.make(&["k", "-n", "kube-node-lease", "get", "lease", AGENT, "-o", path])
}
