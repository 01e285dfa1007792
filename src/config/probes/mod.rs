//! What is asked from outside: services by name, and the hosts of ingresses.

pub(super) mod keys;
pub(super) mod kinds;
mod vault;

use std::collections::{BTreeMap, btree_map};
use std::path::PathBuf;

use self::kinds::ServiceSaid;
pub(super) use self::vault::keys_of;
use super::inventory::Inventory;
use super::nearest::quoted;
use super::problem::{Code, Fault};
use super::settings::{ProbeSettings, SshTarget};
use super::tree::{At, Place};
use super::walk::Values;
use crate::model::ids::{GateId, MachineName};
use crate::model::ingress::IngressPolicy;
use crate::model::policy::Role;
use crate::model::probe::{Probe, ProbeName};

/// The probes that have names.
pub(super) fn services(
    values: &Values<'_>,
    inventory: &Inventory,
    faults: &mut Vec<Fault>,
) -> BTreeMap<ProbeName, Probe> {
    let given = keys::SERVICES.given(values).map(|given| given.value).unwrap_or_default();
    let mut places: BTreeMap<ProbeName, Place> = BTreeMap::new();
    let mut probes = BTreeMap::new();
    for (name, At { at, value: (_, said) }) in given {
        let name = ProbeName::new(name);
        places.insert(name.clone(), at);
        probes.insert(name, probe(said, inventory, faults));
    }
    for (number, At { at, value }) in (1_u32..).zip(post_start(values, faults)) {
        let name = ProbeName::new(format!("post-start-{number}"));
        let probe = probe(value, inventory, faults);
        match probes.entry(name) {
            btree_map::Entry::Vacant(free) => {
                free.insert(probe);
            }
            btree_map::Entry::Occupied(taken) => {
                let message = format!("this probe is called {}", quoted(taken.key().as_str()));
                let fault = Fault::error(Code::Conflict, message).at(at);
                let fault = match places.get(taken.key()) {
                    Some(first) => fault.first(*first),
                    None => fault,
                };
                faults.push(fault.help("give the service of that name another one"));
            }
        }
    }
    probes
}

/// What is asked without a name, if it is asked.
fn post_start(values: &Values<'_>, faults: &mut Vec<Fault>) -> Vec<At<ServiceSaid>> {
    let Some(given) = keys::POST_START_PROBES.given(values) else { return Vec::new() };
    if keys::REQUIRE_PROBES.get(values) {
        return given.value;
    }
    if !given.value.is_empty() {
        let message = "`startup.require_post_start_probes` is false: these are not asked";
        faults.push(Fault::warning(Code::NoEffect, message).at(given.at));
    }
    Vec::new()
}

fn probe(said: ServiceSaid, inventory: &Inventory, faults: &mut Vec<Fault>) -> Probe {
    if let Some(via) = &said.via {
        inventory.known(&via.value, via.at, faults);
    }
    let via = said.via.map(|via| MachineName::new(via.value));
    Probe { gate: GateId::new(said.gate), ask: said.ask, via }
}

/// How the hosts of ingresses are asked. Their addresses are not known before those of the
/// machines are: see [`addresses`].
pub(super) fn ingress(
    values: &Values<'_>,
    inventory: &Inventory,
    faults: &mut Vec<Fault>,
) -> IngressPolicy {
    let via = keys::VIA.given(values);
    if let Some(via) = &via {
        inventory.known(&via.value, via.at, faults);
    }
    let hosts = keys::HOSTS.given(values).map(|given| given.value).unwrap_or_default();
    IngressPolicy {
        check: keys::CHECK.get(values),
        at: Vec::new(),
        https: keys::SCHEME.get(values) == "https",
        via: via.map(|via| MachineName::new(via.value)),
        statuses: keys::STATUSES.given(values).map(|given| given.value),
        hosts: hosts.into_iter().map(|(host, entry)| (host, entry.value.1)).collect(),
        certificate_days: keys::CERTIFICATE_DAYS.get(values),
        unverified: !keys::VERIFY.get(values),
    }
}

/// Where the hosts are asked: as the file says, or at every server that is reached directly.
/// Behind a jump host an address means nothing to this host.
pub(super) fn addresses(
    values: &Values<'_>,
    inventory: &Inventory,
    machines: &BTreeMap<MachineName, SshTarget>,
) -> Vec<String> {
    if let Some(given) = keys::AT.given(values) {
        return given.value.into_iter().map(|at| at.value).collect();
    }
    let servers = machines.iter().filter(|(name, target)| {
        inventory.role(name.as_str()) == Some(Role::Server) && !target.via_jump
    });
    servers.map(|(_, target)| target.address.clone()).collect()
}

/// How questions are put.
pub(super) fn settings(values: &Values<'_>) -> ProbeSettings {
    let file = keys::AUTHORITIES.given(values);
    ProbeSettings { authorities: file.map(|file| PathBuf::from(file.value)) }
}
