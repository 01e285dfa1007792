//! The jump host: a machine of the inventory, or an address of its own.

use super::context::Context;
use super::inventory::Inventory;
use super::keys;
use super::logins::Logins;
use super::nearest::{nearest, quoted};
use super::problem::{Code, Fault};
use super::scalar::host_and_port;
use super::settings::SshTarget;
use super::tree::At;
use super::walk::Values;

/// The jump host, if there is one.
#[derive(Debug, Default)]
pub(super) struct Jump {
    pub(super) target: Option<SshTarget>,
    /// The machine that it is. It is reached directly: through itself nobody gets anywhere.
    pub(super) machine: Option<String>,
}

/// Finds the jump host that the file names.
pub(super) fn find(
    values: &Values<'_>,
    context: &Context<'_>,
    inventory: &Inventory,
    logins: &Logins,
    faults: &mut Vec<Fault>,
) -> Jump {
    let user = keys::SSH_JUMP_USER.given(values);
    let Some(given) = keys::SSH_JUMP_HOST.given(values) else {
        if let Some(user) = user.filter(|_| !keys::SSH_JUMP_HOST.broken(values)) {
            let message = "`ssh_jump_user` does nothing without `ssh_jump_host`";
            faults.push(Fault::warning(Code::NoEffect, message).at(user.at));
        }
        return Jump::default();
    };
    let Ok((host, port)) = host_and_port(&given.value) else {
        return Jump::default();
    };
    if host == context.hostname {
        let message = format!("{} is this host: machines are reached directly", quoted(&host));
        faults.push(Fault::warning(Code::NoEffect, message).at(given.at));
        return Jump::default();
    }
    let machine = machine(&host, port, inventory, logins);
    if machine.is_none() && !host.contains(['.', ':']) && !logins.has_address(&host) {
        if inventory.is_whole() {
            unknown(&given, &host, inventory, faults);
        }
        return Jump::default();
    }
    let mut target = logins.target(machine.as_deref().unwrap_or(&host));
    if let Some(port) = port {
        target.port = port;
    }
    if let Some(user) = user {
        target.user = user.value;
    }
    Jump { target: Some(target), machine }
}

/// The machine of that name, or the one at that address and port.
fn machine(host: &str, port: Option<u16>, all: &Inventory, logins: &Logins) -> Option<String> {
    if all.has(host) {
        return Some(host.to_owned());
    }
    let port = port.unwrap_or(logins.port());
    let there = |name: &&str| {
        let target = logins.target(name);
        target.address.eq_ignore_ascii_case(host) && target.port == port
    };
    all.names().find(there).map(str::to_owned)
}

fn unknown(given: &At<String>, host: &str, inventory: &Inventory, faults: &mut Vec<Fault>) {
    let message = format!("the jump host {} is neither a machine nor an address", quoted(host));
    let help = match nearest(host, inventory.names()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "write its address, or add it to `nodes.others` and `ssh_node_hosts`".to_owned(),
    };
    faults.push(Fault::error(Code::UnknownJumpHost, message).at(given.at).help(help));
}
