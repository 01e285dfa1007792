//! What is remembered of a UPS between two looks, and of shutdowns between two outages.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::facts::Reading;
use super::policy::StageId;
use super::status::UpsStatus;
use crate::model::facts::Blind;
use crate::model::time::{Mono, Span};

/// Everything that is remembered of one UPS within one boot of ananke's host. The default is a UPS
/// that was never heard from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct UpsMemory {
    /// The newest answer that made sense.
    pub sample: Option<Sample>,
    /// What it said of the input and the output. Stays while nothing is heard.
    pub trusted: Option<Trusted>,
    /// Nothing has been heard since. `None` while there are answers.
    pub blind: Option<BlindSpell>,
    /// The outage that goes on, or has been over for less than the dwell.
    pub outage: Option<Outage>,
    /// The last runtime that was believed.
    pub anchor: Option<Anchor>,
    /// Since when each reason to go down has held without a break.
    pub holding: BTreeMap<ReasonKind, Holding>,
}

/// The part of [`UpsMemory`] that a restart of ananke must not lose: without it a UPS that fell
/// silent on battery would count as one that was never heard from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct UpsKept {
    /// What was last known for sure.
    pub trusted: Option<Trusted>,
    /// The outage.
    pub outage: Option<Outage>,
    /// The last runtime that was believed, rewritten only when its countdown went wrong.
    pub anchor: Option<Anchor>,
}

/// What a UPS was last known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trusted {
    /// Its condition.
    pub condition: Condition,
    /// Since when.
    pub since: Mono,
    /// When it was last confirmed.
    pub at: Mono,
}

/// What a set of status words comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Mains.
    Online,
    /// No mains.
    OnBattery,
    /// No mains, and the battery is low.
    Low,
    /// Somebody ordered a forced shutdown of this UPS's clients; upsd says so until it is
    /// restarted.
    ForcedShutdown {
        /// Without mains it is an emergency, with mains an old latch.
        on_battery: bool,
    },
    /// The battery is discharged on purpose.
    Calibrating {
        /// The UPS says that the load is on battery.
        on_battery: bool,
        /// It says that the battery is low.
        low: bool,
    },
    /// The output is off.
    Off,
    /// The load is on raw mains.
    Bypass,
}

impl Condition {
    /// Whether mains are gone, as far as anybody can tell.
    pub const fn drains(self) -> bool {
        match self {
            Self::OnBattery | Self::Low | Self::ForcedShutdown { on_battery: true } => true,
            Self::Online
            | Self::ForcedShutdown { on_battery: false }
            | Self::Calibrating { .. }
            | Self::Off
            | Self::Bypass => false,
        }
    }

    /// Whether mains are there.
    pub const fn has_mains(self) -> bool {
        match self {
            Self::Online
            | Self::ForcedShutdown { on_battery: false }
            | Self::Calibrating { on_battery: false, .. }
            | Self::Bypass => true,
            Self::OnBattery
            | Self::Low
            | Self::ForcedShutdown { on_battery: true }
            | Self::Calibrating { on_battery: true, .. }
            | Self::Off => false,
        }
    }
}

/// What is kept of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When it was given.
    pub at: Mono,
    /// Its words.
    pub status: UpsStatus,
    /// The runtime it claims, in seconds.
    pub runtime: Reading<i64>,
    /// Since when it has claimed just this. A value that does not move grows old.
    pub runtime_since: Mono,
    /// The charge it claims, in percent.
    pub charge: Reading<u8>,
    /// Since when it has claimed just this.
    pub charge_since: Mono,
    /// The vendor's alarm.
    pub alarm: Option<String>,
}

/// Nothing is heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlindSpell {
    /// Since when.
    pub since: Mono,
    /// Why, as of now.
    pub why: Blind,
}

/// One stretch without stable mains. It goes on through short returns of mains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// When the load first went on battery.
    pub began: Mono,
    /// When it last did.
    pub transfer: Mono,
    /// How long it was on battery in this outage, up to the last answer.
    pub used: Span,
    /// Since when mains are back. `None` while they are not.
    pub mains_since: Option<Mono>,
    /// The runtime that was believed just before it began.
    pub before: Option<Span>,
    /// From where the drain of the battery is measured.
    pub drain: Option<Drain>,
}

/// A step of the charge, seen as it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// When.
    pub at: Mono,
    /// To how many percent.
    pub charge: u8,
}

/// A runtime that was believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// How much was left.
    pub left: Span,
    /// When.
    pub at: Mono,
}

/// A reason that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Since when.
    pub since: Mono,
    /// In how many different answers.
    pub samples: u32,
    /// The last of them.
    pub at: Mono,
}

/// The reasons to go down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonKind {
    /// A forced shutdown was ordered, and the load is on battery.
    ForcedShutdown,
    /// The UPS calls its battery low.
    LowBattery,
    /// What is left would soon not carry a shutdown.
    Runtime,
    /// The charge is at its floor.
    ChargeFloor,
    /// On battery for as long as is allowed.
    TimeOnBattery,
    /// Nothing is heard of a UPS that was on battery, and by now its time is up.
    ConnectionLost,
}

impl fmt::Display for ReasonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ForcedShutdown => "forced shutdown",
            Self::LowBattery => "low battery",
            Self::Runtime => "runtime",
            Self::ChargeFloor => "charge floor",
            Self::TimeOnBattery => "time on battery",
            Self::ConnectionLost => "connection lost",
        })
    }
}

/// How much each stage added to a way down, newest last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct StageTimes(BTreeMap<StageId, VecDeque<Span>>);

impl StageTimes {
    /// How many runs of each stage are kept: a site has a few outages and drills a year, and
    /// machines change.
    pub const KEPT: usize = 20;

    /// How many stages are kept: the way down has about fifteen.
    pub const STAGES: usize = 64;

    /// Whether no run is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes what a stage took in one run. Only for stages that were gone through to their end.
    pub fn note(&mut self, stage: StageId, took: Span) {
        if self.0.len() >= Self::STAGES && !self.0.contains_key(&stage) {
            return;
        }
        let times = self.0.entry(stage).or_default();
        times.push_back(took);
        while times.len() > Self::KEPT {
            times.pop_front();
        }
    }

    /// What a stage took, oldest first.
    pub fn of(&self, stage: &StageId) -> impl Iterator<Item = Span> {
        self.0.get(stage).into_iter().flatten().copied()
    }
}
