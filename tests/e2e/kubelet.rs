//! A contract: what a real kubelet and the node controller do to a Node and its Lease is what the
//! simulated world does in the same story.
//!
//! How long it takes is not compared; those lengths stand in `src/sim/world/rates.rs`.

use std::time::Duration;

use ananke::model::facts::Unit;
use ananke::model::ids::MachineName;
use ananke::model::policy::Role;
use ananke::model::time::Span;
use ananke::sim::deed::{Deed, Which};
use ananke::sim::site::Site as SimulatedSite;
use ananke::sim::world::World;
use ananke::sim::world::store::Key;
use ananke::sim::world::store::kinds::{LEASES, NODE_LEASES, NODES};
use serde_json::{Value, json};

use crate::process::{now, pause};
use crate::scene::Scene;
use crate::site::{AGENT, Site};

/// Between two looks. Nothing that is compared depends on it.
const BETWEEN: Span = Span::millis(500);

/// So many looks until a deed has had its effect: five minutes, and the slowest takes one.
const LOOKS: usize = 600;

/// So many looks until a lease must have moved: 15 s, and a kubelet renews it every 10 s.
const RENEWAL: usize = 30;

/// What the controller puts on a node that is silent.
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Nothing,
    Stop,
    Start,
    Cut,
    Boot,
}

/// What is done to the agent, and whether its node is Ready once that has had its effect.
const STORY: [(&str, Step, bool); 5] = [
    ("at rest", Step::Nothing, true),
    ("unit stopped", Step::Stop, false),
    ("unit started", Step::Start, true),
    ("power cut", Step::Cut, false),
    ("booted", Step::Boot, true),
];

/// One of the two that are to do the same.
trait Side {
    fn does(&mut self, step: Step);
    fn pass(&mut self);
    fn look(&mut self) -> Look;
}

/// The agent's objects as the API shows them.
#[derive(Debug, Clone)]
struct Look {
    node: Value,
    lease: Value,
}

impl Look {
    fn ready(&self) -> &Value {
        let all = self.node["status"]["conditions"].as_array();
        all.into_iter().flatten().find(|it| it["type"] == "Ready").unwrap_or(&Value::Null)
    }

    fn is_ready(&self) -> bool {
        self.ready()["status"] == "True"
    }

    fn is_unknown(&self) -> bool {
        self.ready()["status"] == "Unknown"
    }

    fn boot(&self) -> &Value {
        &self.node["status"]["nodeInfo"]["bootID"]
    }

    fn renewed(&self) -> &Value {
        &self.lease["spec"]["renewTime"]
    }

    fn taints(&self) -> impl Iterator<Item = &Value> {
        self.node["spec"]["taints"].as_array().into_iter().flatten()
    }

    fn is_tainted(&self) -> bool {
        self.taints().next().is_some()
    }

    /// No new pod comes to it, and those that are there are to go.
    fn is_given_up(&self) -> bool {
        let has = |effect: &str| {
            self.taints().any(|it| it["key"] == UNREACHABLE && it["effect"] == effect)
        };
        has("NoSchedule") && has("NoExecute")
    }
}

/// A time or a number as a form: which one it is depends on the day.
fn form(value: &Value) -> Value {
    let Some(text) = value.as_str() else { return value.clone() };
    let letter = |c: char| if c.is_ascii_hexdigit() { '0' } else { c };
    text.chars().map(letter).collect::<String>().into()
}

/// What both must say alike, of one moment.
fn said(look: &Look) -> Vec<(&'static str, Value)> {
    let conditions = look.node["status"]["conditions"].as_array().into_iter().flatten();
    let conditions = conditions.map(|it| {
        let times = [&it["lastHeartbeatTime"], &it["lastTransitionTime"]].map(form);
        json!([it["type"], it["status"], it["reason"], it["message"], times])
    });
    let taints = look.taints().map(|it| json!([it["key"], it["effect"], form(&it["timeAdded"])]));
    let mut taints: Vec<Value> = taints.collect();
    taints.sort_by_key(Value::to_string);
    let addresses = look.node["status"]["addresses"].as_array().into_iter().flatten();
    let lease = &look.lease["spec"];
    let own = lease["holderIdentity"] == look.node["metadata"]["name"];
    vec![
        ("conditions", conditions.collect()),
        ("taints", taints.into()),
        ("addresses", addresses.map(|it| it["type"].clone()).collect()),
        ("unschedulable", look.node["spec"]["unschedulable"].clone()),
        ("boot id", form(look.boot())),
        ("lease", json!([own, lease["leaseDurationSeconds"], form(look.renewed())])),
    ]
}

/// What became of it since the moment before.
fn changed(look: &Look, before: &Look) -> Vec<(&'static str, Value)> {
    let uid = |it: &Look| it.node["metadata"]["uid"].clone();
    let since = |it: &Look| it.ready()["lastTransitionTime"].clone();
    // Both are written alike, so that they are in order as texts.
    let heart = look.ready()["lastHeartbeatTime"].as_str().unwrap_or("");
    let alive = heart >= since(look).as_str().unwrap_or("");
    vec![
        ("the same object", (uid(look) == uid(before)).into()),
        ("the same boot", (look.boot() == before.boot()).into()),
        ("the same state since", (since(look) == since(before)).into()),
        ("a heartbeat in this state", alive.into()),
    ]
}

/// Whether things came in their order. What is seen in one look counts as in order.
fn order(looks: &[Look], before: &Look, step: Step) -> Vec<(&'static str, Value)> {
    let first = |test: &dyn Fn(&Look) -> bool| looks.iter().position(test).unwrap_or(LOOKS);
    let ready = first(&Look::is_ready);
    match step {
        Step::Nothing => Vec::new(),
        Step::Stop | Step::Cut => {
            let (unknown, tainted) = (first(&Look::is_unknown), first(&Look::is_tainted));
            vec![("Unknown before it is tainted", (unknown <= tainted).into())]
        }
        Step::Start | Step::Boot => {
            let free = first(&|it: &Look| !it.is_tainted());
            let fresh = first(&|it: &Look| it.boot() != before.boot());
            let known = step == Step::Start || fresh <= ready;
            vec![
                ("Ready before it is free of taints", (ready <= free).into()),
                ("its boot is known before it is Ready", known.into()),
            ]
        }
    }
}

/// Does all of the story, and writes down what was seen, a line each.
fn tell(side: &mut impl Side) -> (Vec<String>, Look) {
    let mut heard = Vec::new();
    let mut before = side.look();
    for (name, step, up) in STORY {
        side.does(step);
        let looks = until(side, name, |look| match up {
            true => {
                let fresh = step != Step::Boot || look.boot() != before.boot();
                look.is_ready() && !look.is_tainted() && fresh
            }
            false => look.is_unknown() && look.is_given_up(),
        });
        let Some(last) = looks.last().cloned() else { continue };
        let moves = (0..RENEWAL).any(|_| {
            side.pass();
            side.look().renewed() != last.renewed()
        });
        let mut lines = said(&last);
        if step != Step::Nothing {
            lines.extend(changed(&last, &before));
            lines.extend(order(&looks, &before, step));
        }
        lines.push(("the lease moves", moves.into()));
        heard.extend(lines.into_iter().map(|(what, value)| format!("{name}: {what}: {value}")));
        before = last;
    }
    (heard, before)
}

fn until(side: &mut impl Side, name: &str, ends: impl Fn(&Look) -> bool) -> Vec<Look> {
    let mut looks = vec![side.look()];
    while !looks.last().is_some_and(&ends) {
        assert!(looks.len() < LOOKS, "{name}: never at its end: {:#?}", looks.last());
        side.pass();
        looks.push(side.look());
    }
    looks
}

struct Real<'a>(&'a Site);

impl Side for Real<'_> {
    fn does(&mut self, step: Step) {
        match step {
            Step::Nothing => {}
            Step::Stop => self.0.stop_agent(),
            Step::Start => drop(self.0.on(AGENT, "sudo systemctl start k3s-agent")),
            Step::Cut => drop(self.0.make(&["node-cut", AGENT])),
            Step::Boot => drop(self.0.make(&["node-on", AGENT])),
        }
    }

    fn pass(&mut self) {
        let began = now();
        while began.elapsed() < Duration::from_millis(BETWEEN.as_millis()) {
            pause();
        }
    }

    fn look(&mut self) -> Look {
        let get = |path: &str| self.0.testbed(&["k", "get", "--raw", path]).exits(0).json();
        let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
        Look {
            node: get(&format!("/api/v1/nodes/{AGENT}")),
            lease: get(&format!("{leases}/{AGENT}")),
        }
    }
}

struct Simulated {
    world: World,
    agent: MachineName,
}

impl Side for Simulated {
    fn does(&mut self, step: Step) {
        let on = Which::Named(vec![self.agent.clone()]);
        let deed = match step {
            Step::Nothing => return,
            Step::Stop => Deed::UnitStopped(on, Unit::K3sAgent),
            Step::Start => Deed::UnitStarted(on, Unit::K3sAgent),
            Step::Cut => Deed::PowerOff(on),
            Step::Boot => Deed::PowerOn(on),
        };
        self.world.suffer(&deed).unwrap();
    }

    fn pass(&mut self) {
        self.world.pass(BETWEEN);
    }

    fn look(&mut self) -> Look {
        let name = self.agent.as_str();
        let get = |key: Key| Value::clone(self.world.store().get(&key).expect("it is there"));
        Look {
            node: get(Key::global(&NODES, name)),
            lease: get(Key::of(&LEASES, NODE_LEASES, name)),
        }
    }
}

/// What the simulated node has that the real one has not.
fn invented(simulated: &Look, real: &Look) -> Vec<String> {
    let parts = ["/metadata/labels", "/status/nodeInfo", "/status/capacity", "/status/allocatable"];
    let keys = |part: &'static str| {
        let all = simulated.node.pointer(part).and_then(Value::as_object);
        all.into_iter().flatten().map(move |(key, _)| (part, key))
    };
    let is_real =
        |part: &str, key: &str| real.node.pointer(part).is_some_and(|it| it[key].is_string());
    let all = parts.into_iter().flat_map(keys);
    all.filter(|(part, key)| !is_real(part, key))
        .map(|(part, key)| format!("{part} {key}"))
        .collect()
}

#[test]
fn the_simulated_kubelet_does_what_the_real_one_does() {
    let site = SimulatedSite::of("rig", 1, 1);
    let (agent, _) = site.machines.iter().find(|(_, it)| it.role == Role::Agent).unwrap();
    let mut simulated = Simulated { world: World::new(&site, 7), agent: agent.clone() };
    let (simulated, wanted) = tell(&mut simulated);

    let scene = Scene::open("kubelet");
    let (real, found) = tell(&mut Real(&scene.site));
    assert_eq!(real.len(), simulated.len());
    let differs: Vec<String> = real
        .iter()
        .zip(&simulated)
        .filter(|(real, simulated)| real != simulated)
        .map(|(real, simulated)| format!("real      {real}\nsimulated {simulated}\n"))
        .collect();
    assert!(differs.is_empty(), "{} differ:\n{}", differs.len(), differs.join("\n"));
    assert_eq!(invented(&wanted, &found), [""; 0], "a real node has none of these");
    scene.close();
}
