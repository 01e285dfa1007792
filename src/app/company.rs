//! `config check` where there are several ananke hosts: what no file can say is asked. Nothing
//! but the nodes' guards keeps two hosts apart, so that peers are refused while one is missing.

use futures::future::{join, join_all};

use super::failure::Failure;
use super::hands::reply;
use super::load::Loaded;
use super::peers::exchange;
use crate::adapters::guard::parse;
use crate::adapters::ssh::Fleet;
use crate::model::command::Command;
use crate::model::facts::{Blind, BlindKind, GuardState, HostFacts};
use crate::model::ids::MachineName;
use crate::model::peers::{HostRole, PeerFacts};
use crate::model::policy::Policy;
use crate::model::time::Span;

/// Asks every node and every other host once. Who can't be asked is named in the log, and refused
/// nothing for: the loop holds by name what depends on them.
pub(super) async fn check(loaded: &Loaded) -> Result<(), Failure> {
    let settings = &loaded.settings;
    let policy = &settings.policy;
    if policy.coordination.is_alone() {
        return Ok(());
    }
    let fleet = Fleet::new(&settings.ssh).map_err(|error| Failure::Usage(error.to_string()))?;
    let limit = settings.ssh.deadlines.command;
    let nodes = policy.machines.iter().filter(|(_, it)| it.managed && it.role.is_node());
    let nodes = nodes.map(|(name, _)| node(&fleet, name, limit));
    let peers = policy.coordination.peers.iter().map(|name| host(&fleet, policy, name));
    let (nodes, peers) = join(join_all(nodes), join_all(peers)).await;
    fleet.close().await;
    let wrong: Vec<String> = nodes.into_iter().chain(peers).flatten().collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::Usage(format!("there are several ananke hosts, and\n{}", wrong.join("\n"))))
}

/// What is wrong with the guard of a node.
async fn node(fleet: &Fleet, name: &MachineName, limit: Span) -> Option<String> {
    match look(fleet, name, limit).await {
        Ok(facts) => amiss(name, &facts.guard),
        Err(blind) => {
            tracing::warn!("whether {name} has a guard can't be asked: {blind}");
            None
        }
    }
}

async fn look(fleet: &Fleet, name: &MachineName, limit: Span) -> Result<HostFacts, Blind> {
    let garbled = |why: String| Blind::new(BlindKind::Garbled, why);
    let line = Command::Facts.render().map_err(|error| garbled(error.to_string()))?;
    match fleet.run(name, &line, None, limit).await {
        Ok(output) => parse::host_facts(&reply(output)),
        Err(error) => Err(Blind::new(error.kind(), error.to_string())),
    }
}

fn amiss(name: &MachineName, guard: &GuardState) -> Option<String> {
    let mend = format!("ananke prepare {name} --execute");
    match guard {
        GuardState::Current => None,
        GuardState::Absent => Some(format!("{name} is unguarded: {mend}")),
        GuardState::Other { version } => {
            Some(format!("the guard of {name} is of another version, {version}: {mend}"))
        }
    }
}

/// What is wrong with what another host says of itself.
async fn host(fleet: &Fleet, policy: &Policy, name: &MachineName) -> Option<String> {
    match exchange(fleet, name, None).await {
        Ok(facts) => against(policy, name, &facts),
        Err(blind) => {
            tracing::warn!("the ananke host {name} can't be asked: {blind}");
            None
        }
    }
}

fn against(policy: &Policy, name: &MachineName, facts: &PeerFacts) -> Option<String> {
    if facts.host != name.as_str() {
        let other = &facts.host;
        let help = "name it so in `coordination.peer_hosts`";
        return Some(format!("{name} calls itself {other}: {help}"));
    }
    if facts.cluster != policy.cluster {
        let (other, own) = (&facts.cluster, &policy.cluster);
        return Some(format!("{name} looks after another cluster: {other}, not {own}"));
    }
    match (policy.coordination.role, facts.role) {
        (HostRole::Coordinator, HostRole::Coordinator) => {
            Some(format!("both {name} and this host are coordinators: there can be only one"))
        }
        (HostRole::Peer, HostRole::Peer) if policy.coordination.coordinator() == Some(name) => {
            Some(format!("{name} is to be the coordinator, and is a peer by its own configuration"))
        }
        (HostRole::Coordinator | HostRole::Peer, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Context, parse};

    fn policy(role: &str) -> Policy {
        let text = format!(
            "ssh_user: a\nssh_identity_file: /k\nnodes: {{servers: [s], others: [b]}}\n\
             coordination: {{role: {role}, peer_hosts: [b]}}\n"
        );
        parse(&text, "x", &Context::installed("here", &[])).expect("settings").settings.policy
    }

    fn facts(host: &str, cluster: &str, role: &str) -> PeerFacts {
        let facts = serde_json::json!({
            "host": host, "cluster": cluster, "role": role, "executes": true, "acts": false,
            "knows": true, "paused": false, "epoch": 1, "phase": "converged", "desired": "up",
            "scope": "whole", "age": 0,
        });
        serde_json::from_value(facts).expect("facts")
    }

    #[test]
    fn two_coordinators_or_none_are_refused_before_they_act() {
        let b = MachineName::new("b");
        let table = [
            ("coordinator", facts("b", "cluster", "peer"), None),
            ("peer", facts("b", "cluster", "coordinator"), None),
            ("coordinator", facts("b", "cluster", "coordinator"), Some("coordinators")),
            ("peer", facts("b", "cluster", "peer"), Some("is a peer by its own")),
            ("peer", facts("c", "cluster", "coordinator"), Some("calls itself c")),
            ("peer", facts("b", "other", "coordinator"), Some("another cluster")),
        ];
        for (role, facts, wrong) in table {
            let said = against(&policy(role), &b, &facts);
            match wrong {
                None => assert_eq!(said, None),
                Some(wrong) => {
                    let said = said.unwrap_or_default();
                    assert!(said.contains(wrong), "{said}");
                }
            }
        }
        assert!(amiss(&b, &GuardState::Absent).is_some_and(|it| it.contains("unguarded")));
        assert_eq!(amiss(&b, &GuardState::Current), None);
    }
}
