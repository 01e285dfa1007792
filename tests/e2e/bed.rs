//! The third driver of the scenario language: real machines, and the program as it was built.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ananke::adapters::disk::{TickReader, history, tick_files};
use ananke::model::ids::{BootId, MachineName};
use ananke::model::record::{LedgerRecord, TickRecord};
use ananke::model::tick::Verb;
use ananke::model::time::Span;
use ananke::sim::deed::{Deed, Which, Within};
use ananke::sim::scenario::ast::{Boundary, Event, Life};
use ananke::sim::scenario::look::{Body, Look, Node, Process as State, Truth};
use ananke::sim::scenario::{Driver, Roster};
use jiff::Timestamp;
use serde_json::json;

use crate::disk::Full;
use crate::process::{Process, note, now, pause};
use crate::scene::Scene;
use crate::site::{self, FLUX};

/// What can't be done to real machines here, or did not work.
#[derive(Debug)]
pub(crate) struct Unable(String);

impl std::fmt::Display for Unable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The pause between two looks. Each is a login on every machine, which costs them something.
const BETWEEN: Span = Span::millis(500);

/// How long a full battery lasts in a scenario that says how full one is: as long as the one that
/// feeds the servers of the simulated site, so that such a file means the same on both.
const BATTERY: Span = Span::mins(18);

/// One scene, moved by a scenario.
pub(crate) struct Bed {
    pub(crate) scene: Scene,
    roster: Roster,
    began: Instant,
    /// The process with the loop, with the command that it was started with.
    ananke: Option<Process>,
    verb: Option<Verb>,
    ended: State,
    /// Commands that handed their order to a daemon.
    orders: Vec<Process>,
    /// Machines that power does not bring back.
    dead: BTreeSet<MachineName>,
    /// Machines that can't be asked though they are on: frozen or cut off.
    away: BTreeSet<MachineName>,
    /// UPSes on battery.
    drains: BTreeSet<String>,
    bodies: BTreeMap<MachineName, Body>,
    full: Option<Full>,
    last_tick: Option<Timestamp>,
    last_seq: Option<u64>,
}

/// Who is who on a site.
pub(crate) fn roster(scene: &Scene) -> Roster {
    let list = |list| scene.site.list(list).into_iter().map(MachineName::new);
    let fed =
        |(ups, fed): (String, Vec<String>)| (ups, fed.into_iter().map(MachineName::new).collect());
    Roster {
        servers: list("servers").collect(),
        agents: list("agents").collect(),
        jumps: list("hosts").filter(|name| name.as_str().starts_with("jump")).collect(),
        upses: scene.site.upses().into_iter().map(fed).collect(),
    }
}

impl Bed {
    pub(crate) fn new(scene: Scene, roster: Roster) -> Self {
        Self {
            scene,
            roster,
            began: now(),
            ananke: None,
            verb: None,
            ended: State::Never,
            orders: Vec::new(),
            dead: BTreeSet::new(),
            away: BTreeSet::new(),
            drains: BTreeSet::new(),
            bodies: BTreeMap::new(),
            full: None,
            last_tick: None,
            last_seq: None,
        }
    }

    /// Ends what was started, and gives the scene back.
    pub(crate) fn end(mut self) -> Scene {
        self.orders.clear();
        self.ananke = None;
        self.full = None;
        self.scene
    }

    fn names(&self, which: &Which) -> Vec<MachineName> {
        self.roster.select(which)
    }

    /// `scripts/testbed VERB NAME...` for all of them at once.
    fn testbed(&self, verb: &str, names: &[MachineName]) {
        let names: Vec<&str> = names.iter().map(MachineName::as_str).collect();
        if !names.is_empty() {
            self.scene.site.make(&[&[verb], &names[..]].concat());
        }
    }

    fn on_each(&self, which: &Which, command: &str) {
        for name in self.names(which) {
            self.scene.site.on(name.as_str(), command);
        }
    }

    fn deed(&mut self, deed: &Deed) -> Result<(), Unable> {
        match deed {
            Deed::PowerOff(on) => self.testbed("node-cut", &self.names(on)),
            Deed::PowerOn(on) => {
                let mut names = self.names(on);
                names.retain(|name| !self.dead.contains(name));
                self.testbed("node-on", &names);
                self.away.retain(|name| !names.contains(name));
            }
            Deed::NeverBoots(on) => self.dead.extend(self.names(on)),
            Deed::Freeze(on) | Deed::Thaw(on) => {
                let freezes = matches!(deed, Deed::Freeze(_));
                let verb = if freezes { "node-freeze" } else { "node-thaw" };
                for name in self.names(on) {
                    self.testbed(verb, std::slice::from_ref(&name));
                    self.is_away(&name, freezes);
                }
            }
            Deed::NetCut(on) | Deed::NetJoin(on) => {
                let cut = matches!(deed, Deed::NetCut(_));
                for name in self.names(on) {
                    let way = if cut { "down" } else { "up" };
                    self.scene.site.make(&["node-net", way, name.as_str()]);
                    self.is_away(&name, cut);
                }
            }
            Deed::UnitNotAtBoot(on, unit) => {
                self.on_each(on, &format!("sudo systemctl disable -q {unit}"));
            }
            Deed::UnitStopped(on, unit) => {
                self.on_each(on, &format!("sudo systemctl stop {unit}"));
            }
            Deed::UnitStarted(on, unit) => {
                self.on_each(on, &format!("sudo systemctl start --no-block {unit}"));
            }
            // The kubelet's process is in the unit's cgroup. A stopped one renews no Lease.
            Deed::KubeletHangs(on) => {
                self.on_each(on, "sudo systemctl kill -s STOP k3s-agent");
            }
            Deed::SudoRefused(_)
            | Deed::SudoWorks(_)
            | Deed::HostKeyChanged(_)
            | Deed::ApiDown
            | Deed::ApiUp
            | Deed::Cordon(_)
            | Deed::Uncordon(_)
            | Deed::UpsMains { .. }
            | Deed::UpsCharge { .. }
            | Deed::UpsDriver { .. }
            | Deed::UpsSilent { .. }
            | Deed::BootTakes(..)
            | Deed::BootLoop(..)
            | Deed::HangsInPowerOff(..)
            | Deed::ClockLost(_)
            | Deed::ClockRight(_)
            | Deed::UnitFails(..)
            | Deed::UnitSlow(..)
            | Deed::KubeletHangsThrough(..)
            | Deed::ApiFlaps { .. } => return self.other(deed),
            Deed::Inside(within) => return self.inside(within),
        }
        Ok(())
    }

    /// What befalls neither power nor network nor a unit.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the list of all is in `deed`")]
    fn other(&mut self, deed: &Deed) -> Result<(), Unable> {
        let site = &self.scene.site;
        match deed {
            Deed::SudoRefused(on) => {
                self.on_each(on, "sudo rm -f /etc/sudoers.d/ananke");
                for name in self.names(on) {
                    self.scene.site.make(&["sudoers", "none", name.as_str()]);
                }
            }
            Deed::SudoWorks(_) => self.scene.prepare(),
            Deed::HostKeyChanged(on) => self.scene.swap_host_keys(&self.names(on)),
            // A stopped API server takes connections and answers nobody; etcd goes on.
            Deed::ApiDown => self.on_each(&Which::Servers, "sudo pkill -STOP -x kube-apiserver"),
            Deed::ApiUp => self.on_each(&Which::Servers, "sudo pkill -CONT -x kube-apiserver"),
            Deed::Cordon(node) => drop(site.make(&["k", "cordon", node.as_str()])),
            Deed::Uncordon(node) => drop(site.make(&["k", "uncordon", node.as_str()])),
            Deed::UpsMains { ups, on: true } => {
                self.drains.remove(ups);
                site.make(&["ups-set", ups, "ups.status", "OL", "input.voltage", "230.0"]);
            }
            // From now on it drains, as fast as it says that it would.
            Deed::UpsMains { ups, on: false } => {
                self.drains.insert(ups.clone());
                site.make(&["ups-drain", ups]);
            }
            Deed::UpsCharge { ups, percent } => self.charge(ups, *percent),
            Deed::UpsDriver { ups, on } => {
                site.make(&[if *on { "ups-start" } else { "ups-stop" }, ups]);
            }
            // A hung driver: upsd waits for its word, and says that what it has is stale.
            Deed::UpsSilent { ups, on } => {
                site.make(&[if *on { "ups-freeze" } else { "ups-thaw" }, ups]);
            }
            _ => return Err(Unable(format!("`{deed}` can't be had on these machines"))),
        }
        Ok(())
    }

    /// A battery is so full from now on, and says for how long that is enough.
    fn charge(&self, ups: &str, percent: u8) {
        let left = BATTERY.times(percent.into()).as_secs() / 100;
        let (charge, left) = (percent.to_string(), left.to_string());
        let mut order = vec!["ups-set", ups, "battery.charge", &charge, "battery.runtime", &left];
        let drains = self.drains.contains(ups);
        if drains {
            // It would go on from where it was: saying what it is ends that.
            order.extend(["ups.status", "OB"]);
        }
        self.scene.site.make(&order);
        if drains && percent > 0 {
            self.scene.site.make(&["ups-drain", ups]);
        }
    }

    /// What a person does to Flux, to git, or to what Flux applies.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for simulated clusters only")]
    fn inside(&self, within: &Within) -> Result<(), Unable> {
        let site = &self.scene.site;
        match within {
            Within::FluxBranch(branch) => {
                site.make(&["push", "--branch", branch, "An experiment"]);
                site.patch("gitrepository", FLUX, &json!({"spec": {"ref": {"branch": branch}}}));
            }
            Within::FluxSuspended(is) => {
                for kind in ["gitrepository", "kustomization"] {
                    site.patch(kind, FLUX, &json!({"spec": {"suspend": is}}));
                }
            }
            Within::KustomizationFails { name, on: true } => {
                site.patch("kustomization", name, &json!({"spec": {"path": "./nowhere"}}));
            }
            // The one workload of that name here is the git server.
            Within::Mute { on, .. } => {
                site.make(&[if *on { "git-stop" } else { "git-start" }]);
            }
            _ => {
                let deed = Deed::Inside(within.clone());
                return Err(Unable(format!("`{deed}` can't be had on these machines")));
            }
        }
        Ok(())
    }

    fn is_away(&mut self, name: &MachineName, is: bool) {
        if is {
            self.away.insert(name.clone());
        } else {
            self.away.remove(name);
        }
    }

    fn life(&mut self, life: &Life) {
        match life {
            Life::Runs { verb, until } => self.start(*verb, until.as_ref()),
            Life::Shutdown { flags } => {
                let mut order = vec!["shutdown", "--execute", "--reason", "the scenario"];
                order.extend(flags.split_whitespace());
                self.begin(&order, Verb::Shutdown);
            }
            Life::RunsAgain { until } => {
                let verb = self.verb.unwrap_or(Verb::Startup);
                self.start(verb, until.as_ref());
            }
            Life::Killed => {
                if let Some(ananke) = self.ananke.take() {
                    drop(ananke.kill());
                    self.ended = State::Killed;
                }
            }
            Life::Stopped => {
                if let Some(ananke) = self.ananke.take() {
                    self.ended = State::Exited(ananke.terminate().code.unwrap_or(-1));
                }
            }
            Life::Paused { by: _, why } => {
                drop(self.scene.ananke(&["pause", "--reason", why]).exits(0));
            }
            Life::Resumed { .. } => drop(self.scene.ananke(&["resume"]).exits(0)),
            Life::Acked { by: _, machine } => {
                drop(self.scene.ananke(&["ack", machine.as_str()]).exits(0));
            }
            Life::DiskFull => self.full = Some(Full::keeping(self.scene.path("state"))),
            Life::DiskFree => self.full = None,
            // The walk makes single deaths of it.
            Life::KilledAtRandom { .. } => {}
        }
    }

    fn start(&mut self, verb: Verb, until: Option<&Boundary>) {
        let mut order = vec![verb.word().to_owned(), "--execute".to_owned()];
        if let Some(Boundary { name, times }) = until {
            order.extend(["--failpoint".to_owned(), format!("{name}@{times}")]);
        }
        let order: Vec<&str> = order.iter().map(String::as_str).collect();
        self.begin(&order, verb);
    }

    fn begin(&mut self, order: &[&str], verb: Verb) {
        let process = self.scene.begin(order);
        let daemon_runs = self.verb == Some(Verb::Daemon) && self.process() == State::Running;
        if daemon_runs {
            self.orders.push(process);
        } else {
            self.verb = Some(verb);
            self.ananke = Some(process);
        }
    }

    fn process(&mut self) -> State {
        if let Some(ananke) = &mut self.ananke {
            if ananke.is_running() {
                return State::Running;
            }
            let answer = self.ananke.take().map(|it| it.wait(Duration::from_secs(5)));
            let code = answer.as_ref().and_then(|answer| answer.code);
            self.ended = code.map_or(State::Killed, State::Exited);
        }
        self.ended
    }

    fn ticks(&mut self) -> Vec<Arc<TickRecord>> {
        let mut new = Vec::new();
        for path in tick_files(&self.scene.path("state")) {
            let Ok(reader) = TickReader::open(&path) else { continue };
            // The last one may be half written: it is whole at the next look.
            new.extend(reader.map_while(Result::ok).map(Arc::new));
        }
        new.retain(|tick: &Arc<TickRecord>| Some(tick.input.now.wall) > self.last_tick);
        new.sort_by_key(|tick| tick.input.now.wall);
        self.last_tick = new.last().map(|tick| tick.input.now.wall).or(self.last_tick);
        new
    }

    fn ledger(&mut self) -> Vec<LedgerRecord> {
        let Ok(history) = history(&self.scene.path("state"), None) else { return Vec::new() };
        let mut new = history.records;
        new.retain(|record| Some(record.seq) > self.last_seq);
        self.last_seq = new.last().map(|record| record.seq).or(self.last_seq);
        new
    }

    fn truth(&mut self) -> Truth {
        let powered = self.scene.site.powered();
        // Without a server kubectl would try for a quarter of a minute.
        let may_answer = self.roster.servers.iter().any(|name| powered.contains(name.as_str()));
        let nodes = may_answer.then(|| self.scene.site.nodes()).flatten();
        for (name, unit) in self.scene.site.members() {
            let machine = MachineName::new(&name);
            let body = self.bodies.entry(machine.clone()).or_default();
            body.node = nodes.as_ref().and_then(|nodes| nodes.get(&name)).map(seen);
            if !powered.contains(&name) || self.away.contains(&machine) {
                (body.boot_id, body.active) = (None, None);
                continue;
            }
            let ask = format!(
                "cat /proc/sys/kernel/random/boot_id; systemctl is-active {unit}; \
                 sudo grep -c ' begun$' /var/lib/ananke-guard/log 2>/dev/null || true"
            );
            let answer = self.scene.site.testbed(&["ssh", &name, &ask]).out;
            let mut lines = answer.lines();
            // One that is on and has nothing to say goes down, or boots: that is not off yet.
            let boot = lines.next().map(|boot| BootId::new(boot.trim()));
            body.boot_id = boot.or_else(|| body.boot_id.take());
            body.active = lines.next().map(|word| word.trim() == "active");
            let changes = lines.next().and_then(|count| count.trim().parse().ok());
            body.changes = changes.unwrap_or(body.changes);
        }
        let (api, machines) = (nodes.is_some(), self.bodies.clone());
        let asks_flux = api && self.scene.site.has_flux();
        let applied = if asks_flux { self.scene.site.kustomizations() } else { BTreeMap::new() };
        Truth { api, machines, applied, ..Truth::default() }
    }
}

fn seen(node: &site::Node) -> Node {
    let record = node.marks.get("cordon").is_some_and(|record| record.contains("recovery"));
    Node {
        ready: node.ready,
        boot_id: BootId::new(&node.boot_id),
        unschedulable: node.unschedulable,
        ours: record,
        manual: node.marks.contains_key("manual-action"),
    }
}

impl Driver for Bed {
    type Error = Unable;

    fn now(&self) -> Span {
        Span::millis(u64::try_from(self.began.elapsed().as_millis()).unwrap())
    }

    async fn carry_out(&mut self, event: &Event) -> Result<(), Unable> {
        note(&self.scene.journal, "fate", &event.to_string());
        match event {
            Event::Deed(deed) => self.deed(deed),
            Event::Ananke(life) => {
                self.life(life);
                Ok(())
            }
        }
    }

    async fn look(&mut self) -> Result<Look, Unable> {
        let ananke = self.process();
        let (ledger, ticks) = (self.ledger(), self.ticks());
        Ok(Look { ananke, ticks, ledger, truth: self.truth(), happened: Vec::new() })
    }

    async fn pass(&mut self, until: Span) {
        let until = until.min(self.now() + BETWEEN);
        while self.now() < until {
            pause();
        }
    }
}

impl Scene {
    /// Sets what a scenario says.
    pub(crate) fn settle(&mut self, key: &str, value: &str) {
        let value = serde_saphyr::from_str(value).unwrap_or_else(|_| json!(value));
        self.set(key, &value);
    }

    /// ananke knows other keys of these machines from now on than they have.
    fn swap_host_keys(&mut self, names: &[MachineName]) {
        let known = self.path("known_hosts");
        let text = self.swapped(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        fs::write(&known, text).unwrap();
        self.set("ssh_known_hosts_file", &json!(known));
    }
}
