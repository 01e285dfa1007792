//! The machines: what they are, how they are reached, and whether that fits together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::jump::Jump;
use super::key::Key;
use super::keys;
use super::kinds::{Kind, List, Map};
use super::nearest::{nearest, quoted};
use super::problem::{Code, Fault};
use super::settings::SshTarget;
use super::text::Text;
use super::tree::{At, Place};
use super::walk::Values;
use crate::model::ids::MachineName;
use crate::model::policy::{Machine, Role};

/// Who is what.
#[derive(Debug)]
pub(super) struct Inventory {
    roles: BTreeMap<String, (Role, Place)>,
    /// Whether every list of machines could be read. Otherwise nothing is said of machines that
    /// are not in it.
    whole: bool,
}

impl Inventory {
    pub(super) fn read(values: &Values<'_>, faults: &mut Vec<Fault>) -> Self {
        let lists = [
            (&keys::SERVERS, Role::Server),
            (&keys::AGENTS, Role::Agent),
            (&keys::OTHERS, Role::Other),
        ];
        let whole = lists.iter().all(|(key, _)| !key.broken(values));
        let mut roles: BTreeMap<String, (Role, Place)> = BTreeMap::new();
        for (key, role) in lists {
            for name in key.given(values).map(|given| given.value).unwrap_or_default() {
                if let Some((_, first)) = roles.get(&name.value) {
                    let message = format!("the machine {} is here again", quoted(&name.value));
                    let fault = Fault::error(Code::DuplicateMachine, message).at(name.at);
                    faults.push(fault.first(*first).help("a machine has one role"));
                } else {
                    roles.insert(name.value, (role, name.at));
                }
            }
        }
        let inventory = Self { roles, whole };
        if whole {
            inventory.complete(values, faults);
        }
        inventory
    }

    /// Whether somebody said what each machine is.
    fn complete(&self, values: &Values<'_>, faults: &mut Vec<Fault>) {
        let hosts = keys::SSH_NODE_HOSTS.given(values).map(|h| h.value).unwrap_or_default();
        let names: Vec<&str> = hosts.keys().map(String::as_str).collect();
        let why = "the role decides what may be started on a machine, so there is no default";
        if self.roles.is_empty() {
            let message = "`nodes.servers` is missing: it is not known what the machines are";
            let names = match names.as_slice() {
                [] => "the names of their nodes".to_owned(),
                names => names.join(", "),
            };
            let help = format!(
                "sort them into `nodes: {{servers: [...], agents: [...], others: [...]}}`: \
                 {names}; {why}"
            );
            let fault = Fault::error(Code::MissingKey, message).help(help);
            faults.push(match values.node("ssh_node_hosts") {
                Some(node) => fault.at(node.at),
                None => fault,
            });
            return;
        }
        if !self.roles.values().any(|(role, _)| *role == Role::Server) {
            let message = "`nodes.servers` names no machine: a cluster needs a server";
            let fault = Fault::error(Code::MissingKey, message).help(why);
            let at = ["nodes.servers", "nodes.agents"].iter().find_map(|key| values.node(key));
            faults.push(match at {
                Some(node) => fault.at(node.at),
                None => fault,
            });
        }
        for (name, entry) in hosts.iter().filter(|(name, _)| !self.roles.contains_key(*name)) {
            let message = format!("it is not known what {} is to the cluster", quoted(name));
            let known = self.roles.keys().filter(|known| !hosts.contains_key(*known));
            let help = match nearest(name, known.map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`? Otherwise add it"),
                None => "add it".to_owned(),
            };
            let help =
                format!("{help} to `nodes.servers`, `nodes.agents` or `nodes.others`; {why}");
            faults.push(Fault::error(Code::NoRole, message).at(entry.at).help(help));
        }
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.whole
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.roles.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.roles.keys().map(String::as_str)
    }

    /// The machines as a decision sees them.
    pub(super) fn machines(
        &self,
        values: &Values<'_>,
        faults: &mut Vec<Fault>,
    ) -> BTreeMap<MachineName, Machine> {
        let critical = self.listed(&keys::CRITICAL, values, faults).unwrap_or_default();
        let managed = self.listed(&keys::SSH_MANAGED_NODES, values, faults);
        if let (Some([]), Some(node)) = (managed.as_deref(), values.node("ssh_managed_nodes")) {
            let message = "no machine is managed: ananke may only look";
            let fault = Fault::warning(Code::NoEffect, message).at(node.at);
            faults.push(fault.help("remove the key to let it act on all servers and agents"));
        }
        let machine = |(name, (role, _)): (&String, &(Role, Place))| {
            let machine = Machine {
                role: *role,
                critical: critical.contains(name),
                managed: managed.as_ref().map_or(role.is_node(), |list| list.contains(name)),
            };
            (MachineName::new(name.clone()), machine)
        };
        self.roles.iter().map(machine).collect()
    }

    /// The machines that a list names. None if the file does not have it.
    fn listed(
        &self,
        key: &Key<List<Text>>,
        values: &Values<'_>,
        faults: &mut Vec<Fault>,
    ) -> Option<Vec<String>> {
        let list = key.given(values)?.value;
        let mut first: BTreeMap<String, Place> = BTreeMap::new();
        for name in &list {
            self.known(&name.value, name.at, faults);
            if let Some(first) = first.get(&name.value) {
                let message = format!("the machine {} is here again", quoted(&name.value));
                let fault = Fault::error(Code::DuplicateMachine, message).at(name.at);
                faults.push(fault.first(*first).help("keep one of them"));
            } else {
                first.insert(name.value.clone(), name.at);
            }
        }
        Some(list.into_iter().map(|name| name.value).collect())
    }

    /// Says so if the inventory does not have the machine.
    fn known(&self, name: &str, at: Place, faults: &mut Vec<Fault>) {
        if self.has(name) || !self.whole || self.roles.is_empty() {
            return;
        }
        let message = format!("no machine is called {}", quoted(name));
        let help = match nearest(name, self.names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "add it to `nodes.servers`, `nodes.agents` or `nodes.others`".to_owned(),
        };
        faults.push(Fault::error(Code::UnknownMachine, message).at(at).help(help));
    }
}

type PerMachine<T> = BTreeMap<String, At<(Place, T)>>;

/// How machines are logged in to, in general and one by one.
#[derive(Debug)]
pub(super) struct Logins {
    user: Option<String>,
    port: u16,
    /// The general key files, in the order in which they are tried.
    pub(super) identities: Vec<PathBuf>,
    hosts: PerMachine<String>,
    users: PerMachine<String>,
    ports: PerMachine<u64>,
    own_identities: PerMachine<String>,
    direct: Vec<String>,
}

/// A port of the table, whose bounds are those of a port.
fn port(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

impl Logins {
    pub(super) fn read(
        values: &Values<'_>,
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
        Self {
            user: needed_user(values, faults),
            port: port(keys::SSH_PORT.get(values)),
            identities,
            // Names without a role were reported by the inventory.
            hosts: keys::SSH_NODE_HOSTS.given(values).map(|g| g.value).unwrap_or_default(),
            users: per_machine(&keys::SSH_NODE_USERS, values, inventory, faults),
            ports: per_machine(&keys::SSH_NODE_PORTS, values, inventory, faults),
            own_identities: per_machine(&keys::SSH_NODE_IDENTITY_FILES, values, inventory, faults),
            direct: inventory.listed(&keys::SSH_NODE_DIRECT, values, faults).unwrap_or_default(),
        }
    }

    /// The general user. Empty if the file has none, which was reported.
    pub(super) fn user(&self) -> String {
        self.user.clone().unwrap_or_default()
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// One machine, not through the jump host.
    pub(super) fn target(&self, name: &str) -> SshTarget {
        let own_key = self.own_identities.get(name);
        SshTarget {
            address: self.hosts.get(name).map_or(name, |host| host.value.1.as_str()).to_owned(),
            port: self.ports.get(name).map_or(self.port, |own| port(own.value.1)),
            user: self.users.get(name).map_or_else(|| self.user(), |own| own.value.1.clone()),
            identities: own_key
                .map_or_else(|| self.identities.clone(), |own| vec![PathBuf::from(&own.value.1)]),
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
        self.no_identity(values, &targets, jump, faults);
        self.same_address(inventory, &targets, faults);
        // A host without a role may be a misspelt machine, which then seems to have no address.
        let all_known = self.hosts.keys().all(|name| inventory.has(name));
        if !keys::SSH_NODE_HOSTS.broken(values) && all_known {
            self.looked_up(inventory, faults);
        }
        let idle = !self.direct.is_empty() && keys::SSH_JUMP_HOST.given(values).is_none();
        if let (true, Some(node)) = (idle, values.node("ssh_node_direct")) {
            let message = "`ssh_node_direct` does nothing without `ssh_jump_host`";
            faults.push(Fault::warning(Code::NoEffect, message).at(node.at));
        }
        self.user.is_some().then_some(targets)
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
            || keys::SSH_NODE_IDENTITY_FILES.broken(values);
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
            host.or_else(|| inventory.roles.get(name.as_str()).map(|(_, at)| *at))
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
        let missing: Vec<&str> =
            inventory.names().filter(|name| !self.hosts.contains_key(*name)).collect();
        let (Some(first), shown) = (missing.first(), missing.len().min(5)) else {
            return;
        };
        let more = if missing.len() > shown { ", ..." } else { "" };
        let names = missing[..shown].join(", ");
        let message = format!("no address is given for {names}{more}: names are looked up by DNS");
        let help = "DNS may be down after a power failure; add addresses to `ssh_node_hosts`";
        let fault = Fault::warning(Code::Fragile, message).help(help);
        faults.push(match inventory.roles.get(*first) {
            Some((_, at)) => fault.at(*at),
            None => fault,
        });
    }
}

fn needed_user(values: &Values<'_>, faults: &mut Vec<Fault>) -> Option<String> {
    let user = keys::SSH_USER.given(values).map(|given| given.value);
    if user.is_none() && !keys::SSH_USER.broken(values) {
        let message = "`ssh_user` is missing: nobody to log in as";
        let help = "write the login user of the machines; root is neither needed nor wanted";
        faults.push(Fault::error(Code::MissingKey, message).help(help));
    }
    user
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
