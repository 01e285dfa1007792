//! What a shutdown takes, stage by stage, by what earlier ones took.

use crate::model::power::{Budget, BudgetRules, StageBudget, StageId, StageTimes};
use crate::model::time::Span;

/// From so many runs on a stage counts as measured. Of fewer the longest is taken, and the
/// configured default stands beside it.
const ENOUGH_RUNS: usize = 5;

/// A run that took more than so many times the median counts as just that: one hung machine must
/// not shut down every later outage at its first second.
const OUTLIER: u64 = 3;

/// What the stages, gone through one after the other, are thought to take.
pub fn budget<'a>(
    stages: impl IntoIterator<Item = &'a StageId>,
    times: &StageTimes,
    rules: &BudgetRules,
) -> Budget {
    let stages: Vec<_> = stages.into_iter().map(|stage| measured(stage, times)).collect();
    let known = stages.iter().filter_map(|stage| stage.takes);
    let known = known.fold(Span::ZERO, |sum, takes| sum + takes);
    let learned = !stages.is_empty() && stages.iter().all(|stage| stage.runs >= ENOUGH_RUNS);
    let estimate = if learned { known } else { known.max(rules.default) };
    let scaled = estimate.times(u64::from(rules.factor_percent)).as_millis() / 100;
    Budget { estimate, needed: Span::millis(scaled) + rules.tail, learned, stages }
}

fn measured(stage: &StageId, times: &StageTimes) -> StageBudget {
    let mut took: Vec<_> = times.of(stage).collect();
    took.sort_unstable();
    let median = took.get(took.len() / 2).copied();
    let bounded = median.map(|median| percentile_95(&took).min(median.times(OUTLIER)));
    StageBudget {
        stage: stage.clone(),
        runs: took.len(),
        takes: if took.len() >= ENOUGH_RUNS { bounded } else { took.last().copied() },
    }
}

/// The nearest rank: of 20 the nineteenth, of fewer the largest.
fn percentile_95(sorted: &[Span]) -> Span {
    let rank = (sorted.len() * 95).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(Span::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: BudgetRules =
        BudgetRules { default: Span::secs(300), factor_percent: 110, tail: Span::secs(20) };

    fn of(stages: &[(&str, &[u64])]) -> Budget {
        let mut times = StageTimes::default();
        for (stage, secs) in stages {
            secs.iter().for_each(|s| times.note(StageId::new(*stage), Span::secs(*s)));
        }
        let ids: Vec<_> = stages.iter().map(|(stage, _)| StageId::new(*stage)).collect();
        budget(&ids, &times, &RULES)
    }

    #[test]
    fn the_estimate_follows_what_was_measured() {
        let even = |n: usize| vec![60; n];
        let (five, twenty) = (even(5), even(20));
        let slow_last = [vec![60; 19], vec![65]].concat();
        let hung = [vec![60; 6], vec![3_600]].concat();
        let many = [vec![10; 30], vec![60; 20]].concat();
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
            ("old runs are forgotten", vec![("drain", &many)], 60, true),
        ];
        for (what, stages, secs, learned) in table {
            let budget = of(&stages);
            assert_eq!((budget.estimate, budget.learned), (Span::secs(secs), learned), "{what}");
            let needed = Span::millis(secs * 1_100) + Span::secs(20);
            assert_eq!(budget.needed, needed, "{what}");
        }
    }
}
