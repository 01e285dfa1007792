//! Two clocks. A monotonic one for every time-out, a wall clock that is only ever shown.

use std::fmt;
use std::ops::Add;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::BootId;

/// A length of time in milliseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of `ms` milliseconds.
    pub const fn millis(ms: u64) -> Self {
        Self(ms)
    }

    /// A span of `s` seconds.
    pub const fn secs(s: u64) -> Self {
        Self(s * 1_000)
    }

    /// A span of `m` minutes.
    pub const fn mins(m: u64) -> Self {
        Self(m * 60_000)
    }

    /// The span in milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The span in whole seconds, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000
    }

    /// The span as the standard library's type.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }

    /// This span less another, never below zero.
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This span `n` times.
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }
}

impl Add for Span {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Span {
    /// The two largest units that say something: `52m`, `1h 5m`, `45s`, `1m 30s`, `300ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.as_secs();
        let text = match (s / 86_400, s / 3_600 % 24, s / 60 % 60, s % 60) {
            (0, 0, 0, 0) if self.0 > 0 => format!("{}ms", self.0),
            (0, 0, 0, s) => format!("{s}s"),
            (0, 0, m @ 1..=4, s @ 1..) => format!("{m}m {s}s"),
            (0, 0, m, _) => format!("{m}m"),
            (0, h, 0, _) => format!("{h}h"),
            (0, h, m, _) => format!("{h}h {m}m"),
            (d, 0, _, _) => format!("{d}d"),
            (d, h, _, _) => format!("{d}d {h}h"),
        };
        f.pad(&text)
    }
}

/// How far a clock is ahead of another one, in milliseconds; behind is negative.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Skew(i64);

impl Skew {
    /// Ahead by `ms` milliseconds.
    pub const fn millis(ms: i64) -> Self {
        Self(ms)
    }

    /// In milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How far the clocks are apart, whichever is ahead.
    pub const fn apart(self) -> Span {
        Span(self.0.unsigned_abs())
    }

    /// Whether the clock is behind.
    pub const fn is_behind(self) -> bool {
        self.0 < 0
    }

    /// By how much this clock is ahead of another, where both are compared with the same third.
    pub const fn from(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Skew {
    /// `2h 5m behind`, `3s ahead`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.apart(), if self.is_behind() { "behind" } else { "ahead" })
    }
}

/// Milliseconds on the monotonic clock of ananke's own host, counted from its boot
/// (`CLOCK_BOOTTIME`, clock_gettime(2): it goes on while the machine sleeps).
/// Only comparable within one boot; [`Moment`] says which.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Mono(pub u64);

impl Mono {
    /// How long ago `earlier` was. Zero if it lies ahead.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// How long until `later`. Zero if it has passed.
    pub const fn until(self, later: Self) -> Span {
        Span(later.0.saturating_sub(self.0))
    }
}

impl Add<Span> for Mono {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// One reading of both clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The boot within which `mono` counts.
    pub boot: BootId,
    /// The monotonic clock: the only one that a decision may compare.
    pub mono: Mono,
    /// The wall clock: shown to people, written into records.
    pub wall: Timestamp,
    /// Whether the host says that its wall clock is synchronised.
    pub wall_trusted: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        let table = [
            (Span::ZERO, "0s"),
            (Span::millis(300), "300ms"),
            (Span::secs(45), "45s"),
            (Span::secs(90), "1m 30s"),
            (Span::secs(60), "1m"),
            (Span::secs(52 * 60 + 10), "52m"),
            (Span::secs(3_600 + 300), "1h 5m"),
            (Span::secs(7_200), "2h"),
            (Span::secs(90 * 86_400), "90d"),
            (Span::secs(86_400 + 3_600), "1d 1h"),
        ];
        for (span, text) in table {
            assert_eq!(span.to_string(), text, "{}", span.as_millis());
        }
    }

    #[test]
    fn a_clock_that_steps_back_never_underflows() {
        assert_eq!(Mono(5).since(Mono(9)), Span::ZERO);
        assert_eq!(Mono(9).until(Mono(5)), Span::ZERO);
    }
}
