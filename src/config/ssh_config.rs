//! What the configuration takes from an ssh_config(5): only what it does not say itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::context::{Context, FileFact, NoSshConfig, SshHost};
use super::files;
use super::inventory::Inventory;
use super::keys;
use super::problem::{Code, Fault};
use super::scalar::host_and_port;
use super::tree::Place;
use super::walk::Values;

/// Says nothing.
static NOTHING: SshHost =
    SshHost { address: None, port: None, user: None, identities: Vec::new(), proxy: None };

/// The answers of an ssh_config.
#[derive(Debug, Default)]
pub(super) struct SshConfig {
    hosts: BTreeMap<String, SshHost>,
    used: bool,
    broken: bool,
}

impl SshConfig {
    /// Asks for every machine, and for the jump host. `no_key` says for whom the configuration
    /// itself names no key file: only those keys are looked at.
    pub(super) fn read(
        values: &Values<'_>,
        context: &Context<'_>,
        inventory: &Inventory,
        no_key: &dyn Fn(&str) -> bool,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let Some(file) = keys::SSH_CONFIG_FILE.given(values) else {
            let broken = keys::SSH_CONFIG_FILE.broken(values);
            return Self { broken, ..Self::default() };
        };
        let given = keys::SSH_JUMP_HOST.given(values);
        let jump = given.as_ref().and_then(|given| host_and_port(&given.value).ok());
        let jump = jump.as_ref().map(|(host, _)| host.as_str());
        let names: BTreeSet<&str> = inventory.names().chain(jump).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let mut hosts = match context.ssh_configs.resolve(Path::new(&file.value), &names) {
            Ok(hosts) => hosts,
            Err(why) => {
                faults.push(unread(&file.value, &why).at(file.at));
                return Self { used: true, broken: true, hosts: BTreeMap::new() };
            }
        };
        let mut seen = BTreeSet::new();
        for (name, host) in &mut hosts {
            if !no_key(name) {
                continue;
            }
            // Several candidates are common there, and ssh passes over those that are missing.
            host.identities.retain(|path| {
                !matches!(context.files.look(path), FileFact::Missing | FileFact::NotAFile)
            });
            for path in host.identities.iter().filter(|path| seen.insert((*path).clone())) {
                files::key(&path.display().to_string(), file.at, context, faults);
            }
        }
        if given.is_none() {
            proxies(&hosts, file.at, faults);
        }
        Self { hosts, used: true, broken: false }
    }

    /// What it says of a machine.
    pub(super) fn host(&self, name: &str) -> &SshHost {
        self.hosts.get(name).unwrap_or(&NOTHING)
    }

    /// Whether the configuration names one.
    pub(super) const fn is_used(&self) -> bool {
        self.used
    }

    /// Whether it could not be read, so that nothing may be concluded from its silence.
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }
}

fn unread(file: &str, why: &NoSshConfig) -> Fault {
    match why {
        NoSshConfig::NoProgram => {
            let message = format!("{file} can't be read: {why}");
            let help = "install openssh-client, or write addresses, users and keys into this \
                        file and remove the key";
            Fault::error(Code::MissingProgram, message).help(help)
        }
        NoSshConfig::Missing => {
            let help = "correct the path, or remove the key";
            Fault::error(Code::MissingFile, format!("{file} is not there")).help(help)
        }
        NoSshConfig::Refused(_) => {
            let message = format!("ssh can't use {file}: {why}");
            let help = format!("`ssh -G -F {file} NAME` shows what ssh makes of it");
            Fault::error(Code::BadSshConfig, message).help(help)
        }
    }
}

/// A way that ssh would take and ananke does not is said, once for all machines.
fn proxies(hosts: &BTreeMap<String, SshHost>, at: Place, faults: &mut Vec<Fault>) {
    let mut with = hosts.iter().filter_map(|(name, host)| Some((name, host.proxy.as_ref()?)));
    let Some((name, proxy)) = with.next() else { return };
    let more = match with.count() {
        0 => String::new(),
        more => format!(" and of {more} more"),
    };
    let message = format!("`{proxy}` of {name}{more} is not used: it is reached directly");
    let fault = Fault::warning(Code::NoEffect, message).at(at);
    faults.push(fault.help("name a jump host as `ssh_jump_host` in this file"));
}
