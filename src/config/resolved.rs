//! Settings as a file again, every default written out: `ananke config show`.

mod coordination;
mod probes;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use super::scalar::{exact, joined};
use super::settings::{Encryption, Settings, SshTarget, TurnOn};
use crate::model::ids::MachineName;
use crate::model::policy::{HostNeeds, Needs, Role, ShutdownRules, TimeSync};
use crate::model::time::Span;

/// The settings as they are used, as a configuration that means exactly the same on this host.
pub fn resolved(settings: &Settings) -> String {
    let mut out = format!("# The settings in use on {}.\n", settings.policy.owner);
    let general = General::of(settings);
    top(&mut out, settings, &general);
    nodes(&mut out, settings);
    groups(&mut out, settings);
    out
}

/// What most machines have in common; the others are written out one by one.
struct General {
    user: String,
    port: u16,
    identities: Vec<PathBuf>,
}

impl General {
    fn of(settings: &Settings) -> Self {
        let ssh = &settings.ssh;
        let targets = || ssh.machines.values();
        let is_machine = |jump: &SshTarget| targets().any(|target| same_place(target, jump));
        let outer_jump = ssh.jump.iter().filter(|jump| !is_machine(jump));
        // Only the general list serves a foreign jump host.
        let identities = outer_jump.chain(targets()).next();
        Self {
            user: commonest(targets().map(|target| target.user.clone())).unwrap_or_default(),
            port: commonest(targets().map(|target| target.port)).unwrap_or(22),
            identities: identities.map(|target| target.identities.clone()).unwrap_or_default(),
        }
    }
}

fn same_place(a: &SshTarget, b: &SshTarget) -> bool {
    (&a.address, a.port) == (&b.address, b.port)
}

fn commonest<T: Ord + Clone>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    let most = counts.values().copied().max()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(value, _)| value)
}

fn top(out: &mut String, settings: &Settings, general: &General) {
    let ssh = &settings.ssh;
    line(out, "cluster", &text(&settings.policy.cluster));
    line(out, "state_dir", &text(&settings.state_dir.display().to_string()));
    line(out, "run_dir", &text(&settings.run_dir.display().to_string()));
    if let Some(path) = &settings.kube.kubeconfig {
        line(out, "kubeconfig", &text(&path.display().to_string()));
    }
    for (key, value) in [
        ("expected_flux_branch", &settings.policy.flux.branch),
        ("expected_flux_source_url", &settings.policy.flux.url),
    ] {
        if let Some(value) = value {
            line(out, key, &text(value));
        }
    }
    line(out, "ssh_user", &text(&general.user));
    line(out, "ssh_port", &general.port.to_string());
    let paths = general.identities.iter().map(|path| path.display().to_string());
    line(out, "ssh_identity_files", &list(paths));
    line(out, "ssh_known_hosts_file", &text(&ssh.known_hosts.display().to_string()));
    per_machine(out, settings, "ssh_node_hosts", |t| Some(text(&t.address)));
    per_machine(out, settings, "ssh_node_ports", |t| {
        (t.port != general.port).then(|| t.port.to_string())
    });
    per_machine(out, settings, "ssh_node_users", |t| {
        (t.user != general.user).then(|| text(&t.user))
    });
    per_machine(out, settings, "ssh_node_identity_files", |t| {
        let paths = t.identities.iter().map(|path| path.display().to_string());
        (t.identities != general.identities).then(|| match t.identities.as_slice() {
            [one] => text(&one.display().to_string()),
            _ => list(paths),
        })
    });
    let managed = settings.policy.machines.iter().filter(|(_, machine)| machine.managed);
    line(out, "ssh_managed_nodes", &names(managed.map(|(name, _)| name)));
    if let Some(jump) = &ssh.jump {
        line(out, "ssh_jump_host", &text(&joined(&jump.address, jump.port)));
        line(out, "ssh_jump_user", &text(&jump.user));
        let direct = ssh.machines.iter().filter(|(_, target)| !target.via_jump);
        line(out, "ssh_node_direct", &names(direct.map(|(name, _)| name)));
    }
}

fn nodes(out: &mut String, settings: &Settings) {
    let (policy, timing) = (&settings.policy, &settings.policy.timing);
    let critical = policy.machines.iter().filter(|(_, machine)| machine.critical);
    group(
        out,
        "nodes",
        &[
            ("servers", names(policy.with_role(Role::Server))),
            ("agents", names(policy.with_role(Role::Agent))),
            ("others", names(policy.with_role(Role::Other))),
            ("critical", names(critical.map(|(name, _)| name))),
            ("boot_time", exact(timing.boot)),
            ("patience", exact(timing.patience)),
            ("wave", policy.limits.wave.to_string()),
            ("fresh_for", exact(timing.fresh_for)),
            ("storm_percent", policy.limits.storm_percent.to_string()),
        ],
    );
}

fn groups(out: &mut String, settings: &Settings) {
    let (ssh, kube, policy) = (&settings.ssh, &settings.kube, &settings.policy);
    let deadlines = &ssh.deadlines;
    let times = |times: &[(&'static str, Span)]| -> Vec<(&'static str, String)> {
        times.iter().map(|(name, span)| (*name, exact(*span))).collect()
    };
    let mut lines = times(&[
        ("connect_timeout", deadlines.connect),
        ("handshake_timeout", deadlines.handshake),
        ("auth_timeout", deadlines.auth),
        ("command_timeout", deadlines.command),
        ("poll", ssh.poll),
    ]);
    lines.push(("fan_out", ssh.fan_out.to_string()));
    group(out, "ssh", &lines);
    let mut lines = times(&[("request_timeout", kube.request)]);
    lines.push(("namespace", text(&kube.namespace)));
    if !kube.endpoints.is_empty() {
        lines.push(("endpoints", list(kube.endpoints.iter().cloned())));
    }
    group(out, "kube", &lines);
    let timing = &policy.timing;
    let mut lines = times(&[
        ("soak", timing.soak),
        ("server_start", timing.server_start),
        ("agent_start", timing.agent_start),
        ("backoff", timing.backoff),
        ("tick", timing.tick),
    ]);
    match policy.time {
        None => {}
        Some(TimeSync::Strict) => lines.push(("time_sync_mode", "strict".to_owned())),
        Some(TimeSync::Quorum(count)) => {
            lines.push(("time_sync_mode", "quorum".to_owned()));
            lines.push(("time_sync_quorum", count.to_string()));
        }
    }
    lines.extend(probes::vault_keys(&settings.vault));
    group(out, "startup", &lines);
    hosts(out, &policy.hosts);
    power(out, settings);
    coordination::push(out, &settings.policy);
    shutdown(out, &policy.shutdown);
    let lease = ("lease", exact(timing.cordon_lease));
    group(out, "cordon", &[lease, ("limit", policy.limits.cordons.to_string())]);
    if !policy.skip.is_empty() {
        let skip = policy.skip.iter().map(|(gate, why)| (gate.as_str(), text(why)));
        group(out, "gates", &[("skip", flow_map(skip))]);
    }
    probes::push(out, settings);
    group(out, "flux", &[("root", text(policy.flux.root.as_str()))]);
    let mut lines = vec![("wall", settings.notify_wall.to_string())];
    if let Some(command) = &settings.notify_command {
        lines.push(("command", list(command.iter().cloned())));
    }
    if let Some((url, every)) = &settings.heartbeat {
        lines.push(("heartbeat_url", text(url)));
        lines.push(("heartbeat_every", exact(*every)));
    }
    group(out, "notify", &lines);
    if let Some(address) = settings.web {
        group(out, "web", &[("listen", text(&address.to_string()))]);
    }
}

/// The way down.
fn shutdown(out: &mut String, rules: &ShutdownRules) {
    let times = [
        ("api_time", rules.api),
        ("snapshot_time", rules.snapshot),
        ("drain_time", rules.drain),
        ("volumes_time", rules.volumes),
        ("stop_time", rules.stop),
        ("pods_time", rules.pods),
        ("power_off_time", rules.power_off),
    ];
    let mut lines: Vec<_> = times.iter().map(|(name, span)| (*name, exact(*span))).collect();
    lines.push(("services", list(rules.services.iter().cloned())));
    lines.push(("stays", list(rules.stays.iter().cloned())));
    if !rules.against_budgets.is_empty() {
        let times = rules.against_budgets.iter().map(|(name, time)| (name.as_str(), exact(*time)));
        lines.push(("against_budgets", flow_map(times)));
    }
    lines.extend(rules.own_host.map(|own| ("own_host", own.word().to_owned())));
    group(out, "shutdown", &lines);
}

/// What the nodes must have, for servers and agents apart.
fn hosts(out: &mut String, needs: &HostNeeds) {
    let of = |what: fn(&Needs) -> &BTreeSet<String>| {
        let kinds = [("servers", &needs.servers), ("agents", &needs.agents)];
        flow_map(kinds.into_iter().map(|(kind, own)| (kind, list(what(own).iter().cloned()))))
    };
    let lines = [
        ("packages", of(|needs| &needs.packages)),
        ("programs", of(|needs| &needs.programs)),
        ("modules", of(|needs| &needs.modules)),
        ("services", of(|needs| &needs.services)),
        ("disks", list(needs.disks.iter().cloned())),
        ("full_below_percent", needs.full_below.to_string()),
        ("default_route", needs.default_route.to_string()),
    ];
    group(out, "hosts", &lines);
}

/// Without a UPS nothing is left of it that means anything, but how machines are switched on.
fn power(out: &mut String, settings: &Settings) {
    let power = &settings.policy.power;
    let turn_on = turn_on(settings);
    let Some(common) = power.upses.values().next() else {
        if !turn_on.is_empty() {
            group(out, "power", &turn_on);
        }
        return;
    };
    let percent = power.budget.factor_percent;
    line(out, "runtime_safety_factor", &format!("{}.{:02}", percent / 100, percent % 100));
    line(out, "default_budget_seconds", &power.budget.default.as_secs().to_string());
    let upses = power.upses.iter().map(|(name, rules)| {
        let certificate = match settings.nut.upses.get(name) {
            Some(Encryption::Pinned { file }) => Some(text(&file.display().to_string())),
            Some(Encryption::Off) | None => None,
        };
        let own = [
            ("certificate", certificate),
            ("charge_floor", rules.charge_floor.map(|percent| percent.to_string())),
            ("start_charge", rules.start_charge.map(|percent| percent.to_string())),
            ("on_battery_max", rules.on_battery_max.map(exact)),
            ("low_for", Some(exact(rules.low_for))),
        ];
        let own = own.into_iter().filter_map(|(key, value)| Some((key, value?)));
        (name.to_string(), flow_map(own))
    });
    let upses: Vec<_> = upses.collect();
    let upses = flow_map(upses.iter().map(|(name, own)| (name.as_str(), own.clone())));
    let domains = power.domains.iter().map(|domain| {
        let feeds = list(domain.feeds.iter().map(ToString::to_string));
        let own = [
            ("upses", feeds),
            ("need", domain.need.to_string()),
            ("machines", names(domain.machines.iter())),
            ("carries_orders", domain.carries_orders.to_string()),
        ];
        (domain.name.as_str(), flow_map(own.into_iter()))
    });
    let mut lines = vec![
        ("upses", upses),
        ("domains", flow_map(domains)),
        ("exempt", names(power.exempt.iter())),
        ("debounce", exact(common.debounce)),
        ("dwell", exact(common.dwell)),
        ("lag", exact(common.latency)),
        ("fresh_for", exact(common.fresh_for)),
        ("lost_after", exact(common.lost_after)),
        ("blind_max", exact(common.blind_max)),
        ("host_off", exact(power.budget.tail)),
        ("poll", exact(settings.nut.poll)),
        ("connect_timeout", exact(settings.nut.connect)),
        ("answer_timeout", exact(settings.nut.answer)),
    ];
    lines.extend(power.on_low.map(|on_low| ("on_low", on_low.word().to_owned())));
    lines.extend(turn_on);
    group(out, "power", &lines);
}

/// How machines are switched on.
fn turn_on(settings: &Settings) -> Vec<(&'static str, String)> {
    let turn_on = &settings.turn_on;
    let ways = turn_on.ways.iter().map(|(name, way)| {
        let (kind, own) = match way {
            TurnOn::Packet(packet) => {
                let mac = packet.mac.map(|byte| format!("{byte:02x}")).join(":");
                let to = joined(&packet.to.ip().to_string(), packet.to.port());
                let from = packet.from.iter().map(ToString::to_string);
                let own = [
                    ("mac", Some(text(&mac))),
                    ("broadcast", Some(text(&to))),
                    ("from", (!packet.from.is_empty()).then(|| list(from))),
                ];
                let own = own.into_iter().filter_map(|(key, value)| Some((key, value?)));
                ("wake", flow_map(own))
            }
            TurnOn::Outlet { ups, outlet } => {
                let own = [("ups", text(&ups.to_string())), ("outlet", outlet.to_string())];
                ("outlet", flow_map(own.into_iter()))
            }
            TurnOn::Command(words) => ("command", list(words.iter().cloned())),
        };
        (name.as_str(), flow_map([(kind, own)].into_iter()))
    });
    let ways: Vec<_> = ways.collect();
    let mut lines = Vec::new();
    if !ways.is_empty() {
        lines.push(("turn_on", flow_map(ways.into_iter())));
    }
    if let Some(login) = &turn_on.upsd {
        lines.push(("upsd_user", text(&login.user)));
        lines.push(("upsd_login_file", text(&login.password.display().to_string())));
    }
    lines
}

fn group(out: &mut String, name: &str, lines: &[(&str, String)]) {
    let _ = writeln!(out, "{name}:");
    for (key, value) in lines {
        let _ = writeln!(out, "  {key}: {value}");
    }
}

fn line(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "{key}: {value}");
}

fn per_machine(
    out: &mut String,
    settings: &Settings,
    key: &str,
    value: impl Fn(&SshTarget) -> Option<String>,
) {
    let given: Vec<_> = settings
        .ssh
        .machines
        .iter()
        .filter_map(|(name, target)| value(target).map(|value| (name, value)))
        .collect();
    if given.is_empty() {
        return;
    }
    let _ = writeln!(out, "{key}:");
    for (name, value) in given {
        let _ = writeln!(out, "  {}: {value}", text(name.as_str()));
    }
}

fn names<'a>(names: impl Iterator<Item = &'a MachineName>) -> String {
    list(names.map(|name| name.as_str().to_owned()))
}

fn list(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.map(|word| text(&word)).collect();
    format!("[{}]", words.join(", "))
}

fn flow_map<'a>(pairs: impl Iterator<Item = (&'a str, String)>) -> String {
    let pairs: Vec<String> = pairs.map(|(key, value)| format!("{}: {value}", text(key))).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// A text as YAML reads it back: in quotes unless it is plainly a word. Every JSON string is a
/// YAML string.
fn text(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    let word = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && text.chars().all(plain)
        && text.parse::<f64>().is_err()
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if word { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
