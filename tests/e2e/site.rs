//! The running site, seen and broken from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::process::{Answer, Journal, Process, note, program, until, variable};

pub(crate) const AGENT: &str = "w-1";

/// What `flux bootstrap` leaves behind: the name of the namespace, the source and the root.
pub(crate) const FLUX: &str = "flux-system";

/// What one command on the site may take before it counts as hanging. `git-start` waits for up to
/// 90 s by itself, so this is longer.
const COMMAND: Duration = Duration::from_secs(120);

/// What the whole site may take to be well again; 10 s are usual.
const WELL: Duration = Duration::from_secs(90);

/// Where every network card of the site hears a magic packet.
const BROADCAST: &str = "10.77.0.255";

/// What a UPS measures on a quiet day.
const MAINS: &str = "ups.status OL battery.charge 100 battery.runtime 1800 input.voltage 230.0";

/// A node as the API shows it.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) ready: bool,
    pub(crate) boot_id: String,
    pub(crate) unschedulable: bool,
    /// Those of ananke, by the part behind the slash.
    pub(crate) marks: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct Site {
    facts: Value,
    journal: Journal,
}

impl Site {
    /// The site that the caller named. It must be of this size, or have all of that and more.
    pub(crate) fn named(size: &str, journal: &Journal) -> Self {
        let how = format!("start one: scripts/testbed up --size {size}");
        let named = variable("TESTBED_DIR");
        assert!(named.is_some(), "TESTBED_DIR does not name a running site; {how}");
        let mut site = Self { facts: Value::Null, journal: journal.clone() };
        let answer = site.testbed(&["env", "--json"]);
        assert_eq!(answer.code, Some(0), "{how}\n{answer}");
        site.facts = answer.json();
        let there = site.fact("size");
        let enough = there == size || (there == "small" && size == "tiny");
        assert!(enough, "this test is not made for a {there} site; {how}");
        site
    }

    /// The machines of one list: `servers`, `agents` or `hosts`.
    pub(crate) fn list(&self, list: &str) -> Vec<String> {
        self.facts[list].as_array().into_iter().flatten().map(text).collect()
    }

    /// The machines that are nodes, servers first, each with its unit.
    pub(crate) fn members(&self) -> Vec<(String, &'static str)> {
        let servers = self.list("servers").into_iter().map(|name| (name, "k3s"));
        servers.chain(self.list("agents").into_iter().map(|name| (name, "k3s-agent"))).collect()
    }

    /// The names of the nodes, servers first.
    pub(crate) fn nodes_named(&self) -> Vec<String> {
        self.members().into_iter().map(|(name, _)| name).collect()
    }

    /// What each UPS feeds.
    pub(crate) fn upses(&self) -> BTreeMap<String, Vec<String>> {
        let mut upses: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, machine) in self.facts["machines"].as_object().into_iter().flatten() {
            upses.entry(text(&machine["ups"])).or_default().push(name.clone());
        }
        upses
    }

    /// The power of these machines as a person would write it into the configuration: what feeds
    /// them, and how each is switched on.
    pub(crate) fn power(&self, machines: &[String]) -> Value {
        let (upses, feeds, servers) = (self.list("ups"), self.upses(), self.list("servers"));
        let domain = |name: &String| {
            let ups = name.split('@').next().unwrap_or_default();
            let fed = feeds.get(ups).into_iter().flatten();
            let fed: Vec<&String> = fed.filter(|machine| machines.contains(machine)).collect();
            let orders = fed.iter().any(|machine| servers.contains(machine));
            let said = json!({"upses": [name], "machines": fed, "carries_orders": orders});
            (ups.to_owned(), said)
        };
        let domains: Map<String, Value> = upses.iter().map(domain).collect();
        let wake = |name: &String| {
            let mac = &self.facts["machines"][name]["mac"];
            (name.clone(), json!({"wake": {"mac": mac, "broadcast": BROADCAST}}))
        };
        let turn_on: Map<String, Value> = machines.iter().map(wake).collect();
        json!({"upses": upses, "domains": domains, "turn_on": turn_on})
    }

    /// The machines that are on, as the mains know it, whether they answer or not.
    pub(crate) fn powered(&self) -> BTreeSet<String> {
        let answer = self.testbed(&["powered"]);
        assert_eq!(answer.code, Some(0), "{answer}");
        answer.out.lines().map(str::to_owned).collect()
    }

    pub(crate) fn fact(&self, name: &str) -> String {
        self.facts[name].as_str().unwrap_or_else(|| panic!("no {name} in env --json")).to_owned()
    }

    /// `scripts/testbed ...`, with its answer.
    pub(crate) fn testbed(&self, arguments: &[&str]) -> Answer {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/testbed");
        let mut command = program(script.to_str().unwrap());
        command.args(arguments);
        Process::start(command, "", &self.journal).wait(COMMAND)
    }

    /// Breaks or mends something. It must work.
    pub(crate) fn make(&self, arguments: &[&str]) -> String {
        note(&self.journal, "test", &arguments.join(" "));
        let answer = self.testbed(arguments);
        assert_eq!(answer.code, Some(0), "{answer}");
        answer.out
    }

    /// A command on a machine, as the person who set it up. It must work.
    pub(crate) fn on(&self, node: &str, command: &str) -> String {
        self.make(&["ssh", node, command])
    }

    pub(crate) fn boot_id(&self, node: &str) -> String {
        self.testbed(&["ssh", node, "cat /proc/sys/kernel/random/boot_id"]).out.trim().to_owned()
    }

    /// What systemd says of a unit.
    pub(crate) fn unit(&self, node: &str, unit: &str) -> String {
        self.testbed(&["ssh", node, &format!("systemctl is-active {unit}")]).out.trim().to_owned()
    }

    pub(crate) fn stop_agent(&self) {
        self.on(AGENT, "sudo systemctl stop k3s-agent");
    }

    /// The nodes in the API; `None` while it does not answer.
    pub(crate) fn nodes(&self) -> Option<BTreeMap<String, Node>> {
        let answer = self.testbed(&["k", "--request-timeout=5s", "get", "nodes", "-o", "json"]);
        let list: Value = serde_json::from_str(&answer.out).ok()?;
        let items = list["items"].as_array()?.iter();
        Some(items.map(|item| (text(&item["metadata"]["name"]), node(item))).collect())
    }

    /// Whether there is Flux, with a git server and applications.
    pub(crate) fn has_flux(&self) -> bool {
        matches!(self.fact("size").as_str(), "small" | "big")
    }

    /// The Kustomizations, and whether the API shows them as Ready.
    pub(crate) fn kustomizations(&self) -> BTreeMap<String, bool> {
        let ask = ["k", "--request-timeout=5s", "-n", FLUX, "get", "kustomizations", "-o", "json"];
        let list: Value = serde_json::from_str(&self.testbed(&ask).out).unwrap_or_default();
        let items = list["items"].as_array().into_iter().flatten();
        items.map(|item| (text(&item["metadata"]["name"]), is_ready(item))).collect()
    }

    pub(crate) fn node(&self, name: &str) -> Node {
        let what = format!("node {name} in the API");
        until(COMMAND, &what, || self.nodes()?.remove(name))
    }

    /// The changes in the guard's own log that were begun, as `id verb unit`.
    pub(crate) fn begun(&self, node: &str) -> Vec<String> {
        let command = "sudo cat /var/lib/ananke-guard/log 2>/dev/null || true";
        let log = self.testbed(&["ssh", node, command]).out;
        let field = |line: &str, key: &str| {
            let found = line.split_whitespace().find_map(|word| word.strip_prefix(key));
            found.unwrap_or("-").to_owned()
        };
        log.lines()
            .filter(|line| line.ends_with(" begun"))
            .map(|line| {
                let [id, verb, unit] = ["action=", "verb=", "unit="].map(|key| field(line, key));
                format!("{id} {verb} {unit}")
            })
            .collect()
    }

    /// Brings the site to where every scenario starts: everything on and Ready in its present
    /// boot, nothing cordoned or marked, no sudo but through the guard.
    pub(crate) fn make_well(&self) {
        let members = self.members();
        let others = self.list("hosts");
        let all: Vec<&str> =
            members.iter().map(|(name, _)| name).chain(&others).map(String::as_str).collect();
        for ups in self.upses().keys() {
            // A hung driver runs, so that starting it changes nothing.
            self.testbed(&["ups-thaw", ups]);
            self.testbed(&["ups-start", ups]);
            let mains: Vec<&str> =
                ["ups-set", ups.as_str()].into_iter().chain(MAINS.split(' ')).collect();
            self.testbed(&mains);
        }
        for name in &all {
            self.testbed(&["node-thaw", name]);
            self.testbed(&["node-net", "up", name]);
        }
        self.testbed(&[&["node-on"], &all[..]].concat());
        for host in &others {
            until(WELL, &format!("{host} to take a command"), || self.takes(host, "true"));
        }
        // All at once first: a server's start waits for the others.
        for (node, unit) in &members {
            let mend = format!(
                "sudo rm -f /etc/sudoers.d/ananke-plain; sudo systemctl enable -q {unit}; \
                 sudo pkill -CONT -x kube-apiserver; sudo systemctl kill -s CONT {unit}; \
                 sudo systemctl reset-failed {unit}; sudo systemctl start --no-block {unit}"
            );
            let what = format!("{node} to take a command");
            until(WELL, &what, || self.takes(node, &mend));
        }
        until(WELL, "every node Ready in its present boot, and without marks", || {
            let nodes = self.nodes()?;
            for (name, node) in &nodes {
                self.unmark(name, node);
            }
            let well = |(name, node): (&String, &Node)| {
                let clean = !node.unschedulable && node.marks.is_empty();
                node.ready && clean && node.boot_id == self.boot_id(name)
            };
            (nodes.len() == members.len() && nodes.iter().all(well)).then_some(())
        });
        if self.has_flux() {
            self.mend_flux();
        }
    }

    /// Git is there, and Flux follows it as it did when the site was made.
    fn mend_flux(&self) {
        self.make(&["git-start"]);
        let source = json!({"spec": {"suspend": false, "ref": {"branch": "main"}}});
        self.patch("gitrepository", FLUX, &source);
        let root = json!({"spec": {"suspend": false, "path": "./clusters/site"}});
        self.patch("kustomization", FLUX, &root);
    }

    /// Changes an object of Flux'.
    pub(crate) fn patch(&self, kind: &str, name: &str, change: &Value) {
        let change = change.to_string();
        self.make(&["k", "-n", FLUX, "patch", kind, name, "--type=merge", "-p", &change]);
    }

    fn takes(&self, machine: &str, command: &str) -> Option<()> {
        (self.testbed(&["ssh", machine, command]).code == Some(0)).then_some(())
    }

    fn unmark(&self, name: &str, node: &Node) {
        if node.unschedulable {
            self.testbed(&["k", "uncordon", name]);
        }
        for mark in node.marks.keys() {
            let gone = format!("ananke.bstein.dev/{mark}-");
            self.testbed(&["k", "annotate", "node", name, &gone]);
        }
    }
}

fn is_ready(item: &Value) -> bool {
    let mut conditions = item["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn node(item: &Value) -> Node {
    let marks = item["metadata"]["annotations"].as_object().into_iter().flatten();
    let ours = |(key, value): (&String, &Value)| {
        Some((key.strip_prefix("ananke.bstein.dev/")?.to_owned(), text(value)))
    };
    Node {
        ready: is_ready(item),
        boot_id: text(&item["status"]["nodeInfo"]["bootID"]),
        unschedulable: item["spec"]["unschedulable"] == true,
        marks: marks.filter_map(ours).collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
