//! What a closer look at a machine tells: what does not change by the minute, and takes longer to
//! find out than the look that is made every few seconds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::facts::{Seen, UnitActive};
use super::ids::BootId;
use super::time::{Moment, Mono, Skew, Span};

/// How often a machine on which nothing is amiss is looked at closer. A dozen short processes;
/// once a minute they cost less than the looks in between.
pub const EVERY: Span = Span::mins(1);

/// The same for a machine on which something is amiss: what is mended is soon seen.
pub const EVERY_AMISS: Span = Span::secs(10);

/// A machine's wall clock against ananke's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockFacts {
    /// How far the machine's clock is ahead.
    pub ahead: Skew,
    /// By how much that may be wrong, to both sides.
    pub within: Span,
}

impl ClockFacts {
    /// What a clock's face says that was read between two moments. A face shows whole seconds, so
    /// half of one is added, and may be wrong.
    pub fn read(face: Timestamp, asked: &Moment, answered: &Moment) -> Self {
        const HALF_A_SECOND: u64 = 500;
        let half_way = answered.mono.since(asked.mono).as_millis() / 2;
        let ours = answered.wall - SignedDuration::from_millis(half_way.cast_signed());
        let apart = face.as_millisecond().saturating_sub(ours.as_millisecond());
        Self {
            ahead: Skew::millis(apart.saturating_add(HALF_A_SECOND.cast_signed())),
            within: Span::millis(half_way + HALF_A_SECOND),
        }
    }

    /// How far the clock is certainly from one that is `reference` ahead of ours.
    pub fn apart_from(&self, reference: Skew) -> Span {
        self.ahead.from(reference).apart().less(self.within)
    }
}

/// What one closer look at a machine tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HygieneFacts {
    /// The boot that answered.
    pub boot_id: BootId,
    /// Whether the machine's time daemon says that the clock follows a source. `None`: there is
    /// none, or it gave no answer.
    pub synchronised: Option<bool>,
    /// Whether there is a default route.
    pub default_route: bool,
    /// The file systems that were asked about, by folder; `None` for one that gave no answer. A
    /// folder that is not there is not here.
    pub disks: BTreeMap<String, Option<DiskFacts>>,
    /// Packages that are not installed. `None`: there is no dpkg to ask.
    pub missing_packages: Option<BTreeSet<String>>,
    /// Programs that are not found.
    pub missing_programs: BTreeSet<String>,
    /// Modules that are neither loaded nor built in.
    pub missing_modules: BTreeSet<String>,
    /// Services that do not run. `None`: systemd gave no answer.
    pub idle_services: Option<BTreeMap<String, ServiceFacts>>,
}

impl HygieneFacts {
    /// Whether nothing of it will have to change.
    pub fn is_good(&self) -> bool {
        self.synchronised == Some(true)
            && self.disks.values().all(|disk| disk.is_some_and(|disk| !disk.read_only))
            && self.missing_packages.as_ref().is_some_and(BTreeSet::is_empty)
            && self.missing_programs.is_empty()
            && self.missing_modules.is_empty()
            && self.idle_services.as_ref().is_some_and(BTreeMap::is_empty)
    }
}

/// Whether it is time for a closer look at a machine that answers in this boot.
pub fn is_due(last: Option<&Seen<HygieneFacts>>, boot: &BootId, now: Mono) -> bool {
    match last {
        Some(Seen::Known { value, at }) => {
            let pause = if value.is_good() { EVERY } else { EVERY_AMISS };
            value.boot_id != *boot || now.since(*at) >= pause
        }
        Some(Seen::Unknown { .. }) | None => true,
    }
}

/// One file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskFacts {
    /// Mounted so that nothing can be written, by wish or after an error.
    pub read_only: bool,
    /// Percent of its space that are free to ordinary users.
    pub free: u8,
    /// Percent of its inodes that are free. `None` where they are made as needed.
    pub free_inodes: Option<u8>,
}

/// A service that does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFacts {
    /// What it does instead. `None`: systemd knows no such unit, or may not start it.
    pub active: Option<UnitActive>,
    /// Why it failed, or what is wrong with the unit.
    pub result: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(mono: u64, wall: i64) -> Moment {
        let wall = Timestamp::from_millisecond(wall).unwrap();
        Moment { boot: BootId::fixed("b"), mono: Mono(mono), wall, wall_trusted: true }
    }

    #[test]
    fn half_of_the_way_is_taken_off_and_stays_in_doubt() {
        // Asked at 100 s, answered at 102 s by our clock; the face showed 101 s.
        let face = Timestamp::from_second(101).unwrap();
        let clock = ClockFacts::read(face, &moment(5_000, 100_000), &moment(7_000, 102_000));
        let (ahead, within) = (Skew::millis(500), Span::millis(1_500));
        assert_eq!(clock, ClockFacts { ahead, within });
        assert_eq!(clock.apart_from(Skew::default()), Span::ZERO);
        assert_eq!(clock.apart_from(Skew::millis(-60_000)), Span::millis(59_000));
        let born =
            ClockFacts::read(Timestamp::UNIX_EPOCH, &moment(0, 1 << 40), &moment(0, 1 << 40));
        assert_eq!(born.ahead, Skew::millis(500 - (1 << 40)));
        assert!(born.ahead.to_string().ends_with("behind"));
    }
}
