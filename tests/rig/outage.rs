//! Power: everything dark and back, one machine that stays off, the API lost on the way.

use std::time::Duration;

use serde_json::json;

use crate::process::until;
use crate::scene::Scene;
use crate::site::{AGENT, NODES, SERVER};

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn after_a_blackout_nothing_is_believed_from_before_it() {
    let scene = Scene::open("blackout");
    scene.startup(0);
    let before = NODES.map(|node| scene.site.boot_id(node));
    scene.site.make(&["node-cut", SERVER, AGENT]);
    scene.site.make(&["node-on", SERVER, AGENT]);
    let answer = scene.startup(0);
    let nodes = scene.site.nodes().expect("the API answers");
    let ledger = scene.ledger();
    let memory = &ledger.last().unwrap().memory;
    for (node, before) in NODES.iter().zip(before) {
        let now = scene.site.boot_id(node);
        assert_ne!(now, before, "{node} did boot");
        assert_eq!(nodes[*node].boot_id, now, "{node} converged on the boot before: {answer:#}");
        let proof = memory.proofs.iter().find(|(name, _)| name.as_str() == *node);
        assert_eq!(proof.map(|(_, proof)| proof.boot_id.as_str()), Some(now.as_str()), "{node}");
    }
    let restarts = scene.effects().into_iter().filter(|effect| effect.starts_with("restart"));
    assert_eq!(restarts.count(), 0, "nodes that come up by themselves are not hit again");
    scene.replays();
    scene.close();
}

#[test]
fn a_node_that_stays_off_is_handed_to_a_person_and_taken_back_when_it_returns() {
    let mut scene = Scene::open("stays off");
    scene.set("nodes.patience", &json!("15s"));
    scene.set("nodes.boot_time", &json!("5s"));
    scene.set("nodes.fresh_for", &json!("5s"));
    scene.site.make(&["node-cut", AGENT]);
    let answer = scene.startup(5);
    assert_eq!(answer["result"], "degraded");
    assert_eq!(answer["manual"][0]["target"], AGENT, "{answer:#}");
    let by_hand = answer["alarms"][0]["by_hand"].to_string();
    assert!(by_hand.contains("power"), "what a person must do: {answer:#}");
    let node = scene.site.node(AGENT);
    assert!(node.marks.contains_key("manual-action"), "{node:?}");
    scene.status().says("manual w-1");

    scene.site.make(&["node-on", AGENT]);
    let answer = scene.startup(0);
    assert_eq!(answer["result"], "converged");
    assert_eq!(scene.site.node(AGENT).boot_id, scene.site.boot_id(AGENT));
    // The mark is for a person, who ends it.
    assert_eq!(answer["manual"][0]["target"], AGENT, "{answer:#}");
    scene.ananke(&["ack", AGENT]).exits(0);
    let answer = scene.startup(0);
    assert_eq!(answer["manual"], json!([]), "{answer:#}");
    scene.replays();
    scene.close();
}

#[test]
fn the_api_lost_in_mid_recovery_is_brought_back_in_the_same_run() {
    let mut scene = Scene::open("API lost");
    // Shorter than the machine is away: its time must begin when it is there.
    scene.set("startup.agent_start", &json!("20s"));
    scene.site.on(AGENT, "sudo systemctl disable -q k3s-agent");
    scene.site.make(&["node-cut", AGENT]);
    let run = scene.begin(&["startup", "--execute", "-o", "json"]);
    until(LIMIT, "the run waits for the machine", || (scene.ledger().len() >= 2).then_some(()));
    scene.site.on(SERVER, "sudo systemctl stop k3s");
    scene.site.make(&["node-on", AGENT]);
    let answer = run.wait(LIMIT).exits(0).json();
    assert_eq!(answer["result"], "converged");
    let effects = scene.effects();
    assert_eq!(effects, ["start k3s on cp-1", "start k3s-agent on w-1"], "{answer:#}");
    scene.site.on(AGENT, "sudo systemctl enable -q k3s-agent");
    scene.replays();
    scene.close();
}
