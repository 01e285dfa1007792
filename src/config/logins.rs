//! How the machines are reached and logged in to, and whether that fits together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::context::Context;
use super::inventory::Inventory;
use super::jump::Jump;
use super::key::Key;
use super::keys;
use super::kinds::{Kind, Map};
use super::problem::{Code, Fault};
use super::settings::SshTarget;
use super::ssh_config::SshConfig;
use super::tree::{At, Place};
use super::walk::Values;
use crate::model::ids::MachineName;

type PerMachine<T> = BTreeMap<String, At<(Place, T)>>;

/// How machines are logged in to, in general and one by one.
#[derive(Debug)]
pub(super) struct Logins {
    user: Option<String>,
    port: Option<u16>,
    /// The general key files, in the order in which they are tried.
    identities: Vec<PathBuf>,
    hosts: PerMachine<String>,
    users: PerMachine<String>,
    ports: PerMachine<u64>,
    own_identities: PerMachine<Vec<At<String>>>,
    direct: Vec<String>,
    /// What the file itself does not say.
    ssh_config: SshConfig,
}

/// A port of the table, whose bounds are those of a port.
fn port(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

impl Logins {
    pub(super) fn read(
        values: &Values<'_>,
        context: &Context<'_>,
        inventory: &Inventory,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let one = keys::SSH_IDENTITY_FILE.given(values).map(|given| given.value);
        let more = keys::SSH_IDENTITY_FILES.given(values).map(|g| g.value).unwrap_or_default();
        let mut identities: Vec<PathBuf> = one.into_iter().map(PathBuf::from).collect();
        for path in more.into_iter().map(|path| PathBuf::from(path.value)) {
            if !identities.contains(&path) {
                identities.push(path);
            }
        }
        let own_identities = per_machine(&keys::SSH_NODE_IDENTITY_FILES, values, inventory, faults);
        let no_key = |name: &str| identities.is_empty() && !own_identities.contains_key(name);
        let ssh_config = SshConfig::read(values, context, inventory, &no_key, faults);
        Self {
            user: keys::SSH_USER.given(values).map(|given| given.value),
            port: keys::SSH_PORT.given(values).map(|given| port(given.value)),
            identities,
            // Names without a role were reported by the inventory.
            hosts: keys::SSH_NODE_HOSTS.given(values).map(|g| g.value).unwrap_or_default(),
            users: per_machine(&keys::SSH_NODE_USERS, values, inventory, faults),
            ports: per_machine(&keys::SSH_NODE_PORTS, values, inventory, faults),
            own_identities,
            direct: inventory.listed(&keys::SSH_NODE_DIRECT, values, faults).unwrap_or_default(),
            ssh_config,
        }
    }

    /// The port of an address that is no machine.
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(keys::SSH_PORT_DEFAULT)
    }

    /// Whether somebody said where the name is. Otherwise it is looked up.
    pub(super) fn has_address(&self, name: &str) -> bool {
        self.hosts.contains_key(name) || self.ssh_config.host(name).address.is_some()
    }

    /// One machine, or an address that is none, not through the jump host. What the file says of
    /// it holds, then what it says of all, then the ssh_config. The user is empty if nobody says.
    pub(super) fn target(&self, name: &str) -> SshTarget {
        let other = self.ssh_config.host(name);
        let address = self.hosts.get(name).map(|host| host.value.1.clone());
        let own_port = self.ports.get(name).map(|own| port(own.value.1));
        let own_user = self.users.get(name).map(|own| own.value.1.clone());
        let own_keys = self.own_identities.get(name).map(|own| {
            own.value.1.iter().map(|path| PathBuf::from(&path.value)).collect::<Vec<_>>()
        });
        let general = Some(&self.identities).filter(|keys| !keys.is_empty());
        SshTarget {
            address: address.or_else(|| other.address.clone()).unwrap_or_else(|| name.to_owned()),
            port: own_port.or(self.port).or(other.port).unwrap_or(keys::SSH_PORT_DEFAULT),
            user: own_user
                .or_else(|| self.user.clone())
                .or_else(|| other.user.clone())
                .unwrap_or_default(),
            identities: own_keys
                .or_else(|| general.cloned())
                .unwrap_or_else(|| other.identities.clone()),
            via_jump: false,
        }
    }

    /// Every machine. None if something needed is not there.
    pub(super) fn targets(
        &self,
        values: &Values<'_>,
        inventory: &Inventory,
        jump: &Jump,
        faults: &mut Vec<Fault>,
    ) -> Option<BTreeMap<MachineName, SshTarget>> {
        let targets: BTreeMap<MachineName, SshTarget> = inventory
            .names()
            .map(|name| {
                let mut target = self.target(name);
                let direct = self.direct.iter().any(|direct| direct == name);
                target.via_jump =
                    jump.target.is_some() && !direct && jump.machine.as_deref() != Some(name);
                (MachineName::new(name), target)
            })
            .collect();
        let known = self.no_user(values, &targets, jump, faults);
        self.no_identity(values, &targets, jump, faults);
        self.same_address(inventory, &targets, faults);
        // A host without a role may be a misspelt machine, which then seems to have no address.
        let all_known = self.hosts.keys().all(|name| inventory.has(name));
        if !keys::SSH_NODE_HOSTS.broken(values) && all_known && !self.ssh_config.is_broken() {
            self.looked_up(inventory, faults);
        }
        let idle = !self.direct.is_empty() && keys::SSH_JUMP_HOST.given(values).is_none();
        if let (true, Some(node)) = (idle, values.node("ssh_node_direct")) {
            let message = "`ssh_node_direct` does nothing without `ssh_jump_host`";
            faults.push(Fault::warning(Code::NoEffect, message).at(node.at));
        }
        known.then_some(targets)
    }

    /// Whether it is known for each machine as whom to log in. Says so if it is not.
    fn no_user(
        &self,
        values: &Values<'_>,
        targets: &BTreeMap<MachineName, SshTarget>,
        jump: &Jump,
        faults: &mut Vec<Fault>,
    ) -> bool {
        let without = targets.iter().find(|(_, target)| target.user.is_empty());
        let jump_without = jump.target.as_ref().is_some_and(|jump| jump.user.is_empty());
        if self.user.is_some() || (without.is_none() && !jump_without && !targets.is_empty()) {
            return true;
        }
        if keys::SSH_USER.broken(values) || self.ssh_config.is_broken() {
            return false;
        }
        let on = match without {
            Some((name, _)) if self.ssh_config.is_used() => format!(" on {name}"),
            None if jump_without => " on the jump host".to_owned(),
            Some(_) | None => String::new(),
        };
        let message = format!("`ssh_user` is missing: nobody to log in as{on}");
        let help = "write the login user of the machines; root is neither needed nor wanted";
        faults.push(Fault::error(Code::MissingKey, message).help(help));
        false
    }

    fn no_identity(
        &self,
        values: &Values<'_>,
        targets: &BTreeMap<MachineName, SshTarget>,
        jump: &Jump,
        faults: &mut Vec<Fault>,
    ) {
        let broken = keys::SSH_IDENTITY_FILE.broken(values)
            || keys::SSH_IDENTITY_FILES.broken(values)
            || keys::SSH_NODE_IDENTITY_FILES.broken(values)
            || self.ssh_config.is_broken();
        let without = targets.iter().find(|(_, target)| target.identities.is_empty());
        let jump_without = jump.target.as_ref().is_some_and(|jump| jump.identities.is_empty());
        let of = match without {
            Some((name, _)) => format!("`{name}`"),
            None if jump_without => "the jump host".to_owned(),
            None => return,
        };
        if !broken {
            let message = format!("`ssh_identity_file` is missing: there is no key for {of}");
            let help = "write the path of a private key file";
            faults.push(Fault::error(Code::MissingKey, message).help(help));
        }
    }

    fn same_address(
        &self,
        inventory: &Inventory,
        targets: &BTreeMap<MachineName, SshTarget>,
        faults: &mut Vec<Fault>,
    ) {
        let place = |name: &MachineName| {
            let host = self.hosts.get(name.as_str()).map(|host| host.value.0);
            host.or_else(|| inventory.place(name.as_str()))
        };
        let mut seen: BTreeMap<(String, u16), &MachineName> = BTreeMap::new();
        for (name, target) in targets {
            let address = (target.address.to_ascii_lowercase(), target.port);
            let Some(first) = seen.get(&address) else {
                seen.insert(address, name);
                continue;
            };
            let at = &target.address;
            let message = format!("{first} and {name} are both at {at}, port {}", target.port);
            let fault = Fault::error(Code::SameAddress, message)
                .help("ananke would act on one machine under two names; correct one of them");
            let fault = match place(name) {
                Some(at) => fault.at(at),
                None => fault,
            };
            faults.push(match place(first) {
                Some(first) => fault.first(first),
                None => fault,
            });
        }
    }

    /// A name that DNS must resolve is a trap: after a power failure the DNS may be what is down.
    fn looked_up(&self, inventory: &Inventory, faults: &mut Vec<Fault>) {
        let missing: Vec<&str> = inventory.names().filter(|name| !self.has_address(name)).collect();
        let (Some(first), shown) = (missing.first(), missing.len().min(5)) else {
            return;
        };
        let more = if missing.len() > shown { ", ..." } else { "" };
        let names = missing[..shown].join(", ");
        let message = format!("no address is given for {names}{more}: names are looked up by DNS");
        let help = "DNS may be down after a power failure; add addresses to `ssh_node_hosts`";
        let fault = Fault::warning(Code::Fragile, message).help(help);
        faults.push(match inventory.place(first) {
            Some(at) => fault.at(at),
            None => fault,
        });
    }
}

/// A map from machines, whose names must be in the inventory.
fn per_machine<K: Kind>(
    key: &Key<Map<K>>,
    values: &Values<'_>,
    inventory: &Inventory,
    faults: &mut Vec<Fault>,
) -> PerMachine<K::Out> {
    let map = key.given(values).map(|given| given.value).unwrap_or_default();
    map.iter().for_each(|(name, entry)| inventory.known(name, entry.at, faults));
    map
}
