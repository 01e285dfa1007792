//! What one look at a UPS tells.

use serde::{Deserialize, Serialize};

use super::status::UpsStatus;

/// One variable of a UPS. Not reported and nonsense are two things, and neither is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Reading<T> {
    /// The UPS does not report it.
    #[default]
    Absent,
    /// It reports something that is no number, or none that can be meant.
    Garbled,
    /// It says this. Whether that is true is another question.
    Said(T),
}

impl<T: Copy> Reading<T> {
    /// The value, if there is one.
    pub const fn said(self) -> Option<T> {
        match self {
            Self::Said(value) => Some(value),
            Self::Absent | Self::Garbled => None,
        }
    }
}

/// What upsd says of one UPS, all of one answer, and as it was said: lies included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpsFacts {
    /// `ups.status`.
    pub status: UpsStatus,
    /// `battery.charge` in percent, rounded down.
    pub charge: Reading<u8>,
    /// `battery.runtime` in seconds, rounded down. Negative and absurd values are kept.
    pub runtime: Reading<i64>,
    /// `battery.charge.low` in percent: at which charge the UPS calls its battery low.
    pub charge_low: Reading<u8>,
    /// `battery.runtime.low` in seconds.
    pub runtime_low: Reading<i64>,
    /// `ups.load` in percent, rounded up.
    pub load: Reading<u16>,
    /// `input.voltage` in volts, rounded down. Absent on many units.
    pub input_volts: Reading<u16>,
    /// `ups.alarm`: the vendor's words.
    pub alarm: Option<String>,
    /// `device.serial`, or `ups.serial`: tells two UPSes with swapped cables apart.
    pub serial: Option<String>,
    /// How this was learned.
    pub source: UpsSource,
}

/// How facts about a UPS came here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpsSource {
    /// upsd's answer to `VER`.
    pub server: String,
    /// `driver.name` and `driver.version`.
    pub driver: Option<String>,
    /// Whether the connection was encrypted and the server the pinned one.
    pub encrypted: bool,
}
