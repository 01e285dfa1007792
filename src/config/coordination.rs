//! The ananke hosts: what this one is, and which others there are.

use std::collections::BTreeMap;

use super::context::Context;
use super::inventory::Inventory;
use super::keys::coordination as keys;
use super::nearest::quoted;
use super::problem::{Code, Fault};
use super::tree::{At, Place};
use super::walk::Values;
use crate::model::ids::MachineName;
use crate::model::peers::{Coordination, HostRole};

/// Without other hosts nothing else of it means anything.
pub(super) fn read(
    values: &Values<'_>,
    context: &Context<'_>,
    inventory: &Inventory,
    faults: &mut Vec<Fault>,
) -> Coordination {
    let role = keys::ROLE.given(values);
    let given = keys::PEERS.given(values);
    let peers = others(given.as_ref(), context, inventory, faults);
    let is_peer = role.as_ref().is_some_and(|role| role.value == "peer");
    let broken = keys::PEERS.broken(values) || keys::ROLE.broken(values);
    if peers.is_empty() {
        let named = given.is_some_and(|given| !given.value.is_empty());
        if let Some(role) = role.filter(|_| is_peer && !broken && !named) {
            let message = "a peer has to know its coordinator, and `coordination.peer_hosts` names \
                           nobody";
            let fault = Fault::error(Code::MissingKey, message).at(role.at);
            faults.push(fault.help("name the coordinator first, then the other peers"));
        }
        if let Some(after) = keys::FAILOVER_AFTER.given(values).filter(|_| !broken) {
            let message = "`coordination.failover_after` does nothing without other ananke hosts";
            faults.push(Fault::warning(Code::NoEffect, message).at(after.at));
        }
        return Coordination::default();
    }
    if let (None, Some(given), false) = (&role, &given, broken) {
        let message = "it is not known what this host is among the ananke hosts";
        let fault = Fault::error(Code::MissingKey, message).at(given.at);
        let help = "write `coordination.role: coordinator` on one host, `peer` on all others";
        faults.push(fault.help(help));
    }
    let role = if is_peer { HostRole::Peer } else { HostRole::Coordinator };
    Coordination { role, peers, failover_after: keys::FAILOVER_AFTER.get(values) }
}

/// The others: machines of the inventory, since that is how they are reached, and never this host.
fn others(
    given: Option<&At<Vec<At<String>>>>,
    context: &Context<'_>,
    inventory: &Inventory,
    faults: &mut Vec<Fault>,
) -> Vec<MachineName> {
    let mut first: BTreeMap<&str, Place> = BTreeMap::new();
    let mut peers = Vec::new();
    for name in given.into_iter().flat_map(|given| &given.value) {
        if name.value == context.hostname {
            let message = format!("{} is this host", quoted(&name.value));
            let fault = Fault::error(Code::BadValue, message).at(name.at);
            faults.push(fault.help("name the other ananke hosts only"));
            continue;
        }
        inventory.known(&name.value, name.at, faults);
        if let Some(first) = first.get(name.value.as_str()) {
            let message = format!("the machine {} is here again", quoted(&name.value));
            let fault = Fault::error(Code::DuplicateMachine, message).at(name.at);
            faults.push(fault.first(*first).help("keep one of them"));
            continue;
        }
        first.insert(&name.value, name.at);
        peers.push(MachineName::new(name.value.clone()));
    }
    peers
}
