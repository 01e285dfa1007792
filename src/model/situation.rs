//! What a check or a remedy may look at: the input of the tick and what it found so far.

use std::collections::{BTreeMap, btree_map};

use jiff::Timestamp;

use super::cordon::{CordonKind, CordonMark, CordonRecord};
use super::descent::Descent;
use super::facts::{Blind, BlindKind, HostFacts, Link, NodeFacts, Seen, UnitActive};
use super::hygiene::{self, HygieneFacts};
use super::ids::MachineName;
use super::in_step::InStep;
use super::memory::{Durable, Passing};
use super::observation::Observation;
use super::peers::Standing;
use super::plan::Missing;
use super::policy::{Machine, Policy, Role};
use super::power::PowerView;
use super::tick::Request;
use super::time::Mono;
use super::verdict::{Target, Verdict};

/// A borrowed view; nothing in it can be changed.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The monotonic clock.
    pub now: Mono,
    /// The wall clock, for records that people read.
    pub wall: Timestamp,
    /// Whether somebody vouches for that wall clock.
    pub wall_trusted: bool,
    /// The settings.
    pub policy: &'a Policy,
    /// Who asked for what.
    pub request: &'a Request,
    /// What was seen.
    pub seen: &'a Observation,
    /// What is remembered, after this tick's outcomes.
    pub durable: &'a Durable,
    /// Streaks and timings.
    pub passing: &'a Passing,
    /// The UPSes, and what they forbid.
    pub power: &'a PowerView,
    /// Who acts, where there are several ananke hosts.
    pub standing: &'a Standing,
    /// Machines that a gate before this one gave up.
    pub missing: &'a BTreeMap<MachineName, Missing>,
}

/// A machine of the inventory, and what it said over SSH if that is fresh.
pub type Asked<'a> = (&'a MachineName, &'a Machine, Result<&'a HostFacts, Blind>);

/// The nodes that the API lists, or why it can't be asked.
#[derive(Debug)]
pub struct Listed<'a>(Result<InStep<btree_map::Iter<'a, MachineName, NodeFacts>>, Blind>);

impl<'a> Listed<'a> {
    /// What [`Situation::node`] says of a node that comes after all that were asked for before.
    ///
    /// # Errors
    /// [`Blind`]: why nothing fresh is known.
    pub fn at(&mut self, name: &MachineName) -> Result<Option<&'a NodeFacts>, &Blind> {
        match &mut self.0 {
            Ok(nodes) => Ok(nodes.at(name)),
            Err(blind) => Err(&*blind),
        }
    }
}

impl<'a> Situation<'a> {
    /// What a machine said over SSH, if it is fresh.
    ///
    /// # Errors
    /// [`Blind`]: why nothing fresh is known.
    pub fn host(&self, name: &MachineName) -> Result<&'a HostFacts, Blind> {
        self.fresh(self.seen.hosts.get(name))
    }

    fn fresh(&self, host: Option<&'a Seen<HostFacts>>) -> Result<&'a HostFacts, Blind> {
        match host {
            Some(seen) => seen.fresh(self.now, self.policy.timing.fresh_for),
            None => Err(Blind::new(BlindKind::NotYet, "nobody has looked yet")),
        }
    }

    /// Every machine of the inventory in its order, with what [`host`](Self::host) says of it.
    pub fn hosts(&self) -> impl Iterator<Item = Asked<'a>> + use<'a> {
        let sit = *self;
        let mut hosts = InStep::new(&sit.seen.hosts);
        let machines = sit.policy.machines.iter();
        machines.map(move |(name, machine)| (name, machine, sit.fresh(hosts.at(name))))
    }

    /// What the closer look at a machine told, if it is fresh and of the boot that answers now.
    ///
    /// # Errors
    /// [`Blind`]: why nothing fresh is known.
    pub fn hygiene(&self, name: &MachineName) -> Result<&'a HygieneFacts, Blind> {
        let host = self.host(name)?;
        let Some(seen) = self.seen.hygiene.get(name) else {
            return Err(Blind::new(BlindKind::NotYet, "nobody has looked closer yet"));
        };
        let facts = seen.fresh(self.now, hygiene::EVERY + self.policy.timing.fresh_for)?;
        if facts.boot_id == host.boot_id {
            Ok(facts)
        } else {
            Err(Blind::new(BlindKind::Stale, "it has booted since somebody looked closer"))
        }
    }

    /// What the API says of a node, if it is fresh. `None`: there is no such node.
    ///
    /// # Errors
    /// [`Blind`]: why nothing fresh is known.
    pub fn node(&self, name: &MachineName) -> Result<Option<&'a NodeFacts>, Blind> {
        let nodes = self.seen.api.nodes.fresh(self.now, self.policy.timing.fresh_for)?;
        Ok(nodes.get(name))
    }

    /// The same, to be asked for nodes in the order of the inventory.
    pub fn listed(&self) -> Listed<'a> {
        let nodes = self.seen.api.nodes.fresh(self.now, self.policy.timing.fresh_for);
        Listed(nodes.map(InStep::new))
    }

    /// Whether the API answers.
    pub const fn api_up(&self) -> bool {
        matches!(self.seen.api.link, Link::Up { .. })
    }

    /// Whether the node's status is proven to be of the boot that SSH shows now.
    pub fn proven(&self, name: &MachineName) -> bool {
        let Ok(host) = self.host(name) else { return false };
        self.durable.proofs.get(name).is_some_and(|proof| proof.boot_id == host.boot_id)
    }

    /// The cordon that this host holds on a node, as the node shows it now.
    /// `None` if the node can't be seen, shows no record, or one that is not ours.
    pub fn own_cordon(&self, name: &MachineName) -> Option<&'a CordonRecord> {
        let node = self.node(name).ok()??;
        match &node.cordon {
            CordonMark::Record(record)
                if record.kind != CordonKind::Manual && record.owner == self.policy.owner =>
            {
                Some(record)
            }
            CordonMark::Record(_) | CordonMark::None | CordonMark::Garbled => None,
        }
    }

    /// Whether a stretch of trouble, or of a person's will, is open.
    pub fn in_episode(&self) -> bool {
        self.durable.episode.as_ref().is_some_and(|episode| episode.end.is_none())
    }

    /// The role of a machine.
    pub fn role(&self, name: &MachineName) -> Option<Role> {
        self.policy.machines.get(name).map(|machine| machine.role)
    }

    /// Every machine that is a node.
    pub fn nodes(&self) -> impl Iterator<Item = &'a MachineName> + use<'a> {
        self.policy.machines.iter().filter(|(_, m)| m.role.is_node()).map(|(name, _)| name)
    }
    /// The way down that is remembered.
    pub const fn descent(&self) -> Option<&'a Descent> {
        self.durable.descent.as_ref()
    }

    /// The machines that the wish for down is about.
    pub fn going_down(&self) -> impl Iterator<Item = (&'a MachineName, &'a Machine)> + use<'a> {
        let scope = &self.durable.intent.scope;
        self.policy.machines.iter().filter(move |(name, _)| scope.concerns(name))
    }

    /// What is said of a machine on the way down without asking it: it is off, or the way goes on
    /// without it.
    pub fn without(&self, name: &MachineName) -> Option<Verdict> {
        if self.policy.machines.get(name).is_some_and(|machine| !machine.managed) {
            return Some(Verdict::skipped("ssh_managed_nodes leaves it to somebody else"));
        }
        let descent = self.descent()?;
        if descent.off.contains(name) {
            return Some(Verdict::Pass);
        }
        if let Some(why) = descent.left.get(name) {
            return Some(Verdict::skipped(format!("left as it is: {why}")));
        }
        let silent = self.host(name).is_err();
        if silent && descent.vouched.contains(name) {
            return Some(Verdict::skipped("does not answer, and a person answered for it"));
        }
        // It waited for a person before anybody wanted it down.
        let mark = self.durable.manual.get(&Target::Machine(name.clone()));
        mark.filter(|_| silent && !descent.up_before.contains_key(name))
            .map(|mark| Verdict::skipped(format!("was not up before: {}", mark.reason)))
    }

    /// Why nobody can be asked through the API, if that is because no server serves it. While it
    /// is only ananke that does not get through, nobody can say.
    pub fn no_control_plane(&self) -> Option<&'static str> {
        if !matches!(self.seen.api.link, Link::Down { .. }) {
            return None;
        }
        let servers = self.policy.with_role(Role::Server);
        let seen: Vec<_> = servers.filter_map(|name| self.host(name).ok()).collect();
        let serves =
            |host: &&HostFacts| host.units.values().any(|unit| unit.active == UnitActive::Active);
        (seen.len() >= self.policy.quorum() && !seen.iter().any(serves))
            .then_some("no server runs: there is no API to ask")
    }
}
