//! A person's will, quiet days, episodes, and the leases of cordons.

use ananke::model::assessment::Phase;
use ananke::model::cordon::{CordonKind, CordonMark};
use ananke::model::facts::UnitActive;
use ananke::model::tick::Order;
use ananke::model::time::Span;

use crate::bench::Starts;
use crate::rig::{Rig, gate, holds, on, story};
use crate::site::name;

fn by() -> String {
    "brad".to_owned()
}

fn startup() -> Order {
    Order::Startup { by: by() }
}

#[test]
fn a_pause_holds_everything_by_name() {
    let mut rig = Rig::good_day(3, 4);
    rig.order(startup());
    rig.step(5);
    rig.world.stop("a-02", UnitActive::Failed, "exit-code");
    rig.world.hang("a-03");
    rig.order(Order::Pause { by: by(), why: "maintenance".to_owned() });
    rig.throughout(900, |d| d.plan.steps.is_empty() && d.phase == Phase::Held);
    let last = rig.step(5);
    assert!(holds(&last, &on("a-02")).contains(&"paused"), "{}", story(&last));
    rig.order(Order::Converge { by: by() });
    let last = rig.step(5);
    assert_eq!(last.phase, Phase::Held, "converge does not end it");
    rig.order(Order::Resume { by: by() });
    rig.order(startup());
    rig.step(5);
    rig.converged();
    assert!(rig.repairs().contains(&"start k3s-agent on a-02".to_owned()));
}

#[test]
fn a_disk_that_takes_no_record_stops_every_step() {
    let mut rig = Rig::startup(3, 4);
    rig.step(5);
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    rig.world.disk = Err("No space left on device".to_owned());
    rig.throughout(120, |d| d.plan.steps.is_empty());
    let last = rig.step(5);
    let held = holds(&last, &on("a-02"));
    assert!(held.iter().all(|hold| *hold == "disk-broken"), "{}", story(&last));
    assert!(!held.is_empty());
    rig.world.disk = Ok(());
    rig.converged();
    assert_eq!(rig.repairs(), ["start k3s-agent on a-02"]);
}

#[test]
fn on_a_quiet_day_only_a_failed_unit_is_touched_and_the_rest_is_said() {
    let mut rig = Rig::good_day(3, 4);
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    rig.throughout(580, |d| d.plan.steps.is_empty());
    let last = rig.step(5);
    assert_eq!(holds(&last, &on("a-02")), ["no-episode"], "{}", story(&last));
    let said = rig.until(120, |d| d.alarms.iter().any(|a| a.target == on("a-02")));
    assert!(said.alarms[0].new);
    assert!(rig.taken.iter().all(|a| a.effect.host().is_none()));
    rig.world.stop("a-03", UnitActive::Failed, "exit-code");
    rig.throughout(120, |_| true);
    assert!(rig.repairs().contains(&"clear the failed state of k3s-agent on a-03".to_owned()));
    assert_eq!(rig.memory.durable.last_episode.0, 1, "nothing opened an episode");
}

#[test]
fn a_quiet_day_ends_when_power_or_the_control_plane_is_lost_and_not_before() {
    // One silent machine, one stopped server: no episode, however long.
    for trouble in ["a-02 off", "s-2 stopped"] {
        let mut rig = Rig::good_day(3, 4);
        match trouble {
            "a-02 off" => rig.world.power_off(&name("a-02")),
            _ => rig.world.stop("s-2", UnitActive::Inactive, "success"),
        }
        rig.throughout(1_500, |d| d.memory.durable.last_episode.0 == 1);
        assert!(rig.taken.iter().all(|a| a.effect.host().is_none()), "{trouble}");
    }
    // The control plane: after the time that a server may take to start.
    let mut rig = Rig::good_day(3, 4);
    for server in ["s-1", "s-2", "s-3"] {
        rig.world.stop(server, UnitActive::Inactive, "success");
    }
    rig.throughout(290, |d| d.memory.durable.last_episode.0 == 1);
    rig.until(30, |d| d.memory.durable.last_episode.0 == 2);
    rig.converged();
    // Many boots.
    let mut rig = Rig::good_day(3, 4);
    for machine in ["a-01", "a-02", "a-03", "a-04"] {
        rig.world.power_off(&name(machine));
        rig.world.host(machine).enabled = false;
        rig.world.power_on(&name(machine), 10);
    }
    rig.until(30, |d| d.memory.durable.last_episode.0 == 2);
    rig.converged();
    assert_eq!(rig.repairs().len(), 4, "{:?}", rig.repairs());
}

#[test]
fn an_api_that_comes_and_goes_on_quiet_days_never_uses_up_its_proofs() {
    let mut rig = Rig::good_day(1, 1);
    for _ in 0..130 {
        rig.world.api_cut = true;
        rig.throughout(15, |_| true);
        rig.world.api_cut = false;
        rig.throughout(30, |_| true);
    }
    assert!(rig.world.proofs_of_write > 110, "{}", rig.world.proofs_of_write);
    rig.until(120, |d| d.phase == Phase::Converged);
}

#[test]
fn a_closed_episode_refunds_nothing_until_the_next_one_opens() {
    let mut rig = Rig::startup(3, 4);
    rig.world.stop("a-02", UnitActive::Failed, "exit-code");
    rig.step(5);
    rig.converged();
    let tried = rig.memory.durable.attempts.clone();
    assert!(tried.values().flat_map(|targets| targets.values()).any(|tried| tried.count == 1));
    rig.throughout(600, |_| true);
    assert_eq!(rig.memory.durable.attempts, tried);
    rig.order(startup());
    rig.step(5);
    let left = rig.memory.durable.attempts.values().flat_map(|targets| targets.keys());
    assert_eq!(left.count(), 0, "a new episode starts with nothing tried");
}

/// A node whose cordon waits for it to get fresh, which it does not.
fn cordoned() -> Rig {
    let mut rig = Rig::good_day(3, 4);
    let host = rig.world.host("a-02");
    (host.boots, host.hung, host.alive_since, host.starts) = (2, true, None, Starts::Hangs);
    // The machine is critical and the guard is away: no restart spends the remedies.
    host.guard = ananke::model::facts::GuardState::Absent;
    rig.machine("a-02").critical = true;
    rig.order(startup());
    rig.until(600, |d| !d.memory.durable.cordons.is_empty());
    rig.throughout(60, |_| true);
    assert!(rig.world.nodes[&name("a-02")].unschedulable);
    rig
}

fn used(rig: &Rig) -> Option<Span> {
    rig.memory.durable.cordons.get(&name("a-02")).map(|held| held.used)
}

fn manual(rig: &Rig) -> bool {
    let node = &rig.world.nodes[&name("a-02")];
    let kind = match &node.cordon {
        CordonMark::Record(record) => Some(record.kind),
        CordonMark::None | CordonMark::Garbled => None,
    };
    node.manual.is_some() && kind == Some(CordonKind::Manual)
}

#[test]
fn a_lease_counts_cluster_up_time_and_ends_in_a_persons_hands() {
    let mut rig = cordoned();
    let before = used(&rig);
    rig.world.api_cut = true;
    rig.throughout(5_000, |_| true);
    assert_eq!(used(&rig), before, "without the API no time is used");
    rig.world.api_cut = false;
    // Killed each minute: every restart is rounded up to a whole minute, and none is lost.
    let mut minutes = 0;
    while !manual(&rig) {
        rig.throughout(50, |_| true);
        rig.restart();
        minutes += 1;
        assert!(minutes <= 61, "used {:?}", used(&rig));
    }
    assert!(minutes >= 28, "over-counted by more than a minute a restart: {minutes}");
    assert!(rig.world.nodes[&name("a-02")].unschedulable, "still cordoned, and said so");
    assert!(used(&rig).is_none(), "and no longer ananke's");

    let mut rig = cordoned();
    rig.throughout(1_200, |_| true);
    let before = used(&rig).unwrap();
    rig.reboot();
    rig.step(5);
    let after = used(&rig).unwrap();
    assert!(after >= before && after.less(before) <= Span::mins(1), "{before} {after}");
    rig.until(3_600, |d| d.memory.durable.cordons.is_empty());
    assert!(manual(&rig));
}

#[test]
fn a_cordon_that_was_given_back_is_not_remembered_from_an_older_look() {
    let mut rig = Rig::good_day(3, 4);
    let host = rig.world.host("a-02");
    (host.boots, host.hung, host.alive_since) = (2, true, None);
    rig.order(startup());
    rig.until(600, |d| d.plan.steps.iter().any(|s| s.remedy.as_str() == "uncordon-own"));
    // The API goes away before the watch shows it: what was listed still has the record.
    rig.world.listed = None;
    let stale = rig.last.as_ref().unwrap().input.observation.api.nodes.clone();
    let mut input = rig.input();
    input.observation.api.nodes = stale;
    let decision = ananke::decide::tick(&rig.library, &input);
    assert!(decision.memory.durable.cordons.is_empty(), "{}", story(&decision));
    assert!(!gate(&decision, "fresh-ready").word().is_empty());
}
