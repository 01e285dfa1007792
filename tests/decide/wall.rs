//! The wall clock of the bench.

use jiff::Timestamp;

use crate::bench::Secs;

/// A wall clock for people; nothing in the bench compares it.
pub(crate) fn wall(now: Secs) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + i64::try_from(now).unwrap_or(0)).expect("in range")
}
