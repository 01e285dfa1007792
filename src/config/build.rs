//! Known values become settings; contradictions between them become errors.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use super::context::Context;
use super::coordination;
use super::files;
use super::hosts;
use super::inventory::Inventory;
use super::jump;
use super::key::Key;
use super::keys;
use super::kinds::{Kind, List};
use super::logins::Logins;
use super::nearest::{nearest, quoted};
use super::power;
use super::probes;
use super::problem::{Code, Fault};
use super::scalar::exact;
use super::settings::{KubeSettings, Settings, SshDeadlines, SshSettings};
use super::text::Text;
use super::tree::{At, Place};
use super::walk::Values;
use crate::model::cluster::ObjectPath;
use crate::model::ids::{GateId, MachineName};
use crate::model::policy::{FluxPolicy, Limits, OwnHost, Policy, ShutdownRules, Timing};
use crate::model::power::PowerPolicy;
use crate::model::time::Span;

/// The settings, if all that they need is there. Every error is put among the faults.
pub(super) fn build(
    values: &Values<'_>,
    context: &Context<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Settings> {
    let inventory = Inventory::read(values, faults);
    let mut policy = policy(values, context, &inventory, faults);
    let (watched, nut) = power::read(values, &inventory, faults);
    let upses: Vec<_> = watched.upses.keys().cloned().collect();
    policy.power = watched;
    let turn_on = power::turn_on(values, &inventory, context.hostname, &upses, faults);
    policy.shutdown.wakes = turn_on.ways.keys().cloned().collect();
    let vault = probes::keys_of(values, &policy.probes, faults);
    policy.vault_keys = vault.has_keys();
    let ssh = ssh(values, context, &inventory, faults);
    let kube = kube(values);
    let notify_command = notify(values, faults);
    let heartbeat = heartbeat(values, faults);
    let web = web(values, faults);
    files::check(values, context, faults);
    let (ssh, jump) = ssh?;
    policy.shutdown.jump = jump;
    policy.ingress.at = probes::addresses(values, &inventory, &ssh.machines);
    Some(Settings {
        policy,
        ssh,
        kube,
        nut,
        probes: probes::settings(values),
        vault,
        turn_on,
        state_dir: path(&keys::STATE_DIR, values).unwrap_or_else(|| context.state_dir.clone()),
        run_dir: path(&keys::RUN_DIR, values).unwrap_or_else(|| context.run_dir.clone()),
        notify_command,
        notify_wall: keys::WALL.get(values),
        heartbeat,
        web,
    })
}

fn path<K: Kind<Out = String>>(key: &Key<K>, values: &Values<'_>) -> Option<PathBuf> {
    key.given(values).map(|given| PathBuf::from(given.value))
}

/// A count of the table, whose bounds are far below the largest `usize`.
pub(super) fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn policy(
    values: &Values<'_>,
    context: &Context<'_>,
    inventory: &Inventory,
    faults: &mut Vec<Fault>,
) -> Policy {
    Policy {
        cluster: keys::CLUSTER.get(values),
        owner: context.hostname.to_owned(),
        machines: inventory.machines(values, faults),
        skip: skip(values, context, faults),
        timing: timing(values, faults),
        limits: Limits {
            wave: size(keys::WAVE.get(values)),
            cordons: size(keys::CORDONS.get(values)),
            storm_percent: u8::try_from(keys::STORM_PERCENT.get(values)).unwrap_or(100),
        },
        flux: flux(values),
        time: hosts::time(values, inventory, faults),
        hosts: hosts::needs(values),
        power: PowerPolicy::default(),
        shutdown: shutdown(values, faults),
        probes: probes::services(values, inventory, faults),
        ingress: probes::ingress(values, inventory, faults),
        vault_keys: false,
        coordination: coordination::read(values, context, inventory, faults),
    }
}

fn flux(values: &Values<'_>) -> FluxPolicy {
    let given = |key: &Key<Text>| key.given(values).map(|given| given.value);
    FluxPolicy {
        root: ObjectPath::new(keys::FLUX_ROOT.get(values)),
        branch: given(&keys::FLUX_BRANCH),
        url: given(&keys::FLUX_URL),
    }
}

fn shutdown(values: &Values<'_>, faults: &mut Vec<Fault>) -> ShutdownRules {
    let rules = ShutdownRules::default();
    let names = |key: &Key<List<Text>>| {
        let given = key.given(values)?;
        Some(given.value.into_iter().map(|name| name.value).collect::<BTreeSet<String>>())
    };
    let mut rules = ShutdownRules {
        api: keys::shutdown::API.get(values),
        snapshot: keys::shutdown::SNAPSHOT.get(values),
        drain: keys::shutdown::DRAIN.get(values),
        volumes: keys::shutdown::VOLUMES.get(values),
        stop: keys::shutdown::STOP.get(values),
        pods: keys::shutdown::PODS.get(values),
        power_off: keys::shutdown::POWER_OFF.get(values),
        services: names(&keys::shutdown::SERVICES).unwrap_or(rules.services),
        stays: names(&keys::shutdown::STAYS).unwrap_or(rules.stays),
        quiet: rules.quiet,
        jump: rules.jump,
        wakes: rules.wakes,
        own_host: keys::shutdown::OWN_HOST.given(values).map(|given| own_host(&given.value)),
        against_budgets: rules.against_budgets,
    };
    rules.against_budgets = against_budgets(values, &rules, faults);
    rules
}

/// Whose disruption budgets give way, and after how long.
fn against_budgets(
    values: &Values<'_>,
    rules: &ShutdownRules,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, Span> {
    let given = keys::shutdown::AGAINST_BUDGETS.given(values).map(|given| given.value);
    let read = |(name, At { at, value: (place, time) }): (String, At<(Place, Span)>)| {
        // Each tier has half of the time.
        if time.times(2) >= rules.drain {
            let message = format!(
                "{} is no less than half of `shutdown.drain_time` ({})",
                exact(time),
                exact(rules.drain)
            );
            let help = "each tier has half of that time, and then a person is asked";
            faults.push(Fault::error(Code::Conflict, message).at(place).help(help));
        }
        if rules.tier(&name).is_none() {
            let message = format!("pods of {} are never evicted", quoted(&name));
            let help = "`shutdown.stays` has this namespace";
            faults.push(Fault::warning(Code::NoEffect, message).at(at).help(help));
        }
        (name, time)
    };
    given.unwrap_or_default().into_iter().map(read).collect()
}

/// The words of the key; one that is none of them was refused before.
fn own_host(word: &str) -> OwnHost {
    if word == OwnHost::Poweroff.word() { OwnHost::Poweroff } else { OwnHost::StaysOn }
}

fn timing(values: &Values<'_>, faults: &mut Vec<Fault>) -> Timing {
    let timing = Timing {
        fresh_for: keys::FRESH_FOR.get(values),
        boot: keys::BOOT_TIME.get(values),
        server_start: keys::SERVER_START.get(values),
        agent_start: keys::AGENT_START.get(values),
        patience: keys::PATIENCE.get(values),
        soak: keys::SOAK.get(values),
        cordon_lease: keys::LEASE.get(values),
        backoff: keys::BACKOFF.get(values),
        tick: keys::TICK.get(values),
    };
    // A look may take the whole command deadline, and the next one begins a pause later.
    let look = keys::POLL.get(values) + keys::COMMAND.get(values);
    let fresh =
        at_least(timing.fresh_for, "nodes.fresh_for", look, "ssh.poll + ssh.command_timeout");
    let patience = at_least(timing.patience, "nodes.patience", timing.boot, "nodes.boot_time");
    let lease =
        at_least(timing.cordon_lease, "cordon.lease", timing.agent_start, "startup.agent_start");
    let first = |keys: &[&str]| keys.iter().find_map(|key| values.node(key)).map(|node| node.at);
    let checks = [
        (
            fresh,
            first(&["nodes.fresh_for", "ssh.command_timeout", "ssh.poll"]),
            "otherwise every observation is too old before the next one comes",
        ),
        (
            patience,
            first(&["nodes.patience", "nodes.boot_time"]),
            "otherwise machines are given up while they still boot",
        ),
        (
            lease,
            first(&["cordon.lease", "startup.agent_start"]),
            "otherwise the lease of a cordon ends before the agent had its time",
        ),
    ];
    for (message, at, why) in checks {
        if let (Some(message), Some(at)) = (message, at) {
            faults.push(Fault::error(Code::Conflict, message).at(at).help(why));
        }
    }
    timing
}

pub(super) fn at_least(value: Span, name: &str, least: Span, of: &str) -> Option<String> {
    (value < least).then(|| {
        format!("`{name}` ({}) must not be less than {of} ({})", exact(value), exact(least))
    })
}

fn skip(
    values: &Values<'_>,
    context: &Context<'_>,
    faults: &mut Vec<Fault>,
) -> BTreeMap<GateId, String> {
    let given = keys::SKIP.given(values).map(|given| given.value).unwrap_or_default();
    let mut skip = BTreeMap::new();
    for (name, entry) in given {
        if !context.gates.contains(&name.as_str()) {
            let fault =
                Fault::error(Code::UnknownGate, format!("no gate is called {}", quoted(&name)));
            let help = match nearest(&name, context.gates.iter().copied()) {
                Some(gate) => format!("did you mean `{gate}`?"),
                None => format!("the gates are: {}", context.gates.join(", ")),
            };
            faults.push(fault.at(entry.at).help(help));
        }
        skip.insert(GateId::new(name), entry.value.1);
    }
    if !keys::REQUIRE_STORAGE.get(values) {
        let why = "startup.require_storage_ready is false";
        skip.entry(GateId::fixed("storage")).or_insert_with(|| why.to_owned());
    }
    skip
}

/// How machines are reached, and which of them is the way to others.
fn ssh(
    values: &Values<'_>,
    context: &Context<'_>,
    inventory: &Inventory,
    faults: &mut Vec<Fault>,
) -> Option<(SshSettings, Option<MachineName>)> {
    let logins = Logins::read(values, context, inventory, faults);
    let jump = jump::find(values, context, inventory, &logins, faults);
    let machines = logins.targets(values, inventory, &jump, faults);
    let settings = SshSettings {
        machines: machines?,
        jump: jump.target,
        known_hosts: path(&keys::SSH_KNOWN_HOSTS_FILE, values)
            .unwrap_or_else(|| context.known_hosts.clone()),
        deadlines: SshDeadlines {
            connect: keys::CONNECT.get(values),
            handshake: keys::HANDSHAKE.get(values),
            auth: keys::AUTH.get(values),
            command: keys::COMMAND.get(values),
        },
        fan_out: size(keys::FAN_OUT.get(values)),
        poll: keys::POLL.get(values),
    };
    Some((settings, jump.machine.map(MachineName::new)))
}

fn kube(values: &Values<'_>) -> KubeSettings {
    let endpoints = keys::ENDPOINTS.given(values).map(|given| given.value).unwrap_or_default();
    KubeSettings {
        kubeconfig: path(&keys::KUBECONFIG, values),
        endpoints: endpoints.into_iter().map(|endpoint| endpoint.value).collect(),
        request: keys::REQUEST.get(values),
        namespace: keys::NAMESPACE.get(values),
    }
}

fn notify(values: &Values<'_>, faults: &mut Vec<Fault>) -> Option<Vec<String>> {
    let given = keys::NOTIFY_COMMAND.given(values)?;
    match given.value.first() {
        Some(program) if program.value.starts_with('/') => {}
        Some(program) => {
            let message = format!("{} is not an absolute path", quoted(&program.value));
            let fault = Fault::error(Code::BadValue, message).at(program.at);
            faults.push(fault.help("the first word is the program, written from `/`"));
        }
        None => {
            let fault = Fault::error(Code::BadValue, "there is no program in this list");
            faults.push(fault.at(given.at).help("remove the key if nothing is to be called"));
        }
    }
    Some(given.value.into_iter().map(|word| word.value).collect())
}

fn heartbeat(values: &Values<'_>, faults: &mut Vec<Fault>) -> Option<(String, Span)> {
    let given = keys::HEARTBEAT_URL.given(values)?;
    if !["http://", "https://"].iter().any(|scheme| given.value.starts_with(scheme)) {
        let message = format!("{} can't be called", quoted(&given.value));
        let fault = Fault::error(Code::BadValue, message).at(given.at);
        faults.push(fault.help("write it as `https://...`"));
    }
    Some((given.value, keys::HEARTBEAT_EVERY.get(values)))
}

fn web(values: &Values<'_>, faults: &mut Vec<Fault>) -> Option<SocketAddr> {
    let given = keys::WEB_LISTEN.given(values)?;
    let address: Result<SocketAddr, _> = given.value.parse();
    if address.is_err() {
        let message = format!("{} is no address to listen on", quoted(&given.value));
        let fault = Fault::error(Code::BadValue, message).at(given.at);
        faults.push(fault.help("write it as `127.0.0.1:9560`, or `0.0.0.0:9560` for everybody"));
    }
    address.ok()
}
