//! Decisions and ledgers, looked at again. Pure: whoever calls reads the files.
//!
//! [`replay`] re-runs a recorded tick and shows any difference; [`verify`] checks a ledger
//! against the rules that a loop must keep.

mod difference;
mod verify;

#[cfg(test)]
pub(crate) mod samples;

pub use difference::{Change, Difference, compare};
pub use verify::{Violation, verify};

use crate::model::record::TickRecord;
use crate::model::tick::{Decision, TickInput};

/// Decides a recorded tick again. `None` if the decision is the same.
pub fn replay(record: &TickRecord, tick: impl Fn(&TickInput) -> Decision) -> Option<Difference> {
    let again = tick(&record.input);
    if again == record.decision { None } else { Some(compare(&record.decision, &again)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::assessment::Phase;

    #[test]
    fn a_tick_that_decides_the_same_has_no_difference_and_any_other_shows_where() {
        let record = samples::tick(7);
        assert_eq!(replay(&record, |_| record.decision.clone()), None);
        let other = |input: &TickInput| Decision {
            phase: if input.now.mono.0 == 7 { Phase::Blocked } else { Phase::Looking },
            ..record.decision.clone()
        };
        let difference = replay(&record, other).map(|difference| difference.to_string());
        let expected = ".phase: recorded \"looking\", now \"blocked\"";
        assert_eq!(difference.as_deref(), Some(expected));
    }
}
