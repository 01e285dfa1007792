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
