//! What is sent to a machine over SSH: one closed enum, rendered and quoted here and nowhere else.

use serde::{Deserialize, Serialize};

use super::facts::Unit;
use super::ids::{ActionId, BootId, Epoch, MachineId};
use super::time::Span;

/// A command for a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Look, without root: everything in `HostFacts`. Runs with and without a guard.
    Facts,
    /// The admin kubeconfig of a server, through the guard.
    Kubeconfig,
    /// A change through the guard.
    Guarded {
        /// What.
        verb: GuardVerb,
        /// What must be true, and how long it may take.
        envelope: Envelope,
    },
    /// `sudo -n systemctl start UNIT`, without a guard.
    PlainStart {
        /// Which unit.
        unit: Unit,
    },
    /// `sudo -n systemctl stop UNIT`, without a guard.
    PlainStop {
        /// Which unit.
        unit: Unit,
    },
}

/// The guard's verbs that change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuardVerb {
    /// `systemctl start --no-block`
    Start(Unit),
    /// `systemctl stop`
    Stop(Unit),
    /// `systemctl restart --no-block`
    Restart(Unit),
    /// `systemctl reset-failed`
    ResetFailed(Unit),
}

/// What goes with every change, so that the machine can refuse it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The fencing number: older ones are refused, and the same one from another owner.
    pub epoch: Epoch,
    /// The ananke host.
    pub owner: String,
    /// The boot that was observed.
    pub boot_id: BootId,
    /// The machine that was observed.
    pub machine_id: MachineId,
    /// Remembered with its result: a repeated one answers "already done".
    pub action: ActionId,
    /// How long the verb may take on the machine.
    pub limit: Span,
}
