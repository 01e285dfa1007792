//! What is said loudly: that ananke is at its end with something.

use std::collections::BTreeSet;

use super::assess::Judged;
use super::situation;
use super::way::Way;
use crate::gates::Gate;
use crate::model::alarm::{Alarm, Tried};
use crate::model::assessment::Finding;
use crate::model::memory::{Attempts, Durable, Memory};
use crate::model::outcome::ActionResult;
use crate::model::situation::Situation;
use crate::model::tick::TickInput;
use crate::model::verdict::Target;

/// The alarms that stand. New ones are remembered, so that each is told once in an episode.
pub(super) fn raise(
    way: &Way,
    input: &TickInput,
    judged: &Judged,
    memory: &mut Memory,
) -> Vec<Alarm> {
    let before = memory.clone();
    let sit = situation(input, &before.durable, &before.passing, &judged.missing);
    let mut raised = Vec::new();
    for (gate, (view, lost)) in way.gates().zip(judged.lost()) {
        // What later gates find on a machine that an earlier one gave up follows from that.
        let earlier: BTreeSet<Target> = raised.iter().map(|it: &Alarm| it.target.clone()).collect();
        let follows = |target: &Target| target.machine().is_some() && earlier.contains(target);
        let own = lost.iter().map(|at| &view.findings[*at]).filter(|it| !follows(&it.target));
        raised.extend(own.map(|finding| alarm(gate, finding, &sit)));
    }
    for alarm in &mut raised {
        alarm.new = memory.durable.alarms.insert((alarm.gate.clone(), alarm.target.clone()));
    }
    raised
}

fn alarm(gate: &Gate, finding: &Finding, sit: &Situation<'_>) -> Alarm {
    let check = gate.checks.iter().find(|check| check.id == finding.check);
    let by_hand = check.map(|check| (check.by_hand)(sit, &finding.target)).unwrap_or_default();
    Alarm {
        gate: gate.id.clone(),
        check: finding.check.clone(),
        target: finding.target.clone(),
        what: finding.verdict.why().to_owned(),
        since: finding.since,
        new: false,
        tried: tried(gate, finding, sit.durable),
        by_hand,
    }
}

/// What was tried for the finding in this episode.
fn tried(gate: &Gate, finding: &Finding, durable: &Durable) -> Vec<Tried> {
    gate.ladder
        .iter()
        .filter_map(|remedy| {
            let attempts = durable.attempts.get(&remedy.id)?.get(&finding.target)?;
            Some(Tried {
                remedy: remedy.id.clone(),
                attempts: attempts.count,
                last: last(attempts),
            })
        })
        .collect()
}

fn last(attempts: &Attempts) -> String {
    match &attempts.result {
        None => "not known".to_owned(),
        Some(ActionResult::Done | ActionResult::AlreadyDone) => "done, did not help".to_owned(),
        Some(result) => match result.why() {
            Some(why) => format!("{}: {why}", result.word()),
            None => result.word().to_owned(),
        },
    }
}
