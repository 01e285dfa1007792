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
    use serde_json::{from_value, json, to_value};

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

    #[test]
    fn what_a_tick_changed_in_memory_is_written_and_nothing_else_of_it() {
        let mut record = samples::tick(3);
        record.decision.memory.passing.tick = 4;
        record.decision.memory.durable.intent.reason = "news".to_owned();
        let written = to_value(&record).unwrap();
        let changes = json!([
            {"op": "replace", "path": "/durable/intent/reason", "value": "news"},
            {"op": "replace", "path": "/passing/tick", "value": 4},
        ]);
        assert_eq!(written["decision"]["memory"], changes);
        assert_eq!(from_value::<TickRecord>(written).unwrap(), record);
    }

    #[test]
    fn a_tick_of_the_first_format_is_read_as_it_was() {
        let record = TickRecord { format: 1, ..samples::tick(3) };
        let mut written = to_value(&record).unwrap();
        written["format"] = json!(1);
        written["decision"]["memory"] = to_value(&record.decision.memory).unwrap();
        assert_eq!(from_value::<TickRecord>(written).unwrap(), record);
    }

    #[test]
    fn a_difference_that_does_not_fit_is_an_error() {
        let mut written = to_value(samples::tick(3)).unwrap();
        written["decision"]["memory"] = json!([{"op": "remove", "path": "/passing/nothing"}]);
        let error = from_value::<TickRecord>(written).unwrap_err().to_string();
        assert!(error.starts_with("the decision's memory: "), "{error}");
    }
}
