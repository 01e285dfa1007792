//! The machines: what they are to the cluster.

use std::collections::BTreeMap;

use super::key::Key;
use super::keys;
use super::kinds::List;
use super::nearest::{nearest, quoted};
use super::problem::{Code, Fault};
use super::text::Text;
use super::tree::Place;
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

    /// How many machines have a role. `None` if a list of them could not be read.
    pub(super) fn count(&self, role: Role) -> Option<usize> {
        let those = self.roles.values().filter(|(it, _)| *it == role);
        self.whole.then(|| those.count())
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.whole
    }

    pub(super) fn role(&self, name: &str) -> Option<Role> {
        self.roles.get(name).map(|(role, _)| *role)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.roles.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.roles.keys().map(String::as_str)
    }

    /// Where the file names the machine.
    pub(super) fn place(&self, name: &str) -> Option<Place> {
        self.roles.get(name).map(|(_, at)| *at)
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
    pub(super) fn listed(
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
    pub(super) fn known(&self, name: &str, at: Place, faults: &mut Vec<Fault>) {
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
