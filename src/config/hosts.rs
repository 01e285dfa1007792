//! What the machines must be like: their clocks, packages, modules, services, disks.

use super::build::size;
use super::inventory::Inventory;
use super::keys;
use super::problem::{Code, Fault};
use super::walk::Values;
use crate::model::policy::{HostNeeds, Role, TimeSync};

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
pub(super) fn needs(_: &Values<'_>) -> HostNeeds {
    HostNeeds::default()
}
