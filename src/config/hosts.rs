//! What the machines must be like: their clocks, packages, modules, services, disks.

use std::collections::BTreeSet;

use super::build::size;
use super::inventory::Inventory;
use super::key::Key;
use super::keys;
use super::kinds::{List, Map};
use super::problem::{Code, Fault};
use super::text::Text;
use super::walk::Values;
use crate::model::policy::{HostNeeds, Needs, Role, TimeSync};

/// Whose clocks must be right. Nothing is guessed: without the mode clocks are not judged.
pub(super) fn time(
    values: &Values<'_>,
    inventory: &Inventory,
    faults: &mut Vec<Fault>,
) -> Option<TimeSync> {
    let mode = keys::TIME_SYNC_MODE.given(values)?;
    if mode.value == "strict" {
        return Some(TimeSync::Strict);
    }
    let Some(quorum) = keys::TIME_SYNC_QUORUM.given(values) else {
        if !keys::TIME_SYNC_QUORUM.broken(values) {
            let message = "`startup.time_sync_quorum` is missing: how many servers are enough?";
            faults.push(Fault::error(Code::MissingKey, message).at(mode.at));
        }
        return None;
    };
    let (count, servers) = (size(quorum.value), inventory.count(Role::Server));
    if servers.is_some_and(|servers| count > servers) {
        let message = format!("there are no {count} servers whose clocks could be right");
        faults.push(Fault::error(Code::Conflict, message).at(quorum.at));
    }
    Some(TimeSync::Quorum(count))
}

/// What the nodes must have.
pub(super) fn needs(values: &Values<'_>) -> HostNeeds {
    let of = |kind: &str| Needs {
        packages: names(&keys::hosts::PACKAGES, kind, values),
        programs: names(&keys::hosts::PROGRAMS, kind, values),
        modules: names(&keys::hosts::MODULES, kind, values),
        services: names(&keys::hosts::SERVICES, kind, values),
    };
    let disks = keys::hosts::DISKS.given(values).map(|given| given.value);
    HostNeeds {
        servers: of("servers"),
        agents: of("agents"),
        disks: match disks {
            Some(disks) => disks.into_iter().map(|disk| disk.value).collect(),
            None => DISKS.iter().map(|disk| (*disk).to_owned()).collect(),
        },
        full_below: u8::try_from(keys::hosts::FULL_BELOW.get(values)).unwrap_or(u8::MAX),
        default_route: keys::hosts::DEFAULT_ROUTE.get(values),
    }
}

/// Where k3s and Longhorn keep their data, and what everything else needs.
const DISKS: [&str; 3] = ["/", "/var/lib/rancher", "/var/lib/longhorn"];

/// The names for one kind of node, with those for all of them.
fn names(key: &Key<Map<List<Text>>>, kind: &str, values: &Values<'_>) -> BTreeSet<String> {
    let given = key.given(values).map(|given| given.value).unwrap_or_default();
    let ours = given.into_iter().filter(|(whose, _)| whose == kind || whose == "nodes");
    ours.flat_map(|(_, entry)| entry.value.1).map(|name| name.value).collect()
}
