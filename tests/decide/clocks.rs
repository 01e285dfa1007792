//! The gate `time`: clocks are proven by comparison, and what can't be compared is unknown.

use ananke::model::assessment::{GateState, Phase};
use ananke::model::facts::UnitActive;
use ananke::model::hygiene::ClockFacts;
use ananke::model::policy::TimeSync;
use ananke::model::tick::Decision;
use ananke::model::time::{Skew, Span};
use ananke::model::verdict::{Target, Verdict};

use crate::rig::{Rig, gate, on, story};

const HOUR: i64 = 3_600_000;

fn off_by(ms: i64) -> ClockFacts {
    ClockFacts { ahead: Skew::millis(ms), within: Span::millis(600) }
}

/// A cold start of a site whose units wait for ananke.
fn cold(servers: usize, agents: usize, mode: TimeSync) -> Rig {
    let mut rig = Rig::startup(servers, agents);
    rig.policy.time = Some(mode);
    let names: Vec<_> = rig.world.hosts.keys().cloned().collect();
    for name in &names {
        rig.world.stop(name.as_str(), UnitActive::Inactive, "success");
    }
    rig
}

fn finding(decision: &Decision, check: &str, target: &Target) -> Verdict {
    let gate =
        decision.assessment.gates.iter().find(|gate| gate.id.as_str() == "time").expect("the gate");
    let finding =
        gate.findings.iter().find(|it| it.check.as_str() == check && it.target == *target);
    finding.map_or(Verdict::Pass, |finding| finding.verdict.clone())
}

fn clock(decision: &Decision, machine: &str) -> Verdict {
    finding(decision, "clock-right", &on(machine))
}

#[test]
fn without_a_mode_clocks_are_skipped_by_name_and_the_way_up_goes_on() {
    let mut rig = Rig::startup(1, 1);
    rig.world.host("a-01").clock = None;
    rig.world.host("s-1").clock = Some(off_by(-5 * HOUR));
    let decision = rig.converged();
    let why = "startup.time_sync_mode is not set: clocks are not judged";
    for check in ["clock-right", "started-in-time"] {
        assert_eq!(finding(&decision, check, &Target::Cluster), Verdict::skipped(why));
    }
}

#[test]
fn clocks_that_call_themselves_synchronised_and_are_hours_behind_start_nothing() {
    for mode in [TimeSync::Strict, TimeSync::Quorum(2)] {
        let mut rig = cold(3, 2, mode);
        for name in ["s-1", "s-2"] {
            rig.world.host(name).clock = Some(off_by(-8 * HOUR));
        }
        rig.throughout(150, |decision| {
            let closed = *gate(decision, "time") == GateState::Closed;
            closed && matches!(clock(decision, "s-1"), Verdict::Fail { .. })
        });
        assert!(rig.repairs().iter().all(|it| !it.starts_with("start ")), "{:?}", rig.repairs());
        for name in ["s-1", "s-2"] {
            rig.world.host(name).clock = Some(off_by(300));
        }
        rig.converged();
    }
}

#[test]
fn one_wrong_clock_of_three_servers_holds_a_quorum_back_and_strict_alone() {
    let mut rig = cold(3, 1, TimeSync::Quorum(2));
    rig.world.host("s-3").clock = Some(off_by(-8 * HOUR));
    rig.until(120, |d| d.plan.steps.iter().any(|it| it.effect.to_string() == "start k3s on s-1"));
    let mut rig = cold(3, 1, TimeSync::Strict);
    rig.world.host("a-01").clock = Some(off_by(-8 * HOUR));
    rig.throughout(120, |d| matches!(gate(d, "control-plane"), GateState::Waiting { .. }));
    assert!(rig.repairs().iter().all(|it| !it.starts_with("start ")), "{:?}", rig.repairs());
}

#[test]
fn without_anything_to_compare_with_a_clock_is_unknown_and_nothing_is_started() {
    let absent: [fn(&mut Rig); 3] = [
        // Nobody knows when the clocks were read.
        |rig| rig.world.hosts.values_mut().for_each(|host| host.clock = None),
        // Our own clock is as good as theirs: nobody vouches for any.
        |rig| {
            rig.trusted = false;
            let clear = |host: &mut crate::bench::Host| {
                host.hygiene.as_mut().unwrap().synchronised = None;
            };
            rig.world.hosts.values_mut().for_each(clear);
        },
        // Two references that differ: one of both is wrong, and nobody knows which.
        |rig| rig.world.hosts.values_mut().for_each(|host| host.clock = Some(off_by(60_000))),
    ];
    for take_away in absent {
        let mut rig = cold(3, 2, TimeSync::Strict);
        take_away(&mut rig);
        rig.throughout(120, |decision| {
            let unknown = matches!(clock(decision, "s-1"), Verdict::Unknown { .. });
            unknown && *gate(decision, "time") == GateState::Closed
        });
        assert_eq!(rig.repairs(), Vec::<String>::new());
    }
}

#[test]
fn machines_that_agree_prove_a_clock_where_our_own_is_not_to_be_trusted() {
    let mut rig = cold(3, 2, TimeSync::Quorum(2));
    rig.trusted = false;
    for host in rig.world.hosts.values_mut() {
        host.clock = Some(off_by(7 * HOUR));
    }
    rig.world.host("a-02").clock = Some(off_by(40));
    let decision = rig.until(300, |decision| decision.phase != Phase::Looking);
    assert_eq!(clock(&decision, "s-1"), Verdict::Pass, "{}", story(&decision));
    assert!(matches!(clock(&decision, "a-02"), Verdict::Fail { why } if why.contains("behind")));
}

#[test]
fn the_network_s_time_has_its_time_after_a_boot() {
    let mut rig = cold(1, 2, TimeSync::Quorum(1));
    rig.world.host("a-01").clock = Some(off_by(-HOUR));
    rig.world.host("a-01").hygiene.as_mut().unwrap().synchronised = Some(false);
    let decision = rig.step(5);
    assert!(matches!(clock(&decision, "a-01"), Verdict::Settling { .. }), "{}", story(&decision));
    let decision = rig.until(60, |d| matches!(clock(d, "a-01"), Verdict::Fail { .. }));
    assert!(clock(&decision, "a-01").why().contains("1h behind"), "{}", story(&decision));
}

#[test]
fn what_was_started_under_a_wrong_clock_is_found_by_the_two_clocks_of_its_start() {
    let table = [
        (Some(10 * 60_000), Verdict::Pass),
        (Some(-30_000), Verdict::Pass),
        (Some(8 * HOUR), Verdict::fail("k3s-agent was started when the clock was 8h behind")),
        (Some(-2 * 60_000), Verdict::fail("k3s-agent was started when the clock was 2m ahead")),
        (None, Verdict::unknown("systemd does not say when k3s-agent began")),
    ];
    for (set, expected) in table {
        let mut rig = Rig::startup(1, 1);
        rig.policy.time = Some(TimeSync::Strict);
        rig.world.host("a-01").clock_set = set.map(Skew::millis);
        let decision = rig.step(5);
        assert_eq!(finding(&decision, "started-in-time", &on("a-01")), expected);
    }
}

#[test]
fn a_clock_is_set_by_two_references_that_agree_and_only_forward() {
    let table = [
        (-8 * HOUR, true, vec!["synchronise the clock on a-01", "set the clock forward on a-01"]),
        // One reference is none; ahead is a person's to mend.
        (-8 * HOUR, false, vec!["synchronise the clock on a-01"]),
        (8 * HOUR, true, vec![]),
    ];
    for (off, trusted, expected) in table {
        let mut rig = Rig::startup(3, 2);
        rig.policy.time = Some(TimeSync::Quorum(2));
        rig.trusted = trusted;
        rig.world.host("a-01").clock = Some(off_by(off));
        for _ in 0..120 {
            rig.step(5);
        }
        let mut repairs = rig.repairs();
        repairs.retain(|it| it.contains("clock"));
        repairs.dedup();
        assert_eq!(repairs, expected, "{off} {trusted}");
    }
}

#[test]
fn what_was_started_under_a_wrong_clock_is_restarted_once_servers_one_after_the_other() {
    let mut rig = Rig::startup(3, 2);
    rig.policy.time = Some(TimeSync::Strict);
    for host in rig.world.hosts.values_mut() {
        host.clock_set = Some(Skew::millis(8 * HOUR));
    }
    let mut at_once = 0;
    for _ in 0..200 {
        let decision = rig.step(5);
        let restarts = decision
            .plan
            .steps
            .iter()
            .filter(|it| it.effect.to_string().starts_with("restart k3s on"));
        at_once = at_once.max(restarts.count());
    }
    assert_eq!(at_once, 1, "{:?}", rig.repairs());
    let mut repairs = rig.repairs();
    repairs.sort();
    let expected = [
        "restart k3s on s-1",
        "restart k3s on s-2",
        "restart k3s on s-3",
        "restart k3s-agent on a-01",
        "restart k3s-agent on a-02",
    ];
    assert_eq!(repairs, expected);
}
