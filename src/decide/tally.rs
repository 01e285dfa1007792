//! What the reasons to hold need to know of the whole site. It is counted once for a plan, not
//! once for every candidate: that would cost the square of the number of machines.

use std::collections::{BTreeMap, BTreeSet};

use crate::checks;
use crate::gates::FRESH_READY;
use crate::model::action::{Action, Effect};
use crate::model::cordon::CordonKind;
use crate::model::ids::{MachineName, RemedyId};
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::verdict::Target;

use super::peers;

/// The counts of one situation, and of the steps that were chosen in it so far.
#[derive(Debug)]
pub struct Tally {
    /// Nodes that have failed freshness for longer than its grace, without those that an earlier
    /// gate gave up.
    pub(super) unfresh: usize,
    /// The nodes that no earlier gate gave up.
    pub(super) nodes: usize,
    /// Servers that answer.
    pub(super) servers: usize,
    /// Servers that make a majority.
    pub(super) quorum: usize,
    /// Nodes on which something can be scheduled. `None` if the API never told.
    pub(super) schedulable: Option<usize>,
    /// Recovery cordons of ours, with those that were chosen now.
    pub(super) cordons: usize,
    /// Where there are several ananke hosts: how many guards have accepted this one, and how many
    /// make a majority.
    pub(super) claim: Option<(usize, usize)>,
    /// Attempts of each remedy that are being verified, and those that were chosen now.
    started: BTreeMap<RemedyId, usize>,
    /// What is under way or was chosen now, in order.
    busy: Vec<String>,
    busy_targets: BTreeMap<Target, usize>,
    busy_hosts: BTreeMap<MachineName, usize>,
}

impl Tally {
    /// Counts, before anything is chosen.
    pub(super) fn of(sit: &Situation<'_>) -> Self {
        let (unfresh, nodes) = storm(sit);
        let servers = sit.policy.with_role(Role::Server);
        let verifying = sit.durable.attempts.iter().map(|(remedy, targets)| {
            let open = targets.values().filter(|tried| tried.verify_until.is_some());
            (remedy.clone(), open.count())
        });
        let listed = sit.seen.api.nodes.any_age();
        let mut tally = Self {
            unfresh,
            nodes,
            servers: servers.filter(|name| sit.host(name).is_ok()).count(),
            quorum: sit.policy.quorum(),
            schedulable: listed
                .map(|nodes| nodes.values().filter(|node| !node.unschedulable).count()),
            cordons: sit
                .durable
                .cordons
                .values()
                .filter(|held| held.record.kind == CordonKind::Recovery)
                .count(),
            claim: (!sit.standing.is_alone())
                .then(|| (peers::accepted(sit), sit.policy.majority_of_guards())),
            started: verifying.collect(),
            busy: Vec::new(),
            busy_targets: BTreeMap::new(),
            busy_hosts: BTreeMap::new(),
        };
        for flight in sit.durable.in_flight.values() {
            tally.occupy(&flight.action);
        }
        tally
    }

    /// Counts a step that was chosen.
    pub(super) fn choose(&mut self, step: &Action) {
        *self.started.entry(step.remedy.clone()).or_default() += 1;
        let repair = matches!(&step.effect, Effect::Cordon { record, .. }
            if record.kind == CordonKind::Recovery);
        self.cordons += usize::from(repair);
        self.occupy(step);
    }

    fn occupy(&mut self, action: &Action) {
        let at = self.busy.len();
        self.busy.push(action.effect.to_string());
        self.busy_targets.entry(action.target.clone()).or_insert(at);
        if let Some(host) = action.effect.host() {
            self.busy_hosts.entry(host.clone()).or_insert(at);
        }
    }

    /// Attempts of a remedy that are being verified or were chosen now.
    pub(super) fn started(&self, remedy: &RemedyId) -> usize {
        self.started.get(remedy).copied().unwrap_or(0)
    }

    /// What is under way anywhere, or was chosen now: the first of it.
    pub(super) fn anything(&self) -> Option<&str> {
        self.busy.first().map(String::as_str)
    }

    /// What is under way on a target, or on a machine: the first of both.
    pub(super) fn busy(&self, target: &Target, host: Option<&MachineName>) -> Option<&str> {
        let target = self.busy_targets.get(target);
        let host = host.and_then(|host| self.busy_hosts.get(host));
        let first = target.into_iter().chain(host).min()?;
        self.busy.get(*first).map(String::as_str)
    }
}

/// How many nodes fail freshness, and of how many. Nodes that this very gate gave up are still
/// part of the storm that it gave up on.
fn storm(sit: &Situation<'_>) -> (usize, usize) {
    let before = sit.missing.values().filter(|missing| missing.gate != FRESH_READY.id);
    let gone: BTreeSet<_> = before.map(|missing| &missing.machine).collect();
    let is_node = |name: &&&MachineName| sit.role(name).is_some_and(Role::is_node);
    let nodes = sit.nodes().count() - gone.iter().filter(is_node).count();
    let grace = (checks::NODE_FRESH.grace)(&sit.policy.timing);
    let failing = sit.passing.failing.get(&checks::NODE_FRESH.id).into_iter().flatten();
    let unfresh = failing
        .filter(|(_, since)| sit.now.since(**since) >= grace)
        .filter_map(|(target, _)| target.machine())
        .filter(|name| !gone.contains(name));
    (unfresh.count(), nodes)
}
