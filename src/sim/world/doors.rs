//! What the world shows and answers: the types of its doors.

use std::collections::BTreeMap;

use super::rates::{UPS_LOW_CHARGE, UPS_LOW_RUNTIME};
use crate::model::facts::{Unit, UnitActive};
use crate::model::ids::{BootId, MachineName};
use crate::model::time::Mono;

/// What somebody finds who connects to a machine's port 22, from ananke's host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// sshd answers.
    Open,
    /// The kernel answers, sshd is not there yet: connection refused.
    Refused,
    /// Nothing comes back: off, in its firmware, cut off, hung.
    Silent,
}

/// What somebody finds who asks a server's port 6443 for `/readyz`, from ananke's host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiDoor {
    /// Nothing comes back.
    Silent,
    /// No k3s is there: connection refused.
    Refused,
    /// It answers, and not with 200: k3s is starting, or etcd has no leader. No request is served.
    NotReady,
    /// It serves requests.
    Ready,
}

/// What a change on a machine answers, through the guard or without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardAnswer {
    /// `ananke-guard 1 done ...`, exit status 0; without a guard just status 0.
    Done,
    /// `ananke-guard 1 already was=done|failed code=N ...`, exit status 10.
    AlreadyDone {
        /// systemctl's exit status then. 0 stands for `was=done`, all others for `was=failed`.
        code: u32,
    },
    /// `ananke-guard 1 refused WORDS ...`, exit status 11: nothing was touched.
    Refused {
        /// The guard's words, for example `reason=old-epoch have=7 got=6 by=atlas`.
        words: String,
    },
    /// sudo refused: exit status 1, and this on stderr. Nothing was run.
    Denied {
        /// sudo's words.
        says: String,
    },
    /// `ananke-guard 1 failed code=N ...`, exit status 12; without a guard systemctl's own status.
    Failed {
        /// systemctl's exit status.
        code: u32,
        /// systemctl's words on stderr.
        says: String,
    },
    /// Nothing is answered for now: `systemctl start` without `--no-block` waits for the unit, or
    /// nobody is there to answer. Ask [`World::plain_end`](super::World::plain_end) again later;
    /// a caller who goes away changes nothing.
    Hangs,
}

/// Where a machine stands on its way up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// No power, or it does not come up though there is.
    Off,
    /// Firmware and boot loader: nothing answers.
    Firmware {
        /// When its kernel starts.
        until: Mono,
    },
    /// The kernel runs and answers; sshd and the units come later.
    Kernel {
        /// When sshd answers.
        until: Mono,
    },
    /// Up.
    Up,
    /// It powers itself off: sshd and the units have ended, containers have not.
    Stopping {
        /// When it is off. Never, if it hangs with a kernel that answers.
        until: Mono,
    },
}

/// The truth about one machine: for an onlooker and as the oracle of tests. ananke never sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineView {
    /// Whether its power supply has power.
    pub power: bool,
    /// Where it stands.
    pub life: Life,
    /// It hangs.
    pub frozen: bool,
    /// The network does not reach ananke's host.
    pub cut: bool,
    /// Its clock is right.
    pub clock_right: bool,
    /// The boot that runs, from the start of the kernel on.
    pub boot_id: Option<BootId>,
    /// Its units.
    pub units: BTreeMap<Unit, UnitActive>,
    /// A kubelet runs and does its work, as far as the API lets it.
    pub kubelet: bool,
    /// The kubelet of this boot said Ready and renews its lease: what `Ready` should mean.
    pub node_ready: bool,
    /// A cordon lies on the node.
    pub cordoned: bool,
    /// How many times it was booted since the world began.
    pub boots: u32,
    /// How often its guard changed something.
    pub changes: u32,
}

/// The truth about one UPS, and what `upsd` would say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpsView {
    /// It has mains: `OL`, else `OB`.
    pub mains: bool,
    /// `battery.charge`, in percent, rounded down.
    pub charge: u8,
    /// `battery.runtime`, in seconds, at the load of now.
    pub runtime: u64,
    /// `ups.load`, in percent of everything that hangs on it.
    pub load: u8,
    /// It feeds what hangs on it: false from the empty battery to the return of the mains.
    pub output: bool,
    /// Nothing can be heard of it: its driver runs and hears nothing, or it is dead itself.
    pub silent: bool,
    /// Its driver does not run.
    pub driverless: bool,
}

impl UpsView {
    /// `ups.status`, as a driver words it (NUT developer guide, "Status data").
    pub fn status(&self) -> String {
        let low = self.charge <= UPS_LOW_CHARGE || self.runtime <= UPS_LOW_RUNTIME.as_secs();
        let words = match (self.mains, low) {
            (true, _) if self.charge >= 100 => "OL",
            (true, true) => "OL CHRG LB",
            (true, false) => "OL CHRG",
            (false, true) => "OB DISCHRG LB",
            (false, false) => "OB DISCHRG",
        };
        words.to_owned()
    }
}

/// A deed names something that the site does not have. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// No such machine.
    #[error("the site has no machine `{0}`")]
    Machine(MachineName),
    /// No such UPS.
    #[error("the site has no UPS `{0}`")]
    Ups(String),
    /// No such workload.
    #[error("the site has no workload `{0}`")]
    Workload(String),
    /// No such Kustomization.
    #[error("the site has no Kustomization `{0}`")]
    Kustomization(String),
    /// The machine has no such unit.
    #[error("{0} has no unit `{1}`")]
    Unit(MachineName, Unit),
}
