//! `-o json` and `-o yaml`, through the program itself: what is said to people is there for
//! programs, too.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use ananke::adapters::process::{ChildSpec, End, run};
use ananke::model::time::Span;
use russh::keys::Algorithm;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::ssh::rig::{new_key, write_key};

const LIMIT: Span = Span::secs(30);

/// A configuration with one server, at an address where nobody answers.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().expect("a folder"));
        let dir = site.0.path();
        write_key(&dir.join("id"), &new_key(Algorithm::Ed25519));
        fs::write(dir.join("known_hosts"), "").expect("a file");
        for name in ["state", "run"] {
            fs::create_dir(dir.join(name)).expect("a folder");
        }
        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = closed.local_addr().expect("its number").port();
        let text = format!(
            "ssh_user: ops\nssh_identity_file: {0}/id\nssh_known_hosts_file: {0}/known_hosts\n\
             ssh_node_hosts: {{cp-1: 127.0.0.1}}\nssh_node_ports: {{cp-1: {port}}}\n\
             nodes: {{servers: [cp-1]}}\nstate_dir: {0}/state\nrun_dir: {0}/run\n",
            dir.display()
        );
        fs::write(dir.join("ananke.yaml"), text).expect("a file");
        site
    }

    /// What it prints in this form, with the code that it must end with.
    async fn ananke(&self, args: &[&str], form: &str, code: i32) -> String {
        let program = ChildSpec::new(env!("CARGO_BIN_EXE_ananke"), LIMIT);
        let program = program.args(["-c".into(), self.0.path().join("ananke.yaml")]);
        let finished = run(program.args(["-o", form]).args(args)).await.expect("it runs");
        let said = finished.stderr.text();
        assert_eq!(finished.end, End::Exited(code), "{args:?} as {form}: {said}");
        finished.stdout.text()
    }
}

#[tokio::test]
async fn every_answer_is_there_as_json_and_as_yaml() {
    let site = Site::new();
    // The command, how it ends, and one thing that the data must have.
    let table: &[(&[&str], i32, &str, Value)] = &[
        (&["explain", "hold", "paused"], 0, "/0/name", json!("paused")),
        (&["explain", "remedy", "start-agent"], 0, "/0/cures", json!("agent-unit")),
        (&["explain", "commands"], 0, "/verbs/0/verb", json!("version")),
        (&["explain", "files"], 0, "/0/hasSchema", json!(true)),
        (&["explain", "files", "runs.json"], 0, "/title", json!("runs.json")),
        (&["explain", "scenario"], 0, "/0/pattern", json!("scenario <word>")),
        (&["config", "show"], 0, "/ssh_user", json!("ops")),
        (&["pause", "--reason", "a look"], 0, "/order/pause/why", json!("a look")),
        (&["resume"], 0, "/text", json!("resumed")),
        (&["ack", "cp-1"], 0, "/order/ack/name", json!("cp-1")),
        (&["intent", "clear"], 0, "/text", json!("the cluster is wanted up")),
        (&["prepare"], 1, "/cp-1/state", json!("failed")),
    ];
    for (args, code, place, value) in table {
        let text = site.ananke(args, "json", *code).await;
        let data: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"));
        assert_eq!(data.pointer(place), Some(value), "{args:?}: {data:#}");
        let yaml = site.ananke(args, "yaml", *code).await;
        let again: Value = serde_saphyr::from_str(&yaml)
            .unwrap_or_else(|error| panic!("{args:?}: {error}: {yaml}"));
        assert_eq!(again, data, "{args:?}");
    }
}
