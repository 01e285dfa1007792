//! The rules by which UPSes are judged, as the configuration gives them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::UpsName;
use crate::model::ids::MachineName;
use crate::model::time::Span;

/// Everything that a decision may know about power. The default is a site without a UPS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct PowerPolicy {
    /// The UPSes that are watched, each with its rules.
    pub upses: BTreeMap<UpsName, UpsRules>,
    /// What feeds what. Each machine is in one domain at the most.
    pub domains: Vec<Domain>,
    /// Machines that are meant to be fed by no UPS.
    pub exempt: BTreeSet<MachineName>,
    /// How the time that a shutdown takes is estimated.
    pub budget: BudgetRules,
    /// What a UPS may ask for. `None`: nobody said, so it may ask for nothing.
    pub on_low: Option<OnLow>,
    /// Whether the cluster may be started while a UPS is on battery.
    pub start_on_battery: bool,
}

impl PowerPolicy {
    /// Whether no UPS feeds the machine, as far as anybody said, and nobody meant it so.
    pub fn is_unfed(&self, machine: &MachineName) -> bool {
        let fed = self.domains.iter().any(|domain| domain.machines.contains(machine));
        !fed && !self.exempt.contains(machine)
    }
}

/// What a UPS may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnLow {
    /// Kubernetes is stopped, the machines run until the battery ends.
    ClusterOnly,
    /// The machines are switched off.
    Poweroff,
}

impl OnLow {
    /// The word of the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ClusterOnly => "cluster-only",
            Self::Poweroff => "poweroff",
        }
    }
}

/// How one UPS is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpsRules {
    /// How old an answer may be and still count.
    pub fresh_for: Span,
    /// How long nothing may be heard before the UPS counts as unknown: one lost poll is none.
    pub lost_after: Span,
    /// How long a reason must hold before it counts, unless it is an emergency.
    pub debounce: Span,
    /// How long mains must stay before an outage counts as over (reclosers: 5 s off, 2 s on).
    pub dwell: Span,
    /// How long low battery must hold. Zero: the first word counts.
    pub low_for: Span,
    /// Below this charge in percent, on battery, there is a reason to go down. `None`: not asked.
    pub charge_floor: Option<u8>,
    /// After so long on battery there is a reason to go down. `None`: not asked.
    pub on_battery_max: Option<Span>,
    /// Unknown, on battery when last seen, and never a runtime that could be trusted: after so
    /// long there is a reason to go down.
    pub blind_max: Span,
    /// Below this charge in percent the cluster is not started. `None`: not asked.
    pub start_charge: Option<u8>,
    /// Between what happens at the UPS and our seeing it: driver, upsd and poll together.
    pub latency: Span,
}

impl UpsRules {
    /// What must be left above the time that a shutdown takes, because it is eaten before the
    /// shutdown begins: seeing it, and being sure.
    pub fn margin(&self) -> Span {
        self.latency + self.debounce.max(self.lost_after)
    }
}

/// How the time that a shutdown takes is estimated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct BudgetRules {
    /// The whole shutdown, while not every stage has been measured often enough.
    pub default: Span,
    /// By how much a UPS must outlast the estimate, in percent: 110 is a factor of 1.10.
    pub factor_percent: u32,
    /// What comes after the last stage and is not measured: the host's own power-off.
    pub tail: Span,
}

/// A power domain: machines that live and die with the same UPSes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// The UPSes that feed it.
    pub feeds: BTreeSet<UpsName>,
    /// How many of them are enough to keep it up.
    pub need: usize,
    /// The machines in it.
    pub machines: BTreeSet<MachineName>,
    /// Whether orders to all machines go through it: the switch, the jump host or ananke's own
    /// host is in it. When it dies nobody can be reached any more.
    pub carries_orders: bool,
}

/// A stage of the way down, as runs are measured by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StageId(String);

impl StageId {
    /// A stage's name.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
