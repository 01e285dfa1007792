//! A stock kubectl looks on, and does what a person does.

use std::process::Stdio;
use std::time::Duration;

use ananke::sim::faces::sockets::api::Cluster;
use ananke::sim::world::store::Key;
use ananke::sim::world::store::kinds::{DAEMONSETS, LEASES, NODES, PDBS, PODS, RECOVERY_STATUSES};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::side::Bare;
use crate::kube::rig::binary;

/// kubectl itself needs a second or two on a small machine.
const LIMIT: Duration = Duration::from_secs(60);

struct Kubectl {
    dir: TempDir,
}

impl Kubectl {
    fn new(kubeconfig: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config"), kubeconfig).unwrap();
        Self { dir }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(binary("kubectl"));
        command
            .env_clear()
            .env("HOME", self.dir.path())
            .env("KUBECONFIG", self.dir.path().join("config"))
            .args(line.split_whitespace())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// What it prints.
    async fn run(&self, line: &str) -> String {
        let output = timeout(LIMIT, self.command(line).output()).await.unwrap().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {line}: {words}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The words of each line.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect()).collect()
}

fn site() -> Bare {
    let bare = Bare::new();
    bare.write(|store, now| {
        let node = json!({
            "metadata": {"labels": {"node-role.kubernetes.io/control-plane": "true"}},
            "status": {"nodeInfo": {"kubeletVersion": "v1.36.3+k3s1", "osImage": "Debian"},
                "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}});
        store.create(Key::global(&NODES, "titan-01"), node, now).unwrap();
        let lease = json!({"spec": {"holderIdentity": "titan-01"}});
        store.create(Key::of(&LEASES, "kube-node-lease", "titan-01"), lease, now).unwrap();
        let status = json!({"status": {"phase": "Recovering", "gate": "flux-source",
            "conditions": [{"type": "Ready", "status": "False"}]}});
        store.create(Key::global(&RECOVERY_STATUSES, "atlas"), status, now).unwrap();
        let owner = json!([{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agents",
            "uid": "x", "controller": true}]);
        let pod = |labels: serde_json::Value, owners: serde_json::Value| {
            json!({"metadata": {"labels": labels, "ownerReferences": owners},
                "spec": {"nodeName": "titan-01", "containers": [{"name": "c", "image": "i"}]},
                "status": {"phase": "Running", "conditions": [{"type": "Ready",
                    "status": "True"}], "containerStatuses": [{"name": "c", "ready": true,
                    "restartCount": 0, "image": "i", "imageID": "", "state": {}}]}})
        };
        let store_pod = pod(json!({"app": "db"}), json!(null));
        store.create(Key::of(&PODS, "default", "db-0"), store_pod, now).unwrap();
        let agent = pod(json!({}), owner);
        store.create(Key::of(&PODS, "default", "agent"), agent, now).unwrap();
        store.create(Key::of(&DAEMONSETS, "default", "agents"), json!({"spec": {}}), now).unwrap();
        let budget = json!({"spec": {"selector": {"matchLabels": {"app": "db"}}},
            "status": {"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 1,
                "desiredHealthy": 1}});
        store.create(Key::of(&PDBS, "default", "db"), budget, now).unwrap();
    });
    bare
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_kubectl_looks_on_and_cordons() {
    let bare = site();
    let server = bare.serve();
    let kubectl = Kubectl::new(server.kubeconfig());

    let mut watch = kubectl.command("get nodes -w").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = async || timeout(LIMIT, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert_eq!(rows(&next().await)[0], ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]);
    assert!(next().await.contains("Ready "));
    assert!(kubectl.run("cordon titan-01").await.contains("cordoned"));
    assert!(next().await.contains("Ready,SchedulingDisabled"));
    assert!(kubectl.run("uncordon titan-01").await.contains("uncordoned"));
    assert!(!next().await.contains("SchedulingDisabled"));
    watch.kill().await.unwrap();

    let wide = kubectl.run("get nodes -o wide").await;
    assert_eq!(rows(&wide)[1][..3], ["titan-01", "Ready", "control-plane"], "{wide}");
    assert!(wide.contains("INTERNAL-IP") && wide.contains("10.0.0.1"), "{wide}");
    let leases = kubectl.run("get leases -A").await;
    assert_eq!(rows(&leases)[1][..3], ["kube-node-lease", "titan-01", "titan-01"], "{leases}");
    let described = kubectl.run("describe node titan-01").await;
    assert!(described.contains("KubeletReady") && described.contains("db-0"), "{described}");
    let both = kubectl.run("get nodes,recoverystatus").await;
    assert!(both.contains("node/titan-01") && both.contains("atlas"), "{both}");
    assert!(both.contains("Recovering"), "{both}");
    let resources = kubectl.run("api-resources --no-headers").await;
    assert!(resources.contains("poddisruptionbudgets"), "{resources}");
    kubectl.run("label node titan-01 a=b").await;
    kubectl.run("annotate node titan-01 c=d").await;
    kubectl.run("taint node titan-01 e=f:NoSchedule").await;
    let yaml = kubectl.run("get node titan-01 -o yaml").await;
    for part in ["a: b", "c: d", "key: e"] {
        assert!(yaml.contains(part), "{part} in {yaml}");
    }
    assert!(kubectl.run("version").await.contains("v1.36.3+k3s1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_waits_for_the_budget() {
    let bare = site();
    let server = bare.serve();
    let kubectl = Kubectl::new(server.kubeconfig());
    let drain = "drain titan-01 --ignore-daemonsets --force --timeout=4s";
    let output = timeout(LIMIT, kubectl.command(drain).output()).await.unwrap().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && words.contains("disruption budget"), "{words}");
    bare.write(|store, _| {
        store
            .change(&Key::of(&PDBS, "default", "db"), |it| {
                it["status"]["disruptionsAllowed"] = 1.into();
            })
            .unwrap();
    });
    let mut again = kubectl.command(drain).stderr(Stdio::null()).stdout(Stdio::null()).spawn();
    let again = again.as_mut().unwrap();
    // The kubelet's part: what is marked ends.
    let db = Key::of(&PODS, "default", "db-0");
    let marked = || {
        bare.look(|store, _| {
            store.get(&db).is_some_and(|it| !it["metadata"]["deletionTimestamp"].is_null())
        })
    };
    let mut changed = bare.changed();
    while !marked() {
        timeout(LIMIT, changed.changed()).await.unwrap().unwrap();
    }
    bare.write(|store, _| store.delete(&db)).unwrap();
    assert!(timeout(LIMIT, again.wait()).await.unwrap().unwrap().success());
}
