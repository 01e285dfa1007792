//! The first hour: unknown host keys, no sudo, no guard.

use std::fs;

use serde_json::{Value, json};

use crate::scene::Scene;
use crate::site::AGENT;

const REMOVE: &str = "sudo rm -rf /etc/sudoers.d/ananke /usr/local/sbin/ananke-guard \
                      /var/lib/ananke-guard /run/ananke-guard";

const INSTALLED: &str = "sudo ls /etc/sudoers.d /usr/local/sbin";

#[test]
fn day_one_leads_from_unknown_host_keys_to_a_proven_guard() {
    let mut scene = Scene::unprepared("day one");
    for node in scene.site.nodes_named() {
        scene.site.on(&node, REMOVE);
    }
    let known = scene.path("known_hosts");
    fs::write(&known, "").unwrap();
    scene.set("ssh_known_hosts_file", &json!(known));
    host_keys(&scene);
    let keys = fs::read_to_string(&known).unwrap();
    assert_eq!(keys.lines().count(), scene.site.members().len());
    sudo(&scene);
    unguarded(&scene);
    guard(&scene);
    scene.status().says("nodes ok");
    scene.close();
}

fn host_keys(scene: &Scene) {
    let known = scene.path("known_hosts");
    scene.status().exits(3).says("ananke hosts accept cp-1").says("ananke hosts accept w-1");
    scene.ananke(&["startup", "--execute", "--timeout", "5"]).says("ananke hosts accept cp-1");
    assert_eq!(fs::read_to_string(&known).unwrap(), "", "a look or a startup accepts no key");
    scene.ananke(&["hosts", "scan"]).exits(0).says("unknown");
    assert_eq!(fs::read_to_string(&known).unwrap(), "", "a scan accepts no key");
    let nodes = scene.site.nodes_named();
    let names: Vec<&str> = nodes.iter().map(String::as_str).collect();
    scene.ananke(&[&["hosts", "accept"], &names[..]].concat()).exits(0).says("accepted");
    let lines = scene.ananke(&["hosts", "scan", "-o", "json"]).exits(0).json();
    let lines = lines.as_array().unwrap();
    assert_eq!(lines.len(), nodes.len());
    assert!(lines.iter().all(|line| line["verdict"] == "known"), "{lines:?}");
}

fn sudo(scene: &Scene) {
    scene.status().says("w-1: sudo refuses").says("nodes closed");
    scene.site.make(&["sudoers", "unguarded", "w-1"]);
    let answer = scene.status().says("cp-1: sudo refuses").says("unguarded");
    assert!(!answer.has("w-1: sudo refuses"), "{answer}");
    scene.site.make(&["sudoers", "none", "w-1"]);
}

/// Plain sudo is enough for a start; whoever reads the report sees that no guard stood before it.
fn unguarded(scene: &Scene) {
    let nodes = scene.site.nodes_named();
    for node in &nodes {
        scene.site.make(&["sudoers", "unguarded", node]);
    }
    scene.site.stop_agent();
    let answer = scene.startup(0);
    let report = fs::read_to_string(scene.path("state/last-startup-report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    for told in [&answer, &report["report"]] {
        let [action] = told["actions"].as_array().unwrap().as_slice() else {
            panic!("one start, nothing else: {told:#}");
        };
        let words = ["text", "channel", "result"].map(|word| action[word].as_str().unwrap());
        assert_eq!(words, ["start k3s-agent on w-1", "unguarded", "done"], "{told:#}");
    }
    assert_eq!(scene.site.unit(AGENT, "k3s-agent"), "active");
    assert_eq!(scene.site.begun(AGENT), [""; 0], "there is no guard to write a log");
    for node in &nodes {
        scene.site.make(&["sudoers", "none", node]);
    }
}

fn installed(scene: &Scene) -> Vec<String> {
    scene.site.nodes_named().iter().map(|node| scene.site.on(node, INSTALLED)).collect()
}

fn guard(scene: &Scene) {
    let key = scene.site.fact("admin_key");
    let by = ["prepare", "--user", "admin", "--identity", &key];
    let before = installed(scene);
    let dry = scene.ananke(&by).exits(0);
    let dry = dry.says("/usr/local/sbin/ananke-guard").says("/etc/sudoers.d/ananke");
    dry.says("+ananke ALL=(root) NOPASSWD: /usr/local/sbin/ananke-guard")
        .says("nothing was changed");
    assert_eq!(installed(scene), before, "a dry run");
    let execute = [&by[..], &["--execute"]].concat();
    scene.ananke(&execute).exits(0).says("w-1 installed, and proven through sudo");
    scene.ananke(&execute).exits(0).says("w-1 ready: the guard of this version answers");
}
