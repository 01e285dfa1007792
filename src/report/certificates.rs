//! Certificates that end soon: nothing is wrong yet, and somebody has to know.

use jiff::Timestamp;

use crate::model::record::TickRecord;
use crate::model::time::Span;

/// Whose certificate ends within the days of the configuration, as lines. A clock that nobody
/// vouches for says nothing of it.
pub(super) fn ending(record: &TickRecord) -> Vec<String> {
    let (input, policy) = (&record.input, &record.input.policy.ingress);
    if !input.now.wall_trusted {
        return Vec::new();
    }
    let within = Span::mins(24 * 60).times(policy.certificate_days);
    let mut lines = Vec::new();
    for (name, seen) in &input.observation.probes {
        let until = seen.any_age().and_then(|finding| finding.answer.certificate_until());
        match until.map(|until| left(input.now.wall, until)) {
            Some(Span::ZERO) => lines.push(format!("{name}: its certificate has ended")),
            Some(left) if left <= within => {
                lines.push(format!("{name}: its certificate ends in {left}"));
            }
            Some(_) | None => {}
        }
    }
    lines
}

fn left(now: Timestamp, until: Timestamp) -> Span {
    let left = until.as_millisecond().saturating_sub(now.as_millisecond());
    Span::millis(left.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::Seen;
    use crate::model::probe::{Answer, Finding, HttpAnswer, ProbeName};
    use crate::replay::samples::tick;

    #[test]
    fn a_certificate_is_named_in_its_last_days() {
        let mut record = tick(1);
        let (day, now) = (86_400, record.input.now.wall.as_second());
        for (name, end) in [("a", now + 15 * day), ("b", now + 3 * day), ("c", now - day)] {
            let certificate_until = Some(Timestamp::from_second(end).unwrap());
            let answer = HttpAnswer { status: 200, wrong: Vec::new(), certificate_until };
            let value = Finding { answer: Answer::Http(answer), took: Span::millis(3) };
            let seen = Seen::Known { value, at: record.input.now.mono };
            record.input.observation.probes.insert(ProbeName::new(name), seen);
        }
        record.input.now.wall_trusted = true;
        let lines = ["b: its certificate ends in 3d", "c: its certificate has ended"];
        assert_eq!(ending(&record), lines);
        record.input.now.wall_trusted = false;
        assert_eq!(ending(&record), [""; 0]);
    }
}
