//! The table of keys: the only source of names, types, bounds, defaults and sentences.
//!
//! The order is the one of the example file. Bounds keep out what can't be meant (a soak of a
//! year, a deadline of a millisecond), not what is merely unusual.

use super::key::Stage::{Sample, Used};
use super::key::{Entry, Key, key};
use super::kinds::{Count, Flag, Length, List, Map, Or};
use super::later;
use super::one_or_more::OneOrMore;
use super::power::keys as power;
use super::probes::keys as probes;
use super::text::Text;
use crate::model::policy::FluxPolicy;
use crate::model::time::Span;

pub(super) mod coordination;
pub(super) mod hosts;
pub(super) mod shutdown;

pub(super) type Machines = List<Text>;
type PerMachine<K> = Map<K>;
pub(super) type Time = Or<Length, Span>;
type Whole = Or<Count, u64>;

pub(super) const fn time(default: Span, min: Span, max: Span) -> Time {
    Or(Length { min, max }, default)
}

const fn whole(default: u64, min: u64, max: u64) -> Whole {
    Or(Count { min, max }, default)
}

const fn per_machine<K>(values: K) -> PerMachine<K> {
    Map { names: Text::Machine, values }
}

pub(super) const MACHINES: Machines = List(Text::Machine);

/// The longest wait that can be meant: a person looks at least once a day.
const DAY: Span = Span::mins(24 * 60);
/// The shortest pause that can be meant: faster looks only load the machines.
const SECOND: Span = Span::secs(1);
/// The longest deadline of one connection: it holds up the look at that machine.
const FIVE_MINUTES: Span = Span::mins(5);

/// The groups, each with its sentence.
pub(super) static GROUPS: &[(&str, &str)] = &[
    (
        "nodes",
        "The machines and what they are to the cluster. Only you can say what may be started.",
    ),
    ("ssh", "Deadlines and load of SSH. A machine that hangs costs its own deadline only."),
    ("kube", "The Kubernetes API."),
    ("startup", "The way up."),
    (
        "hosts",
        "What the nodes must have below Kubernetes. What is not named here is not asked about.",
    ),
    (
        "power",
        "UPSes over NUT. With `upses` alone they are watched; to let them shut something down, say \
         what they feed and what they may ask for.",
    ),
    (
        "shutdown",
        "The way down. The times hold while no battery says otherwise; one that gives out shares \
         what it has left among the stages.",
    ),
    ("cordon", "Recovery cordons: nodes that ananke takes out while it mends them."),
    ("gates", "The stages of the way up. `ananke explain` lists them."),
    ("flux", "What Flux must reach."),
    ("ingress", "The hosts that the cluster's ingresses name. Each is asked as its users do."),
    ("notify", "How a person is called."),
    ("web", "The status page and the metrics of the daemon. Read-only, without a password."),
    (
        "coordination",
        "Several ananke hosts. One brings the cluster up; each brings down what its own UPS can't \
         carry. Without `peer_hosts` this host is the only one.",
    ),
];

pub(super) static CLUSTER: Key<Or<Text, &str>> =
    key("cluster", Or(Text::Line, "cluster"), "The cluster's name, for people.", "atlas", Sample);
pub(super) static STATE_DIR: Key<Text> = key(
    "state_dir",
    Text::Path,
    "Where ananke keeps its ledger and reports. Without it: /var/lib/ananke.",
    "/var/lib/ananke",
    Used,
);
pub(super) static RUN_DIR: Key<Text> = key(
    "run_dir",
    Text::Path,
    "Where the daemon's control socket lies. Without it: /run/ananke.",
    "/run/ananke",
    Used,
);
pub(super) static KUBECONFIG: Key<Text> = key(
    "kubeconfig",
    Text::Path,
    "Kubeconfig of ananke's own account. Without it the one of a server is fetched over SSH.",
    "/etc/ananke/kubeconfig",
    Used,
);

pub(super) static SSH_USER: Key<Text> =
    key("ssh_user", Text::User, "Login user on the machines. Needed.", "ananke", Sample);
/// The port of SSH, as IANA gives it.
pub(super) const SSH_PORT_DEFAULT: u16 = 22;
pub(super) static SSH_PORT: Key<Whole> = key(
    "ssh_port",
    whole(SSH_PORT_DEFAULT as u64, 1, 65_535),
    "Port of sshd on the machines and on the jump host.",
    "22",
    Sample,
);
pub(super) static SSH_IDENTITY_FILE: Key<Text> = key(
    "ssh_identity_file",
    Text::Path,
    "Private key file, readable by its owner only. Needed, unless ssh_identity_files is there.",
    "/etc/ananke/ssh/id_ed25519",
    Sample,
);
pub(super) static SSH_IDENTITY_FILES: Key<List<Text>> = key(
    "ssh_identity_files",
    List(Text::Path),
    "More private key files, tried in this order after ssh_identity_file.",
    "[/etc/ananke/ssh/id_ecdsa]",
    Used,
);
pub(super) static SSH_KNOWN_HOSTS_FILE: Key<Text> = key(
    "ssh_known_hosts_file",
    Text::Path,
    "Host keys in OpenSSH's format; `ananke hosts accept` writes it. Without it: \
     /etc/ananke/known_hosts.",
    "/etc/ananke/known_hosts",
    Used,
);
pub(super) static SSH_CONFIG_FILE: Key<Text> = key(
    "ssh_config_file",
    Text::Path,
    "An ssh_config(5), read by `ssh -G`: address, port, user and keys of machines for which this \
     file does not give them. What this file says holds. Nothing else is taken from it.",
    "/etc/ananke/ssh_config",
    Used,
);
pub(super) static SSH_NODE_HOSTS: Key<PerMachine<Text>> = key(
    "ssh_node_hosts",
    per_machine(Text::Address),
    "Address of each machine. Without one its name is looked up, which needs a DNS that is up.",
    "\n  cp-1: 192.0.2.11\n  w-1: 192.0.2.21\n  w-2: 192.0.2.22\n  bastion: 192.0.2.2",
    Sample,
);
pub(super) static SSH_NODE_PORTS: Key<PerMachine<Count>> = key(
    "ssh_node_ports",
    per_machine(Count { min: 1, max: 65_535 }),
    "Port of sshd on machines where it differs from ssh_port.",
    "{bastion: 2222}",
    Used,
);
pub(super) static SSH_NODE_USERS: Key<PerMachine<Text>> = key(
    "ssh_node_users",
    per_machine(Text::User),
    "Login user on machines where it differs from ssh_user.",
    "{bastion: jump}",
    Used,
);
pub(super) static SSH_NODE_IDENTITY_FILES: Key<PerMachine<OneOrMore<Text>>> = key(
    "ssh_node_identity_files",
    per_machine(OneOrMore(Text::Path)),
    "Private key file, or a list of them, of machines that take others; it replaces the general \
     ones.",
    "{bastion: /etc/ananke/ssh/bastion}",
    Used,
);
pub(super) static SSH_MANAGED_NODES: Key<Machines> = key(
    "ssh_managed_nodes",
    MACHINES,
    "The only machines that ananke may change over SSH. Without it: all servers and agents.",
    "[cp-1, w-1, w-2]",
    Used,
);
pub(super) static SSH_JUMP_HOST: Key<Text> = key(
    "ssh_jump_host",
    Text::HostPort,
    "Machine of the inventory, or address[:port], that connections go through. If it does not \
     answer, machines are tried directly.",
    "bastion",
    Used,
);
pub(super) static SSH_JUMP_USER: Key<Text> = key(
    "ssh_jump_user",
    Text::User,
    "Login user on the jump host. Without it: the one of that machine, or ssh_user.",
    "jump",
    Used,
);
pub(super) static SSH_NODE_DIRECT: Key<Machines> = key(
    "ssh_node_direct",
    MACHINES,
    "Machines that are reached without the jump host.",
    "[cp-1]",
    Used,
);

pub(super) static SERVERS: Key<Machines> = key(
    "nodes.servers",
    MACHINES,
    "Machines that run k3s.service: datastore and API. Needed. The names are the nodes' names.",
    "[cp-1]",
    Sample,
);
pub(super) static AGENTS: Key<Machines> =
    key("nodes.agents", MACHINES, "Machines that run k3s-agent.service.", "[w-1, w-2]", Sample);
pub(super) static OTHERS: Key<Machines> = key(
    "nodes.others",
    MACHINES,
    "Machines that are no nodes: jump host, storage. They are looked at, never changed, unless \
     ssh_managed_nodes names them.",
    "[bastion]",
    Sample,
);
pub(super) static CRITICAL: Key<Machines> = key(
    "nodes.critical",
    MACHINES,
    "Machines without which the cluster never counts as up, not even as degraded.",
    "[w-1]",
    Used,
);
pub(super) static BOOT_TIME: Key<Time> = key(
    "nodes.boot_time",
    time(Span::secs(90), SECOND, Span::mins(60)),
    "How long a machine may take to boot and answer.",
    "90s",
    Used,
);
pub(super) static PATIENCE: Key<Time> = key(
    "nodes.patience",
    time(Span::mins(10), SECOND, DAY),
    "How long a missing machine is waited for before the cluster goes up without it.",
    "10m",
    Used,
);
pub(super) static WAVE: Key<Whole> =
    key("nodes.wave", whole(5, 1, 100), "How many agents are started at once.", "5", Used);
pub(super) static FRESH_FOR: Key<Time> = key(
    "nodes.fresh_for",
    time(Span::secs(30), Span::secs(2), Span::mins(10)),
    "How old an observation may be and still count.",
    "30s",
    Used,
);
pub(super) static STORM_PERCENT: Key<Whole> = key(
    "nodes.storm_percent",
    whole(50, 1, 100),
    "From this percentage of nodes that fail together, one common cause is assumed and no node \
     is treated by itself.",
    "50",
    Used,
);

pub(super) static CONNECT: Key<Time> = key(
    "ssh.connect_timeout",
    time(Span::secs(5), Span::millis(100), FIVE_MINUTES),
    "Deadline for the TCP connection, or for the channel through the jump host.",
    "5s",
    Used,
);
pub(super) static HANDSHAKE: Key<Time> = key(
    "ssh.handshake_timeout",
    time(Span::secs(5), Span::millis(100), FIVE_MINUTES),
    "Deadline for versions and key exchange; slow boards need seconds.",
    "5s",
    Used,
);
pub(super) static AUTH: Key<Time> = key(
    "ssh.auth_timeout",
    time(Span::secs(5), Span::millis(100), FIVE_MINUTES),
    "Deadline for the login.",
    "5s",
    Used,
);
pub(super) static COMMAND: Key<Time> = key(
    "ssh.command_timeout",
    time(Span::secs(10), Span::millis(100), FIVE_MINUTES),
    "Deadline for a command that only looks.",
    "10s",
    Used,
);
pub(super) static FAN_OUT: Key<Whole> =
    key("ssh.fan_out", whole(16, 1, 256), "How many machines are talked to at once.", "16", Used);
pub(super) static POLL: Key<Time> = key(
    "ssh.poll",
    time(Span::secs(5), SECOND, Span::mins(10)),
    "The pause between two looks at a machine.",
    "5s",
    Used,
);

pub(super) static ENDPOINTS: Key<List<Text>> = key(
    "kube.endpoints",
    List(Text::Endpoint),
    "Addresses of the API, tried in turn. Without it: the one in the kubeconfig.",
    "[\"https://192.0.2.11:6443\"]",
    Used,
);
pub(super) static REQUEST: Key<Time> = key(
    "kube.request_timeout",
    time(Span::secs(5), Span::millis(100), FIVE_MINUTES),
    "Deadline of one request.",
    "5s",
    Used,
);
pub(super) static NAMESPACE: Key<Or<Text, &str>> = key(
    "kube.namespace",
    Or(Text::Label, "kube-system"),
    "Namespace of ananke's own Lease, which proves that the API takes writes.",
    "kube-system",
    Used,
);

pub(super) static SOAK: Key<Time> = key(
    "startup.soak",
    time(Span::secs(60), SECOND, DAY),
    "How long everything must stay good before the cluster counts as up.",
    "60s",
    Used,
);
pub(super) static SERVER_START: Key<Time> = key(
    "startup.server_start",
    time(Span::mins(5), SECOND, DAY),
    "How long a server may take from start to ready.",
    "5m",
    Used,
);
pub(super) static AGENT_START: Key<Time> = key(
    "startup.agent_start",
    time(Span::mins(3), SECOND, DAY),
    "How long an agent may take from start to a node that is freshly Ready.",
    "3m",
    Used,
);
pub(super) static BACKOFF: Key<Time> = key(
    "startup.backoff",
    time(Span::secs(15), SECOND, Span::mins(60)),
    "The first wait between two attempts of a remedy; it doubles.",
    "15s",
    Used,
);
pub(super) static TICK: Key<Time> = key(
    "startup.tick",
    time(Span::secs(5), SECOND, Span::mins(5)),
    "How often ananke decides anew when nothing happens.",
    "5s",
    Used,
);

pub(super) static TIME_SYNC_MODE: Key<Text> = key(
    "startup.time_sync_mode",
    Text::OneOf(&["strict", "quorum"]),
    "Whose clocks must be right before k3s is started: those of all nodes, or of enough servers. \
     Without it clocks are not judged.",
    "strict",
    Used,
);
pub(super) static TIME_SYNC_QUORUM: Key<Count> = key(
    "startup.time_sync_quorum",
    Count { min: 1, max: 1_000 },
    "How many servers with a right clock are enough; never fewer than a majority. Needed with \
     the mode `quorum`.",
    "1",
    Used,
);

pub(super) static REQUIRE_STORAGE: Key<Or<Flag, bool>> = key(
    "startup.require_storage_ready",
    Or(Flag, true),
    "Whether the way up waits for storage. Without it the gate `storage` is skipped, and says so.",
    "true",
    Used,
);

pub(super) static LEASE: Key<Time> = key(
    "cordon.lease",
    time(Span::mins(60), Span::mins(1), DAY),
    "Within this time, counted while the cluster is up, a recovery cordon is removed or the node \
     is marked for a person.",
    "1h",
    Used,
);
pub(super) static CORDONS: Key<Whole> = key(
    "cordon.limit",
    whole(1, 1, 100),
    "How many recovery cordons there may be at once.",
    "1",
    Used,
);

pub(super) static SKIP: Key<Map<Text>> = key(
    "gates.skip",
    Map { names: Text::Line, values: Text::Line },
    "Gates that are not asked, each with the reason that everybody reads.",
    "{soak: the lab is rebuilt every night}",
    Used,
);

pub(super) static FLUX_BRANCH: Key<Text> = key(
    "expected_flux_branch",
    Text::Line,
    "The branch that Flux's root source must follow. Without it any branch is taken as it is.",
    "main",
    Used,
);
pub(super) static FLUX_URL: Key<Text> = key(
    "expected_flux_source_url",
    Text::Url,
    "The repository that Flux's root source must follow. Without it any is taken as it is.",
    "ssh://git@git.example.org:2222/ops/cluster.git",
    Used,
);
pub(super) static FLUX_ROOT: Key<Or<Text, &str>> = key(
    "flux.root",
    Or(Text::Object, FluxPolicy::ROOT),
    "Namespace and name of the source and the Kustomization from which all else comes.",
    "flux-system/flux-system",
    Used,
);

pub(super) static NOTIFY_COMMAND: Key<List<Text>> = key(
    "notify.command",
    List(Text::Line),
    "Program and arguments, called with JSON on its standard input when a person is needed.",
    "[/usr/local/bin/page-me, --urgent]",
    Used,
);
pub(super) static WALL: Key<Or<Flag, bool>> = key(
    "notify.wall",
    Or(Flag, true),
    "Whether people who are logged in on this host are told with wall(1).",
    "true",
    Used,
);

pub(super) static HEARTBEAT_URL: Key<Text> = key(
    "notify.heartbeat_url",
    Text::Url,
    "Called for as long as the daemon's loop goes on: a dead man's switch. Whoever watches it \
     calls you when it stays out.",
    "https://hc.example.org/ping/1234",
    Used,
);
pub(super) static HEARTBEAT_EVERY: Key<Time> = key(
    "notify.heartbeat_every",
    time(Span::mins(1), Span::secs(10), DAY),
    "How often.",
    "1m",
    Used,
);

pub(super) static WEB_LISTEN: Key<Text> = key(
    "web.listen",
    Text::HostPort,
    "Address and port of the page (`/`) and of the metrics (`/metrics`). Without it none is \
     served. Whoever reaches the port can read it.",
    "127.0.0.1:9560",
    Used,
);

/// Every key, in the order of the example.
pub(super) static KEYS: &[&dyn Entry] = &[
    &CLUSTER,
    &SSH_USER,
    &SSH_PORT,
    &SSH_IDENTITY_FILE,
    &SSH_IDENTITY_FILES,
    &SSH_KNOWN_HOSTS_FILE,
    &SSH_NODE_HOSTS,
    &SSH_NODE_PORTS,
    &SSH_NODE_USERS,
    &SSH_NODE_IDENTITY_FILES,
    &SSH_MANAGED_NODES,
    &SSH_JUMP_HOST,
    &SSH_JUMP_USER,
    &SSH_NODE_DIRECT,
    &SSH_CONFIG_FILE,
    &KUBECONFIG,
    &FLUX_BRANCH,
    &FLUX_URL,
    &probes::SERVICES,
    &STATE_DIR,
    &RUN_DIR,
    &SERVERS,
    &AGENTS,
    &OTHERS,
    &CRITICAL,
    &BOOT_TIME,
    &PATIENCE,
    &WAVE,
    &FRESH_FOR,
    &STORM_PERCENT,
    &CONNECT,
    &HANDSHAKE,
    &AUTH,
    &COMMAND,
    &FAN_OUT,
    &POLL,
    &ENDPOINTS,
    &REQUEST,
    &NAMESPACE,
    &SOAK,
    &SERVER_START,
    &AGENT_START,
    &BACKOFF,
    &TICK,
    &TIME_SYNC_MODE,
    &TIME_SYNC_QUORUM,
    &REQUIRE_STORAGE,
    &probes::REQUIRE_PROBES,
    &probes::POST_START_PROBES,
    &probes::VAULT_KEY_FILE,
    &probes::VAULT_BREAKGLASS,
    &hosts::PACKAGES,
    &hosts::PROGRAMS,
    &hosts::MODULES,
    &hosts::SERVICES,
    &hosts::DISKS,
    &hosts::FULL_BELOW,
    &hosts::DEFAULT_ROUTE,
    &power::SAFETY_FACTOR,
    &power::DEFAULT_BUDGET,
    &power::UPSES,
    &power::DOMAINS,
    &power::EXEMPT,
    &power::ON_LOW,
    &power::CHARGE_FLOOR,
    &power::ON_BATTERY_MAX,
    &power::START_CHARGE,
    &power::LOW,
    &power::DEBOUNCE,
    &power::DWELL,
    &power::LAG,
    &power::POWER_FRESH_FOR,
    &power::LOST_AFTER,
    &power::BLIND_MAX,
    &power::HOST_OFF,
    &power::POWER_POLL,
    &power::POWER_CONNECT,
    &power::POWER_ANSWER,
    &power::CERTIFICATE,
    &power::TURN_ON,
    &power::UPSD_USER,
    &power::UPSD_LOGIN_FILE,
    &shutdown::API,
    &shutdown::SNAPSHOT,
    &shutdown::DRAIN,
    &shutdown::VOLUMES,
    &shutdown::STOP,
    &shutdown::PODS,
    &shutdown::POWER_OFF,
    &shutdown::OWN_HOST,
    &shutdown::SERVICES,
    &shutdown::STAYS,
    &shutdown::AGAINST_BUDGETS,
    &LEASE,
    &CORDONS,
    &SKIP,
    &FLUX_ROOT,
    &probes::CHECK,
    &probes::AT,
    &probes::SCHEME,
    &probes::VIA,
    &probes::STATUSES,
    &probes::HOSTS,
    &probes::CERTIFICATE_DAYS,
    &probes::VERIFY,
    &probes::AUTHORITIES,
    &NOTIFY_COMMAND,
    &WALL,
    &HEARTBEAT_URL,
    &HEARTBEAT_EVERY,
    &WEB_LISTEN,
    &coordination::ROLE,
    &coordination::PEERS,
    &coordination::FAILOVER_AFTER,
    &power::ALLOW_ON_BATTERY,
    &later::GUARD_MAX_AGE,
];
