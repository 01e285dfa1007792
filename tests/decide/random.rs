//! Whatever happens, in whatever order: no tick breaks an invariant.

use std::collections::BTreeSet;

use ananke::decide::{HoldRule, LIBRARY, Library, RULES};
use ananke::gates;
use ananke::model::facts::{GuardState, Sudo, UnitActive, UnitLoad};
use ananke::model::intent::Desired;
use ananke::model::tick::Order;
use proptest::prelude::*;

use crate::bench::Starts;
use crate::rig::{Fate, Rig};
use crate::site::name;
use crate::way_down::shutdown;

/// Something that happens between two ticks.
#[derive(Debug, Clone, Copy)]
enum Event {
    Nothing,
    PowerCut,
    PowerBack { boot: u64 },
    Off(usize),
    On(usize),
    Stop(usize),
    Fail(usize),
    Hang(usize),
    Starts(usize, u8),
    Deaf(usize, bool),
    ApiCut(bool),
    DiskFull(bool),
    Mask(usize, bool),
    Sudo(usize, bool),
    Guard(usize, bool),
    Hold(usize, bool),
    Foreign(usize, bool),
    Cordon(usize, bool),
    Fate(u8),
    Order(u8),
    Restart,
    Reboot,
    Long,
}

fn event() -> impl Strategy<Value = Event> {
    let machine = || 0_usize..6;
    prop_oneof![
        20 => Just(Event::Nothing),
        2 => Just(Event::PowerCut),
        4 => (1_u64..200).prop_map(|boot| Event::PowerBack { boot }),
        2 => machine().prop_map(Event::Off),
        3 => machine().prop_map(Event::On),
        3 => machine().prop_map(Event::Stop),
        3 => machine().prop_map(Event::Fail),
        4 => machine().prop_map(Event::Hang),
        3 => (machine(), 0_u8..3).prop_map(|(m, how)| Event::Starts(m, how)),
        2 => (machine(), any::<bool>()).prop_map(|(m, yes)| Event::Deaf(m, yes)),
        3 => any::<bool>().prop_map(Event::ApiCut),
        2 => any::<bool>().prop_map(Event::DiskFull),
        1 => (machine(), any::<bool>()).prop_map(|(m, yes)| Event::Mask(m, yes)),
        1 => (machine(), any::<bool>()).prop_map(|(m, yes)| Event::Sudo(m, yes)),
        1 => (machine(), any::<bool>()).prop_map(|(m, yes)| Event::Guard(m, yes)),
        2 => (machine(), any::<bool>()).prop_map(|(m, yes)| Event::Hold(m, yes)),
        2 => (machine(), any::<bool>()).prop_map(|(m, yes)| Event::Foreign(m, yes)),
        2 => (machine(), any::<bool>()).prop_map(|(m, yes)| Event::Cordon(m, yes)),
        6 => (0_u8..7).prop_map(Event::Fate),
        6 => (0_u8..8).prop_map(Event::Order),
        2 => Just(Event::Restart),
        1 => Just(Event::Reboot),
        4 => Just(Event::Long),
    ]
}

fn happens(rig: &mut Rig, event: Event) {
    let names: Vec<_> = rig.policy.machines.keys().cloned().collect();
    let at = |n: usize| names[n % names.len()].clone();
    match event {
        Event::Nothing | Event::Long => {}
        Event::PowerCut => names.iter().for_each(|name| rig.world.power_off(name)),
        Event::PowerBack { boot } => {
            names.iter().for_each(|name| rig.world.power_on(name, boot));
        }
        Event::Off(n) => rig.world.power_off(&at(n)),
        Event::On(n) => rig.world.power_on(&at(n), 15),
        Event::Stop(n) => rig.world.stop(at(n).as_str(), UnitActive::Inactive, "success"),
        Event::Fail(n) => rig.world.stop(at(n).as_str(), UnitActive::Failed, "exit-code"),
        Event::Hang(n) => {
            if rig.world.hosts[&at(n)].active == UnitActive::Active {
                rig.world.hang(at(n).as_str());
            }
        }
        Event::Starts(n, how) => {
            let starts = [Starts::Well, Starts::Fails, Starts::Hangs][usize::from(how)];
            rig.world.host(at(n).as_str()).starts = starts;
        }
        Event::Deaf(n, yes) => rig.world.host(at(n).as_str()).deaf = yes,
        Event::ApiCut(yes) => rig.world.api_cut = yes,
        Event::DiskFull(yes) => {
            rig.world.disk = if yes { Err("No space left on device".to_owned()) } else { Ok(()) };
        }
        Event::Mask(n, yes) => {
            let load = if yes { UnitLoad::Masked } else { UnitLoad::Loaded };
            rig.world.host(at(n).as_str()).load = load;
        }
        Event::Sudo(n, yes) => {
            let refused = Sudo::Refused { why: "a password is required".to_owned() };
            rig.world.host(at(n).as_str()).sudo = if yes { refused } else { Sudo::Works };
        }
        Event::Guard(n, yes) => {
            let guard = if yes { GuardState::Absent } else { GuardState::Current };
            rig.world.host(at(n).as_str()).guard = guard;
        }
        Event::Hold(n, yes) => {
            rig.world.node(at(n).as_str()).hold = yes.then(|| "mine".to_owned());
        }
        Event::Foreign(n, yes) => {
            let marks = if yes { vec!["kured".to_owned()] } else { Vec::new() };
            rig.world.node(at(n).as_str()).foreign = marks;
        }
        Event::Cordon(n, yes) => rig.world.node(at(n).as_str()).unschedulable = yes,
        Event::Fate(which) => rig.fate = fate(which),
        Event::Order(which) => rig.order(order(which)),
        Event::Restart => rig.restart(),
        Event::Reboot => rig.reboot(),
    }
}

const fn fate(which: u8) -> Fate {
    match which {
        0 => Fate::Refused,
        1 => Fate::Failed,
        2 => Fate::Unknown { done: true },
        3 => Fate::Unknown { done: false },
        4 => Fate::Slow { seconds: 27 },
        _ => Fate::Arrives,
    }
}

fn order(which: u8) -> Order {
    let by = "brad".to_owned();
    match which {
        0 => Order::Pause { by, why: "maintenance".to_owned() },
        1 => Order::Resume { by },
        2 => Order::Ack { by, name: "a-02".to_owned() },
        3 => Order::Ack { by, name: "workers".to_owned() },
        4 => Order::Converge { by },
        6 => shutdown(Desired::DownClusterOnly),
        7 => shutdown(Desired::DownPoweroff),
        _ => Order::Startup { by },
    }
}

fn story() -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec(event(), 20..70)
}

fn run(rig: &mut Rig, events: &[Event]) {
    for event in events {
        happens(rig, *event);
        let seconds = if matches!(event, Event::Long) { 120 } else { 5 };
        rig.step(seconds);
    }
    // And then nothing more happens for a while.
    for _ in 0..20 {
        rig.step(10);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn no_story_breaks_an_invariant(events in story(), good_day in any::<bool>()) {
        let mut rig = if good_day { Rig::good_day(3, 3) } else { Rig::startup(3, 3) };
        run(&mut rig, &events);
    }
}

/// The library without one of its rules.
fn without(rule: &str) -> Library {
    let holds: Vec<&'static HoldRule> =
        RULES.iter().filter(|known| known.name != rule).copied().collect();
    assert_eq!(holds.len() + 1, RULES.len(), "there is no rule {rule}");
    Library { holds: holds.leak(), ..LIBRARY }
}

/// What the invariants say of a dozen kinds of trouble, told to a library without a rule.
fn found_without(rule: &str) -> Vec<&'static str> {
    let mut rig = Rig::good_day(3, 9);
    rig.library = without(rule);
    rig.collect = Some(Vec::new());
    for n in 1..=7 {
        rig.world.stop(&format!("a-{n:02}"), UnitActive::Inactive, "success");
    }
    for agent in ["a-08", "a-09"] {
        let host = rig.world.host(agent);
        (host.boots, host.hung, host.alive_since) = (2, true, None);
    }
    rig.world.node("a-08").hold = Some("mine".to_owned());
    rig.world.node("a-09").foreign = vec!["kured".to_owned()];
    rig.machine("a-01").managed = false;
    rig.order(order(5));
    rig.order(order(0));
    rig.step(5);
    rig.order(order(1));
    rig.fate = Fate::Slow { seconds: 12 };
    rig.world.disk = Err("No space left on device".to_owned());
    rig.step(5);
    rig.world.disk = Ok(());
    for _ in 0..150 {
        rig.step(5);
    }
    collected(&mut rig)
}

/// The names of what was found; the rig goes on collecting, and its ledger is not verified.
fn collected(rig: &mut Rig) -> Vec<&'static str> {
    let found = rig.collect.replace(Vec::new()).unwrap_or_default();
    found.into_iter().map(|(name, _)| name).collect()
}

/// Each rule that one story shows to be needed, with the invariant that misses it.
const IN_ONE_STORY: [(&str, &str); 6] = [
    ("paused", "paused"),
    ("disk-broken", "disk"),
    ("not-managed", "forbidden"),
    ("wave", "wave"),
    ("person-hold", "person-hold"),
    ("foreign-cordon", "foreign"),
];

#[test]
fn a_rule_that_is_taken_away_is_missed_by_an_invariant() {
    for (rule, invariant) in IN_ONE_STORY {
        let found = found_without(rule);
        assert!(found.contains(&invariant), "without {rule}: {found:?}");
    }
}

/// A good day on which an agent is stopped, by hand as far as anybody can tell.
fn stopped() -> Rig {
    let mut rig = Rig::good_day(3, 4);
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    rig
}

fn two_faults_on_one_machine() -> Rig {
    let mut rig = stopped();
    let module = "iscsi_tcp".to_owned();
    rig.policy.hosts.agents.modules.insert(module.clone());
    let hygiene = rig.world.host("a-02").hygiene.as_mut().expect("somebody looked closer");
    hygiene.missing_modules.insert(module);
    rig.fates.insert(name("a-02"), Fate::Slow { seconds: 27 });
    rig.order(order(5));
    rig
}

/// So many machines, of which these hang since their last boot, and a person who wants them up.
fn hung(servers: usize, agents: usize, hung: &[usize]) -> Rig {
    let mut rig = Rig::good_day(servers, agents);
    for n in hung {
        let host = rig.world.host(&format!("a-{n:02}"));
        (host.boots, host.hung, host.alive_since) = (2, true, None);
    }
    rig.order(order(5));
    rig
}

/// Who leaves out the gates before the control plane has nothing but the rule.
fn one_server_of_three() -> Rig {
    let mut rig = Rig::good_day(3, 2);
    for gate in [&gates::NODES, &gates::TIME, &gates::HOST_HYGIENE] {
        rig.policy.skip.insert(gate.id.clone(), "not on this site".to_owned());
    }
    for server in ["s-1", "s-2", "s-3"] {
        rig.world.stop(server, UnitActive::Inactive, "success");
    }
    for server in ["s-1", "s-2"] {
        rig.world.power_off(&name(server));
    }
    rig.order(order(5));
    rig
}

fn all_others_closed() -> Rig {
    let mut rig = hung(1, 4, &[2]);
    for other in ["s-1", "a-01", "a-03", "a-04"] {
        rig.world.node(other).unschedulable = true;
    }
    rig
}

fn refusing() -> Rig {
    let mut rig = stopped();
    rig.fates.insert(name("a-02"), Fate::Failed);
    rig.order(order(5));
    rig
}

/// A rule, and a site that needs it.
type Needed = (&'static str, fn() -> Rig);

/// Each rule that needs a site of its own. The invariant that misses it has its name.
const ON_A_SITE: [Needed; 7] = [
    ("no-episode", stopped),
    ("in-flight", two_faults_on_one_machine),
    ("storm", || hung(2, 8, &[1, 2, 3, 4, 5, 6, 7, 8])),
    ("too-few-servers", one_server_of_three),
    ("last-schedulable", all_others_closed),
    ("cordon-limit", || hung(3, 4, &[2, 3])),
    ("back-off", refusing),
];

/// As long as a node has before it is called failing, and as long again.
const TICKS: usize = 120;

#[test]
fn a_rule_that_is_taken_away_is_missed_on_a_site_that_needs_it() {
    for (rule, site) in ON_A_SITE {
        // With it nothing is found, or the rig fails here.
        let mut whole = site();
        for _ in 0..TICKS {
            whole.step(5);
        }
        let mut rig = site();
        rig.library = without(rule);
        rig.collect = Some(Vec::new());
        for _ in 0..TICKS {
            rig.step(5);
        }
        let found = collected(&mut rig);
        assert!(found.contains(&rule), "without {rule}: {found:?}");
    }
}

/// The rule of the UPSes is tried where there are some. What holds on the way down is asked for by
/// name in `way_down` and `battery`. And no way has a step against the wish that it is walked
/// for: these two stand guard over a mistake in a list, and are missed by no site. Those of several
/// ananke hosts are asked for by name in `peers`, that of the keys of vaults in `vault`.
const ELSEWHERE: [&str; 14] = [
    "power",
    "leader-last",
    "mains-back",
    "intent-down",
    "intent-up",
    "handed-over",
    "disputed",
    "relearns",
    "overtaken",
    "follows",
    "awaits-coordinator",
    "not-coordinator",
    "unclaimed",
    "no-key",
];

#[test]
fn every_rule_is_tried() {
    let one_story = IN_ONE_STORY.iter().map(|(rule, _)| *rule);
    let on_a_site = ON_A_SITE.iter().map(|(rule, _)| *rule);
    let tried: BTreeSet<_> = one_story.chain(on_a_site).chain(ELSEWHERE).collect();
    let all: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(tried, all);
}
