//! What the rules make of one UPS: for decisions, and for people.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::memory::{ReasonKind, Trusted};
use crate::model::facts::Blind;
use crate::model::time::{Mono, Span};

/// What a UPS is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpsState {
    /// Mains.
    Online {
        /// Since when.
        since: Mono,
    },
    /// No mains.
    OnBattery {
        /// Since when, in one piece.
        since: Mono,
    },
    /// No mains, and the battery is low.
    Low {
        /// Since when it is low.
        since: Mono,
    },
    /// upsd holds an order for a forced shutdown.
    ForcedShutdown {
        /// Since when.
        since: Mono,
        /// Without mains it is an emergency, with mains an old latch.
        on_battery: bool,
    },
    /// The battery is discharged on purpose.
    Calibrating {
        /// Since when.
        since: Mono,
    },
    /// The output is off.
    Off {
        /// Since when.
        since: Mono,
    },
    /// The load is on raw mains.
    Bypass {
        /// Since when.
        since: Mono,
    },
    /// Nobody can say.
    Unknown {
        /// Since when.
        since: Mono,
        /// Why not.
        why: Blind,
        /// What was last known for sure. `None`: it was never heard from.
        last: Option<Trusted>,
    },
}

/// All that the rules make of one UPS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpsView {
    /// What it is.
    pub state: UpsState,
    /// How long the load was on battery in this outage. `None` without one.
    pub on_battery_for: Option<Span>,
    /// Since when mains are there without a break. `None` without mains, or unknown.
    pub mains_since: Option<Mono>,
    /// The charge in percent, if it is said and fresh.
    pub charge: Option<u8>,
    /// What is left, from each source.
    pub runtime: RuntimeView,
    /// Every reason to go down, each with its margin. Empty while the load is not on battery.
    pub reasons: Vec<Reason>,
    /// Whether what is left now would carry a shutdown.
    pub fit: Fit,
    /// What a person should know.
    pub alarms: Vec<UpsAlarm>,
    /// When this may look different although nothing new is heard.
    pub recheck: Option<Mono>,
}

impl UpsView {
    /// Whether there is a reason to go down now.
    pub fn fires(&self) -> bool {
        self.reasons.iter().any(|reason| reason.fires)
    }

    /// Whether the load was on battery when the UPS was last heard.
    pub const fn drains(&self) -> bool {
        match &self.state {
            UpsState::OnBattery { .. }
            | UpsState::Low { .. }
            | UpsState::ForcedShutdown { on_battery: true, .. } => true,
            UpsState::Unknown { last: Some(last), .. } => last.condition.drains(),
            UpsState::Online { .. }
            | UpsState::ForcedShutdown { on_battery: false, .. }
            | UpsState::Calibrating { .. }
            | UpsState::Off { .. }
            | UpsState::Bypass { .. }
            | UpsState::Unknown { last: None, .. } => false,
        }
    }
}

/// What is left, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct RuntimeView {
    /// Every source with what it says, or why it is not believed.
    pub claims: Vec<Claim>,
    /// The one that counts: the smallest that is believed.
    pub left: Option<(RuntimeSource, Span)>,
}

/// One source of a runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Which.
    pub source: RuntimeSource,
    /// What is left now by its word, or why that is not believed.
    pub left: Result<Span, Distrust>,
}

/// Where a runtime comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeSource {
    /// What the UPS says now, counted down for as long as it says the same.
    Reported,
    /// What it said on mains before the outage, less the time on battery.
    BeforeOutage,
    /// How fast the charge was seen to fall.
    Drain,
    /// The last runtime that was believed, counted down in real time.
    LastTrusted,
}

/// Why a runtime is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distrust {
    /// There is none.
    Absent,
    /// It is no number.
    Garbled,
    /// A value that UPSes report for "I don't know": -1, 0 with a full battery, 65535, days.
    Implausible {
        /// What was said, in seconds.
        said: i64,
    },
    /// Too soon after the transfer: the UPS still measures its load.
    Settling {
        /// Until then.
        until: Mono,
    },
    /// Not measured for long enough, or the charge has not fallen enough.
    TooFew,
}

/// One reason to go down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Which.
    pub kind: ReasonKind,
    /// How far away it is.
    pub measure: Measure,
    /// Since when it has held. `None` while it does not.
    pub since: Option<Mono>,
    /// Whether it has held for long enough to act.
    pub fires: bool,
}

/// How far away a reason is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// It holds when so much is left as is needed, or less.
    Left {
        /// What is left.
        have: Span,
        /// What is needed.
        need: Span,
    },
    /// It holds when so much time has passed.
    Passed {
        /// How much has.
        have: Span,
        /// How much must.
        limit: Span,
    },
    /// It holds at or below this charge.
    Charge {
        /// Percent now.
        have: u8,
        /// Percent at which it holds.
        floor: u8,
    },
    /// It holds when the UPS says so.
    Said {
        /// Whether it does.
        yes: bool,
    },
    /// Nothing to measure it by.
    Unknown {
        /// Why.
        why: String,
    },
    /// The configuration does not ask for it.
    NotAsked,
}

impl UpsState {
    /// The state in a word or two.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Online { .. } => "on mains",
            Self::OnBattery { .. } => "on battery",
            Self::Low { .. } => "battery low",
            Self::ForcedShutdown { on_battery: true, .. } => "forced shutdown, on battery",
            Self::ForcedShutdown { on_battery: false, .. } => "old forced shutdown, on mains",
            Self::Calibrating { .. } => "calibrating",
            Self::Off { .. } => "output off",
            Self::Bypass { .. } => "bypass",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// Since when.
    pub const fn since(&self) -> Mono {
        match self {
            Self::Online { since }
            | Self::OnBattery { since }
            | Self::Low { since }
            | Self::ForcedShutdown { since, .. }
            | Self::Calibrating { since }
            | Self::Off { since }
            | Self::Bypass { since }
            | Self::Unknown { since, .. } => *since,
        }
    }
}

impl fmt::Display for RuntimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reported => "reported",
            Self::BeforeOutage => "before the outage",
            Self::Drain => "by the drain",
            Self::LastTrusted => "last trusted",
        })
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("not reported"),
            Self::Garbled => f.write_str("no number"),
            Self::Implausible { said } => write!(f, "not believed: it says {said} s"),
            Self::Settling { .. } => f.write_str("too soon after the transfer"),
            Self::TooFew => f.write_str("not measured for long enough"),
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left { have, need } if have > need => {
                write!(f, "{have} left, {need} needed: {} to spare", have.less(*need))
            }
            Self::Left { have, need } => write!(f, "{have} left, {need} needed"),
            Self::Passed { have, limit } if have < limit => {
                write!(f, "{have} of {limit}: {} to go", limit.less(*have))
            }
            Self::Passed { have, limit } => write!(f, "{have}, allowed are {limit}"),
            Self::Charge { have, floor } => write!(f, "charge {have} %, floor {floor} %"),
            Self::Said { yes: true } => f.write_str("the UPS says so"),
            Self::Said { yes: false } => f.write_str("the UPS does not say so"),
            Self::Unknown { why } => write!(f, "can't be told: {why}"),
            Self::NotAsked => f.write_str("not configured"),
        }
    }
}

/// Whether what is left would carry a shutdown, asked while there is still time to do something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// It would.
    Fits {
        /// With so much to spare.
        spare: Span,
    },
    /// It would not.
    Short {
        /// By so much.
        by: Span,
    },
    /// No runtime is believed.
    Unknown,
}

/// What a person should know about a UPS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpsAlarm {
    /// Nothing is heard.
    Silent {
        /// Why.
        why: Blind,
        /// Whether it was ever heard.
        ever: bool,
    },
    /// The order for a forced shutdown is still latched while there is mains.
    StaleLatch,
    /// Low battery on mains.
    LowOnMains,
    /// The battery should be replaced.
    ReplaceBattery,
    /// Overload.
    Overload,
    /// Raw mains: the next dip reaches the machines.
    Bypass,
    /// The output is off.
    Off,
    /// `OL` and `DISCHRG` at once.
    DischargingOnLine,
    /// The vendor's own alarm.
    Vendor {
        /// Its words.
        words: String,
    },
    /// A shutdown takes longer than the battery lasts.
    TooShort {
        /// By so much.
        by: Span,
    },
    /// No runtime is believed and no other limit is configured: only the word "low battery" is
    /// left to act on.
    NothingToGoBy,
}

impl UpsAlarm {
    /// The name of its kind: stable, for machines and for telling it once.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Silent { .. } => "silent",
            Self::StaleLatch => "stale-latch",
            Self::LowOnMains => "low-on-mains",
            Self::ReplaceBattery => "replace-battery",
            Self::Overload => "overload",
            Self::Bypass => "bypass",
            Self::Off => "off",
            Self::DischargingOnLine => "discharging-on-line",
            Self::Vendor { .. } => "vendor",
            Self::TooShort { .. } => "too-short",
            Self::NothingToGoBy => "nothing-to-go-by",
        }
    }
}

impl fmt::Display for UpsAlarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent { why, ever: true } => write!(f, "nothing is heard of it: {why}"),
            Self::Silent { why, ever: false } => write!(f, "it was never heard: {why}"),
            Self::StaleLatch => f.write_str(
                "upsd still holds an old order for a forced shutdown, although there is mains: \
                 restart nut-server and the nut-driver units",
            ),
            Self::LowOnMains => f.write_str("the battery is low although there is mains"),
            Self::ReplaceBattery => f.write_str("the battery should be replaced"),
            Self::Overload => f.write_str("overload"),
            Self::Bypass => f.write_str("the load is on raw mains (bypass)"),
            Self::Off => f.write_str("the output is off"),
            Self::DischargingOnLine => f.write_str(
                "it says on line and discharging at once; a UPS that says so in an outage needs \
                 the driver's option onlinedischarge in ups.conf",
            ),
            Self::Vendor { words } => write!(f, "its alarm: {words}"),
            Self::TooShort { by } => {
                write!(f, "a shutdown takes {by} longer than the battery lasts at this load")
            }
            Self::NothingToGoBy => f.write_str(
                "it reports no runtime that can be believed, and neither charge_floor nor \
                 on_battery_max is configured: only its word for low battery is left",
            ),
        }
    }
}
