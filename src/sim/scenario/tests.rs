//! The language: what can be said can be said back, and what is wrong is shown where it is wrong.

use proptest::prelude::*;

use super::ast::{
    Act, Alone, BOUNDARIES, Boundary, Doing, Event, Expectation, Life, Need, Setting, Size, State,
    Step, What, Whose,
};
use super::forms::{DEEDS, FRAMES, HEADERS, INSIDE, LIVES, STATES};
use super::shipped::{DEFAULT, SHIPPED, shipped};
use super::slots::HOLDS;
use super::{Scenario, help, parse};
use crate::config::problems_to_text;
use crate::decide::LIBRARY;
use crate::model::assessment::Phase;
use crate::model::facts::Unit;
use crate::model::ids::MachineName;
use crate::model::tick::Verb;
use crate::model::time::Span;
use crate::sim::deed::{Deed, Which, Within};

/// A header that every sentence fits below.
const HEAD: &str = "scenario it\ntitle It happens.\nsite big\nneeds gate flux-source\n";

fn read(steps: &str) -> Result<Scenario, String> {
    parse(&format!("{HEAD}{steps}"), "it.txt").map_err(|problems| problems_to_text(&problems))
}

#[test]
fn every_example_says_what_its_row_says_and_back() {
    let events: Vec<_> =
        [DEEDS, INSIDE, LIVES].into_iter().flatten().map(|it| it.example).collect();
    let frames = FRAMES.iter().map(|(_, _, example)| (*example).to_owned());
    let states = STATES.iter().map(|it| format!("expect {}", it.example));
    let sentences = events.into_iter().map(str::to_owned).chain(frames).chain(states);
    for sentence in sentences {
        let steps = format!("ananke runs daemon\n{sentence}\nexpect well\n");
        let scenario = read(&steps).unwrap_or_else(|text| panic!("{sentence}\n{text}"));
        assert_eq!(scenario.steps[1].to_string(), sentence);
    }
    for header in HEADERS.iter().map(|it| it.example) {
        let text = format!("{header}\nexpect well\n");
        let problems = parse(&text, "it.txt").err().unwrap_or_default();
        let wrong = problems.iter().find(|problem| problem.line == Some(1));
        assert!(wrong.is_none(), "{header}: {wrong:?}");
    }
}

#[test]
fn every_form_is_explained_within_a_terminal() {
    let text = help();
    for pattern in DEEDS.iter().chain(INSIDE).chain(LIVES).map(|form| form.pattern) {
        assert!(text.contains(&format!("`{pattern}`")), "{pattern}");
    }
    let long: Vec<_> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert_eq!(long, [""; 0]);
}

/// Write it anew with `UPDATE=1 cargo test --lib sim::scenario`.
#[test]
fn the_written_language_is_that_of_the_tables() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/LANGUAGE.md");
    let text = format!("# The scenario language\n\n{}", help());
    if option_env!("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "tests/scenarios/LANGUAGE.md is old");
}

#[test]
fn the_rules_that_hold_have_a_name_here() {
    for rule in LIBRARY.holds {
        assert!(HOLDS.contains(&rule.name), "{}", rule.name);
    }
}

#[test]
fn roles_and_names_of_the_map_mean_places() {
    let scenario = read("power off titan-01, agent-2 and titan-04\nexpect well\n").unwrap();
    let other = super::Roster {
        servers: vec![MachineName::fixed("cp-1")],
        agents: ["w-1", "w-2"].map(MachineName::fixed).to_vec(),
        ..super::Roster::default()
    };
    let there = scenario.on(&other).expect("it has them");
    assert_eq!(there.steps[0].to_string(), "power off cp-1, w-2, w-1");
    let text = format!("with nodes.critical [titan-04, agent-2]\n{}", "expect well");
    let settings = read(&text).unwrap().on(&other).expect("it has them").settings;
    assert_eq!(settings[0].value, "[w-1, w-2]");
    let missing = read("power off titan-06\nexpect well\n").unwrap().on(&other).unwrap_err();
    assert_eq!(missing.to_string(), "this site has no titan-06");
    let ups = read("ups statera on battery\nexpect well\n").unwrap();
    assert!(ups.on(&other).is_err(), "nothing feeds it there");
}

/// Line, column, a part of the message, a part of the help.
type Wrong = (&'static str, usize, usize, &'static str, &'static str);

#[test]
fn what_is_wrong_is_shown_where_it_is_wrong() {
    let table: &[Wrong] = &[
        ("powr off all", 5, 1, "no sentence begins with `powr`", "did you mean `power`?"),
        ("power of all", 5, 7, "`of` does not fit", "did you mean `off`?"),
        ("node titan-07 bots in 90s", 5, 15, "`bots` does not fit", "did you mean `boots`?"),
        ("node titan-07 boots in 90x", 5, 24, "`90x` is no time", "`90s`"),
        ("node titan-7 boots in 90s", 5, 6, "this site has no `titan-7`", "`titan-07`"),
        ("brad cordens titan-05", 5, 6, "`cordens` does not fit", "`cordons`"),
        ("unit k3s-agnt on titan-04 is stopped", 5, 6, "no unit", "`k3s-agent`"),
        ("power off", 5, 10, "not at its end", "<machines>"),
        ("power off all now", 5, 15, "`now` does not fit", ""),
        ("ups staterra at 40%", 5, 5, "no `staterra`", "`statera`"),
        ("ups statera at 140%", 5, 16, "`140%` is no percentage", "`100%`"),
        ("wait", 5, 5, "not at its end", "<time>"),
        ("wait 2d", 5, 6, "is no time", ""),
        ("after 2m power on all", 5, 22, "not at its end", "after 2m: power on all"),
        ("after 2m: powr on all", 5, 11, "nothing happens that begins", "`power`"),
        ("exepct well", 5, 1, "no sentence begins", "`expect`"),
        ("expect convreged within 8m", 5, 8, "begins with `convreged`", "`converged`"),
        ("expect broken for 10m", 5, 15, "`for` needs `stays`", "stays broken for"),
        ("expect stays broken", 5, 20, "not at its end", "for how long"),
        ("expect held to-few-servers", 5, 13, "no reason to hold", "`too-few-servers`"),
        ("expect converged within 8m", 5, 1, "ananke does not run yet", "ananke runs startup"),
        ("ananke runs startupp", 5, 13, "no command", "`startup`"),
        ("ananke runs startup until killed at writen 2", 5, 37, "no boundary", "`written`"),
        ("ananke runs startup until killed at written 0", 5, 1, "makes no sense", ""),
        ("site small", 5, 1, "`site` is said twice", ""),
        ("wait 1s\nspeed 3", 6, 1, "above the first step", "move it up"),
        ("wat", 5, 1, "begins with `wat`", "`wait`"),
    ];
    for (steps, line, column, message, help) in table {
        let text = format!("{HEAD}{steps}\nexpect well\n");
        let problems = parse(&text, "it.txt").expect_err(steps);
        let all = problems_to_text(&problems);
        let first = &problems[0];
        assert_eq!((first.line, first.column), (Some(*line), Some(*column)), "{all}");
        assert!(first.message.contains(message), "{message}: {all}");
        assert!(first.help.as_deref().unwrap_or("").contains(help), "{help}: {all}");
    }
}

#[test]
fn every_problem_is_reported_at_once_and_in_order() {
    let problems = parse("titel No.\nsite huge\npowr off all\nwait 3x\n", "it.txt").unwrap_err();
    let lines: Vec<_> = problems.iter().map(|problem| problem.line).collect();
    let missing = [None, None, None];
    assert_eq!(lines[..4], [Some(1), Some(2), Some(3), Some(4)], "{problems:?}");
    assert_eq!(lines[4..], missing, "scenario, title, site: {problems:?}");
}

#[test]
fn comments_empty_lines_and_other_line_ends_change_nothing() {
    let plain = read("power off all\nexpect well\n").unwrap();
    let text = "# why\r\n\r\npower off all   # all of them\r\n  expect   well\r\n";
    let other = read(text).unwrap();
    let said = |it: &Scenario| it.steps.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(said(&plain), said(&other));
    assert_eq!(other.steps.iter().map(|step| step.line).collect::<Vec<_>>(), [7, 8]);
}

#[test]
fn every_shipped_scenario_is_listed_and_sound() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    let mut files: Vec<_> = files.filter_map(|file| file.into_string().ok()).collect();
    files.retain(|file| file.ends_with(".txt"));
    files.sort_by_key(|file| file.trim_end_matches(".txt").to_owned());
    let listed: Vec<_> = SHIPPED.iter().map(|(name, _)| format!("{name}.txt")).collect();
    assert_eq!(files, listed, "the list in shipped.rs is that of tests/scenarios");
    for (name, _) in SHIPPED {
        let scenario = shipped(name).unwrap_or_else(|error| panic!("{name}\n{error}"));
        assert_eq!(scenario.name, *name);
        let back = parse(&scenario.render(), name).unwrap();
        assert_eq!(without_lines(back), without_lines(scenario), "{name}");
    }
    assert!(shipped(DEFAULT).is_ok());
    let typo = shipped("cold-strat").unwrap_err().to_string();
    assert_eq!(typo, "there is no scenario cold-strat: did you mean cold-start?");
}

fn machine() -> impl Strategy<Value = MachineName> {
    prop_oneof![
        (1..=25_u8).prop_map(|at| MachineName::new(format!("titan-{at:02}"))),
        (1..=3_u8).prop_map(|at| MachineName::new(format!("server-{at}"))),
        (1..=22_u8).prop_map(|at| MachineName::new(format!("agent-{at}"))),
    ]
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![
        Just(Which::All),
        Just(Which::Servers),
        Just(Which::Agents),
        ups().prop_map(Which::FedBy),
        prop::collection::vec(machine(), 1..4).prop_map(Which::Named),
    ]
}

fn ups() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["statera", "pyrphoros", "server-ups", "agent-ups"])
        .prop_map(str::to_owned)
}

fn time() -> impl Strategy<Value = Span> {
    (0..86_400_000_u64).prop_map(Span::millis)
}

fn unit() -> impl Strategy<Value = Unit> {
    prop::sample::select(Unit::ALL.to_vec())
}

fn deed() -> impl Strategy<Value = Deed> {
    let about = (which(), unit(), time(), 0..=1_000_u32, any::<bool>());
    let named = (machine(), ups(), 0..=100_u8, time());
    (about, named, 0..31_usize).prop_map(
        |((on, unit, time, n, is), (node, ups, percent, t), at)| match at {
            0 => Deed::PowerOff(on),
            1 => Deed::PowerOn(on),
            2 => Deed::BootTakes(on, time),
            3 => Deed::NeverBoots(on),
            4 => Deed::BootLoop(on, n),
            5 => Deed::Freeze(on),
            6 => Deed::Thaw(on),
            7 => Deed::NetCut(on),
            8 => Deed::NetJoin(on),
            9 => Deed::ClockLost(on),
            10 => Deed::ClockRight(on),
            11 => Deed::UnitFails(on, unit, n),
            12 => Deed::UnitSlow(on, unit, time),
            13 => Deed::UnitNotAtBoot(on, unit),
            14 => Deed::UnitStopped(on, unit),
            15 => Deed::UnitStarted(on, unit),
            16 => Deed::KubeletHangs(on),
            17 => Deed::KubeletHangsThrough(on, n),
            18 => Deed::SudoRefused(on),
            19 => Deed::SudoWorks(on),
            20 => Deed::HostKeyChanged(on),
            21 => Deed::ApiDown,
            22 => Deed::ApiUp,
            23 => Deed::ApiFlaps { up: time, down: t },
            24 => Deed::Cordon(node),
            25 => Deed::Uncordon(node),
            26 => Deed::UpsMains { ups, on: is },
            27 => Deed::UpsCharge { ups, percent },
            28 => Deed::UpsDriver { ups, on: is },
            _ => Deed::UpsSilent { ups, on: is },
        },
    )
}

fn word() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9]{0,8}".prop_filter("a word of its own", |it| it != "ananke")
}

/// The rest of a line, as it would be written: trimmed, and no comment in it.
fn text() -> impl Strategy<Value = String> {
    "[A-Za-zäé0-9,.:'()#-]{1,8}( [A-Za-z0-9,.:'()-]{1,8}){0,5}"
        .prop_filter("no comment", |it| !it.starts_with('#'))
}

fn boundary() -> impl Strategy<Value = Option<Boundary>> {
    let name = prop::sample::select(BOUNDARIES.to_vec());
    prop::option::of((name, 1..=1_000_u32))
        .prop_map(|it| it.map(|(name, times)| Boundary { name: name.to_owned(), times }))
}

fn life() -> impl Strategy<Value = Life> {
    let verb = prop::sample::select(vec![Verb::Startup, Verb::Converge, Verb::Daemon]);
    prop_oneof![
        (verb, boundary()).prop_map(|(verb, until)| Life::Runs { verb, until }),
        prop::option::of(text())
            .prop_map(|flags| Life::Shutdown { flags: flags.unwrap_or_default() }),
        boundary().prop_map(|until| Life::RunsAgain { until }),
        Just(Life::Killed),
        (time(), time()).prop_map(|(every, during)| Life::KilledAtRandom { every, during }),
        Just(Life::Stopped),
        (word(), text()).prop_map(|(by, why)| Life::Paused { by, why }),
        word().prop_map(|by| Life::Resumed { by }),
        (word(), machine()).prop_map(|(by, machine)| Life::Acked { by, machine }),
        Just(Life::DiskFull),
        Just(Life::DiskFree),
    ]
}

fn within() -> impl Strategy<Value = Within> {
    let about = (word(), any::<bool>(), 0..=1_000_u32, 0..12_usize);
    about.prop_map(|(name, on, replicas, at)| match at {
        0 => Within::Mute { workload: name, on },
        1 => Within::ImageGone(name),
        2 => Within::Scaled { workload: name, replicas },
        3 => Within::PodsDeleted(name),
        4 => Within::KustomizationFails { name, on },
        5 => Within::FluxBranch(name),
        6 => Within::FluxSuspended(on),
        7 => Within::IngressForgets,
        8 => Within::VaultSeals(on),
        9 => Within::Judges { workload: name, on },
        10 => Within::VaultRekeyed,
        _ => Within::VaultUnsealed,
    })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => deed().prop_map(Event::Deed),
        2 => life().prop_map(Event::Ananke),
        1 => within().prop_map(|it| Event::Deed(Deed::Inside(it))),
    ]
}

fn phase() -> impl Strategy<Value = Phase> {
    prop::sample::select(vec![
        Phase::Looking,
        Phase::Recovering,
        Phase::Soaking,
        Phase::Converged,
        Phase::Degraded,
        Phase::Blocked,
        Phase::GoingDown,
        Phase::Down,
        Phase::Held,
    ])
}

fn doing() -> impl Strategy<Value = Doing> {
    prop_oneof![
        unit().prop_map(Doing::Start),
        unit().prop_map(Doing::Restart),
        unit().prop_map(Doing::Clear),
        Just(Doing::Mend),
        Just(Doing::Cordon),
        Just(Doing::Uncordon),
        Just(Doing::Mark),
        Just(Doing::PowerOff),
        Just(Doing::Wake),
        Just(Doing::Anything),
    ]
}

fn state() -> impl Strategy<Value = State> {
    let hold = prop::sample::select(HOLDS.to_vec());
    let whose = prop_oneof![Just(Whose::Ananke), word().prop_map(Whose::Person)];
    let is = any::<bool>();
    prop_oneof![
        phase().prop_map(State::Phase),
        (hold, prop::option::of(machine()))
            .prop_map(|(hold, on)| State::Held { hold: hold.to_owned(), on }),
        (doing(), machine()).prop_map(|(doing, on)| State::Acted(Act { doing, on })),
        which().prop_map(State::NoAction),
        (0..=1_000_u32, which()).prop_map(|(count, on)| State::Changes { count, on }),
        (machine(), is).prop_map(|(machine, is)| State::Manual { machine, is }),
        (machine(), word()).prop_map(|(machine, about)| State::Alarm { machine, about }),
        (machine(), word()).prop_map(|(machine, gate)| State::Named { machine, gate }),
        (word(), word()).prop_map(|(gate, word)| State::Says { gate, word }),
        (word(), is).prop_map(|(gate, is)| State::Gate { gate, is }),
        (machine(), whose).prop_map(|(node, by)| State::Cordoned { node, by }),
        machine().prop_map(State::Uncordoned),
        (which(), is).prop_map(|(nodes, is)| State::Ready { nodes, is }),
        (unit(), which(), is).prop_map(|(unit, on, is)| State::Running { unit, on, is }),
        (word(), is).prop_map(|(workload, is)| State::Works { workload, is }),
        (word(), is).prop_map(|(name, is)| State::Applied { name, is }),
        which().prop_map(State::Off),
        prop::sample::select(vec![
            State::Well,
            State::Broken,
            State::Exits(4),
            State::IsKilled,
            State::IsRunning,
        ]),
    ]
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        event().prop_map(What::Happens),
        (time(), event()).prop_map(|(after, event)| What::Later(after, event)),
        time().prop_map(What::Wait),
        state().prop_map(|state| What::Expect(Expectation::Now(state))),
        (state(), time()).prop_map(|(it, time)| What::Expect(Expectation::Within(it, time))),
        (state(), time()).prop_map(|(it, time)| What::Expect(Expectation::Stays(it, time))),
        state().prop_map(|state| What::Expect(Expectation::Never(state))),
    ]
}

/// Any scenario on the big site. It begins with a start, so that everything after it makes sense.
fn scenario() -> impl Strategy<Value = Scenario> {
    let alone = prop::sample::select(vec![None, Some(Alone::Heals), Some(Alone::StaysBroken)]);
    let head = (word(), text(), word(), prop::option::of(1..=1_000_u32), alone);
    let setting = (word(), text()).prop_map(|(key, value)| Setting { key, value });
    let settings = prop::collection::vec(setting, 0..3);
    (head, settings, prop::collection::vec(what(), 1..12)).prop_map(
        |((name, title, gate, speed, alone), settings, whats)| {
            let runs = Life::Runs { verb: Verb::Daemon, until: None };
            let first = What::Happens(Event::Ananke(runs));
            let last = What::Expect(Expectation::Now(State::Well));
            let whats = std::iter::once(first).chain(whats).chain([last]);
            let steps = whats.map(|what| Step { line: 0, what }).collect();
            let needs = vec![Need::Gate(gate), Need::Verb("shutdown".to_owned())];
            Scenario { name, title, site: Size::Big, alone, needs, speed, settings, steps }
        },
    )
}

fn without_lines(mut scenario: Scenario) -> Scenario {
    scenario.steps.iter_mut().for_each(|step| step.line = 0);
    scenario
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_rendered_parses_to_the_same(scenario in scenario()) {
        let text = scenario.render();
        let back = parse(&text, "it.txt").map_err(|problems| {
            TestCaseError::fail(format!("{}\n{text}", problems_to_text(&problems)))
        })?;
        prop_assert_eq!(without_lines(back), scenario, "{}", text);
    }

    #[test]
    fn no_text_is_too_strange_to_be_refused(
        text in "(\\PC{0,12}|expect |after 2m: |[,:#\n ]){0,30}",
    ) {
        // Not to panic, to say something where nothing is given, and to point into the file.
        let problems = parse(&text, "it.txt").expect_err("it lacks a header");
        let lines = text.split('\n').count();
        prop_assert!(problems.iter().all(|it| it.line.is_none_or(|line| line <= lines)));
    }
}
