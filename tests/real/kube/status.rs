//! The RecoveryStatus on a real API server: its kind, its rights, its columns, and what kubectl
//! and kstatus, the library by which Flux judges, make of what ananke writes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use ananke::adapters::kube::{KubeLink, Unpublished};
use ananke::model::recovery_status::{COLUMNS, Status};
use ananke::report::{self, Event};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::Site;
use super::rig::binary;

/// One status for each way in which a cluster can stand; tests/decide holds them against what
/// ananke makes of ticks.
const STATUSES: &str = include_str!("../../decide/statuses.json");

/// What kstatus must make of them.
const VERDICTS: [(&str, &str); 9] = [
    ("blocked", "Failed"),
    ("converged", "Current"),
    ("degraded", "Current"),
    ("down", "Failed"),
    ("paused", "InProgress"),
    ("paused-good", "Current"),
    ("recovering", "InProgress"),
    ("soaking", "InProgress"),
    ("unproven", "InProgress"),
];

impl Site {
    fn kubectl(&self, line: &str) -> Output {
        let kubeconfig = self.rig.write_kubeconfig("kubectl.kubeconfig", "admin", "ca");
        Command::new(binary("kubectl"))
            .env_clear()
            .env("HOME", self.rig.path(""))
            .arg(format!("--kubeconfig={}", kubeconfig.display()))
            .arg(format!("--server={}", self.rig.endpoint()))
            .args(line.split_whitespace())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn says(&self, line: &str) -> String {
        let output = self.kubectl(line);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {line}: {words}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn object(&self) -> Value {
        serde_json::from_str(&self.says("get recoverystatus atlas -o json")).unwrap()
    }
}

/// The verdict of the real library.
fn kstatus(object: &Value) -> String {
    let mut child = Command::new(binary("kstatus"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{object}").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let line = String::from_utf8(output.stdout).unwrap();
    line.split_whitespace().next().unwrap_or_default().to_owned()
}

pub(super) async fn the_kind_is_made_by_who_may_and_missed_by_name(site: &Site, link: &KubeLink) {
    let crd = report::crd();
    let missed = link.claim_status("atlas", &crd).await.unwrap_err();
    let Unpublished::NoKind { why } = &missed else { panic!("{missed}") };
    assert!(why.contains("forbidden") && missed.to_string().contains("ananke crd"), "{missed}");

    let admin = site.link("admin", "admin-link.kubeconfig");
    super::until(&admin, 15, "up", super::up).await;
    assert_eq!(admin.claim_status("atlas", &crd).await, Err(Unpublished::KindMade));
    admin.stop().await;
    let deadline = Instant::now() + Duration::from_secs(30);
    let claimed = loop {
        match link.claim_status("atlas", &crd).await {
            Ok(claimed) => break claimed,
            Err(why) => assert!(Instant::now() < deadline, "{why}"),
        }
        // poll: the new kind is served
        sleep(Duration::from_millis(100)).await;
    };
    assert_eq!((claimed.generation, claimed.conditions.len()), (1, 0));
    // Without an answer of ananke's it is not finished, whoever asks.
    let fresh = site.object();
    assert_eq!(fresh["status"]["observedGeneration"], -1, "{fresh:#}");
    assert_eq!(kstatus(&fresh), "InProgress");
    let shown = site.says("get crd recoverystatuses.ananke.bstein.dev -o json");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let structural = shown["status"]["conditions"].as_array().unwrap();
    let complaint = structural.iter().find(|it| it["type"] == "NonStructuralSchema");
    assert_eq!(complaint, None);
}

pub(super) async fn every_status_is_read_as_it_is_meant(site: &Site, link: &KubeLink) {
    let statuses: BTreeMap<String, Status> = serde_json::from_str(STATUSES).unwrap();
    let names: Vec<&str> = statuses.keys().map(String::as_str).collect();
    assert_eq!(names, VERDICTS.map(|(name, _)| name));
    for (name, verdict) in VERDICTS {
        let mut status = statuses[name].clone();
        status.observed_generation = Some(1);
        let applied = link.apply_status("atlas", &status).await.unwrap();
        assert_eq!(applied.conditions.len(), status.conditions.len(), "{name}");
        let object = site.object();
        let back: Status = serde_json::from_value(object["status"].clone()).unwrap();
        assert_eq!(back, status, "{name}: a field was lost or changed");
        assert_eq!(kstatus(&object), verdict, "{name}: {:#}", object["status"]["conditions"]);
        let wait = "wait --for=condition=Ready recoverystatus --all --timeout=1s";
        let ready = status.conditions.iter().any(|it| it.kind == "Ready" && it.status == "True");
        assert_eq!(site.kubectl(wait).status.success(), ready, "{name}");
    }
}

pub(super) async fn one_look_tells_where_the_cluster_stands(site: &Site, link: &KubeLink) {
    let statuses: BTreeMap<String, Status> = serde_json::from_str(STATUSES).unwrap();
    link.apply_status("atlas", &statuses["recovering"]).await.unwrap();
    let table = site.says("get recoverystatus");
    let head: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    let columns = COLUMNS.iter().filter(|column| !column.wide);
    let expected: Vec<String> = columns.map(|column| column.name.to_uppercase()).collect();
    assert_eq!(head[1..], expected, "{table}");
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..3], ["atlas", "False", "Recovering"], "{table}");
    assert!(site.says("get ananke -o wide").contains("NEXT"));
}

pub(super) async fn each_host_keeps_its_own_entry_and_a_wish_is_read(site: &Site, link: &KubeLink) {
    let peer = serde_json::json!({"apiVersion": "ananke.bstein.dev/v1alpha1",
        "kind": "RecoveryStatus", "metadata": {"name": "atlas"}, "status": {"hosts": [
        {"name": "tethys", "role": "observing", "version": "0", "epoch": 1,
            "seenAt": "2026-01-01T00:00:00Z", "clockTrusted": true}]}});
    let file = site.rig.path("peer.json");
    std::fs::write(&file, peer.to_string()).unwrap();
    let file = file.display();
    site.says(&format!(
        "apply --server-side --subresource=status --field-manager=ananke-tethys -f {file}"
    ));
    let statuses: BTreeMap<String, Status> = serde_json::from_str(STATUSES).unwrap();
    link.apply_status("atlas", &statuses["converged"]).await.unwrap();
    let object = site.object();
    let hosts = object["status"]["hosts"].as_array().unwrap();
    let names: Vec<&str> = hosts.iter().filter_map(|host| host["name"].as_str()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains(&"tethys"), "{names:?}");

    let bad = site.kubectl("patch recoverystatus atlas --type=merge -p {\"spec\":{\"pause\":{}}}");
    assert!(!bad.status.success(), "a pause needs its reason");
    let wish =
        "patch recoverystatus atlas --type=merge -p {\"spec\":{\"pause\":{\"reason\":\"x\"}}}";
    site.says(wish);
    let applied = link.apply_status("atlas", &statuses["converged"]).await.unwrap();
    assert_eq!((applied.generation, applied.spec.pause.map(|p| p.reason)), (2, Some("x".into())));
    // What was true of generation 1 is not said of generation 2.
    assert_eq!(kstatus(&site.object()), "InProgress");
}

pub(super) async fn an_event_is_written_once_and_described(site: &Site, link: &KubeLink) {
    let event = Event {
        id: "action-5c1e90aa.3-17".to_owned(),
        reason: "ActionDone",
        action: "Recover",
        note: "restart k3s-agent on titan-09 (for restart-agent): done".to_owned(),
        warning: false,
        node: Some("titan-09".to_owned()),
        at: Timestamp::now(),
    };
    let uid = site.object()["metadata"]["uid"].as_str().unwrap().to_owned();
    let object = report::event_object(&event, "atlas", "titan-db", &uid);
    for _ in 0..2 {
        link.post_event(&object).await.unwrap();
    }
    let described = site.says("describe recoverystatus atlas");
    assert_eq!(described.matches("restart k3s-agent on titan-09").count(), 1, "{described}");
}
