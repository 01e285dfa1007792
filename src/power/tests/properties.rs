//! What holds whatever a UPS says.

use proptest::prelude::*;

use super::{NEEDED, look, rules};
use crate::model::facts::Seen;
use crate::model::power::{
    Fit, ReasonKind, RuntimeSource, UpsFacts, UpsKept, UpsMemory, UpsRules, UpsState, UpsView,
};
use crate::model::time::{Mono, Span};
use crate::power::{kept, restored, step};

/// Words of which any mixture may come.
const WORDS: [&str; 12] =
    ["OL", "OB", "LB", "FSD", "CAL", "RB", "OVER", "BYPASS", "OFF", "DISCHRG", "WAIT", "ALARM"];

fn line() -> impl Strategy<Value = String> {
    let status = prop_oneof![
        6 => prop::sample::select(vec!["OL", "OB", "OB LB", "OL CHRG", "FSD OB", "FSD OL", "FSD"])
            .prop_map(str::to_owned),
        2 => prop::sample::subsequence(&WORDS[..], 0..5).prop_map(|words| words.join(" ")),
        1 => Just("- stale".to_owned()),
    ];
    let runtime = prop_oneof![
        4 => (0_i64..3_000).prop_map(|secs| format!(" r{secs}")),
        1 => prop::sample::select(vec![" r-1", " r65535", " r0", " r?", " r99999999", ""])
            .prop_map(str::to_owned),
    ];
    let charge = prop_oneof![
        4 => (0_u8..=100).prop_map(|percent| format!(" c{percent}")),
        1 => prop::sample::select(vec![" c?", ""]).prop_map(str::to_owned),
    ];
    let volts = prop::sample::select(vec!["", " v0", " v231"]);
    (status, runtime, charge, volts).prop_map(|(status, runtime, charge, volts)| {
        if status.starts_with('-') { status } else { format!("{status}{runtime}{charge}{volts}") }
    })
}

fn some_rules() -> impl Strategy<Value = UpsRules> {
    let floor = prop::option::of(0_u8..100);
    let longest = prop::option::of((0_u64..600).prop_map(Span::secs));
    (floor, longest, 0_u64..20, 0_u64..20).prop_map(|(floor, longest, low, debounce)| UpsRules {
        charge_floor: floor,
        on_battery_max: longest,
        low_for: Span::secs(low),
        debounce: Span::secs(debounce),
        ..rules()
    })
}

/// Lines, each after a pause in milliseconds.
fn script() -> impl Strategy<Value = Vec<(u64, String)>> {
    prop::collection::vec((1_u64..40_000, line()), 1..80)
}

type Step = (Mono, String, Seen<UpsFacts>, UpsMemory, UpsView);

fn run(rules: &UpsRules, script: &[(u64, String)]) -> Vec<Step> {
    let mut memory = UpsMemory::default();
    let mut now = Mono(7);
    let mut steps = Vec::new();
    for (pause, line) in script {
        now = now + Span::millis(*pause);
        let seen = look(line, now);
        let (next, view) = step(&memory, &seen, NEEDED, rules, now);
        memory = next;
        steps.push((now, line.clone(), seen, memory.clone(), view));
    }
    steps
}

fn has(line: &str, word: &str) -> bool {
    line.split(' ').any(|it| it == word)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn with_mains_by_its_last_word_nothing_goes_down(rules in some_rules(), script in script()) {
        let mut on_battery = false;
        for (_, line, _, _, view) in run(&rules, &script) {
            if has(&line, "OL") != has(&line, "OB") && !has(&line, "WAIT") {
                on_battery = has(&line, "OB");
            }
            prop_assert!(on_battery || !view.fires(), "{line}: {view:#?}");
            prop_assert!(on_battery || view.reasons.is_empty());
        }
    }

    #[test]
    fn silence_on_battery_counts_down_in_real_time_and_ends(
        rules in some_rules(),
        script in script(),
        pauses in prop::collection::vec(1_u64..30_000, 1..40),
    ) {
        let Some((mut now, _, _, mut memory, view)) = run(&rules, &script).pop() else {
            return Ok(());
        };
        prop_assume!(view.drains() && memory.blind.is_none());
        let began = now;
        let mut before = view.runtime.left.map(|(_, left)| (now, left));
        for pause in pauses.into_iter().chain([90_000_000]) {
            now = now + Span::millis(pause);
            let seen = look("- gone", began);
            let (next, view) = step(&memory, &seen, NEEDED, &rules, now);
            memory = next;
            let left = view.runtime.left.map(|(_, left)| (now, left));
            if let (Some((then, had)), Some((_, has))) = (before, left) {
                prop_assert_eq!(has, had.less(now.since(then)));
            }
            prop_assert_eq!(before.is_some(), left.is_some());
            before = left;
            let lost = now.since(began) >= rules.lost_after;
            let over = match left {
                Some((_, left)) => left <= NEEDED + rules.margin(),
                None => now.since(began) >= rules.blind_max,
            };
            prop_assert!(view.fires() || !(lost && over), "{view:#?}");
        }
    }

    #[test]
    fn a_forced_shutdown_stays_until_the_ups_says_otherwise(
        rules in some_rules(),
        script in script(),
    ) {
        let mut latched = false;
        for (_, line, _, memory, view) in run(&rules, &script) {
            let (online, on_battery) = (has(&line, "OL"), has(&line, "OB"));
            let output = !has(&line, "FSD") && (has(&line, "OFF") || has(&line, "BYPASS"));
            let decisive = online != on_battery || output && !online;
            if decisive && !has(&line, "WAIT") {
                latched = has(&line, "FSD");
            }
            if latched {
                let forced = match &view.state {
                    UpsState::ForcedShutdown { .. } => true,
                    UpsState::Unknown { .. } => memory.trusted.is_some(),
                    UpsState::Online { .. }
                    | UpsState::OnBattery { .. }
                    | UpsState::Low { .. }
                    | UpsState::Calibrating { .. }
                    | UpsState::Off { .. }
                    | UpsState::Bypass { .. } => false,
                };
                prop_assert!(forced, "{line}: {view:#?}");
            }
        }
    }

    #[test]
    fn looking_twice_changes_nothing(rules in some_rules(), script in script()) {
        for (now, line, seen, memory, view) in run(&rules, &script) {
            let (again, same) = step(&memory, &seen, NEEDED, &rules, now);
            prop_assert_eq!(&again, &memory, "{}", line);
            prop_assert_eq!(same, view);
        }
    }

    #[test]
    fn the_smallest_believed_runtime_counts_and_the_next_look_is_ahead(
        rules in some_rules(),
        script in script(),
    ) {
        for (now, _, _, _, view) in run(&rules, &script) {
            let smallest = view.runtime.claims.iter().filter_map(|it| it.left.clone().ok()).min();
            prop_assert_eq!(view.runtime.left.map(|(_, left)| left), smallest);
            prop_assert!(view.recheck.is_none_or(|at| at > now));
            if let (Fit::Short { .. }, Some((source, _))) = (&view.fit, view.runtime.left) {
                prop_assert!(source != RuntimeSource::LastTrusted || view.drains());
            }
        }
    }

    #[test]
    fn memory_survives_json_and_a_restart_loses_no_outage(
        rules in some_rules(),
        script in script(),
    ) {
        let mut keep = UpsKept::default();
        for (now, _, _, memory, view) in run(&rules, &script) {
            let json = serde_json::to_string(&(&memory, &view)).unwrap();
            let back: (UpsMemory, UpsView) = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&back, &(memory.clone(), view.clone()));
            keep = kept(&memory, &keep);
            let after = restored(&keep, now);
            prop_assert_eq!(
                after.trusted.map(|it| (it.condition, it.since)),
                memory.trusted.map(|it| (it.condition, it.since))
            );
            prop_assert_eq!(after.outage.map(|it| it.began), memory.outage.map(|it| it.began));
        }
    }

    /// A battery with a true end, a UPS that lies in any way for the first half minute and may
    /// fall silent for good: the decision comes while a shutdown still fits.
    #[test]
    fn the_decision_comes_in_time(
        life in 150_u64..4_000,
        lie in prop::sample::select(vec!["r65535", "r3", "r9999", "r-1", "r?"]),
        poll in 250_u64..2_000,
        silent_from in prop::option::of(0_u64..4_000),
    ) {
        let rules = rules();
        let (mut memory, mut now) = (UpsMemory::default(), Mono(5));
        for _ in 0..20 {
            now = now + Span::millis(poll);
            let seen = look(&format!("OL r{life} c100"), now);
            memory = step(&memory, &seen, NEEDED, &rules, now).0;
        }
        let transfer = now;
        let mut decided = None;
        while decided.is_none() {
            now = now + Span::millis(poll);
            let spent = now.since(transfer).as_secs();
            let left = life.saturating_sub(spent);
            prop_assert!(left > 0, "the battery is empty and nobody said a word");
            let charge = left * 100 / life;
            let heard = silent_from.is_none_or(|from| spent <= from.max(2));
            let line = match (heard, spent < 30) {
                (false, _) => "- gone".to_owned(),
                (true, true) => format!("OB c{charge} {lie}"),
                (true, false) => format!("OB c{charge} r{left}"),
            };
            let (next, view) = step(&memory, &look(&line, now), NEEDED, &rules, now);
            memory = next;
            decided = view.fires().then_some((left, view));
        }
        let Some((left, view)) = decided else { return Ok(()) };
        let timely = [ReasonKind::Runtime, ReasonKind::ConnectionLost];
        let mut kinds = view.reasons.iter().filter(|it| it.fires).map(|it| it.kind);
        prop_assert!(kinds.all(|it| timely.contains(&it)));
        prop_assert!(left >= NEEDED.as_secs(), "{left} s left: {view:#?}");
        // Not hours before it has to be: the drain is measured in whole percent.
        let early = NEEDED + rules.margin() + Span::secs(5 + life / 10);
        prop_assert!(Span::secs(left) <= early, "{left} s left: {view:#?}");
    }
}
