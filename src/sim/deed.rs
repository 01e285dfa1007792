//! What befalls a site, besides what ananke does: power, faults and people.

use crate::model::facts::Unit;
use crate::model::ids::MachineName;
use crate::model::time::Span;

/// Which machines are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Every machine of the site, but not ananke's own host.
    All,
    /// The servers.
    Servers,
    /// The agents.
    Agents,
    /// What a UPS feeds.
    FedBy(String),
    /// These.
    Named(Vec<MachineName>),
}

/// One thing that happens to the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Power is gone, without warning.
    PowerOff(Which),
    /// Power is there; machines that start by themselves do so.
    PowerOn(Which),
    /// From now on a boot of these takes so long, from power to a login over SSH.
    BootTakes(Which, Span),
    /// From now on these do not come up when power is there.
    NeverBoots(Which),
    /// Told to switch themselves off these end what runs, and hang with a kernel that answers.
    HangsInPowerOff(Which),
    /// These power on, boot, and lose themselves again so many times before they stay.
    BootLoop(Which, u32),
    /// A hung machine: connections are accepted by nobody, leases are not renewed.
    Freeze(Which),
    /// It goes on where it stood.
    Thaw(Which),
    /// Nothing passes between these and everybody else.
    NetCut(Which),
    /// The network is whole again for these.
    NetJoin(Which),
    /// At the next boot the clock of these begins in 1970 and stays there.
    ClockLost(Which),
    /// The clock of these is right again.
    ClockRight(Which),
    /// The next so many starts of the unit on these fail.
    UnitFails(Which, Unit, u32),
    /// Starting the unit on these takes so long.
    UnitSlow(Which, Unit, Span),
    /// The unit does not start at boot on these: nobody enabled it.
    UnitNotAtBoot(Which, Unit),
    /// A person stops the unit.
    UnitStopped(Which, Unit),
    /// A person starts the unit.
    UnitStarted(Which, Unit),
    /// The unit runs, and its kubelet does nothing. A restart of the unit mends it.
    KubeletHangs(Which),
    /// As above, and a restart mends nothing for so many restarts.
    KubeletHangsThrough(Which, u32),
    /// sudo asks for a password on these.
    SudoRefused(Which),
    /// sudo works again on these.
    SudoWorks(Which),
    /// These show another host key from now on.
    HostKeyChanged(Which),
    /// The API answers nobody, though etcd is well.
    ApiDown,
    /// It answers again.
    ApiUp,
    /// The API answers for the first span, and not for the second, over and over.
    ApiFlaps {
        /// Answers for so long.
        up: Span,
        /// Does not for so long.
        down: Span,
    },
    /// A person cordons a node.
    Cordon(MachineName),
    /// A person uncordons a node.
    Uncordon(MachineName),
    /// A UPS loses or gets its mains.
    UpsMains {
        /// Which.
        ups: String,
        /// Whether there is mains.
        on: bool,
    },
    /// A UPS's battery is so full, in percent, from now on.
    UpsCharge {
        /// Which.
        ups: String,
        /// 0 to 100.
        percent: u8,
    },
    /// The driver of a UPS does not run, or does again.
    UpsDriver {
        /// Which.
        ups: String,
        /// Whether it runs.
        on: bool,
    },
    /// Nothing can be heard of a UPS.
    UpsSilent {
        /// Which.
        ups: String,
        /// Whether.
        on: bool,
    },
    /// Something befalls what runs inside the cluster.
    Inside(Within),
}

/// What befalls what runs inside the cluster. Workloads are called by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Within {
    /// A workload runs and answers nobody, or answers again.
    Mute {
        /// Which.
        workload: String,
        /// Whether it is so.
        on: bool,
    },
    /// No node has a workload's image any more: the next start must pull it.
    ImageGone(String),
    /// Somebody scales a workload.
    Scaled {
        /// Which.
        workload: String,
        /// To so many pods.
        replicas: u32,
    },
    /// Somebody deletes the pods of a workload.
    PodsDeleted(String),
    /// A webhook of a workload has to be asked about every pod, or no longer.
    Judges {
        /// Which.
        workload: String,
        /// Whether it is so.
        on: bool,
    },
    /// What stands in git for a Kustomization can't be built, or can again.
    KustomizationFails {
        /// Which.
        name: String,
        /// Whether it is so.
        on: bool,
    },
    /// Somebody put Flux' source on another branch.
    FluxBranch(String),
    /// Somebody suspends Flux' source and root, or resumes them.
    FluxSuspended(bool),
    /// The ingress loses its routes until its pods start anew: Ready, and 404 for everybody.
    IngressForgets,
    /// From now on the vault waits for its key after each start, or no longer.
    VaultSeals(bool),
    /// Somebody gives the vault its key.
    VaultUnsealed,
    /// The vault's keys are others than those that ananke's host has.
    VaultRekeyed,
}
