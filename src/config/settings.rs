//! The checked settings, as the program uses them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::model::ids::MachineName;
use crate::model::policy::Policy;
use crate::model::power::UpsName;
use crate::model::time::Span;

/// Everything that a checked configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What a decision may know.
    pub policy: Policy,
    /// How machines are reached.
    pub ssh: SshSettings,
    /// How the Kubernetes API is reached.
    pub kube: KubeSettings,
    /// How the UPSes are watched.
    pub nut: NutSettings,
    /// How services are asked.
    pub probes: ProbeSettings,
    /// Where the keys of vaults are.
    pub vault: VaultSettings,
    /// How machines are switched on.
    pub turn_on: TurnOnSettings,
    /// Where ananke keeps its state: ledger, recorder, JSON files.
    pub state_dir: PathBuf,
    /// Where the control socket lies.
    pub run_dir: PathBuf,
    /// Called with JSON on stdin when a person is needed: program and arguments.
    pub notify_command: Option<Vec<String>>,
    /// Whether logged-in people are told with wall(1).
    pub notify_wall: bool,
    /// A URL that is called for as long as the daemon's loop goes on, and how often.
    pub heartbeat: Option<(String, Span)>,
    /// Where the daemon serves its page and its metrics.
    pub web: Option<SocketAddr>,
}

/// How machines are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSettings {
    /// Every machine of the inventory.
    pub machines: BTreeMap<MachineName, SshTarget>,
    /// The jump host, used first; a direct connection is the fallback.
    pub jump: Option<SshTarget>,
    /// Host keys, OpenSSH's format.
    pub known_hosts: PathBuf,
    /// One deadline for each stage.
    pub deadlines: SshDeadlines,
    /// How many machines are talked to at once.
    pub fan_out: usize,
    /// The pause between two looks at a machine.
    pub poll: Span,
}

/// One machine as SSH sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshTarget {
    /// Address or name to connect to.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Login user.
    pub user: String,
    /// Private key files, tried in order.
    pub identities: Vec<PathBuf>,
    /// Whether the jump host is used for it.
    pub via_jump: bool,
}

/// A deadline for each stage of a connection, so that a hanging machine costs its own time only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshDeadlines {
    /// TCP connect, or the channel through the jump host.
    pub connect: Span,
    /// Version exchange and key exchange.
    pub handshake: Span,
    /// Authentication.
    pub auth: Span,
    /// A command that only looks.
    pub command: Span,
}

/// How the Kubernetes API is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeSettings {
    /// A kubeconfig file. Without it the one of a server is fetched through its guard.
    pub kubeconfig: Option<PathBuf>,
    /// The API's addresses, `https://address:6443`. If empty, the kubeconfig's own.
    pub endpoints: Vec<String>,
    /// Deadline of one request.
    pub request: Span,
    /// The namespace of our own Lease.
    pub namespace: String,
}

/// How machines are switched on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TurnOnSettings {
    /// The machines that ananke has a way to switch on, each with that way.
    pub ways: BTreeMap<MachineName, TurnOn>,
    /// Who commands a UPS. Only outlets need it.
    pub upsd: Option<UpsdLogin>,
}

/// By which way a machine is switched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnOn {
    /// By a magic packet, which its network card hears while power is there.
    Packet(MagicPacket),
    /// By an outlet that was off: its firmware must start it when power comes.
    Outlet {
        /// The UPS, whose cable is on this host.
        ups: UpsName,
        /// The number of the outlet, as NUT counts them.
        outlet: u8,
    },
    /// By a program of the site (IPMI, Redfish, a socket): it and its arguments.
    Command(Vec<String>),
}

/// A magic packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MagicPacket {
    /// The hardware address of the machine's network card.
    pub mac: [u8; 6],
    /// Where it is sent, as a rule to everybody in a network.
    pub to: SocketAddr,
    /// From which addresses of this host, one after the other. None: from the one of the route.
    pub from: Vec<IpAddr>,
}

/// Who commands a UPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpsdLogin {
    /// The user's name.
    pub user: String,
    /// The file whose first line is the password.
    pub password: PathBuf,
}

/// How the UPSes are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NutSettings {
    /// The UPSes, each with the way to its upsd.
    pub upses: BTreeMap<UpsName, Encryption>,
    /// The pause between two questions. upsd answers from memory, so a short one costs little.
    pub poll: Span,
    /// TCP connect with the name look-up, and the TLS handshake: each so long.
    pub connect: Span,
    /// A whole answer, however many lines it has.
    pub answer: Span,
}

impl NutSettings {
    /// The pause by default: a loss of mains is seen after half of it in the mean, and upsd shows
    /// it within a second or two of the driver.
    pub const POLL: Span = Span::millis(250);

    /// The deadline of a connection by default.
    pub const CONNECT: Span = Span::secs(3);

    /// The deadline of an answer by default. upsd on a busy single-board computer takes
    /// milliseconds.
    pub const ANSWER: Span = Span::secs(2);
}

/// Whether the way to an upsd is encrypted. There is no "if possible": whoever stands in between
/// would make it impossible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// Plain text: for an upsd on this host, or on a network that is trusted as a whole.
    Off,
    /// STARTTLS, and the server must show a certificate that stands in this file, byte for byte.
    Pinned {
        /// PEM, one certificate or several (for the time of a change).
        file: PathBuf,
    },
}

/// Where the keys of vaults are. The keys themselves are nowhere in here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VaultSettings {
    /// The file with one key on each line.
    pub key_file: Option<PathBuf>,
    /// The program that prints the same where the file is not there, and its arguments. Empty:
    /// there is none.
    pub command: Vec<String>,
}

impl VaultSettings {
    /// Whether there is a place for keys at all.
    pub const fn has_keys(&self) -> bool {
        self.key_file.is_some() || !self.command.is_empty()
    }
}

/// How services are asked. What is asked is policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProbeSettings {
    /// PEM, authorities that are trusted besides those of this host.
    pub authorities: Option<PathBuf>,
}
