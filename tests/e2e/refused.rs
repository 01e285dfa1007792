//! Machines that say no, or are not who they should be: named, nothing changed, a person called.

use std::fs;

use serde_json::{Value, json};

use crate::scene::Scene;
use crate::site::AGENT;

const GUARD: &str = "/usr/local/sbin/ananke-guard";

/// The cluster is not up without the agent, and nobody waits long for it.
fn must_have_the_agent(scene: &mut Scene) {
    scene.set("nodes.critical", &json!([AGENT]));
    scene.set("nodes.boot_time", &json!("3s"));
    scene.set("nodes.patience", &json!("8s"));
}

/// Blocked, for the reason that is given; the agent stays as it was.
fn blocked(scene: &Scene, reason: &str) -> Value {
    let mark = scene.mark();
    let answer = scene.startup(4);
    assert_eq!(answer["result"], "blocked");
    let alarms = answer["alarms"].to_string();
    assert!(alarms.contains(reason), "nothing about {reason:?} in {alarms}");
    assert!(alarms.contains(AGENT), "{alarms}");
    assert_eq!(scene.begun_since(&mark), [""; 0], "nothing was changed");
    assert_eq!(answer["actions"], json!([]));
    assert_eq!(scene.site.unit(AGENT, "k3s-agent"), "inactive");
    answer
}

#[test]
fn a_node_that_refuses_sudo_blocks_and_calls_a_person_once() {
    let mut scene = Scene::open("sudo refused");
    let called = scene.path("called");
    let append = format!("cat >>{}", called.display());
    scene.set("notify.command", &json!(["/bin/sh", "-c", append]));
    must_have_the_agent(&mut scene);
    scene.site.on(AGENT, "sudo rm /etc/sudoers.d/ananke");
    scene.site.make(&["sudoers", "none", AGENT]);
    scene.site.stop_agent();
    let answer = blocked(&scene, "sudo");
    assert!(answer["alarms"].to_string().contains("ananke prepare w-1 --execute"), "{answer:#}");
    scene.status().says("w-1: sudo refuses");

    let text = fs::read_to_string(&called).unwrap();
    let documents: Vec<Value> = serde_json::Deserializer::from_str(&text)
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(documents.len(), 1, "{text}");
    assert_eq!(documents[0]["kind"], "alarm");
    assert_eq!(documents[0]["cluster"], "rig");
    assert_eq!(documents[0]["alarms"][0]["target"], AGENT);
    assert_ne!(documents[0]["alarms"][0]["by_hand"], json!([]), "what a person must do");

    let key = scene.site.fact("admin_key");
    let by = ["prepare", "w-1", "--user", "admin", "--identity", &key, "--execute"];
    scene.ananke(&by).exits(0);
    let answer = scene.startup(0);
    assert_eq!(answer["actions"].as_array().unwrap().len(), 1, "{answer:#}");
    scene.replays();
    scene.close();
}

#[test]
fn a_guard_of_another_version_is_named_and_not_used() {
    let mut scene = Scene::open("other guard");
    must_have_the_agent(&mut scene);
    scene.site.on(AGENT, &format!("echo '# changed' | sudo tee -a {GUARD} >/dev/null"));
    scene.site.stop_agent();
    blocked(&scene, "another version");
    scene.status().says("its guard is of another version");
    scene.site.on(AGENT, "sudo systemctl start k3s-agent");
    scene.close();
}

#[test]
fn a_machine_with_another_host_key_gets_no_command() {
    let mut scene = Scene::open("host key changed");
    must_have_the_agent(&mut scene);
    scene.site.stop_agent();
    let known = scene.path("known_hosts");
    fs::write(&known, scene.swapped(&[AGENT.to_owned()])).unwrap();
    scene.set("ssh_known_hosts_file", &json!(known));
    let logins = || {
        scene.site.on(
            AGENT,
            "sudo journalctl -t sshd -t sshd-session | \
                                          grep -c 'Accepted publickey for ananke' || true",
        )
    };
    let before = logins();
    let answer = blocked(&scene, "host key");
    assert!(answer["alarms"].to_string().contains("ananke hosts"), "{answer:#}");
    assert_eq!(logins(), before, "nobody logged in");
    scene.status().says("w-1");
    scene.site.on(AGENT, "sudo systemctl start k3s-agent");
    scene.close();
}
