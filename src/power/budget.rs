//! What a shutdown takes, stage by stage, by what earlier ones took.

use crate::model::descent::{Descent, StageEnd};
use crate::model::power::{Budget, BudgetRules, StageBudget, StageId, StageTimes};
use crate::model::time::Span;

/// From so many runs on a stage counts as measured. Of fewer the longest is taken, and the
/// configured default stands beside it.
const ENOUGH_RUNS: usize = 5;

/// A run that took more than so many times the median counts as just that: one hung machine must
/// not shut down every later outage at its first second.
const OUTLIER: u64 = 3;

/// A run that took no longer than this is never an outlier: of a stage that has next to nothing to
/// do one look more is three times the median.
const NEVER_ODD: Span = Span::secs(30);

/// Takes in what each stage added to a way down that is over: the time since the end of the one
/// before it. Stages go on side by side, and their lengths together would count that time twice.
/// What was cut says only that it needs more than it had.
pub fn learn(descent: &Descent, times: &mut StageTimes) {
    let over = descent.stages.iter().filter_map(|(id, mark)| Some((mark.ended?, mark, id)));
    let mut over: Vec<_> = over.collect();
    over.sort_by_key(|(ended, mark, _)| (*ended, mark.began));
    let mut before = descent.began;
    for (ended, mark, id) in over {
        if mark.end == Some(StageEnd::Done) {
            times.note(StageId::new(id.as_str()), ended.since(before));
        }
        before = ended;
    }
}

/// What the stages, gone through one after the other, are thought to take. Each comes with how
/// long it may take: more than that a battery does not give it.
pub fn budget(
    stages: impl IntoIterator<Item = (StageId, Span)>,
    times: &StageTimes,
    rules: &BudgetRules,
) -> Budget {
    let stages = stages.into_iter().map(|(stage, most)| measured(stage, most, times));
    let stages: Vec<_> = stages.collect();
    let known = stages.iter().filter_map(|stage| stage.takes);
    let known = known.fold(Span::ZERO, |sum, takes| sum + takes);
    let learned = !stages.is_empty() && stages.iter().all(|stage| stage.runs >= ENOUGH_RUNS);
    let estimate = if learned { known } else { known.max(rules.default) };
    let scaled = estimate.times(u64::from(rules.factor_percent)).as_millis() / 100;
    Budget { estimate, needed: Span::millis(scaled) + rules.tail, learned, stages }
}

fn measured(stage: StageId, most: Span, times: &StageTimes) -> StageBudget {
    let mut took: Vec<_> = times.of(&stage).collect();
    took.sort_unstable();
    let runs = took.len();
    let longest = match took.get(runs / 2) {
        Some(median) if runs >= ENOUGH_RUNS => {
            Some(percentile_95(&took).min(median.times(OUTLIER).max(NEVER_ODD)))
        }
        Some(_) | None => took.last().copied(),
    };
    StageBudget { stage, runs, takes: longest.map(|took| took.min(most)), most }
}

/// The nearest rank: of 20 the nineteenth, of fewer the largest.
fn percentile_95(sorted: &[Span]) -> Span {
    let rank = (sorted.len() * 95).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(Span::ZERO)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;
    use crate::model::descent::StageMark;
    use crate::model::ids::GateId;
    use crate::model::time::Mono;

    const RULES: BudgetRules =
        BudgetRules { default: Span::secs(300), factor_percent: 110, tail: Span::secs(20) };

    fn of(stages: &[(&str, &[u64])]) -> Budget {
        let mut times = StageTimes::default();
        for (stage, secs) in stages {
            secs.iter().for_each(|s| times.note(StageId::new(*stage), Span::secs(*s)));
        }
        let stages = stages.iter().map(|(stage, _)| (StageId::new(*stage), Span::secs(400)));
        budget(stages, &times, &RULES)
    }

    #[test]
    fn the_estimate_follows_what_was_measured() {
        let even = |n: usize| vec![60; n];
        let (five, twenty) = (even(5), even(20));
        let slow_last = [vec![60; 19], vec![65]].concat();
        let hung = [vec![60; 6], vec![3_600]].concat();
        let many = [vec![10; 30], vec![60; 20]].concat();
        let short = [vec![1; 6], vec![20]].concat();
        type Case<'a> = (&'a str, Vec<(&'a str, &'a [u64])>, u64, bool);
        let table: Vec<Case<'_>> = vec![
            ("nothing known", vec![], 300, false),
            ("never measured", vec![("drain", &[])], 300, false),
            ("few and short: the default", vec![("drain", &[10, 20])], 300, false),
            ("few and long: the longest", vec![("drain", &[10, 400])], 400, false),
            ("enough", vec![("drain", &five)], 60, true),
            ("one stage too few", vec![("drain", &five), ("stop", &[5, 5])], 300, false),
            ("two stages add up", vec![("drain", &five), ("stop", &twenty)], 120, true),
            ("p95 leaves out one in twenty", vec![("drain", &slow_last)], 60, true),
            ("an outlier is bounded", vec![("drain", &hung)], 180, true),
            ("of a short one nothing below half a minute is odd", vec![("a", &short)], 20, true),
            ("it waited for a person", vec![("drain", &[10, 3_600])], 400, false),
            ("old runs are forgotten", vec![("drain", &many)], 60, true),
        ];
        for (what, stages, secs, learned) in table {
            let budget = of(&stages);
            assert_eq!((budget.estimate, budget.learned), (Span::secs(secs), learned), "{what}");
            let needed = Span::millis(secs * 1_100) + Span::secs(20);
            assert_eq!(budget.needed, needed, "{what}");
        }
    }

    #[test]
    fn stages_that_went_on_side_by_side_are_not_counted_twice() {
        let mark = |began, ended, end| StageMark {
            began: Mono(began),
            ended: Some(Mono(ended)),
            end: Some(end),
        };
        let cut = StageEnd::Cut { why: "late".to_owned() };
        let mut descent = Descent::ordered(Mono(1_000), Timestamp::UNIX_EPOCH, true, true);
        descent.stages = BTreeMap::from([
            (GateId::fixed("agents"), mark(1_500, 8_000, StageEnd::Done)),
            (GateId::fixed("drain"), mark(1_000, 3_000, cut)),
            (GateId::fixed("nothing-to-do"), mark(8_000, 8_000, StageEnd::Done)),
            (GateId::fixed("servers"), mark(2_000, 9_000, StageEnd::Done)),
        ]);
        let mut times = StageTimes::default();
        learn(&descent, &mut times);
        learn(&descent, &mut times);
        for (stage, millis) in [("agents", 5_000), ("nothing-to-do", 0), ("servers", 1_000)] {
            let took: Vec<_> = times.of(&StageId::new(stage)).collect();
            assert_eq!(took, [Span::millis(millis); 2], "{stage}");
        }
        assert_eq!(times.of(&StageId::new("drain")).count(), 0, "it was cut");
    }
}
