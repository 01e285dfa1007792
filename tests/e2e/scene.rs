//! One scenario: the site made well, a state of its own, and the program as it was built.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ananke::adapters::disk::history;
use ananke::model::record::LedgerRecord;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Answer, Journal, Process, note, now, program, variable, wall};
use crate::site::Site;
use crate::timeline::timeline;

/// There is one site.
static SITE: Mutex<()> = Mutex::new(());

/// What one command of ananke may take: it has its own limits below this.
const COMMAND: Duration = Duration::from_secs(150);

/// How ananke reaches the machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Direct,
    /// Through `jump-1`, and directly where that fails.
    Jump,
}

/// How many changes each node's guard had begun.
#[derive(Debug)]
pub(crate) struct Mark(Vec<(String, usize)>);

pub(crate) struct Scene {
    pub(crate) site: Site,
    pub(crate) dir: TempDir,
    config: Value,
    name: String,
    pub(crate) journal: Journal,
    from: Timestamp,
    /// The program that was built, or the one that `ANANKE_PROGRAM` names.
    program: String,
    began: Instant,
    _alone: MutexGuard<'static, ()>,
}

impl Scene {
    /// The site well, with the guard of this version on every node.
    pub(crate) fn open(name: &str) -> Self {
        Self::on("tiny", name, Way::Direct)
    }

    /// The same on a site of this size.
    pub(crate) fn on(size: &str, name: &str, way: Way) -> Self {
        let scene = Self::bare(size, name, way);
        scene.prepare();
        scene
    }

    /// The guard of this version on every node, with its line for sudo.
    pub(crate) fn prepare(&self) {
        let key = self.site.fact("admin_key");
        let by = ["--user", "admin", "--identity", &key, "--execute"];
        drop(self.ananke(&[&["prepare"], &by[..]].concat()).exits(0));
    }

    /// The known hosts with keys for these machines that they do not have.
    pub(crate) fn swapped(&self, names: &[String]) -> String {
        let key = self.path("other");
        let mut keygen = program("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key);
        assert!(keygen.status().unwrap().success());
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        let mut words = public.split_whitespace();
        let other = format!("{} {}", words.next().unwrap(), words.next().unwrap());
        let known = fs::read_to_string(self.site.fact("known_hosts")).unwrap();
        let lines = known.lines().map(|line| match line.split_once(' ') {
            Some((hosts, _)) if names.iter().any(|name| hosts.contains(name)) => {
                format!("{hosts} {other}\n")
            }
            _ => format!("{line}\n"),
        });
        lines.collect()
    }

    /// The site well; what is known of the guard is nothing.
    pub(crate) fn unprepared(name: &str) -> Self {
        Self::bare("tiny", name, Way::Direct)
    }

    fn bare(size: &str, name: &str, way: Way) -> Self {
        let alone = SITE.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, began) = (wall(), now());
        let journal: Journal = Arc::default();
        let site = Site::named(size, &journal);
        let dir = TempDir::new().unwrap();
        let given = match way {
            Way::Direct => site.fact("config"),
            Way::Jump => {
                let path = dir.path().join("jump.yaml");
                site.make(&["config", "--jump", path.to_str().unwrap()]).trim().to_owned()
            }
        };
        let text = fs::read_to_string(given).unwrap();
        let mut config: Value = serde_saphyr::from_str(&text).unwrap();
        config["cluster"] = json!("rig");
        config["state_dir"] = json!(dir.path().join("state"));
        config["run_dir"] = json!(dir.path().join("run"));
        config["startup"] = json!({
            "soak": "5s", "agent_start": "40s", "server_start": "60s", "backoff": "5s", "tick": "1s"
        });
        config["ssh"] = json!({"poll": "1s", "command_timeout": "4s"});
        config["notify"] = json!({"wall": false});
        fs::create_dir(dir.path().join("state")).unwrap();
        let name = name.to_owned();
        let program = variable("ANANKE_PROGRAM");
        let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_ananke").to_owned());
        let mut scene =
            Self { site, dir, config, name, journal, from, program, began, _alone: alone };
        scene.write_config();
        scene.site.make_well();
        scene
    }

    /// Changes one setting: `group.key`, or a key of the top.
    pub(crate) fn set(&mut self, key: &str, value: &Value) {
        let slot = match key.split_once('.') {
            Some((group, key)) => &mut self.config[group][key],
            None => &mut self.config[key],
        };
        *slot = value.clone();
        self.write_config();
    }

    /// ananke knows what feeds the machines of its configuration, and how each is switched on.
    pub(crate) fn know_power(&mut self) {
        let nodes = &self.config["nodes"];
        let roles = ["servers", "agents", "others"].into_iter();
        let known = roles.filter_map(|role| nodes[role].as_array()).flatten();
        let known: Vec<String> = known.filter_map(Value::as_str).map(str::to_owned).collect();
        self.config["power"] = self.site.power(&known);
        self.write_config();
    }

    /// Leaves out a setting of the top.
    pub(crate) fn unset(&mut self, key: &str) {
        let was = self.config.as_object_mut().and_then(|config| config.remove(key));
        assert!(was.is_some(), "{key} was not set: {:#}", self.config);
        self.write_config();
    }

    fn write_config(&mut self) {
        // JSON is YAML.
        fs::write(self.path("ananke.yaml"), self.config.to_string()).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program, for who starts it in another way.
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// One command of ananke's, to its end.
    pub(crate) fn ananke(&self, arguments: &[&str]) -> Answer {
        self.begin(arguments).wait(COMMAND)
    }

    /// One command of ananke's, that goes on.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Process {
        note(&self.journal, "test", &format!("ananke {}", arguments.join(" ")));
        let mut command = program("nsenter");
        command.arg(format!("--net={}", self.site.fact("netns")));
        command.arg(&self.program).arg("-c").arg(self.path("ananke.yaml"));
        command.args(["--log", "info"]).args(arguments);
        Process::start(command, "ananke", &self.journal)
    }

    /// `startup --execute -o json`, with the code that it must end with.
    pub(crate) fn startup(&self, code: i32) -> Value {
        self.ananke(&["startup", "--execute", "-o", "json"]).exits(code).json()
    }

    pub(crate) fn status(&self) -> Answer {
        self.ananke(&["status"])
    }

    /// The ledger, from its first record.
    pub(crate) fn ledger(&self) -> Vec<LedgerRecord> {
        history(&self.path("state"), Some("rig")).unwrap().records
    }

    /// The ledger keeps every rule, and the ticks decide the same again.
    pub(crate) fn replays(&self) {
        self.ananke(&["replay", "--verify"]).exits(0).says("clean");
        self.ananke(&["replay"]).exits(0).says("equal");
    }

    /// The end: what ananke found well it left well, with nothing of its own on the nodes.
    pub(crate) fn close(self) {
        let nodes = self.site.nodes().expect("the API answers");
        for (name, node) in &nodes {
            assert!(node.ready && !node.unschedulable, "{name}: {node:?}");
            assert!(node.marks.is_empty(), "{name}: {node:?}");
        }
        for (name, unit) in self.site.members() {
            assert_eq!(self.site.unit(&name, unit), "active", "{unit} on {name}");
        }
    }

    /// How many changes the guards have begun, for a later look at what is new.
    pub(crate) fn mark(&self) -> Mark {
        let begun = |node: String| {
            let count = self.site.begun(&node).len();
            (node, count)
        };
        Mark(self.site.nodes_named().into_iter().map(begun).collect())
    }

    /// What the guards have begun since.
    pub(crate) fn begun_since(&self, mark: &Mark) -> Vec<String> {
        let new = mark.0.iter().flat_map(|(node, from)| {
            let begun = self.site.begun(node).split_off(*from);
            begun.into_iter().map(move |line| format!("{node}: {line}"))
        });
        new.collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let name = &self.name;
        let took = self.began.elapsed().as_secs();
        let mut text = format!("e2e: {name}: {took} s\n");
        if std::thread::panicking() {
            let all = timeline(&self.site, &self.path("state"), &self.journal, self.from);
            text = format!("--- timeline of {name}, which failed after {took} s\n{all}---\n");
        }
        // Past the test harness, which swallows what a passing test prints.
        drop(std::io::stderr().write_all(text.as_bytes()));
    }
}
