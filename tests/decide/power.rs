//! What UPSes say, second by second, and what has to follow for the whole site.

use std::collections::BTreeSet;

use ananke::decide::{LIBRARY, Library, RULES};
use ananke::model::assessment::{GateState, Phase};
use ananke::model::facts::UnitActive;
use ananke::model::intent::{Author, Desired, Intent, Progress, Scope};
use ananke::model::policy::Policy;
use ananke::model::power::{
    Arming, BudgetRules, Domain, OnLow, PowerPolicy, Unarmed, UpsName, UpsRules,
};
use ananke::model::tick::{Decision, Order};
use ananke::model::time::Span;
use ananke::model::verdict::Target;
use ananke::report::summary;

use crate::bench::Secs;
use crate::rig::{Rig, gate, holds, on, story};
use crate::site::name;

fn ups(text: &str) -> UpsName {
    UpsName::parse(&format!("{text}@watch-1")).expect("a name")
}

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

/// `main` feeds the servers and the switch, `hall` the agents. A shutdown takes 110 s, so a UPS has
/// to go down with 120 s left.
fn power(policy: &Policy, on_low: Option<OnLow>) -> PowerPolicy {
    let with = |prefix: &str| -> BTreeSet<_> {
        let names = policy.machines.keys().filter(|name| name.as_str().starts_with(prefix));
        names.cloned().collect()
    };
    let domain = |name: &str, machines, carries_orders| Domain {
        name: name.to_owned(),
        feeds: BTreeSet::from([ups(name)]),
        need: 1,
        machines,
        carries_orders,
    };
    PowerPolicy {
        upses: ["main", "hall"].map(|name| (ups(name), rules())).into(),
        domains: vec![domain("main", with("s-"), true), domain("hall", with("a-"), false)],
        exempt: BTreeSet::new(),
        budget: BudgetRules { default: Span::secs(100), factor_percent: 110, tail: Span::ZERO },
        on_low,
        start_on_battery: false,
    }
}

/// A good day, with both UPSes on mains for longer than any dwell.
pub(crate) fn site(on_low: Option<OnLow>) -> Rig {
    let mut rig = Rig::good_day(3, 4);
    rig.policy.power = power(&rig.policy, on_low);
    say(&mut rig, "OL r600 c100", "OL r600 c100");
    run(&mut rig, 90);
    rig
}

pub(crate) fn say(rig: &mut Rig, main: &str, hall: &str) {
    rig.world.upses.insert(ups("main"), main.to_owned());
    rig.world.upses.insert(ups("hall"), hall.to_owned());
}

/// One tick a second; the last decision.
pub(crate) fn run(rig: &mut Rig, seconds: Secs) -> Decision {
    let mut last = rig.step(1);
    for _ in 1..seconds {
        last = rig.step(1);
    }
    last
}

/// What is wanted, in one word.
pub(crate) fn wanted(decision: &Decision) -> &'static str {
    let intent = &decision.memory.durable.intent;
    match (intent.desired, &intent.scope, &intent.by) {
        (Desired::Up, ..) => "up",
        (_, Scope::Whole, Author::Ups { .. }) => "all down",
        (_, Scope::Machines(which), Author::Ups { .. }) => {
            assert!(which.iter().all(|name| name.as_str().starts_with("a-")), "{which:?}");
            "hall down"
        }
        (_, _, Author::Host { .. }) => "down by another host",
        (_, _, Author::Person { .. } | Author::Ananke) => "down by a person",
    }
}

pub(crate) const MAINS: &str = "OL r600 c100";
pub(crate) const BATTERY: &str = "OB r600 c90";
pub(crate) const LOW: &str = "OB LB r600 c90";

/// For so many seconds main and hall say this, and then so much is wanted.
type Line = (Secs, &'static str, &'static str, &'static str);

const WANTED: &[(&str, &[Line])] = &[
    ("a blip", &[(14, BATTERY, BATTERY, "up"), (90, MAINS, MAINS, "up")]),
    (
        "a recloser",
        &[
            (5, BATTERY, MAINS, "up"),
            (2, MAINS, MAINS, "up"),
            (5, BATTERY, MAINS, "up"),
            (2, MAINS, MAINS, "up"),
            (5, BATTERY, MAINS, "up"),
            (90, MAINS, MAINS, "up"),
        ],
    ),
    (
        "a long outage, and mains again",
        &[
            (470, BATTERY, BATTERY, "up"),
            (20, BATTERY, BATTERY, "all down"),
            (55, MAINS, MAINS, "all down"),
            (10, MAINS, MAINS, "up"),
        ],
    ),
    (
        "mains that do not stay end nothing",
        &[
            (5, LOW, MAINS, "all down"),
            (50, MAINS, MAINS, "all down"),
            (5, BATTERY, MAINS, "all down"),
            (50, MAINS, MAINS, "all down"),
            (15, MAINS, MAINS, "up"),
        ],
    ),
    ("the cable drops on mains", &[(1_200, "- stale", MAINS, "up")]),
    ("both cables drop on mains", &[(1_200, "- stale", "- refused", "up")]),
    (
        "the cable drops on battery",
        &[
            (40, BATTERY, MAINS, "up"),
            (420, "- stale", MAINS, "up"),
            (40, "- stale", MAINS, "all down"),
        ],
    ),
    ("a battery that dies early", &[(60, BATTERY, MAINS, "up"), (1, LOW, MAINS, "all down")]),
    (
        "a self-test looks like an outage for a while",
        &[
            (10, "OL CAL DISCHRG r600", MAINS, "up"),
            (10, "OB CAL DISCHRG r300", MAINS, "up"),
            (5, "OB CAL LB r100", MAINS, "up"),
            (60, MAINS, MAINS, "up"),
        ],
    ),
    ("only the hall dies", &[(1, MAINS, LOW, "hall down"), (60, MAINS, LOW, "hall down")]),
    ("the hall, then the rest", &[(1, MAINS, LOW, "hall down"), (1, LOW, LOW, "all down")]),
    (
        "the hall again does not let go of the rest",
        &[(1, LOW, LOW, "all down"), (1, BATTERY, LOW, "all down")],
    ),
    ("an old latch with mains is no order", &[(600, "FSD OL r600", MAINS, "up")]),
    ("an order for a forced shutdown", &[(1, "FSD OB r600", MAINS, "all down")]),
    ("low battery with mains", &[(600, "OL LB r600", MAINS, "up")]),
    ("words that say nothing", &[(600, "WAIT", "", "up")]),
];

#[test]
fn what_the_upses_say_decides_what_is_wanted() {
    for (what, lines) in WANTED {
        let mut rig = site(Some(OnLow::Poweroff));
        for (at, (seconds, main, hall, expected)) in lines.iter().enumerate() {
            say(&mut rig, main, hall);
            let decision = run(&mut rig, *seconds);
            let place = format!("{what}, line {at}: {:?}", decision.memory.durable.intent);
            assert_eq!(wanted(&decision), *expected, "{place}");
        }
    }
}

#[test]
fn what_a_ups_may_ask_for_is_what_the_configuration_says() {
    for (on_low, desired) in
        [(OnLow::ClusterOnly, Desired::DownClusterOnly), (OnLow::Poweroff, Desired::DownPoweroff)]
    {
        let mut rig = site(Some(on_low));
        say(&mut rig, LOW, MAINS);
        let decision = run(&mut rig, 1);
        let durable = &decision.memory.durable;
        assert_eq!(durable.intent.desired, desired);
        assert_eq!(durable.intent.progress, Progress::ShuttingDown);
        assert!(durable.intent.reason.contains("low battery"), "{}", durable.intent.reason);
        let episode = durable.episode.as_ref().expect("an episode");
        assert!(episode.end.is_none() && episode.cause.to_string().contains("main@watch-1"));
        assert_eq!(decision.phase, Phase::GoingDown);
    }
}

#[test]
fn without_consent_a_low_battery_is_only_told() {
    let forgotten = |rig: &mut Rig| {
        for domain in &mut rig.policy.power.domains {
            domain.machines.remove(&name("a-02"));
        }
    };
    let unasked = |_: &mut Rig| {};
    let observing = |rig: &mut Rig| rig.request.execute = false;
    type Case = (&'static str, Option<OnLow>, fn(&mut Rig), Unarmed);
    let table: [Case; 3] = [
        ("nobody said what", None, unasked, Unarmed::NotAsked),
        (
            "a machine that nobody feeds",
            Some(OnLow::Poweroff),
            forgotten,
            Unarmed::Unfed { machines: BTreeSet::from([name("a-02")]) },
        ),
        ("it only observes", Some(OnLow::Poweroff), observing, Unarmed::Observes),
    ];
    for (what, on_low, change, unarmed) in table {
        let mut rig = site(on_low);
        change(&mut rig);
        say(&mut rig, LOW, LOW);
        let decision = rig.step(1);
        assert_eq!(wanted(&decision), "up", "{what}");
        assert_eq!(decision.power.arming, Arming::NotArmed { why: vec![unarmed] }, "{what}");
        let alarms: Vec<_> = decision.alarms.iter().filter(|alarm| alarm.new).collect();
        let told = alarms
            .iter()
            .any(|it| it.target == Target::Ups(ups("main")) && it.what.contains("NOT shut down"));
        assert!(told, "{what}: {alarms:?}");
    }
    let mut rig = site(None);
    say(&mut rig, LOW, LOW);
    run(&mut rig, 5);
    let again = rig.step(1);
    assert!(again.alarms.iter().all(|alarm| !alarm.new), "it is told once");
}

#[test]
fn a_persons_shutdown_holds_again_when_mains_are_back() {
    let mut rig = site(Some(OnLow::Poweroff));
    let intent = Intent {
        desired: Desired::DownClusterOnly,
        progress: Progress::ShutdownComplete,
        by: Author::Person { name: "brad".to_owned() },
        scope: Scope::Whole,
        reason: "new switches".to_owned(),
        ..rig.memory.durable.intent.clone()
    };
    rig.memory.durable.intent = intent.clone();
    say(&mut rig, LOW, MAINS);
    assert_eq!(wanted(&run(&mut rig, 5)), "all down");
    say(&mut rig, MAINS, MAINS);
    let decision = run(&mut rig, 70);
    assert_eq!(decision.memory.durable.intent, intent);
    // Where a person wanted as much already, a UPS adds nothing.
    rig.memory.durable.intent.desired = Desired::DownPoweroff;
    say(&mut rig, LOW, MAINS);
    assert_eq!(wanted(&run(&mut rig, 5)), "down by a person");
}

#[test]
fn what_was_shut_down_comes_up_only_when_it_could_go_down_again() {
    let mut rig = site(Some(OnLow::Poweroff));
    say(&mut rig, LOW, LOW);
    run(&mut rig, 5);
    rig.memory.durable.intent.progress = Progress::ShutdownComplete;
    say(&mut rig, "OL r90 c15", "OL r600 c90");
    assert_eq!(wanted(&run(&mut rig, 300)), "all down");
    say(&mut rig, "OL r300 c50", "OL r600 c90");
    assert_eq!(wanted(&run(&mut rig, 2)), "up");
}

#[test]
fn a_restart_on_battery_forgets_nothing() {
    let mut rig = site(Some(OnLow::Poweroff));
    say(&mut rig, BATTERY, MAINS);
    run(&mut rig, 40);
    // ananke dies with the cable: what was on battery goes on running out.
    say(&mut rig, "- stale", MAINS);
    rig.restart();
    assert_eq!(wanted(&run(&mut rig, 400)), "up");
    assert_eq!(wanted(&run(&mut rig, 60)), "all down");
}

/// A person starts a site with one agent down.
fn starting(main: &str, hall: &str) -> Rig {
    let mut rig = site(Some(OnLow::Poweroff));
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    say(&mut rig, main, hall);
    run(&mut rig, 5);
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig
}

#[test]
fn nothing_is_started_on_borrowed_time() {
    let table = [
        ("on battery", BATTERY, MAINS),
        ("the other one on battery", MAINS, BATTERY),
        ("not heard", "- refused", MAINS),
        ("a word that says nothing", "WAIT", MAINS),
        ("too little for another shutdown", "OL r100 c20", MAINS),
        ("an old latch", "FSD OL r600", MAINS),
        ("raw mains", "OL BYPASS r600", MAINS),
    ];
    for (what, main, hall) in table {
        let mut rig = starting(main, hall);
        let decision = run(&mut rig, 300);
        assert!(rig.repairs().is_empty(), "{what}: {:?}", rig.repairs());
        assert!(!gate(&decision, "power").is_open(), "{what}: {}", story(&decision));
        assert!(holds(&decision, &on("a-02")).contains(&"power"), "{what}: {}", story(&decision));
        say(&mut rig, MAINS, MAINS);
        rig.converged();
        assert_eq!(rig.repairs(), ["start k3s-agent on a-02"], "{what}");
    }
}

#[test]
fn the_rule_against_borrowed_time_is_missed_by_an_invariant() {
    let mut rig = site(Some(OnLow::Poweroff));
    let rules = RULES.iter().filter(|rule| rule.name != "power").copied();
    rig.library = Library { holds: rules.collect::<Vec<_>>().leak(), ..LIBRARY };
    rig.collect = Some(Vec::new());
    rig.world.stop("a-02", UnitActive::Failed, "exit-code");
    say(&mut rig, BATTERY, MAINS);
    run(&mut rig, 300);
    let found = rig.collect.take().unwrap_or_default();
    rig.collect = Some(Vec::new());
    assert!(found.iter().any(|(name, _)| *name == "power"), "{found:?}");
}

#[test]
fn waiting_for_mains_is_no_end() {
    let mut rig = starting(BATTERY, MAINS);
    let decision = run(&mut rig, 90);
    assert_eq!(decision.phase, Phase::Recovering, "{}", story(&decision));
    // Far beyond anybody's patience; the battery lasts long enough for it.
    say(&mut rig, "OB r50000 c90", MAINS);
    rig.throughout(3_600, |decision| decision.phase == Phase::Recovering);
    assert!(rig.repairs().is_empty());
}

#[test]
fn a_person_may_start_on_battery_and_the_episode_remembers_who() {
    for main in [BATTERY, "- refused"] {
        let mut rig = starting(main, MAINS);
        rig.order(Order::AllowOnBattery { by: "brad".to_owned() });
        let decision = run(&mut rig, 30);
        assert_eq!(rig.repairs(), ["start k3s-agent on a-02"], "{main}: {}", story(&decision));
        let episode = decision.memory.durable.episode.expect("an episode");
        assert_eq!(episode.on_battery.as_deref(), Some("brad"));
    }
    // Consent is no blindness: what would not carry another shutdown is still refused.
    let mut rig = site(None);
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    say(&mut rig, "OB r100 c20", MAINS);
    run(&mut rig, 40);
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.order(Order::AllowOnBattery { by: "brad".to_owned() });
    run(&mut rig, 30);
    assert!(rig.repairs().is_empty());
    let mut rig = site(Some(OnLow::Poweroff));
    rig.policy.power.start_on_battery = true;
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    say(&mut rig, BATTERY, MAINS);
    rig.order(Order::Startup { by: "brad".to_owned() });
    run(&mut rig, 30);
    assert_eq!(rig.repairs(), ["start k3s-agent on a-02"], "by configuration");
}

#[test]
fn on_a_quiet_day_a_blip_closes_no_gate_and_starts_nothing() {
    let mut rig = site(Some(OnLow::Poweroff));
    say(&mut rig, BATTERY, MAINS);
    let decision = run(&mut rig, 20);
    assert_eq!(decision.phase, Phase::Converged, "{}", story(&decision));
    assert_eq!(*gate(&decision, "power"), GateState::Open);
    // What may always be mended waits all the same.
    rig.world.stop("a-02", UnitActive::Failed, "exit-code");
    let decision = run(&mut rig, 200);
    let started = |line: &String| line.starts_with("start") || line.starts_with("restart");
    assert!(!rig.repairs().iter().any(started), "{:?}\n{}", rig.repairs(), story(&decision));
}

#[test]
fn one_of_two_upses_is_enough_where_the_domain_says_so() {
    let mut rig = site(Some(OnLow::Poweroff));
    for domain in &mut rig.policy.power.domains {
        domain.feeds = BTreeSet::from([ups("main"), ups("hall")]);
    }
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    say(&mut rig, "- refused", MAINS);
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.converged();
    assert_eq!(rig.repairs(), ["start k3s-agent on a-02"]);
    say(&mut rig, MAINS, LOW);
    assert_eq!(wanted(&run(&mut rig, 60)), "up", "the other one feeds all");
    say(&mut rig, LOW, LOW);
    assert_eq!(wanted(&run(&mut rig, 2)), "all down");
}

#[test]
fn without_a_ups_the_gate_says_so_and_holds_nothing() {
    let mut rig = Rig::startup(1, 1);
    let decision = rig.converged();
    let view = decision.assessment.gates.iter().find(|gate| gate.id.as_str() == "power");
    let view = view.expect("the gate");
    assert!(view.state.is_open());
    assert_eq!(view.findings[0].verdict.why(), "no UPS is configured");
    assert_eq!(decision.power.arming, Arming::NoUps);
}

#[test]
fn a_person_is_told_of_a_ups_once_and_not_of_every_glitch() {
    let mut rig = site(Some(OnLow::Poweroff));
    let new = |decision: &Decision| -> Vec<String> {
        let new = decision.alarms.iter().filter(|alarm| alarm.new);
        new.map(|alarm| format!("{}: {}", alarm.target, alarm.what)).collect()
    };
    let heard = |rig: &mut Rig, seconds: Secs| -> Vec<String> {
        (0..seconds).flat_map(|_| new(&rig.step(1))).collect()
    };
    for _ in 0..5 {
        say(&mut rig, "- stale", MAINS);
        assert_eq!(heard(&mut rig, 20), [""; 0], "a USB cable that drops for 20 s");
        say(&mut rig, MAINS, MAINS);
        assert_eq!(heard(&mut rig, 20), [""; 0]);
    }
    say(&mut rig, "- stale", "OL RB r600");
    let told = heard(&mut rig, 120);
    assert_eq!(told.len(), 2, "{told:?}");
    say(&mut rig, MAINS, MAINS);
    assert_eq!(heard(&mut rig, 20), [""; 0]);
    say(&mut rig, "- stale", "OL RB r600");
    assert_eq!(heard(&mut rig, 120), [""; 0], "told already, minutes ago");
    say(&mut rig, MAINS, "OL r100 c100");
    let told = heard(&mut rig, 2);
    assert!(told.len() == 1 && told[0].contains("longer than the battery lasts"), "{told:?}");
}

#[test]
fn a_summary_says_how_each_ups_is() {
    let mut rig = site(Some(OnLow::ClusterOnly));
    say(&mut rig, BATTERY, MAINS);
    run(&mut rig, 20);
    let told = summary(rig.last.as_ref().expect("a tick"), &[]);
    assert!(told.armed.is_some_and(|armed| armed.starts_with("armed")));
    let [hall, main] = told.upses.as_slice() else { panic!("{:#?}", told.upses) };
    assert_eq!((hall.name.as_str(), hall.state.as_str()), ("hall@watch-1", "on mains"));
    assert!(hall.against.is_empty() && !hall.fires, "{hall:#?}");
    assert_eq!((main.state.as_str(), main.charge), ("on battery", Some(90)));
    assert!(!main.against.is_empty() && !main.fires, "{main:#?}");
    assert!(main.runtime_ms > main.needs_ms && main.needs_ms.is_some(), "{main:#?}");
}
