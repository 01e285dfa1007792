//! One machine: what it is, and where it stands.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::agenda::Here;
use super::doors::Life;
use crate::model::facts::{Unit, UnitActive};
use crate::model::ids::{ActionId, BootId, Epoch, MachineId};
use crate::model::peers::{Claim, Fence};
use crate::model::policy::Role;
use crate::model::time::{Mono, Span};

/// Where ananke's host is: the part of the network that counts as whole.
pub(super) const MAINLAND: u32 = 0;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) role: Role,
    pub(super) id: MachineId,
    pub(super) powered: bool,
    pub(super) life: Life,
    pub(super) boots: u32,
    pub(super) boot_id: Option<BootId>,
    pub(super) kernel_since: Mono,
    /// How long it had been up when the world began; nothing after the first boot in it.
    pub(super) up_before: Span,
    pub(super) boot_takes: Span,
    pub(super) never_boots: bool,
    pub(super) hangs_in_power_off: bool,
    pub(super) loops_left: u32,
    /// It starts by itself when power comes back.
    pub(super) restores: bool,
    /// What would have happened on it if it did not hang, with what was left until then.
    pub(super) frozen: Option<Vec<(Span, Here)>>,
    /// The part of the network in which it is.
    pub(super) island: u32,
    pub(super) clock: Clock,
    pub(super) sudo: bool,
    pub(super) host_key: u32,
    pub(super) service: Option<Service>,
    pub(super) kubelet: Kubelet,
    pub(super) guard: Option<Memory>,
}

impl Machine {
    /// Its programs run: up, and not hung.
    pub(super) fn runs(&self) -> bool {
        self.life == Life::Up && self.frozen.is_none()
    }

    /// It takes power: anything but off.
    pub(super) fn draws(&self) -> bool {
        self.powered && self.life != Life::Off
    }

    pub(super) fn phase(&self) -> Phase {
        self.service.as_ref().map_or(Phase::Inactive, |service| service.phase)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clock {
    /// What it showed when the kernel started, if that was wrong and still is.
    pub(super) began: Option<Timestamp>,
    /// Its time daemon has heard of the right time since the boot.
    pub(super) told: bool,
    /// It begins in 1970 at each boot, and no network tells it better.
    pub(super) lost: bool,
    /// It has a battery.
    pub(super) battery: bool,
    /// When it was last written down: where one without a battery begins.
    pub(super) stamp: Timestamp,
}

/// A systemd unit, of the k3s kind: `Type=notify`, `Restart=always`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) unit: Unit,
    pub(super) at_boot: bool,
    pub(super) phase: Phase,
    /// When systemd last saw it change; nothing where it did not in this boot.
    pub(super) since: Option<Mono>,
    /// When its process began, with what the machine's own clock showed.
    pub(super) began: Option<(Mono, Timestamp)>,
    pub(super) restarts: u32,
    pub(super) result: &'static str,
    /// The times of the last starts, for the start limit.
    pub(super) starts: VecDeque<Mono>,
    /// How many starts are still to fail.
    pub(super) fails: u32,
    pub(super) slow: Option<Span>,
}

impl Service {
    pub(super) const fn new(unit: Unit) -> Self {
        Self {
            unit,
            at_boot: true,
            phase: Phase::Inactive,
            since: None,
            began: None,
            restarts: 0,
            result: "success",
            starts: VecDeque::new(),
            fails: 0,
            slow: None,
        }
    }
}

/// Where a unit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Inactive,
    /// `start-limit-hit`: systemd has given up.
    Failed,
    /// `auto-restart`: systemd starts it again in a moment.
    Restarts,
    /// The process is there, and has not come far.
    Process,
    /// A server: its etcd member is there and waits for the others.
    Member,
    /// An agent: it looks for a server that answers.
    Asks,
    /// It has what it waited for, and gets ready.
    Rises,
    Active,
}

impl Phase {
    pub(super) const fn active(self) -> UnitActive {
        match self {
            Self::Inactive => UnitActive::Inactive,
            Self::Failed => UnitActive::Failed,
            Self::Restarts | Self::Process | Self::Member | Self::Asks | Self::Rises => {
                UnitActive::Activating
            }
            Self::Active => UnitActive::Active,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Kubelet {
    pub(super) runs: bool,
    /// It does nothing; a restart mends it after so many that don't.
    pub(super) hangs: Option<u32>,
    /// It has written its node since it started.
    pub(super) registered: bool,
    /// Its network plugin is there.
    pub(super) network: bool,
    pub(super) posted: Mono,
    pub(super) renewed: Mono,
}

/// What the guard remembers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Memory {
    /// On the disk: the highest epoch, with its owner.
    pub(super) fence: Option<(Epoch, String)>,
    /// In `/run`, which ends with the boot: under which epoch somebody brings the machine down.
    pub(super) down: Option<(Epoch, String)>,
    /// In `/run` as well: what was done, and systemctl's exit status.
    pub(super) done: VecDeque<Remembered>,
    /// How often something was changed, ever. For onlookers; the guard itself keeps no count.
    pub(super) changes: u32,
}

impl Memory {
    /// As a look shows it.
    pub(super) fn shown(&self) -> Fence {
        let claim = |kept: &Option<(Epoch, String)>| {
            kept.clone().map(|(epoch, owner)| Claim { epoch, owner })
        };
        Fence { claim: claim(&self.fence), down: claim(&self.down) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remembered {
    pub(super) action: ActionId,
    pub(super) epoch: Epoch,
    pub(super) owner: String,
    pub(super) verb: &'static str,
    /// What it was about, or `-`.
    pub(super) object: String,
    pub(super) code: u32,
}
