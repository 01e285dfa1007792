//! The keys of parts that are not built yet. They are accepted with a warning that says what does
//! not happen, so that a file of the predecessor can be taken over as it is.

use super::key::Stage::Later;
use super::key::{Key, key};
use super::kinds::Count;

pub(super) static GUARD_MAX_AGE: Key<Count> = key(
    "coordination.startup_guard_max_age_seconds",
    Count { min: 1, max: 31_536_000 },
    "Seconds after which a shutdown that a UPS asked for no longer holds a start-up back.",
    "900",
    Later("what a UPS asked for ends when mains are stable, however long ago it was"),
);
