//! Scripts of what a UPS says, second by second, and what has to follow.

mod domain;
mod properties;
mod start;

use super::*;
use crate::model::facts::{Blind, BlindKind};
use crate::model::power::{
    Measure, Reading, ReasonKind, RuntimeSource, UpsKept, UpsSource, UpsStatus,
};

/// What a shutdown takes in these scripts.
const NEEDED: Span = Span::secs(100);

fn rules() -> UpsRules {
    UpsRules {
        fresh_for: Span::secs(5),
        lost_after: Span::secs(3),
        debounce: Span::secs(5),
        dwell: Span::secs(60),
        low_for: Span::ZERO,
        charge_floor: None,
        on_battery_max: None,
        blind_max: Span::secs(60),
        start_charge: None,
        latency: Span::secs(5),
    }
}

/// A line of a script: `OB DISCHRG r900 c80 v0`, `- REASON` for silence. Garbage is `r?`, `c?`.
fn look(line: &str, at: Mono) -> Seen<UpsFacts> {
    if let Some(why) = line.strip_prefix('-') {
        let kind = if why.trim() == "stale" { BlindKind::Stale } else { BlindKind::Unreachable };
        return Seen::Unknown { why: Blind::new(kind, why.trim()), since: at };
    }
    let number = |prefix: char| {
        let found = line
            .split(' ')
            .filter_map(|word| word.strip_prefix(prefix))
            .find(|rest| *rest == "?" || rest.parse::<i64>().is_ok());
        match found.map(str::parse::<i64>) {
            None => Reading::Absent,
            Some(Err(_)) => Reading::Garbled,
            Some(Ok(value)) => Reading::Said(value),
        }
    };
    let small = |prefix| match number(prefix) {
        Reading::Said(value) => Reading::Said(u8::try_from(value).unwrap()),
        Reading::Absent => Reading::Absent,
        Reading::Garbled => Reading::Garbled,
    };
    let words: Vec<_> =
        line.split(' ').filter(|word| word.chars().all(|c| c.is_ascii_uppercase())).collect();
    let value = UpsFacts {
        status: UpsStatus::parse(&words.join(" ")),
        charge: small('c'),
        runtime: number('r'),
        charge_low: Reading::Absent,
        runtime_low: Reading::Absent,
        load: Reading::Absent,
        input_volts: number('v')
            .said()
            .map_or(Reading::Absent, |volts| Reading::Said(u16::try_from(volts).unwrap())),
        alarm: None,
        serial: None,
        source: UpsSource { server: String::new(), driver: None, encrypted: false },
    };
    Seen::Known { value, at }
}

/// A UPS that is looked at once a second.
struct Desk {
    rules: UpsRules,
    memory: UpsMemory,
    now: Mono,
}

impl Desk {
    fn new(rules: UpsRules) -> Self {
        Self { rules, memory: UpsMemory::default(), now: Mono(1_000_000) }
    }

    /// The same line for so many seconds; the view after the last of them.
    fn say(&mut self, secs: u64, line: &str) -> UpsView {
        let mut last = None;
        for _ in 0..secs.max(1) {
            self.now = self.now + Span::secs(1);
            last = Some(self.step(&look(line, self.now)));
        }
        last.unwrap()
    }

    fn step(&mut self, seen: &Seen<UpsFacts>) -> UpsView {
        let (memory, view) = step(&self.memory, seen, NEEDED, &self.rules, self.now);
        self.memory = memory;
        view
    }
}

fn word(state: &UpsState) -> &'static str {
    match state {
        UpsState::Online { .. } => "online",
        UpsState::OnBattery { .. } => "battery",
        UpsState::Low { .. } => "low",
        UpsState::ForcedShutdown { on_battery: true, .. } => "forced",
        UpsState::ForcedShutdown { on_battery: false, .. } => "latched",
        UpsState::Calibrating { .. } => "calibrating",
        UpsState::Off { .. } => "off",
        UpsState::Bypass { .. } => "bypass",
        UpsState::Unknown { last: None, .. } => "never",
        UpsState::Unknown { last: Some(last), .. } if last.condition.drains() => "lost on battery",
        UpsState::Unknown { .. } => "lost",
    }
}

fn fired(view: &UpsView) -> Vec<ReasonKind> {
    view.reasons.iter().filter(|reason| reason.fires).map(|reason| reason.kind).collect()
}

type Line = (u64, &'static str, &'static str, &'static [ReasonKind]);

/// Plays a script: for so many seconds this line; then this state, and these reasons fire.
#[track_caller]
fn play(what: &str, rules: UpsRules, lines: &[Line]) {
    let mut desk = Desk::new(rules);
    for (at, (secs, line, state, reasons)) in lines.iter().enumerate() {
        let view = desk.say(*secs, line);
        let place = format!("{what}, line {at} `{line}`: {view:#?}");
        assert_eq!(word(&view.state), *state, "{place}");
        assert_eq!(fired(&view), *reasons, "{place}");
    }
}

use ReasonKind::{ChargeFloor, ConnectionLost, ForcedShutdown, LowBattery, Runtime, TimeOnBattery};

#[test]
fn words_become_states() {
    let table: [(&str, &str); 22] = [
        ("OL", "online"),
        ("OL CHRG", "online"),
        ("OL BOOST", "online"),
        ("OL LB", "online"),
        ("OL DISCHRG", "online"),
        ("ALARM OL RB", "online"),
        ("OB", "battery"),
        ("OB DISCHRG", "battery"),
        ("OB LB", "low"),
        ("FSD OB LB", "forced"),
        ("FSD OB", "forced"),
        ("FSD OL", "latched"),
        ("OL CAL", "calibrating"),
        ("OB CAL v230", "calibrating"),
        ("OB CAL LB", "calibrating"),
        ("OB CAL v0", "battery"),
        ("OB CAL LB v3", "low"),
        ("OL OFF", "off"),
        ("OFF", "off"),
        ("OB OFF", "battery"),
        ("OL BYPASS", "bypass"),
        ("NOTOL TOB", "never"),
    ];
    for (line, state) in table {
        let view = Desk::new(rules()).say(1, line);
        assert_eq!(word(&view.state), state, "{line}");
    }
    for line in ["", "WAIT", "WAIT OL", "FSD", "OL OB", "ALARM", "CAL", "LB"] {
        let view = Desk::new(rules()).say(1, line);
        assert_eq!(word(&view.state), "never", "{line}");
        assert!(!view.fires());
    }
}

#[test]
fn a_short_dip_and_flapping_mains_fire_nothing() {
    play(
        "dip",
        rules(),
        &[
            (10, "OL r1800 c100", "online", &[]),
            (5, "OB r1700 c100", "battery", &[]),
            (200, "OL r1700 c100", "online", &[]),
        ],
    );
    play(
        "recloser",
        rules(),
        &[
            (10, "OL r1800 c100", "online", &[]),
            (5, "OB r1800 c100", "battery", &[]),
            (2, "OL r1800 c100", "online", &[]),
            (5, "OB r1800 c100", "battery", &[]),
            (2, "OL r1800 c100", "online", &[]),
            (5, "OB r1800 c100", "battery", &[]),
        ],
    );
}

#[test]
fn a_reason_holds_anew_after_mains_were_back() {
    play(
        "flapping with a weak battery",
        rules(),
        &[
            (10, "OL r50 c100", "online", &[]),
            (4, "OB r50 c100", "battery", &[]),
            (3, "OL r50 c100", "online", &[]),
            (4, "OB r50 c100", "battery", &[]),
            (3, "OL r50 c100", "online", &[]),
            (6, "OB r50 c100", "battery", &[Runtime]),
        ],
    );
}

#[test]
fn one_outage_goes_on_until_mains_have_stayed() {
    let mut desk = Desk::new(rules());
    desk.say(10, "OL r1800");
    assert_eq!(desk.say(10, "OB r1800").on_battery_for, Some(Span::secs(9)));
    desk.say(50, "OL r1800");
    let again = desk.say(1, "OB r1800");
    assert_eq!(again.on_battery_for, Some(Span::secs(10)), "the battery was not filled again");
    desk.say(60, "OL r1800");
    assert!(desk.memory.outage.is_some());
    let over = desk.say(1, "OL r1800");
    assert_eq!(over.on_battery_for, None);
    assert_eq!(desk.say(1, "OB r1800").on_battery_for, Some(Span::ZERO));
}

#[test]
fn the_runtime_fires_when_it_does_not_carry_a_shutdown_any_more() {
    // Needed 100 s, and 10 s are eaten by seeing it and being sure.
    let mut desk = Desk::new(rules());
    desk.say(10, "OL r400 c100");
    for second in 0..400 {
        let view = desk.say(1, &format!("OB r{} c90", 400 - second));
        let left = view.runtime.left.unwrap().1;
        if view.fires() {
            assert_eq!(fired(&view), [Runtime]);
            assert!(left >= NEEDED, "fired with {left} left of {NEEDED}");
            assert!(left <= NEEDED + Span::secs(6), "fired early, with {left}");
            return;
        }
    }
    panic!("never fired");
}

#[test]
fn lies_are_not_believed() {
    for lie in ["r65535", "r-1", "r0", "r999999", "r?", ""] {
        play(
            lie,
            rules(),
            &[
                (10, Box::leak(format!("OL c100 {lie}").into_boxed_str()), "online", &[]),
                (300, Box::leak(format!("OB c90 {lie}").into_boxed_str()), "battery", &[]),
            ],
        );
    }
    play(
        "too low for a moment after the transfer",
        rules(),
        &[
            (10, "OL r1800 c100", "online", &[]),
            (28, "OB r12 c100", "battery", &[]),
            (60, "OB r1700 c99", "battery", &[]),
        ],
    );
    play(
        "a slip of one answer",
        rules(),
        &[
            (10, "OL r1800 c100", "online", &[]),
            (40, "OB r1700 c95", "battery", &[]),
            (1, "OB r12 c0", "battery", &[]),
            (10, "OB r1600 c94", "battery", &[]),
            (4, "OB r12 c0", "battery", &[]),
            (10, "OB r1600 c94", "battery", &[]),
        ],
    );
    play(
        "empty and says so",
        rules(),
        &[
            (10, "OL r1800 c100", "online", &[]),
            (40, "OB r1700 c95", "battery", &[]),
            (6, "OB r0 c10", "battery", &[Runtime]),
        ],
    );
}

#[test]
fn a_value_that_does_not_move_runs_out() {
    let mut desk = Desk::new(rules());
    desk.say(600, "OL r500 c100");
    let view = desk.say(31, "OB r500 c100");
    assert_eq!(view.runtime.left, Some((RuntimeSource::Reported, Span::secs(470))));
    let view = desk.say(370, "OB r500 c100");
    assert_eq!(fired(&view), [Runtime], "{view:#?}");
}

#[test]
fn the_drain_is_measured_between_steps_of_the_charge() {
    let mut desk = Desk::new(rules());
    desk.say(10, "OL r3000 c100");
    // One percent each ten seconds: half an hour is promised, 16 minutes are there.
    let mut view = None;
    for charge in (90..=100).rev() {
        view = Some(desk.say(10, &format!("OB c{charge} r3000")));
    }
    let (source, left) = view.unwrap().runtime.left.unwrap();
    assert_eq!(source, RuntimeSource::Drain);
    assert_eq!(left, Span::secs(900 - 9), "90 steps of 10 s, 9 s ago");
}

#[test]
fn words_that_are_orders_need_no_patience() {
    play(
        "low",
        rules(),
        &[
            (10, "OL r1800 c100", "online", &[]),
            (1, "OB LB r1700 c90", "low", &[LowBattery]),
            (1, "OB r1700 c90", "battery", &[]),
        ],
    );
    play(
        "low must hold where it is configured",
        UpsRules { low_for: Span::secs(10), ..rules() },
        &[(10, "OL", "online", &[]), (10, "OB LB", "low", &[]), (1, "OB LB", "low", &[LowBattery])],
    );
    play(
        "forced",
        rules(),
        &[
            (10, "OL r1800 c100", "online", &[]),
            (1, "FSD OB r1700 c90", "forced", &[ForcedShutdown]),
            (1, "FSD", "forced", &[ForcedShutdown]),
            (100, "FSD OL r1700 c90", "latched", &[]),
            (1, "FSD OB r1700 c90", "forced", &[ForcedShutdown]),
        ],
    );
    play("an old latch is no order", rules(), &[(600, "FSD OL r1800 c100", "latched", &[])]);
}

#[test]
fn what_is_configured_counts_besides() {
    play(
        "charge",
        UpsRules { charge_floor: Some(40), ..rules() },
        &[
            (10, "OL c100", "online", &[]),
            (60, "OB c41", "battery", &[]),
            (5, "OB c40", "battery", &[]),
            (1, "OB c39", "battery", &[ChargeFloor]),
            (1, "OB c?", "battery", &[]),
        ],
    );
    play(
        "time",
        UpsRules { on_battery_max: Some(Span::secs(20)), ..rules() },
        &[
            (10, "OL", "online", &[]),
            (20, "OB", "battery", &[]),
            (1, "OB", "battery", &[TimeOnBattery]),
            (1, "OL", "online", &[]),
            (1, "OB", "battery", &[TimeOnBattery]),
        ],
    );
}

#[test]
fn silence_after_mains_is_no_outage_and_on_battery_time_runs_out() {
    play(
        "stale on mains",
        rules(),
        &[
            (10, "OL r1800 c100", "online", &[]),
            (2, "- stale", "online", &[]),
            (3_600, "- stale", "lost", &[]),
            (1, "OL r1800 c100", "online", &[]),
        ],
    );
    play("never heard", rules(), &[(3_600, "- refused", "never", &[])]);
    play(
        "waiting for its driver",
        rules(),
        &[(10, "OL r1800", "online", &[]), (600, "WAIT", "lost", &[])],
    );
    play(
        "stale on battery",
        rules(),
        &[
            (10, "OL r1800 c100", "online", &[]),
            (40, "OB r600 c80", "battery", &[]),
            (2, "- stale", "battery", &[]),
            // 600 s were said 40 s before the silence began, and 110 s are needed.
            (447, "- stale", "lost on battery", &[]),
            (2, "- stale", "lost on battery", &[ConnectionLost]),
            (1, "OB r200 c50", "battery", &[]),
        ],
    );
    play(
        "the link drops at the transfer",
        rules(),
        &[
            (10, "OL r300 c100", "online", &[]),
            (1, "OB r65535", "battery", &[]),
            (180, "- stale", "lost on battery", &[]),
            (15, "- stale", "lost on battery", &[ConnectionLost]),
        ],
    );
    play(
        "no runtime was ever known",
        rules(),
        &[
            (1, "OB", "battery", &[]),
            (59, "- stale", "lost on battery", &[]),
            (2, "- stale", "lost on battery", &[ConnectionLost]),
        ],
    );
    play(
        "low and then silent",
        rules(),
        &[(1, "OB LB", "low", &[LowBattery]), (30, "- stale", "lost on battery", &[LowBattery])],
    );
}

#[test]
fn a_calibration_is_no_outage_unless_it_is_one() {
    play(
        "it ends at low battery",
        rules(),
        &[
            (10, "OL r1800 c100", "online", &[]),
            (900, "OB CAL DISCHRG r300 c30", "calibrating", &[]),
            (20, "OB CAL LB r60 c8", "calibrating", &[]),
            (60, "OL CHRG r60 c8", "online", &[]),
        ],
    );
    play(
        "low battery stays",
        rules(),
        &[
            (900, "OB CAL r300 c30", "calibrating", &[]),
            (31, "OB CAL LB r60 c8", "calibrating", &[LowBattery]),
        ],
    );
    play(
        "on line it never counts",
        UpsRules { charge_floor: Some(50), ..rules() },
        &[(900, "OL CAL LB r3 c3", "calibrating", &[])],
    );
    play(
        "the charge still has its floor",
        UpsRules { charge_floor: Some(50), ..rules() },
        &[
            (900, "OB CAL c51", "calibrating", &[]),
            (6, "OB CAL c50", "calibrating", &[ChargeFloor]),
        ],
    );
}

#[test]
fn each_reason_shows_its_margin() {
    let mut desk = Desk::new(UpsRules { charge_floor: Some(30), on_battery_max: None, ..rules() });
    desk.say(10, "OL r600 c100");
    let view = desk.say(11, "OB r580 c97");
    let shown: Vec<_> = view.reasons.iter().map(|it| (it.kind, it.measure.to_string())).collect();
    let expected = [
        (ForcedShutdown, "the UPS does not say so"),
        (LowBattery, "the UPS does not say so"),
        (ChargeFloor, "charge 97 %, floor 30 %"),
        (TimeOnBattery, "not configured"),
        (Runtime, "9m left, 1m 50s needed: 8m to spare"),
    ];
    let expected = expected.map(|(kind, text)| (kind, text.to_owned()));
    assert_eq!(shown, expected);
    assert_eq!(
        view.reasons[4].measure,
        Measure::Left { have: Span::secs(590), need: Span::secs(110) }
    );
}

#[test]
fn on_mains_it_is_told_whether_a_shutdown_would_fit() {
    let table = [
        ("OL r500 c100", Fit::Fits { spare: Span::secs(390) }, vec![]),
        (
            "OL r60 c100",
            Fit::Short { by: Span::secs(50) },
            vec![UpsAlarm::TooShort { by: Span::secs(50) }],
        ),
        ("OL r0 c100", Fit::Unknown, vec![UpsAlarm::NothingToGoBy]),
        ("FSD OL r500", Fit::Fits { spare: Span::secs(390) }, vec![UpsAlarm::StaleLatch]),
        (
            "OL LB RB OVER r500",
            Fit::Fits { spare: Span::secs(390) },
            vec![UpsAlarm::Overload, UpsAlarm::LowOnMains, UpsAlarm::ReplaceBattery],
        ),
    ];
    for (line, fit, alarms) in table {
        let view = Desk::new(rules()).say(1, line);
        assert_eq!((view.fit, view.alarms), (fit, alarms), "{line}");
        assert!(view.reasons.is_empty());
    }
    let mut desk = Desk::new(rules());
    assert!(desk.say(30, "OL OFF").alarms.is_empty(), "a self-test begins so");
    assert_eq!(desk.say(1, "OL OFF").alarms, [UpsAlarm::Off]);
}

#[test]
fn one_answer_is_never_enough_for_a_number() {
    let mut desk = Desk::new(UpsRules { debounce: Span::secs(2), ..rules() });
    desk.say(10, "OL r50 c100");
    let seen = look("OB r40 c100", desk.now + Span::secs(1));
    desk.now = desk.now + Span::secs(1);
    assert!(!desk.step(&seen).fires());
    desk.now = desk.now + Span::secs(4);
    let view = desk.step(&seen);
    assert!(view.reasons.iter().any(|it| it.kind == Runtime && it.since.is_some()));
    assert!(!view.fires(), "the same answer, four seconds later: {view:#?}");
    assert_eq!(fired(&desk.say(1, "OB r40 c100")), [Runtime]);
}

#[test]
fn an_order_that_comes_with_no_other_word_counts_by_what_was_last() {
    for (line, state, reasons) in
        [("OB r1700", "forced", &[ForcedShutdown][..]), ("OL r1700", "lost", &[])]
    {
        let mut desk = Desk::new(rules());
        desk.say(40, line);
        let view = desk.say(4, "FSD");
        assert_eq!((word(&view.state), fired(&view).as_slice()), (state, reasons), "{line}");
    }
}

#[test]
fn a_look_that_grows_old_is_silence() {
    let mut desk = Desk::new(rules());
    let seen = look("OB r600", desk.now);
    desk.step(&seen);
    desk.now = desk.now + Span::secs(5);
    assert_eq!(word(&desk.step(&seen).state), "battery");
    desk.now = desk.now + Span::millis(1);
    let view = desk.step(&seen);
    assert_eq!(word(&view.state), "lost on battery");
    assert!(view.recheck.is_some_and(|at| at > desk.now));
}

#[test]
fn a_restart_forgets_no_outage_and_writes_seldom() {
    let mut desk = Desk::new(rules());
    desk.say(10, "OL r1800 c100");
    let mut kept_now = kept(&desk.memory, &UpsKept::default());
    let mut writes = 0;
    for second in 0..600 {
        desk.say(1, &format!("OB r{} c90", 1_800 - second));
        let next = kept(&desk.memory, &kept_now);
        writes += usize::from(next != kept_now);
        kept_now = next;
    }
    assert!(writes <= 3, "{writes} writes in ten minutes of an outage");
    let left = desk.memory.anchor.unwrap().left;
    desk.memory = restored(&kept_now, desk.now);
    let view = desk.say(3, "- refused");
    assert_eq!(word(&view.state), "lost on battery");
    let after = view.runtime.left.unwrap().1;
    assert!(after < left && left.less(after) < Span::secs(65), "{after} of {left}");
    assert_eq!(fired(&desk.say(1_200, "- refused")), [ConnectionLost]);
}
