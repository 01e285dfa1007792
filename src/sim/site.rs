//! What a simulated site consists of, before anything happens to it.

use std::collections::BTreeMap;

use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::model::time::Span;

/// A site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The cluster's name.
    pub cluster: String,
    /// Every machine that ananke looks after.
    pub machines: BTreeMap<MachineName, Spec>,
    /// What feeds them.
    pub upses: BTreeMap<String, UpsSpec>,
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// What it is to the cluster.
    pub role: Role,
    /// Its processor.
    pub arch: Arch,
    /// How long it takes from power to a login over SSH.
    pub boot: Span,
    /// The end is never degraded without it.
    pub critical: bool,
    /// Whether its clock has a battery; without one it goes on from where it was written down
    /// last, until the network tells (systemd-timesyncd(8)).
    pub clock_battery: bool,
    /// Whether `ananke prepare` has installed the guard there.
    pub guard: bool,
    /// The UPS that feeds it.
    pub ups: Option<String>,
    /// What it draws while it is on.
    pub watts: u32,
    /// Whether it starts by itself when power comes back (`restore on AC loss` in the firmware; a
    /// single-board computer knows nothing else).
    pub restores: bool,
}

/// A processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// A PC.
    Amd64,
    /// A single-board computer.
    Arm64,
}

impl Arch {
    /// As Kubernetes names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// One UPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpsSpec {
    /// How long a full battery carries everything that it feeds.
    pub runtime: Span,
}

/// How long a PC takes from power to a login over SSH, most of it firmware.
const PC_BOOT: Span = Span::secs(75);

/// How long a single-board computer takes.
const BOARD_BOOT: Span = Span::secs(45);

/// What a small PC draws with its disks.
const PC_WATTS: u32 = 45;

/// What a single-board computer draws with its SD card.
const BOARD_WATTS: u32 = 7;

impl Site {
    /// The size to think of: three servers, 22 boards, two UPSes.
    pub fn big() -> Self {
        Self::of("atlas", 3, 22)
    }

    /// The machine's address, made up from its place: 10.0.0.1 and on.
    pub fn address(&self, name: &MachineName) -> Option<String> {
        let at = self.machines.keys().position(|it| it == name)? + 1;
        Some(format!("10.0.{}.{}", at / 250, at % 250))
    }

    /// The hardware address of the machine's network card, made up from its place.
    pub fn mac(&self, name: &MachineName) -> Option<[u8; 6]> {
        let at = self.machines.keys().position(|it| it == name)? + 1;
        let [high, low] = u16::try_from(at).ok()?.to_be_bytes();
        Some([0x02, 0, 0, 0, high, low])
    }

    /// For quick looks: three servers and one board.
    pub fn small() -> Self {
        Self::of("quick", 3, 1)
    }

    /// So many servers and agents. Names are those of the map.
    pub fn of(cluster: &str, servers: usize, agents: usize) -> Self {
        let named = |at: usize, role, arch, boot, ups: &str| {
            let spec = Spec {
                role,
                arch,
                boot,
                critical: false,
                clock_battery: arch == Arch::Amd64,
                guard: true,
                ups: Some(ups.to_owned()),
                watts: if arch == Arch::Amd64 { PC_WATTS } else { BOARD_WATTS },
                restores: true,
            };
            (MachineName::new(format!("titan-{at:02}")), spec)
        };
        let servers = (1..=servers)
            .map(|at| named(at, Role::Server, Arch::Amd64, PC_BOOT, "statera"))
            .collect::<Vec<_>>();
        let first = servers.len() + 1;
        let agents = (first..first + agents)
            .map(|at| named(at, Role::Agent, Arch::Arm64, BOARD_BOOT, "pyrphoros"));
        Self {
            cluster: cluster.to_owned(),
            machines: servers.into_iter().chain(agents).collect(),
            upses: BTreeMap::from([
                ("statera".to_owned(), UpsSpec { runtime: Span::mins(18) }),
                ("pyrphoros".to_owned(), UpsSpec { runtime: Span::mins(11) }),
            ]),
        }
    }
}
