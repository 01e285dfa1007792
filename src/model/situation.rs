//! What a check or a remedy may look at: the input of the tick and what it found so far.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::cordon::{CordonKind, CordonMark, CordonRecord};
use super::facts::{Blind, BlindKind, HostFacts, Link, NodeFacts};
use super::ids::MachineName;
use super::memory::{Durable, Passing};
use super::observation::Observation;
use super::plan::Missing;
use super::policy::{Policy, Role};
use super::tick::Request;
use super::time::Mono;

/// A borrowed view; nothing in it can be changed.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The monotonic clock.
    pub now: Mono,
    /// The wall clock, for records that people read.
    pub wall: Timestamp,
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
    /// Machines that a gate before this one gave up.
    pub missing: &'a BTreeMap<MachineName, Missing>,
}

impl<'a> Situation<'a> {
    /// What a machine said over SSH, if it is fresh.
    ///
    /// # Errors
    /// [`Blind`]: why nothing fresh is known.
    pub fn host(&self, name: &MachineName) -> Result<&'a HostFacts, Blind> {
        match self.seen.hosts.get(name) {
            Some(seen) => seen.fresh(self.now, self.policy.timing.fresh_for),
            None => Err(Blind::new(BlindKind::NotYet, "nobody has looked yet")),
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

    /// Whether the API answers.
    pub const fn api_up(&self) -> bool {
        matches!(self.seen.api.link, Link::Up { .. })
    }

    /// Whether the node's status is proven to be of the boot that SSH shows now.
    pub fn proven(&self, name: &MachineName) -> bool {
        let Ok(host) = self.host(name) else { return false };
        self.durable.proofs.get(name).is_some_and(|proof| proof.boot_id == host.boot_id)
    }

    /// The recovery cordon that this host holds on a node, as the node shows it now.
    /// `None` if the node can't be seen, shows no record, or one that is not ours.
    pub fn own_cordon(&self, name: &MachineName) -> Option<&'a CordonRecord> {
        let node = self.node(name).ok()??;
        match &node.cordon {
            CordonMark::Record(record)
                if record.kind == CordonKind::Recovery && record.owner == self.policy.owner =>
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
}
