//! etcd's members are the servers; their data survives everything. A majority that sees one
//! another elects a leader; a server serves the API while its member has one.

use std::collections::BTreeSet;

use super::World;
use super::agenda::Event;
use super::doors::{ApiDoor, Life};
use super::machine::{MAINLAND, Phase};
use super::rates::ELECTION;
use crate::model::ids::MachineName;
use crate::model::policy::Role;

impl World {
    /// What asking a server's port 6443 for `/readyz` finds, from ananke's host. Silent for what
    /// is no server.
    pub fn api_door(&self, server: &MachineName) -> ApiDoor {
        let Some(it) = self.machines.get(server).filter(|it| it.role == Role::Server) else {
            return ApiDoor::Silent;
        };
        let gone = matches!(it.life, Life::Off | Life::Firmware { .. });
        if gone || it.frozen.is_some() || it.island != MAINLAND {
            return ApiDoor::Silent;
        }
        match it.phase() {
            Phase::Member | Phase::Rises | Phase::Active if self.api.down => ApiDoor::Refused,
            Phase::Active if self.serves(server) => ApiDoor::Ready,
            // k3s' supervisor listens before the API server does.
            Phase::Member | Phase::Rises | Phase::Active => ApiDoor::NotReady,
            Phase::Inactive | Phase::Failed | Phase::Restarts | Phase::Process | Phase::Asks => {
                ApiDoor::Refused
            }
        }
    }

    pub(super) fn servers(&self) -> Vec<MachineName> {
        let servers = self.machines.iter().filter(|(_, it)| it.role == Role::Server);
        servers.map(|(name, _)| name.clone()).collect()
    }

    /// The leader that this server's member follows.
    pub(super) fn leader_of(&self, server: &MachineName) -> Option<&MachineName> {
        self.etcd.leader.as_ref().filter(|_| self.etcd.voters.contains(server))
    }

    /// Whether a server serves requests, to whom it can reach.
    pub(super) fn serves(&self, server: &MachineName) -> bool {
        !self.api.down
            && self.leader_of(server).is_some()
            && self.machines.get(server).is_some_and(|it| it.phase() == Phase::Active)
    }

    /// Whether this machine reaches a server that serves.
    pub(super) fn api_for(&self, name: &MachineName) -> bool {
        let Some(own) = self.machines.get(name) else { return false };
        self.etcd.voters.iter().any(|server| {
            self.serves(server)
                && self.machines.get(server).is_some_and(|it| it.island == own.island)
        })
    }

    /// The members that see a majority, themselves included.
    fn majority(&self) -> BTreeSet<MachineName> {
        let servers = self.machines.iter().filter(|(_, it)| it.role == Role::Server);
        let needed = servers.clone().count() / 2 + 1;
        let alive: Vec<_> = servers
            .filter(|(_, it)| it.runs())
            .filter(|(_, it)| matches!(it.phase(), Phase::Member | Phase::Rises | Phase::Active))
            .collect();
        let islands: BTreeSet<u32> = alive.iter().map(|(_, it)| it.island).collect();
        let members = |island| {
            let here = alive.iter().filter(move |(_, it)| it.island == island);
            here.map(|(name, _)| (*name).clone()).collect::<BTreeSet<_>>()
        };
        islands.into_iter().map(members).find(|it| it.len() >= needed).unwrap_or_default()
    }

    /// After any change of who runs and who sees whom: everything that follows from it at once.
    pub(super) fn settle(&mut self) {
        self.etcd.voters = self.majority();
        let led = self.etcd.leader.as_ref().is_some_and(|it| self.etcd.voters.contains(it));
        if !led {
            self.etcd.leader = None;
        }
        if led || self.etcd.voters.is_empty() {
            self.agenda.cancel(|event| *event == Event::Elected);
        } else if !self.agenda.has(&Event::Elected) {
            // Each member draws its own patience; the first to lose it is elected.
            let drawn = self.etcd.voters.iter().map(|_| self.chance.up_to(ELECTION)).min();
            let takes = ELECTION + drawn.unwrap_or(ELECTION);
            self.agenda.add(self.now + takes, Event::Elected);
        }
        self.servers_go_on();
        self.holder_goes_on();
        self.people_go_on();
    }

    pub(super) fn elected(&mut self) {
        let voters = self.etcd.voters.clone();
        self.etcd.leader = self.chance.pick(voters.into_iter());
        self.settle();
    }
}
