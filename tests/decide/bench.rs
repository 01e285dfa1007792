//! The bench world: machines, nodes and an API, just enough to be wrong in the ways that matter.
//! It knows the truth; what `observe` gives is what an adapter would have seen of it.

use std::collections::BTreeMap;

use ananke::model::action::{Action, Effect};
use ananke::model::cordon::{CordonKind, CordonMark};
use ananke::model::facts::{
    ApiFacts, Blind, BlindKind, Canary, Datastore, EtcdFacts, GuardState, HostFacts, LeaseFacts,
    Leftovers, Link, NodeFacts, Ready, Seen, Sudo, Unit, UnitActive, UnitFacts, UnitLoad,
};
use ananke::model::hygiene::{ClockFacts, DiskFacts, HygieneFacts};
use ananke::model::ids::{BootId, CordonId, MachineId, MachineName};
use ananke::model::observation::Observation;
use ananke::model::outcome::ActionResult;
use ananke::model::policy::{Policy, Role};
use ananke::model::power::UpsName;
use ananke::model::time::{Mono, Skew, Span};

use crate::cluster::Cluster;
use crate::mending::mend;
use crate::upsd::ups;
use crate::wall::wall;

/// Seconds of the bench's own, never-resetting time.
pub(crate) type Secs = u64;

/// A kubelet renews its lease this often, and the node controller waits this long for it.
const RENEW: Secs = 10;
const CONTROLLER_GRACE: Secs = 40;
const SERVER_START: Secs = 8;
const AGENT_START: Secs = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Off,
    Booting { until: Secs },
    On,
}

/// What starting the unit comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Starts {
    Well,
    /// It fails each time.
    Fails,
    /// It runs, and its kubelet does nothing.
    Hangs,
}

#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) role: Role,
    pub(crate) power: Power,
    pub(crate) boots: u32,
    pub(crate) on_since: Secs,
    /// SSH does not get through although the machine runs.
    pub(crate) deaf: bool,
    pub(crate) deaf_since: Secs,
    pub(crate) enabled: bool,
    pub(crate) starts: Starts,
    pub(crate) load: UnitLoad,
    pub(crate) active: UnitActive,
    pub(crate) active_since: Secs,
    pub(crate) result: &'static str,
    pub(crate) hung: bool,
    pub(crate) guard: GuardState,
    pub(crate) sudo: Sudo,
    /// Its clock against ananke's own, and how far it was set since the unit began.
    pub(crate) clock: Option<ClockFacts>,
    pub(crate) clock_set: Option<Skew>,
    /// What a closer look tells; without one nobody has looked.
    pub(crate) hygiene: Option<HygieneFacts>,
    /// Told to switch itself off it stops, and its kernel goes on answering.
    pub(crate) hangs_in_power_off: bool,
    /// It was told.
    pub(crate) leaving: bool,
    /// Once it is off, nothing that is sent to it starts it.
    pub(crate) stays_off: bool,
    /// Nothing of pods is left on it.
    pub(crate) emptied: bool,
    /// Since when the kubelet has really worked without a break.
    pub(crate) alive_since: Option<Secs>,
    /// The last stretch in which it did not, with its end.
    pub(crate) dead: Option<(Secs, Option<Secs>)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) version: u64,
    pub(crate) boot_id: BootId,
    pub(crate) ready: Ready,
    pub(crate) unschedulable: bool,
    pub(crate) cordon: CordonMark,
    pub(crate) hold: Option<String>,
    pub(crate) manual: Option<String>,
    pub(crate) foreign: Vec<String>,
    pub(crate) renewals: u64,
    pub(crate) renewed: Secs,
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) now: Secs,
    pub(crate) hosts: BTreeMap<MachineName, Host>,
    pub(crate) nodes: BTreeMap<MachineName, Node>,
    /// Ananke can't get to the API although it serves.
    pub(crate) api_cut: bool,
    pub(crate) api_up_since: Option<Secs>,
    pub(crate) link_since: Secs,
    pub(crate) link_up: bool,
    pub(crate) listed: Option<(Secs, BTreeMap<MachineName, NodeFacts>)>,
    pub(crate) canary: Option<Secs>,
    pub(crate) disk: Result<(), String>,
    pub(crate) leader: Option<MachineName>,
    pub(crate) proofs_of_write: u64,
    pub(crate) cluster: Cluster,
    /// What each UPS says: `OB LB r600 c90`, or `- REASON` for silence.
    pub(crate) upses: BTreeMap<UpsName, String>,
    pub(crate) answers: crate::answers::Answers,
}

/// Nothing is amiss.
pub(crate) fn good_hygiene() -> HygieneFacts {
    let disk = DiskFacts { read_only: false, free: 60, free_inodes: Some(90) };
    HygieneFacts {
        boot_id: BootId::fixed("filled in by the look"),
        synchronised: Some(true),
        default_route: true,
        disks: BTreeMap::from([("/".to_owned(), Some(disk))]),
        missing_packages: Some(Default::default()),
        missing_programs: Default::default(),
        missing_modules: Default::default(),
        idle_services: Some(BTreeMap::new()),
    }
}

impl World {
    /// Everything runs and has for an hour.
    pub(crate) fn healthy(policy: &Policy) -> Self {
        let start = 10_000;
        let mut hosts = BTreeMap::new();
        let mut nodes = BTreeMap::new();
        for (name, machine) in &policy.machines {
            let host = Host {
                role: machine.role,
                power: Power::On,
                boots: 1,
                on_since: start - 3_600,
                deaf: false,
                deaf_since: 0,
                enabled: true,
                starts: Starts::Well,
                load: UnitLoad::Loaded,
                active: UnitActive::Active,
                active_since: start - 3_590,
                result: "success",
                hung: false,
                guard: GuardState::Current,
                sudo: Sudo::Works,
                clock: Some(ClockFacts { ahead: Skew::millis(40), within: Span::millis(520) }),
                clock_set: Some(Skew::default()),
                hygiene: Some(good_hygiene()),
                hangs_in_power_off: false,
                stays_off: false,
                leaving: false,
                emptied: false,
                alive_since: Some(start - 3_500),
                dead: None,
            };
            let node = Node {
                version: 100,
                boot_id: boot_id(name, &host),
                ready: Ready::True,
                unschedulable: false,
                cordon: CordonMark::None,
                hold: None,
                manual: None,
                foreign: Vec::new(),
                renewals: 360,
                renewed: start - 1,
            };
            hosts.insert(name.clone(), host);
            nodes.insert(name.clone(), node);
        }
        Self {
            now: start,
            hosts,
            nodes,
            api_cut: false,
            api_up_since: Some(start - 3_500),
            link_since: start - 3_500,
            link_up: true,
            listed: None,
            canary: None,
            disk: Ok(()),
            leader: policy.with_role(Role::Server).last().cloned(),
            proofs_of_write: 0,
            cluster: Cluster::default(),
            upses: BTreeMap::new(),
            answers: Default::default(),
        }
    }

    pub(crate) fn host(&mut self, name: &str) -> &mut Host {
        self.hosts.get_mut(&MachineName::new(name)).expect("a machine of the bench")
    }

    pub(crate) fn node(&mut self, name: &str) -> &mut Node {
        let node = self.nodes.get_mut(&MachineName::new(name)).expect("a node of the bench");
        node.version += 1;
        node
    }

    pub(crate) fn power_off(&mut self, name: &MachineName) {
        let host = self.hosts.get_mut(name).expect("a machine of the bench");
        host.power = Power::Off;
        host.leaving = false;
        host.active = UnitActive::Inactive;
        host.alive_since = None;
        host.deaf_since = self.now;
    }

    pub(crate) fn power_on(&mut self, name: &MachineName, boot: Secs) {
        let host = self.hosts.get_mut(name).expect("a machine of the bench");
        if host.power == Power::Off {
            host.power = Power::Booting { until: self.now + boot };
        }
    }

    /// The unit ends, as `systemctl stop` or a crash would leave it.
    pub(crate) fn stop(&mut self, name: &str, active: UnitActive, result: &'static str) {
        let now = self.now;
        let host = self.host(name);
        (host.active, host.active_since, host.result) = (active, now, result);
        host.alive_since = None;
    }

    /// The kubelet stops working while its unit stays active.
    pub(crate) fn hang(&mut self, name: &str) {
        let host = self.host(name);
        host.hung = true;
        host.alive_since = None;
    }

    /// What the adapters knew goes with the process.
    pub(crate) fn forget_what_was_seen(&mut self) {
        (self.listed, self.canary, self.link_since) = (None, None, self.now);
    }

    pub(crate) fn advance(&mut self, seconds: Secs) {
        for _ in 0..seconds {
            self.now += 1;
            self.one_second();
        }
    }

    fn one_second(&mut self) {
        let now = self.now;
        for host in self.hosts.values_mut() {
            boot(host, now);
            if host.leaving && !host.hangs_in_power_off {
                (host.power, host.leaving) = (Power::Off, false);
            }
        }
        let running = |host: &&Host| {
            host.role == Role::Server
                && matches!(host.active, UnitActive::Active | UnitActive::Activating)
        };
        let servers = self.hosts.values().filter(|host| host.role == Role::Server).count();
        let quorum = self.hosts.values().filter(running).count() * 2 > servers;
        let api = self.api_up_since.is_some();
        for host in self.hosts.values_mut() {
            start(host, now, if host.role == Role::Server { quorum } else { api });
        }
        self.elect(quorum);
        let serving = self.leader.is_some();
        self.api_up_since = match (serving, self.api_up_since) {
            (false, _) => None,
            (true, None) => Some(now),
            (true, since) => since,
        };
        let link_up = serving && !self.api_cut;
        if link_up != self.link_up {
            (self.link_up, self.link_since) = (link_up, now);
        }
        self.kubelets();
        for host in self.hosts.values_mut() {
            host.dead = match (host.alive_since, host.dead) {
                (None, Some((from, None))) => Some((from, None)),
                (None, _) => Some((now, None)),
                (Some(_), Some((from, None))) => Some((from, Some(now))),
                (Some(_), dead) => dead,
            };
        }
    }

    fn elect(&mut self, quorum: bool) {
        let active = |host: &Host| host.role == Role::Server && host.active == UnitActive::Active;
        let stands = |name: &MachineName| self.hosts.get(name).is_some_and(active);
        if !quorum {
            self.leader = None;
        } else if !self.leader.as_ref().is_some_and(stands) {
            self.leader = self.hosts.iter().find(|(_, h)| active(h)).map(|(n, _)| n.clone());
        }
    }

    fn kubelets(&mut self) {
        let now = self.now;
        let Some(up) = self.api_up_since else { return };
        for (name, host) in &mut self.hosts {
            let Some(node) = self.nodes.get_mut(name) else { continue };
            let works = host.power == Power::On && host.active == UnitActive::Active && !host.hung;
            if !works {
                host.alive_since = None;
            } else if host.alive_since.is_none() {
                host.alive_since = Some(now);
            }
            if works && now >= node.renewed + RENEW {
                (node.renewals, node.renewed) = (node.renewals + 1, now);
                let boot_id = boot_id(name, host);
                if node.boot_id != boot_id || node.ready != Ready::True {
                    (node.boot_id, node.ready) = (boot_id, Ready::True);
                    node.version += 1;
                }
            }
            let silent = now.saturating_sub(node.renewed.max(up));
            if silent > CONTROLLER_GRACE && node.ready != Ready::Unknown {
                node.ready = Ready::Unknown;
                node.version += 1;
            }
        }
    }

    /// What an adapter would have seen. `zero` is the bench time at which ananke's host booted.
    pub(crate) fn observe(&mut self, zero: Secs) -> Observation {
        let at = |secs: Secs| Mono(secs.saturating_sub(zero) * 1_000);
        let hosts = self.hosts.iter().map(|(name, host)| {
            let hangs = host.leaving && host.hangs_in_power_off;
            let seen = if hangs {
                let why = Blind::new(BlindKind::Refused, "connect: connection refused");
                Seen::Unknown { why, since: at(host.deaf_since) }
            } else if host.power != Power::On || host.deaf {
                unknown("connect: no route to host", at(host.deaf_since))
            } else {
                Seen::Known { value: self.facts(name, host), at: at(self.now) }
            };
            (name.clone(), seen)
        });
        let hosts = hosts.collect();
        let hygiene = self.hosts.iter().map(|(name, host)| {
            let seen = match &host.hygiene {
                Some(facts) if host.power == Power::On && !host.deaf => {
                    let boot_id = boot_id(name, host);
                    Seen::Known {
                        value: HygieneFacts { boot_id, ..facts.clone() },
                        at: at(self.now),
                    }
                }
                Some(_) | None => unknown("connect: no route to host", at(host.deaf_since)),
            };
            (name.clone(), seen)
        });
        let hygiene = hygiene.collect();
        if self.link_up {
            let nodes =
                self.nodes.iter().map(|(name, node)| (name.clone(), node_facts(name, node)));
            self.listed = Some((self.now, nodes.collect()));
        }
        let nodes = match &self.listed {
            Some((when, nodes)) if *when >= zero => {
                Seen::Known { value: nodes.clone(), at: at(*when) }
            }
            Some(_) | None => unknown("connection refused", at(self.link_since)),
        };
        let canary = match self.canary {
            Some(when) if when >= zero => Seen::Known {
                value: Canary { resource_version: format!("{}", 7_000 + self.proofs_of_write) },
                at: at(when),
            },
            Some(_) | None => unknown("nothing was written yet", at(zero)),
        };
        let link = if self.link_up {
            Link::Up { since: at(self.link_since), endpoint: "https://10.0.0.11:6443".to_owned() }
        } else {
            let why = Blind::new(BlindKind::Unreachable, "connection refused");
            Link::Down { since: at(self.link_since), why }
        };
        let endpoints = [("https://10.0.0.11:6443".to_owned(), self.link_up)]
            .map(|(url, up)| (url, Seen::Known { value: up, at: at(self.now) }));
        let api = ApiFacts {
            link,
            endpoints: endpoints.into(),
            version: Some("v1.31.4+k3s1".to_owned()),
            nodes,
            canary,
            serves: vec!["v1/Node".to_owned(), "coordination.k8s.io/v1/Lease".to_owned()],
            holder: None,
        };
        let cluster = self.cluster.facts(self.link_up.then_some(at(self.now)), at(self.link_since));
        let (disk, peers) = (self.disk.clone(), BTreeMap::new());
        let upses = self.upses.iter().map(|(name, line)| (name.clone(), ups(line, at(self.now))));
        let probes = self.answers.seen(at(self.now));
        Observation { hosts, hygiene, upses: upses.collect(), peers, probes, api, cluster, disk }
    }

    fn facts(&self, name: &MachineName, host: &Host) -> HostFacts {
        let unit = if host.role == Role::Server { Unit::K3s } else { Unit::K3sAgent };
        let facts = UnitFacts {
            load: host.load,
            active: host.active,
            result: host.result.to_owned(),
            restarts: 0,
            for_time: Some(Span::secs(self.now - host.active_since)),
            clock_set: host.clock_set,
        };
        let server = host.role == Role::Server;
        let member = server && host.active == UnitActive::Active;
        HostFacts {
            fence: None,
            boot_id: boot_id(name, host),
            machine_id: MachineId::new(format!("machine-{name}-0123456789abcdef")),
            up_for: Span::secs(self.now - host.on_since),
            wall: wall(self.now),
            clock: host.clock,
            guard: host.guard.clone(),
            sudo: host.sudo.clone(),
            units: BTreeMap::from([(unit, facts)]),
            datastore: server.then_some(Datastore::Etcd),
            etcd: server.then(|| EtcdFacts {
                healthy: member && self.leader.is_some(),
                has_leader: member && self.leader.is_some(),
                is_leader: self.leader.as_ref() == Some(name),
            }),
            leftovers: match host.emptied {
                true => Leftovers { tasks: Some(0), mounts: 0 },
                false => Leftovers { tasks: Some(40), mounts: 12 },
            },
        }
    }

    /// Carries out an effect as its receiver would, with the receiver's own checks.
    pub(crate) fn perform(&mut self, action: &Action) -> ActionResult {
        let refused = |why: &str| ActionResult::Refused { why: why.to_owned() };
        if let Some(name) = action.effect.host() {
            let host = &self.hosts[name];
            if host.power != Power::On || host.deaf || host.leaving {
                return ActionResult::Failed { why: "connect: no route to host".to_owned() };
            }
            if action.expect.boot_id.as_ref() != Some(&boot_id(name, host)) {
                return refused("another boot");
            }
        } else if let Effect::Wake { machine } = &action.effect {
            if !self.hosts[machine].stays_off {
                self.power_on(machine, 20);
            }
            return ActionResult::Done;
        } else if !self.link_up {
            return ActionResult::Failed { why: "connection refused".to_owned() };
        } else if let Some(name) = action.target.machine() {
            let node = &self.nodes[name];
            if action.expect.resource_version != Some(node.version.to_string()) {
                return refused("409: the object was modified");
            }
        }
        self.change(action)
    }

    fn change(&mut self, action: &Action) -> ActionResult {
        let now = self.now;
        match &action.effect {
            Effect::StartUnit { host, .. } | Effect::RestartUnit { host, .. } => {
                let host = self.hosts.get_mut(host).expect("a machine of the bench");
                (host.active, host.active_since) = (UnitActive::Activating, now);
                host.clock_set = Some(Skew::default());
                (host.alive_since, host.emptied) = (None, false);
                host.hung = host.starts == Starts::Hangs;
            }
            Effect::ResetFailedUnit { host, .. } => {
                let host = self.hosts.get_mut(host).expect("a machine of the bench");
                if host.active == UnitActive::Failed {
                    (host.active, host.active_since) = (UnitActive::Inactive, now);
                    host.result = "success";
                }
            }
            Effect::Cordon { node, record } => {
                let node = self.node(node.as_str());
                node.unschedulable = true;
                node.cordon = CordonMark::Record(record.clone());
            }
            Effect::Uncordon { node, id } => {
                if own_id(&self.nodes[node].cordon) != Some(id) {
                    return ActionResult::Refused { why: "another cordon".to_owned() };
                }
                let node = self.node(node.as_str());
                (node.unschedulable, node.cordon) = (false, CordonMark::None);
            }
            Effect::MarkManual { node, reason, cordon, .. } => {
                let node = self.node(node.as_str());
                node.manual = Some(reason.clone());
                if let (Some(_), CordonMark::Record(record)) = (cordon, &mut node.cordon) {
                    record.kind = CordonKind::Manual;
                }
            }
            Effect::ClearMark { node } => self.node(node.as_str()).manual = None,
            Effect::WriteCanary => {
                self.canary = Some(now);
                self.proofs_of_write += 1;
            }
            effect @ (Effect::ResumeFlux { .. }
            | Effect::SuspendFlux { .. }
            | Effect::SaveDatastore { .. }
            | Effect::EvictPods { .. }
            | Effect::DeletePod { .. }
            | Effect::Scale { .. }
            | Effect::RequestReconcile { .. }) => return self.cluster.perform(effect),
            Effect::MendHost { host, mending } => {
                mend(self.hosts.get_mut(host).expect("a machine of the bench"), mending);
            }
            Effect::StopUnit { host, .. } => {
                self.stop(host.as_str(), UnitActive::Inactive, "success");
            }
            Effect::PowerOff { host } => {
                self.stop(host.as_str(), UnitActive::Inactive, "success");
                let machine = self.host(host.as_str());
                (machine.leaving, machine.deaf_since) = (true, now);
            }
            Effect::EndPods { host } => self.host(host.as_str()).emptied = true,
            Effect::Claim { .. } => {}
            Effect::Wake { .. } | Effect::UnsealVault { .. } | Effect::PowerOffHere { .. } => {
                return ActionResult::Failed { why: format!("the bench can't {}", action.effect) };
            }
        }
        ActionResult::Done
    }
}

fn unknown<T>(why: &str, since: Mono) -> Seen<T> {
    Seen::Unknown { why: Blind::new(BlindKind::Unreachable, why), since }
}

fn own_id(mark: &CordonMark) -> Option<&CordonId> {
    match mark {
        CordonMark::Record(record) => Some(&record.id),
        CordonMark::None | CordonMark::Garbled => None,
    }
}

fn boot(host: &mut Host, now: Secs) {
    if matches!(host.power, Power::Booting { until } if now >= until) {
        host.power = Power::On;
        host.boots += 1;
        host.on_since = now;
        host.hung = false;
        let active = if host.enabled { UnitActive::Activating } else { UnitActive::Inactive };
        (host.active, host.active_since) = (active, now);
    }
}

/// `may` is what the unit waits for: quorum on a server, the API on an agent.
fn start(host: &mut Host, now: Secs, may: bool) {
    if host.power != Power::On || host.active != UnitActive::Activating || !may {
        return;
    }
    let takes = if host.role == Role::Server { SERVER_START } else { AGENT_START };
    if now < host.active_since + takes {
        return;
    }
    host.active_since = now;
    match host.starts {
        Starts::Well => host.active = UnitActive::Active,
        Starts::Hangs => (host.active, host.hung) = (UnitActive::Active, true),
        Starts::Fails => (host.active, host.result) = (UnitActive::Failed, "exit-code"),
    }
}

pub(crate) fn boot_id(name: &MachineName, host: &Host) -> BootId {
    BootId::new(format!("{name}-boot-{:04}-9c1f-4e0a-8d11", host.boots))
}

fn node_facts(name: &MachineName, node: &Node) -> NodeFacts {
    let late = "Kubelet stopped posting node status.";
    NodeFacts {
        uid: format!("uid-{name}-6f0c1c52-5d3d"),
        resource_version: node.version.to_string(),
        boot_id: node.boot_id.clone(),
        machine_id: MachineId::new(format!("machine-{name}-0123456789abcdef")),
        ready: node.ready,
        ready_why: if node.ready == Ready::True { String::new() } else { late.to_owned() },
        unschedulable: node.unschedulable,
        cordon: node.cordon.clone(),
        hold: node.hold.clone(),
        manual: node.manual.clone(),
        foreign: node.foreign.clone(),
        lease: Some(LeaseFacts {
            resource_version: (9_000 + node.renewals).to_string(),
            renew_time: format!("renewal-{}", node.renewals),
        }),
    }
}
