//! Cordons: ananke's own are given back, a person's are kept.

use std::time::Duration;

use serde_json::json;

use crate::process::until;
use crate::scene::Scene;
use crate::site::AGENT;

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn a_hanging_agent_is_cordoned_restarted_proven_and_given_back() {
    let mut scene = Scene::open("hanging agent");
    scene.set("startup.agent_start", &json!("30s"));
    let mark = scene.mark();
    // The node stays Ready in the API for 40 s and more: only its heartbeat says otherwise.
    scene.site.on(AGENT, "sudo systemctl kill -s STOP k3s-agent");
    let run = scene.begin(&["startup", "--execute", "-o", "json"]);
    let node = until(LIMIT, "the node is cordoned", || {
        Some(scene.site.node(AGENT)).filter(|node| node.unschedulable)
    });
    let record = node.marks.get("cordon").unwrap_or_else(|| panic!("no record: {node:?}"));
    assert!(record.contains("recovery"), "{record}");
    let answer = run.wait(LIMIT).exits(0).json();
    assert_eq!(answer["result"], "converged");
    let node = scene.site.node(AGENT);
    assert!(!node.unschedulable && node.marks.is_empty(), "{node:?}");
    let begun = scene.begun_since(mark);
    assert_eq!(begun.len(), 1, "{begun:?}");
    assert!(begun[0].ends_with("restart k3s-agent"), "{begun:?}");
    let effects = scene.effects();
    let verbs: Vec<_> = effects.iter().filter_map(|effect| effect.split(' ').next()).collect();
    assert_eq!(verbs, ["cordon", "restart", "uncordon"], "{effects:?}");
    assert!(scene.ledger().last().unwrap().memory.cordons.is_empty());
    scene.replays();
    scene.close();
}

#[test]
fn a_persons_cordon_outlives_the_repair() {
    let scene = Scene::open("person's cordon");
    scene.site.make(&["k", "cordon", AGENT]);
    scene.site.stop_agent();
    let answer = scene.startup(0);
    assert_eq!(answer["result"], "converged");
    assert_eq!(scene.effects(), ["start k3s-agent on w-1"], "{answer:#}");
    let node = scene.site.node(AGENT);
    assert!(node.unschedulable && node.marks.is_empty(), "{node:?}");
    scene.status().exits(0).says("w-1: cordoned by somebody: kept");
    scene.replays();
    scene.site.make(&["k", "uncordon", AGENT]);
    scene.close();
}
