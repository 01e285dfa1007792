//! The configuration of a simulated site: the very text that an operator would write, so that the
//! loop runs with the settings that a real configuration gives it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::settings::{Settings, SshDeadlines};
use crate::config::{self, Context, Problem, Unlooked};
use crate::decide::LIBRARY;
use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::model::power::NUT_PORT;
use crate::model::time::Span;
use crate::sim::scenario::ast::Setting;
use crate::sim::site::Site;

/// The name of ananke's host in a simulation.
pub const OWNER: &str = "rehearsal";

/// The login user on simulated machines.
pub const USER: &str = "ananke";

/// How the site is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The port of each machine's SSH server on the loopback.
    pub ports: BTreeMap<MachineName, u16>,
    /// The API's addresses.
    pub endpoints: Vec<String>,
    /// Where key, known_hosts and the others lie.
    pub dir: PathBuf,
    /// Deadlines, in real time.
    pub deadlines: SshDeadlines,
    /// The pause between two looks at a machine, in the world's time, as observers keep it.
    pub poll: Span,
    /// How old a fact may be, in the site's time.
    pub fresh_for: Span,
    /// Where the UPSes are asked. Without it none is configured.
    pub upsd: Option<Upsd>,
    /// Where the ingress is asked, with TLS. Without it: at the servers, as everywhere.
    pub ingress: Option<SocketAddr>,
    /// Where a magic packet is heard by whom it is for. Without it nobody can be switched on.
    pub wake: Option<SocketAddr>,
}

/// The upsd that serves every UPS of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upsd {
    /// Its port on the loopback.
    pub port: u16,
    /// How old an answer may be, in the site's time.
    pub fresh_for: Span,
    /// How long nothing may be heard of a UPS, in the site's time.
    pub lost_after: Span,
}

impl Upsd {
    /// For a world that is so many times as fast. It is asked four times a second in real time,
    /// and a small host may be late by some of these.
    pub fn at(port: u16, speed: u32) -> Self {
        let late = Span::secs(u64::from(speed));
        Self {
            port,
            fresh_for: UPSD.fresh_for.max(late).min(Span::mins(10)),
            lost_after: UPSD.lost_after.max(late).min(Span::mins(2)),
        }
    }

    /// The UPS as the configuration names it.
    pub fn name(&self, ups: &str) -> String {
        format!("{ups}@127.0.0.1:{}", self.port)
    }
}

/// upsd's own port, and the times that the program has by itself: for a world in memory.
const UPSD: Upsd = Upsd { port: NUT_PORT, fresh_for: Span::secs(5), lost_after: Span::secs(3) };

impl Reach {
    /// For a world in memory: nothing is connected to, and deadlines are those of a real site.
    pub fn nowhere() -> Self {
        Self {
            ports: BTreeMap::new(),
            endpoints: Vec::new(),
            dir: PathBuf::from("/nowhere"),
            deadlines: deadlines(1),
            poll: POLL,
            fresh_for: fresh_for(1),
            upsd: Some(UPSD),
            ingress: None,
            wake: Some(SocketAddr::from((Ipv4Addr::BROADCAST, 9))),
        }
    }

    /// A file of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// The pause between two looks at a machine that the program has by itself.
const POLL: Span = Span::secs(5);

/// The age that the program has by itself.
const FRESH_FOR: Span = Span::secs(30);

/// The most that a configuration may say.
const FRESH_FOR_MOST: Span = Span::mins(10);

/// A watch of the API says every 10 s of real time that it is alive, and three more pass until a
/// dead one is noticed; that is so many times as long on the clock of a fast world.
pub fn fresh_for(speed: u32) -> Span {
    FRESH_FOR.max(Span::secs(15).times(u64::from(speed))).min(FRESH_FOR_MOST)
}

/// That pause for a world that is so many times as fast, in the world's time: longer, so that a
/// small host has more to do than to look at 25 machines, and short enough for what is seen to be
/// fresh.
pub fn poll(speed: u32) -> Span {
    let least = Span::millis(500).times(u64::from(speed));
    POLL.max(least).min(Span::secs(20))
}

/// The deadlines that the program has by itself, shortened for a world that is so many times as
/// fast: a machine without power must not hold up a look for longer than it would in real time.
/// What costs CPU keeps enough of it for a machine under load.
pub fn deadlines(speed: u32) -> SshDeadlines {
    let shortened = |usual: u64, least: u64| {
        let speed = u64::from(speed.max(1));
        Span::millis((usual / speed).max(least.min(usual)))
    };
    SshDeadlines {
        connect: shortened(5_000, 250),
        handshake: shortened(5_000, 2_000),
        auth: shortened(5_000, 2_000),
        command: shortened(10_000, 5_000),
    }
}

/// Name of the private key in the folder.
pub const KEY_FILE: &str = "id_ed25519";
/// Name of the host keys' file.
pub const KNOWN_HOSTS_FILE: &str = "known_hosts";
/// Name of the kubeconfig.
pub const KUBECONFIG_FILE: &str = "kubeconfig";
/// Name of the file with the authority that vouches for the hosts behind the ingress.
pub const AUTHORITIES_FILE: &str = "authorities.pem";
/// Name of the file with the keys of the site's vault.
pub const VAULT_KEYS_FILE: &str = "vault-keys";
/// Name of the configuration.
pub const CONFIG_FILE: &str = "ananke.yaml";

/// The key, within its group, of the file with the keys of vaults.
const VAULT_KEY: &str = "vault_unseal_key_file";

/// The text of the configuration. `more` are the settings of a scenario, as an operator would
/// write them.
pub fn text(site: &Site, reach: &Reach, more: &[Setting]) -> String {
    let mut out =
        String::from("# A simulated site. Nothing of it exists outside of this program.\n");
    out += &top(site, reach);
    let mut groups = groups(site, reach);
    for Setting { key, value } in more {
        let Some((group, key)) = key.split_once('.') else {
            let _ = writeln!(out, "{key}: {value}");
            continue;
        };
        let line = format!("{key}: {value}");
        match groups.iter_mut().find(|(name, _)| name == group) {
            Some((_, lines)) => {
                // What a scenario says stands in the place of what we would have said.
                lines.retain(|line| line.split(':').next() != Some(key));
                lines.push(line);
            }
            None => groups.push((group.to_owned(), vec![line])),
        }
    }
    // Who asks the vault has its keys as well.
    let asks = |(name, lines): &(String, Vec<String>)| {
        name == "services" && lines.iter().any(|line| line.starts_with("vault:"))
    };
    let keys_are = |line: &String| line.starts_with(VAULT_KEY);
    if groups.iter().any(asks)
        && let Some((_, lines)) = groups.iter_mut().find(|(name, _)| name == "startup")
        && !lines.iter().any(keys_are)
    {
        let file = quoted(&reach.file(VAULT_KEYS_FILE).to_string_lossy());
        lines.push(format!("{VAULT_KEY}: {file}"));
    }
    for (group, lines) in groups {
        let _ = writeln!(out, "{group}:");
        for line in lines {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", names.map(quoted).collect::<Vec<_>>().join(", "))
}

fn top(site: &Site, reach: &Reach) -> String {
    let path = |name: &str| quoted(&reach.file(name).to_string_lossy());
    let mut out = format!(
        "cluster: {}\nssh_user: {USER}\nssh_identity_file: {}\nssh_known_hosts_file: {}\n\
         kubeconfig: {}\nstate_dir: {}\nrun_dir: {}\n",
        quoted(&site.cluster),
        path(KEY_FILE),
        path(KNOWN_HOSTS_FILE),
        path(KUBECONFIG_FILE),
        path("state"),
        path("run"),
    );
    if !reach.ports.is_empty() {
        let each = |value: &dyn Fn(u16) -> String| {
            let lines = reach.ports.iter();
            let line = |(name, port): (&MachineName, &u16)| {
                format!("  {}: {}\n", quoted(name.as_str()), value(*port))
            };
            lines.map(line).collect::<String>()
        };
        let hosts = each(&|_| "127.0.0.1".to_owned());
        let ports = each(&|port| port.to_string());
        let _ = write!(out, "ssh_node_hosts:\n{hosts}ssh_node_ports:\n{ports}");
    }
    out
}

fn groups(site: &Site, reach: &Reach) -> Vec<(String, Vec<String>)> {
    let of_role = |role: Role| {
        let named = site.machines.iter().filter(move |(_, spec)| spec.role == role);
        list(named.map(|(name, _)| name.as_str()))
    };
    let critical = site.machines.iter().filter(|(_, spec)| spec.critical);
    let SshDeadlines { connect, handshake, auth, command } = &reach.deadlines;
    let mut groups = vec![
        (
            "nodes".to_owned(),
            vec![
                format!("servers: {}", of_role(Role::Server)),
                format!("agents: {}", of_role(Role::Agent)),
                format!("others: {}", of_role(Role::Other)),
                format!("critical: {}", list(critical.map(|(name, _)| name.as_str()))),
                format!("fresh_for: {}ms", reach.fresh_for.as_millis()),
            ],
        ),
        (
            "ssh".to_owned(),
            vec![
                format!("connect_timeout: {}ms", connect.as_millis()),
                format!("handshake_timeout: {}ms", handshake.as_millis()),
                format!("auth_timeout: {}ms", auth.as_millis()),
                format!("command_timeout: {}ms", command.as_millis()),
                format!("poll: {}ms", reach.poll.as_millis()),
            ],
        ),
    ];
    let servers = site.machines.values().filter(|spec| spec.role == Role::Server).count();
    let quorum = format!("time_sync_quorum: {}", servers / 2 + 1);
    groups.push(("startup".to_owned(), vec!["time_sync_mode: quorum".to_owned(), quorum]));
    if !reach.endpoints.is_empty() {
        let endpoints = list(reach.endpoints.iter().map(String::as_str));
        groups.push(("kube".to_owned(), vec![format!("endpoints: {endpoints}")]));
    }
    if let Some(upsd) = reach.upsd.as_ref().filter(|_| !site.upses.is_empty()) {
        groups.push(("power".to_owned(), power(site, upsd)));
    }
    if let Some(ingress) = reach.ingress {
        let authorities = quoted(&reach.file(AUTHORITIES_FILE).to_string_lossy());
        let at = format!("at: {}", quoted(&ingress.to_string()));
        let lines = vec![at, format!("authorities_file: {authorities}")];
        groups.push(("ingress".to_owned(), lines));
        groups.push(("services".to_owned(), services(site)));
    }
    if let Some(to) = reach.wake {
        let line = turn_on(site, to);
        match groups.iter_mut().find(|(name, _)| name == "power") {
            Some((_, lines)) => lines.push(line),
            None => groups.push(("power".to_owned(), vec![line])),
        }
    }
    // Nobody who is logged in on this host wants to hear of a simulated cluster.
    groups.push(("notify".to_owned(), vec!["wall: false".to_owned()]));
    groups
}

/// What keeps the cluster alive, asked from where a node asks it. The first server is that node.
fn services(site: &Site) -> Vec<String> {
    let server = site.machines.iter().find(|(_, spec)| spec.role == Role::Server);
    let via = server.map(|(name, _)| quoted(name.as_str())).unwrap_or_default();
    let url = |name: &str, gate: &str, url: &str, more: &str| {
        format!("{name}: {{url: {}, gate: {gate}, via: {via}{more}}}", quoted(url))
    };
    let pass = ", json: {pointer: /status, value: pass}";
    let names = "{server: 10.43.0.10, name: kubernetes.default.svc.cluster.local}";
    vec![
        format!("names: {{dns: {names}, gate: network, via: {via}}}"),
        format!("vault: {{vault: \"http://vault.vault.svc:8200\", via: {via}, trusted_way: true}}"),
        format!("postgres: {{tcp: \"postgres.database.svc:5432\", gate: database, via: {via}}}"),
        url("gitea", "git", "http://gitea.gitea.svc:3000/api/healthz", pass),
        url("harbor", "registry", "http://harbor-core.harbor.svc/v2/", ", challenge: Bearer"),
    ]
}

/// Each UPS feeds a domain of its own; the one with a server in it also carries the orders.
fn power(site: &Site, upsd: &Upsd) -> Vec<String> {
    let names = site.upses.keys().map(|ups| upsd.name(ups)).collect::<Vec<_>>();
    let domains = site.upses.keys().map(|ups| {
        let fed = site.machines.iter().filter(|(_, spec)| spec.ups.as_ref() == Some(ups));
        let fed: Vec<_> = fed.collect();
        let orders = fed.iter().any(|(_, spec)| spec.role == Role::Server);
        let machines = list(fed.iter().map(|(name, _)| name.as_str()));
        let feeds = quoted(&upsd.name(ups));
        format!("{ups}: {{upses: [{feeds}], machines: {machines}, carries_orders: {orders}}}")
    });
    let exempt = site.machines.iter().filter(|(_, spec)| spec.ups.is_none());
    vec![
        format!("upses: {}", list(names.iter().map(String::as_str))),
        format!("domains: {{{}}}", domains.collect::<Vec<_>>().join(", ")),
        format!("exempt: {}", list(exempt.map(|(name, _)| name.as_str()))),
        "on_low: poweroff".to_owned(),
        format!("fresh_for: {}ms", upsd.fresh_for.as_millis()),
        format!("lost_after: {}ms", upsd.lost_after.as_millis()),
    ]
}

/// Each machine is switched on by Wake-on-LAN.
fn turn_on(site: &Site, to: SocketAddr) -> String {
    let ways = site.machines.keys().filter_map(|name| {
        let mac = site.mac(name)?.map(|byte| format!("{byte:02x}")).join(":");
        let (name, mac, to) = (quoted(name.as_str()), quoted(&mac), quoted(&to.to_string()));
        Some(format!("{name}: {{wake: {{mac: {mac}, broadcast: {to}}}}}"))
    });
    format!("turn_on: {{{}}}", ways.collect::<Vec<_>>().join(", "))
}

/// The settings that this text gives.
///
/// # Errors
/// Every problem, if the site can't be written down as a configuration.
pub fn settings(site: &Site, reach: &Reach) -> Result<Settings, Vec<Problem>> {
    with(site, reach, &[])
}

/// The same, with the settings of a scenario.
///
/// # Errors
/// Every problem, with its place in the text.
pub fn with(site: &Site, reach: &Reach, more: &[Setting]) -> Result<Settings, Vec<Problem>> {
    let gates: Vec<&str> = LIBRARY.up.iter().map(|gate| gate.id.as_str()).collect();
    let context = Context { files: &Unlooked, ..Context::installed(OWNER, &gates) };
    let text = text(site, reach, more);
    config::parse(&text, CONFIG_FILE, &context).map(|checked| checked.settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_site_gives_a_configuration_without_a_word_of_complaint() {
        for site in [Site::small(), Site::big()] {
            let mut reach = Reach::nowhere();
            reach.ports = site.machines.keys().cloned().zip(20_000..).collect();
            reach.endpoints = vec!["https://127.0.0.1:16443".to_owned()];
            reach.ingress = Some(SocketAddr::from(([127, 0, 0, 1], 18_443)));
            for speed in [1, 20, 1_000] {
                reach.deadlines = deadlines(speed);
                let context = Context { files: &Unlooked, ..Context::installed(OWNER, &[]) };
                let checked = config::parse(&text(&site, &reach, &[]), CONFIG_FILE, &context);
                let checked = checked.expect("no error");
                assert!(checked.warnings.is_empty(), "{:?}", checked.warnings);
                let settings = checked.settings;
                assert_eq!(settings.policy.machines.len(), site.machines.len());
                assert_eq!(settings.ssh.deadlines, deadlines(speed));
                let ports: Vec<_> = settings.ssh.machines.values().map(|it| it.port).collect();
                assert_eq!(ports, reach.ports.values().copied().collect::<Vec<_>>());
            }
        }
    }
}
