//! What is known now, shared between the tasks that look and those who read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use crate::model::cluster::ClusterFacts;
use crate::model::facts::{ApiFacts, Blind, BlindKind, Canary, LeaseFacts, Link, NodeFacts, Seen};
use crate::model::ids::MachineName;
use crate::model::peers::LeaseHolder;
use crate::model::time::{Moment, Mono};

use super::acting::Terms;
use super::looked::Looked;
use super::shelves::{Shelf, Shelves};
use super::wire::Wire;

/// The newest facts and the connection that may be written through.
pub(super) struct Board {
    clock: Box<dyn Fn() -> Moment + Send + Sync>,
    state: Mutex<State>,
    version: watch::Sender<u64>,
    wanted: watch::Sender<BTreeSet<MachineName>>,
    /// What the server serves; `None` until it has said so.
    served: watch::Sender<Option<Vec<String>>>,
    /// The part of this host among several; `None` while it is the only one.
    terms: watch::Sender<Option<Terms>>,
    /// Asks the supervisor to look at once.
    pub(super) nudge: Notify,
}

struct State {
    facts: ApiFacts,
    shelves: Shelves,
    leases: BTreeMap<MachineName, LeaseFacts>,
    wire: Option<Wire>,
    refused: bool,
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").finish_non_exhaustive()
    }
}

impl Board {
    pub(super) fn new(clock: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        let since = clock().mono;
        let not_yet = || Blind::new(BlindKind::NotYet, "not looked at yet");
        let facts = ApiFacts {
            link: Link::Probing,
            endpoints: BTreeMap::new(),
            version: None,
            nodes: Seen::Unknown { why: not_yet(), since },
            canary: Seen::Unknown {
                why: Blind::new(BlindKind::NotYet, "nothing was written yet"),
                since,
            },
            serves: Vec::new(),
            holder: None,
        };
        let shelves = Shelves::new(since);
        let state = State { facts, shelves, leases: BTreeMap::new(), wire: None, refused: false };
        Self {
            clock: Box::new(clock),
            state: Mutex::new(state),
            version: watch::Sender::new(0),
            wanted: watch::Sender::new(BTreeSet::new()),
            served: watch::Sender::new(None),
            terms: watch::Sender::new(None),
            nudge: Notify::new(),
        }
    }

    pub(super) fn moment(&self) -> Moment {
        (self.clock)()
    }

    pub(super) fn now(&self) -> Mono {
        self.moment().mono
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(super) fn wanted(&self) -> watch::Receiver<BTreeSet<MachineName>> {
        self.wanted.subscribe()
    }

    pub(super) fn facts(&self) -> ApiFacts {
        let state = self.lock();
        let mut facts = state.facts.clone();
        if let Seen::Known { value, .. } = &mut facts.nodes {
            for (name, node) in value {
                node.lease = state.leases.get(name).cloned();
            }
        }
        facts
    }

    /// What lives in the cluster.
    pub(super) fn cluster(&self) -> ClusterFacts {
        self.lock().shelves.facts()
    }

    /// What the server serves, and when that changes.
    pub(super) fn served(&self) -> watch::Receiver<Option<Vec<String>>> {
        self.served.subscribe()
    }

    /// Changes what is kept of a kind. The closure says whether that is news.
    pub(super) fn shelf<T>(
        &self,
        looked: &Looked,
        change: impl FnOnce(&mut dyn Shelf, Mono) -> (T, bool),
    ) -> T {
        let now = self.now();
        let (given, changed) = change((looked.shelf)(&mut self.lock().shelves), now);
        if changed {
            self.version.send_modify(|version| *version += 1);
        }
        given
    }

    /// What the server serves is not known, and so none of it can be seen yet.
    pub(super) fn kinds_blind(&self, why: &Blind) {
        self.update(|state, _| state.shelves.down(why));
    }

    /// The connection of the link while it is up, else what is wrong with the link.
    pub(super) fn wire(&self) -> Result<Wire, Blind> {
        let state = self.lock();
        match (&state.wire, &state.facts.link) {
            (Some(wire), _) => Ok(wire.clone()),
            (None, Link::Down { why, .. }) => Err(why.clone()),
            (None, Link::Probing | Link::Up { .. }) => {
                Err(Blind::new(BlindKind::NotYet, "the link is still being probed"))
            }
        }
    }

    pub(super) fn want_leases(&self, nodes: BTreeSet<MachineName>) {
        self.lock().leases.retain(|name, _| nodes.contains(name));
        self.wanted.send_if_modified(|wanted| {
            let differs = *wanted != nodes;
            *wanted = nodes;
            differs
        });
    }

    /// The part of this host among several, and when that changes.
    pub(super) fn terms(&self) -> watch::Receiver<Option<Terms>> {
        self.terms.subscribe()
    }

    pub(super) fn share(&self, terms: Terms) {
        self.terms.send_if_modified(|known| {
            let differs = known.as_ref() != Some(&terms);
            *known = Some(terms);
            differs
        });
    }

    /// Who acts, by the Lease.
    pub(super) fn holder(&self, holder: Option<LeaseHolder>) {
        self.update(|state, _| {
            let changed = state.facts.holder != holder;
            state.facts.holder = holder;
            changed
        });
    }

    /// Somebody's request was answered with 401: the credentials should be read again.
    pub(super) fn credentials_refused(&self) {
        self.lock().refused = true;
        self.nudge.notify_one();
    }

    pub(super) fn take_refused(&self) -> bool {
        std::mem::take(&mut self.lock().refused)
    }

    /// What each endpoint said. One that stays unknown is so since it first was.
    pub(super) fn endpoints(&self, mut seen: BTreeMap<String, Seen<bool>>) {
        self.update(|state, _| {
            for (name, seen) in &mut seen {
                if let (Seen::Unknown { since, .. }, Some(Seen::Unknown { since: first, .. })) =
                    (seen, state.facts.endpoints.get(name))
                {
                    *since = *first;
                }
            }
            let changed = !alike(&state.facts.endpoints, &seen);
            state.facts.endpoints = seen;
            changed
        });
    }

    pub(super) fn up(&self, wire: Wire) {
        self.update(|state, now| {
            let endpoint = wire.endpoint().to_owned();
            let (since, changed) = match &state.facts.link {
                Link::Up { since, endpoint: old } if *old == endpoint => (*since, false),
                Link::Up { .. } | Link::Down { .. } | Link::Probing => (now, true),
            };
            state.facts.link = Link::Up { since, endpoint };
            state.wire = Some(wire);
            changed
        });
    }

    /// The link is down. What was seen stays with its age; what was never seen has a reason now.
    pub(super) fn down(&self, why: Blind) {
        self.update(|state, now| {
            state.wire = None;
            state.facts.holder = None;
            if let Seen::Unknown { why: old, .. } = &mut state.facts.nodes {
                *old = why.clone();
            }
            state.shelves.down(&why);
            let (since, changed) = match &state.facts.link {
                Link::Down { since, why: old } => (*since, old.kind != why.kind),
                Link::Up { .. } | Link::Probing => (now, true),
            };
            state.facts.link = Link::Down { since, why };
            changed
        });
    }

    pub(super) fn server(&self, version: Option<String>, serves: Option<Vec<String>>) {
        if let Some(serves) = &serves {
            self.served.send_if_modified(|served| {
                let differs = served.as_ref() != Some(serves);
                *served = Some(serves.clone());
                differs
            });
        }
        self.update(|state, _| {
            let before = (state.facts.version.clone(), state.facts.serves.clone());
            state.facts.version = version.or_else(|| state.facts.version.take());
            if let Some(serves) = serves {
                state.facts.serves = serves;
            }
            before != (state.facts.version.clone(), state.facts.serves.clone())
        });
    }

    pub(super) fn nodes_listed(&self, nodes: BTreeMap<MachineName, NodeFacts>) {
        self.update(|state, at| {
            let changed = state.facts.nodes.any_age() != Some(&nodes);
            state.facts.nodes = Seen::Known { value: nodes, at };
            changed
        });
    }

    /// The watch proved that it is alive: what is known is as fresh as now.
    pub(super) fn nodes_alive(&self) {
        self.update(|state, now| {
            if let Seen::Known { at, .. } = &mut state.facts.nodes {
                *at = now;
            }
            false
        });
    }

    /// One node changed, or was deleted.
    pub(super) fn node(&self, name: MachineName, node: Option<NodeFacts>) {
        self.update(|state, now| {
            let Seen::Known { value, at } = &mut state.facts.nodes else { return false };
            *at = now;
            match node {
                Some(node) => value.insert(name, node.clone()) != Some(node),
                None => value.remove(&name).is_some(),
            }
        });
    }

    /// The nodes could not be listed. Old facts stay and grow old.
    pub(super) fn nodes_blind(&self, why: Blind) {
        self.update(|state, _| match &mut state.facts.nodes {
            Seen::Unknown { why: old, .. } if *old != why => {
                *old = why;
                true
            }
            Seen::Unknown { .. } | Seen::Known { .. } => false,
        });
    }

    pub(super) fn leases(&self, leases: BTreeMap<MachineName, LeaseFacts>) {
        self.update(|state, _| {
            let wanted = self.wanted.borrow();
            let leases: BTreeMap<_, _> =
                leases.into_iter().filter(|(name, _)| wanted.contains(name)).collect();
            let changed = state.leases != leases;
            state.leases = leases;
            changed
        });
    }

    pub(super) fn canary(&self, resource_version: String) {
        self.update(|state, at| {
            state.facts.canary = Seen::Known { value: Canary { resource_version }, at };
            true
        });
    }

    fn update(&self, change: impl FnOnce(&mut State, Mono) -> bool) {
        let now = self.now();
        let changed = change(&mut self.lock(), now);
        if changed {
            self.version.send_modify(|version| *version += 1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held leaves plain data behind, never half of an object.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two looks at the endpoints say the same, whenever they were made.
fn alike(old: &BTreeMap<String, Seen<bool>>, new: &BTreeMap<String, Seen<bool>>) -> bool {
    let word = |seen: &Seen<bool>| match seen {
        Seen::Known { value, .. } => Ok(*value),
        Seen::Unknown { why, .. } => Err(why.kind),
    };
    old.len() == new.len()
        && new.iter().all(|(name, seen)| old.get(name).map(word) == Some(word(seen)))
}
