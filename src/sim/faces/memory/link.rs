//! The way to the Kubernetes API, without a connection: probed at the pace of the real link, and
//! judged by its own functions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::kinds::Kinds;
use crate::adapters::kube::{
    Probe, Probes, Step, is_looked_at, link_step, link_verdict, node_facts,
};
use crate::model::cluster::ClusterFacts;
use crate::model::facts::{
    ApiFacts, Blind, BlindKind, Canary, LeaseFacts, Link as Facts, NodeFacts, Seen,
};
use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::model::time::{Mono, Span};
use crate::sim::world::store::Key;
use crate::sim::world::store::kinds::{self, LEASES, NODE_LEASES, NODES};
use crate::sim::world::{ApiDoor, KUBERNETES_VERSION, World};

// The pace of adapters::kube: link, watch and leases, each with its reason there.
const UP_PAUSE: Span = Span::secs(5);
const DOUBT_PAUSE: Span = Span::secs(1);
const PROBE_LIMIT: Span = Span::secs(3);
const WATCH: Span = Span::secs(10);
const LEASE_READING: Span = Span::secs(2);
const LEASE_READING_FAILED: Span = Span::secs(10);

/// The link and what was seen through it.
#[derive(Debug)]
pub(super) struct Link {
    endpoints: Vec<(String, MachineName)>,
    facts: ApiFacts,
    /// The endpoint in use.
    session: Option<usize>,
    strikes: u32,
    round: Round,
    /// The store's revision up to which the nodes are known.
    revision: Option<u64>,
    cache: BTreeMap<MachineName, (Arc<Value>, NodeFacts)>,
    kinds: Kinds,
    alive_due: Mono,
    wanted: BTreeSet<MachineName>,
    leases: BTreeMap<MachineName, LeaseFacts>,
    leases_due: Mono,
}

#[derive(Debug, Clone, Copy)]
enum Round {
    /// The next one begins then.
    Begins(Mono),
    /// One is under way; the last answer comes, or is given up, then.
    Ends(Mono),
}

impl Link {
    pub(super) fn new(world: &World, now: Mono) -> Self {
        let site = world.site();
        let servers = site.machines.iter().filter(|(_, spec)| spec.role == Role::Server);
        let endpoints =
            servers.map(|(name, _)| (format!("https://{name}:6443"), name.clone())).collect();
        let not_yet = |why: &str| Blind::new(BlindKind::NotYet, why);
        let facts = ApiFacts {
            link: Facts::Probing,
            endpoints: BTreeMap::new(),
            version: None,
            nodes: Seen::Unknown { why: not_yet("not looked at yet"), since: now },
            canary: Seen::Unknown { why: not_yet("nothing was written yet"), since: now },
            serves: Vec::new(),
            holder: None,
        };
        Self {
            endpoints,
            facts,
            session: None,
            strikes: 0,
            round: Round::Begins(now),
            revision: None,
            cache: BTreeMap::new(),
            kinds: Kinds::new(now),
            alive_due: now,
            wanted: BTreeSet::new(),
            leases: BTreeMap::new(),
            leases_due: now,
        }
    }

    /// The newest facts.
    pub(super) fn facts(&self) -> ApiFacts {
        let mut facts = self.facts.clone();
        if let Seen::Known { value, .. } = &mut facts.nodes {
            for (name, node) in value {
                node.lease = self.leases.get(name).cloned();
            }
        }
        facts
    }

    /// What lives in the cluster.
    pub(super) fn cluster(&self) -> ClusterFacts {
        self.kinds.facts()
    }

    /// The server in use, or what is wrong with the link.
    pub(super) fn server(&self) -> Result<MachineName, Blind> {
        match (self.session, &self.facts.link) {
            (Some(at), _) => Ok(self.endpoints[at].1.clone()),
            (None, Facts::Down { why, .. }) => Err(why.clone()),
            (None, Facts::Probing | Facts::Up { .. }) => {
                Err(Blind::new(BlindKind::NotYet, "the link is still being probed"))
            }
        }
    }

    /// Whose heartbeat is read from now on.
    pub(super) fn attend(&mut self, nodes: BTreeSet<MachineName>, now: Mono) {
        self.leases.retain(|name, _| nodes.contains(name));
        if self.wanted.is_empty() && !nodes.is_empty() {
            self.leases_due = self.leases_due.max(now);
        }
        self.wanted = nodes;
    }

    /// A write of ours that was taken. `false`: it wrote nothing.
    pub(super) fn written(&mut self, resource_version: String, at: Mono) -> bool {
        let same = self
            .facts
            .canary
            .any_age()
            .is_some_and(|canary| canary.resource_version == resource_version);
        if !same {
            self.facts.canary = Seen::Known { value: Canary { resource_version }, at };
        }
        !same
    }

    /// When something is due, besides changes of the world.
    pub(super) fn due(&self) -> Mono {
        let (Round::Begins(at) | Round::Ends(at)) = self.round;
        match (self.session, self.wanted.is_empty()) {
            (None, _) => at,
            (Some(_), true) => at.min(self.alive_due),
            (Some(_), false) => at.min(self.alive_due).min(self.leases_due),
        }
    }

    /// Whether changes of the world are pushed to us.
    pub(super) const fn watches(&self) -> bool {
        self.session.is_some()
    }

    /// Does all that is due, and says whether there is news.
    pub(super) fn step(&mut self, world: &World, now: Mono) -> bool {
        let mut news = self.watch(world, now);
        if let Round::Begins(at) = self.round
            && at <= now
        {
            let silent = |(_, server): &(_, _)| world.api_door(server) == ApiDoor::Silent;
            let slow = self.endpoints.iter().any(silent);
            self.round = Round::Ends(now + if slow { PROBE_LIMIT } else { Span::ZERO });
        }
        if let Round::Ends(at) = self.round
            && at <= now
        {
            news |= self.judge(world, now);
            // A link that has just come up is watched through at once.
            news |= self.watch(world, now);
        }
        news
    }

    /// Takes in what the watch of the nodes and the reading of the leases bring.
    fn watch(&mut self, world: &World, now: Mono) -> bool {
        let Some(at) = self.session else { return false };
        let door = world.api_door(&self.endpoints[at].1);
        if door == ApiDoor::Refused && matches!(self.round, Round::Begins(_)) {
            // The watch broke off: somebody looks at once.
            self.round = Round::Begins(now);
        }
        if door != ApiDoor::Ready {
            self.leases_due = self.leases_due.max(now + LEASE_READING_FAILED);
            self.alive_due = now + WATCH;
            return false;
        }
        let mut news = self.nodes(world, now);
        if self.alive_due <= now {
            self.alive(now);
        }
        if !self.wanted.is_empty() && self.leases_due <= now {
            news |= self.read_leases(world);
            self.leases_due = now + LEASE_READING;
        }
        news
    }

    fn alive(&mut self, now: Mono) {
        if let Seen::Known { at, .. } = &mut self.facts.nodes {
            *at = now;
        }
        self.kinds.alive(now);
        self.alive_due = now + WATCH;
    }

    /// The nodes as the store holds them. A node is read anew only if it is another object.
    fn nodes(&mut self, world: &World, now: Mono) -> bool {
        let store = world.store();
        if self.revision == Some(store.revision()) {
            return false;
        }
        self.revision = Some(store.revision());
        let news = self.kinds.look(world, now);
        let mut seen = BTreeSet::new();
        let mut moved = false;
        for (key, object) in store.list(&NODES, None) {
            let name = MachineName::new(key.name.clone());
            seen.insert(name.clone());
            let cached = self.cache.get(&name);
            if cached.is_some_and(|(old, _)| Arc::ptr_eq(old, object)) {
                continue;
            }
            moved = true;
            if let Some((name, facts)) = node_facts(object) {
                self.cache.insert(name, (Arc::clone(object), facts));
            }
        }
        let before = self.cache.len();
        self.cache.retain(|name, _| seen.contains(name));
        moved |= before != self.cache.len();
        let known = matches!(self.facts.nodes, Seen::Known { .. });
        if moved || !known {
            let nodes = self.cache.iter().map(|(name, (_, facts))| (name.clone(), facts.clone()));
            self.facts.nodes = Seen::Known { value: nodes.collect(), at: now };
            self.kinds.alive(now);
            self.alive_due = now + WATCH;
        }
        news || moved || !known
    }

    fn read_leases(&mut self, world: &World) -> bool {
        let text = |object: &Value, at: &str| {
            object.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let found = self.wanted.iter().filter_map(|name| {
            let lease = world.store().get(&Key::of(&LEASES, NODE_LEASES, name.as_str()))?;
            let facts = LeaseFacts {
                resource_version: text(lease, "/metadata/resourceVersion"),
                renew_time: text(lease, "/spec/renewTime"),
            };
            Some((name.clone(), facts))
        });
        let found: BTreeMap<_, _> = found.collect();
        let news = found != self.leases;
        self.leases = found;
        news
    }

    /// The end of a round of probes.
    fn judge(&mut self, world: &World, now: Mono) -> bool {
        let probes: Probes = self
            .endpoints
            .iter()
            .map(|(endpoint, server)| (endpoint.clone(), probe(world.api_door(server))))
            .collect();
        let mut news = self.note(&probes, now);
        let current = self.session.map(|at| self.endpoints[at].0.clone());
        let good = current.as_ref().is_some_and(|name| probes.get(name) == Some(&Probe::Ready));
        self.strikes = if good { 0 } else { self.strikes.saturating_add(1) };
        let order: Vec<String> = self.endpoints.iter().map(|(name, _)| name.clone()).collect();
        let pause = match link_step(current.as_deref(), self.strikes, &order, &probes) {
            Step::Stay => UP_PAUSE,
            Step::Doubt => DOUBT_PAUSE,
            Step::Use(name) => {
                news |= self.rise(name, now);
                UP_PAUSE
            }
            Step::Fall(_) => {
                news |= self.fall(link_verdict(&probes), now);
                DOUBT_PAUSE
            }
        };
        self.round = Round::Begins(now + pause);
        news
    }

    /// What each endpoint said. One that stays unknown is so since it first was.
    fn note(&mut self, probes: &Probes, now: Mono) -> bool {
        let mut seen = BTreeMap::new();
        let mut news = probes.len() != self.facts.endpoints.len();
        for (name, probe) in probes {
            let mut said = probe.seen(now);
            let before = self.facts.endpoints.get(name);
            if let (Seen::Unknown { since, .. }, Some(Seen::Unknown { since: first, .. })) =
                (&mut said, before)
            {
                *since = *first;
            }
            news |= before.map(word) != Some(word(&said));
            seen.insert(name.clone(), said);
        }
        self.facts.endpoints = seen;
        news
    }

    fn rise(&mut self, endpoint: String, now: Mono) -> bool {
        self.session = self.endpoints.iter().position(|(name, _)| *name == endpoint);
        self.strikes = 0;
        self.revision = None;
        self.kinds.rise();
        self.facts.version = Some(KUBERNETES_VERSION.to_owned());
        self.facts.serves = serves();
        let (since, news) = match &self.facts.link {
            Facts::Up { since, endpoint: old } if *old == endpoint => (*since, false),
            Facts::Up { .. } | Facts::Down { .. } | Facts::Probing => (now, true),
        };
        self.facts.link = Facts::Up { since, endpoint };
        news
    }

    /// What was seen stays with its age; what was never seen has a reason now.
    fn fall(&mut self, why: Blind, now: Mono) -> bool {
        self.session = None;
        if let Seen::Unknown { why: old, .. } = &mut self.facts.nodes {
            *old = why.clone();
        }
        self.kinds.fall(&why);
        let (since, news) = match &self.facts.link {
            Facts::Down { since, why: old } => (*since, old.kind != why.kind),
            Facts::Up { .. } | Facts::Probing => (now, true),
        };
        self.facts.link = Facts::Down { since, why };
        news
    }
}

/// What an endpoint says, whenever it said so.
fn word(seen: &Seen<bool>) -> Result<bool, BlindKind> {
    match seen {
        Seen::Known { value, .. } => Ok(*value),
        Seen::Unknown { why, .. } => Err(why.kind),
    }
}

fn probe(door: ApiDoor) -> Probe {
    match door {
        ApiDoor::Ready => Probe::Ready,
        ApiDoor::NotReady => Probe::NotReady(Blind::new(BlindKind::NotYet, NOT_READY)),
        ApiDoor::Refused => Probe::Silent(Blind::new(BlindKind::Unreachable, "connection refused")),
        ApiDoor::Silent => {
            let why = format!("no answer within {} ms", PROBE_LIMIT.as_millis());
            Probe::Silent(Blind::new(BlindKind::TimedOut, why))
        }
    }
}

/// The words of an API server whose etcd does not answer.
const NOT_READY: &str = "it is not ready (500 Internal Server Error: etcd failed: reason withheld)";

/// What the simulated API serves, of what is looked at, in the order of its discovery.
fn serves() -> Vec<String> {
    let looked_at = kinds::ALL.iter().filter(|kind| is_looked_at(kind.group, kind.kind));
    looked_at.map(|kind| format!("{}/{}", kind.api_version(), kind.kind)).collect()
}
