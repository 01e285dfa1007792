//! The way down, and up again.

use ananke::decide::tick;
use ananke::model::action::{Action, Effect};
use ananke::model::assessment::{GateState, Phase};
use ananke::model::episode::EndKind;
use ananke::model::facts::UnitActive;
use ananke::model::ids::MachineName;
use ananke::model::intent::{Author, Desired, Progress};
use ananke::model::policy::Role;
use ananke::model::tick::{Decision, Order};
use ananke::model::time::Span;

use crate::rig::{Fate, Rig, gate, holds, on, said, story};
use crate::site::name;

fn by() -> String {
    "brad".to_owned()
}

pub(crate) fn shutdown(to: Desired) -> Order {
    let why = "new racks".to_owned();
    Order::Shutdown { by: by(), why, to, drain: true, snapshot: true, host_stays: None }
}

fn startup() -> Order {
    Order::Startup { by: by() }
}

/// A good day on which somebody orders a shutdown.
fn going_down(to: Desired) -> Rig {
    let mut rig = Rig::good_day(3, 4);
    rig.policy.shutdown.wakes = rig.policy.machines.keys().cloned().collect();
    rig.order(shutdown(to));
    rig
}

fn is_down(decision: &Decision) -> bool {
    decision.phase == Phase::Down
}

/// The place of the first and of the last action of a kind.
fn span_of(taken: &[Action], kind: fn(&Effect) -> bool) -> (usize, usize) {
    let mut places = taken.iter().enumerate().filter(|(_, it)| kind(&it.effect)).map(|it| it.0);
    let first = places.next().expect("one of the kind");
    (first, places.next_back().unwrap_or(first))
}

const fn cordons(effect: &Effect) -> bool {
    matches!(effect, Effect::Cordon { .. })
}

fn stops_agent(effect: &Effect) -> bool {
    matches!(effect, Effect::StopUnit { host, .. } if host.as_str().starts_with("a-"))
}

fn stops_server(effect: &Effect) -> bool {
    matches!(effect, Effect::StopUnit { host, .. } if host.as_str().starts_with("s-"))
}

const fn powers_off(effect: &Effect) -> bool {
    matches!(effect, Effect::PowerOff { .. })
}

#[test]
fn a_person_brings_the_cluster_down_in_order_and_up_again() {
    let mut rig = going_down(Desired::DownClusterOnly);
    rig.until(300, is_down);
    let (cordon, agent, server) = (
        span_of(&rig.taken, cordons),
        span_of(&rig.taken, stops_agent),
        span_of(&rig.taken, stops_server),
    );
    assert!(cordon.1 < agent.0 && agent.1 < server.0, "{:?}", rig.repairs());
    assert_eq!(rig.repairs().len(), 7 + 1 + 4 + 3 + 7, "{:?}", rig.repairs());
    let mut stops = rig.repairs().into_iter().filter(|it| it.starts_with("stop k3s on"));
    assert_eq!(stops.next_back().as_deref(), Some("stop k3s on s-3"), "leader last");
    let ends = span_of(&rig.taken, |effect| matches!(effect, Effect::EndPods { .. }));
    assert!(agent.0 < ends.0 && server.1 < ends.1, "{:?}", rig.repairs());
    assert!(rig.world.hosts.values().all(|host| host.active == UnitActive::Inactive));
    let durable = &rig.memory.durable;
    assert_eq!(durable.intent.progress, Progress::ShutdownComplete);
    let end = durable.episode.as_ref().and_then(|episode| episode.end.as_ref());
    assert_eq!(end.map(|end| end.how.clone()), Some(EndKind::Down));
    // Nothing wakes it but a person.
    rig.taken.clear();
    rig.order(Order::Converge { by: by() });
    rig.throughout(600, |d| is_down(d) && d.plan.steps.is_empty());
    rig.order(startup());
    rig.converged();
    assert!(rig.world.nodes.values().all(|node| !node.unschedulable));
    assert_eq!(rig.memory.durable.descent, None, "all is given back");
    assert!(rig.memory.durable.cordons.is_empty());
    assert!(rig.repairs()[0].starts_with("start k3s on s-3"), "the last leader comes first");
}

#[test]
fn the_last_open_node_is_closed_too() {
    let mut rig = going_down(Desired::DownClusterOnly);
    for node in rig.world.nodes.values_mut().skip(1) {
        node.unschedulable = true;
    }
    rig.until(300, is_down);
    assert!(rig.world.nodes.values().all(|node| node.unschedulable), "{:?}", rig.repairs());
}

#[test]
fn machines_are_switched_off_after_what_needs_them_and_on_again_when_they_are_wanted() {
    let mut rig = going_down(Desired::DownPoweroff);
    rig.until(400, is_down);
    let (agent, server) = (span_of(&rig.taken, stops_agent), span_of(&rig.taken, stops_server));
    let off = span_of(&rig.taken, powers_off);
    assert!(agent.0 < off.0 && server.1 < off.1, "{:?}", rig.repairs());
    let descent = rig.memory.durable.descent.as_ref().expect("it is remembered");
    assert_eq!(descent.off.len(), 7, "each is proven to be off");
    rig.taken.clear();
    rig.order(startup());
    rig.converged();
    let woken: Vec<_> = rig.repairs().into_iter().filter(|it| it.starts_with("power on")).collect();
    assert_eq!(woken.len(), 7, "{woken:?}");
    assert!(woken[..3].iter().all(|it| it.contains(" s-")), "servers first: {woken:?}");
}

#[test]
fn only_what_was_up_before_is_switched_on_again() {
    let mut rig = Rig::good_day(3, 4);
    rig.policy.shutdown.wakes = rig.policy.machines.keys().cloned().collect();
    rig.world.power_off(&name("a-04"));
    rig.step(60);
    rig.order(shutdown(Desired::DownPoweroff));
    rig.until(900, is_down);
    rig.taken.clear();
    rig.order(startup());
    rig.until(1_500, |d| matches!(d.phase, Phase::Degraded | Phase::Converged));
    assert!(!rig.repairs().contains(&"power on a-04".to_owned()), "{:?}", rig.repairs());
}

#[test]
fn a_machine_whose_kernel_still_answers_is_not_off_and_a_person_hears_of_it() {
    let mut rig = going_down(Desired::DownPoweroff);
    rig.world.host("a-02").hangs_in_power_off = true;
    let blocked = rig.until(900, |d| d.phase == Phase::Blocked);
    let alarm = blocked.alarms.iter().find(|alarm| alarm.target == on("a-02"));
    assert!(alarm.is_some_and(|it| it.what.contains("kernel still answers")), "{blocked:#?}");
    assert_eq!(*gate(&blocked, "agents-off"), GateState::Closed);
    // The others went their way without it.
    let descent = rig.memory.durable.descent.as_ref().expect("it is remembered");
    assert_eq!(descent.off.len(), 6);
    // A person pulls the plug.
    rig.world.host("a-02").hangs_in_power_off = false;
    rig.until(60, is_down);
}

#[test]
fn silence_after_a_word_that_nobody_confirmed_proves_nothing() {
    let mut rig = going_down(Desired::DownPoweroff);
    rig.fates.insert(name("a-02"), Fate::Unknown { done: true });
    let blocked = rig.until(900, |d| d.phase == Phase::Blocked);
    let alarm = blocked.alarms.iter().find(|alarm| alarm.target == on("a-02"));
    assert!(alarm.is_some_and(|it| it.what.contains("nobody knows")), "{blocked:#?}");
    let descent = rig.memory.durable.descent.as_ref().expect("it is remembered");
    assert!(descent.told.contains(&name("a-02")) && !descent.off.contains(&name("a-02")));
    rig.order(Order::Ack { by: by(), name: "a-02".to_owned() });
    rig.until(60, is_down);
}

#[test]
fn what_a_person_answers_for_is_not_waited_for() {
    let mut rig = going_down(Desired::DownPoweroff);
    rig.world.host("a-02").hangs_in_power_off = true;
    rig.until(900, |d| d.phase == Phase::Blocked);
    rig.order(Order::Ack { by: by(), name: "a-02".to_owned() });
    rig.until(60, is_down);
}

#[test]
fn before_the_point_of_no_return_a_person_turns_it_round() {
    let mut rig = going_down(Desired::DownClusterOnly);
    rig.until(300, |d| d.plan.steps.iter().any(|step| stops_agent(&step.effect)));
    assert!(rig.memory.durable.descent.as_ref().is_some_and(|it| it.past_return.is_none()));
    rig.order(startup());
    let next = rig.step(5);
    assert_eq!(rig.memory.durable.intent.desired, Desired::Up, "{}", story(&next));
    rig.converged();
    assert!(!rig.taken.iter().any(|action| stops_server(&action.effect)));
    assert!(rig.world.nodes.values().all(|node| !node.unschedulable));
}

#[test]
fn after_the_point_of_no_return_it_is_finished_first_and_then_brought_up() {
    let mut rig = going_down(Desired::DownPoweroff);
    rig.until(300, |_| true);
    rig.until(300, |d| d.plan.steps.iter().any(|step| stops_server(&step.effect)));
    assert!(rig.memory.durable.descent.as_ref().is_some_and(|it| it.past_return.is_some()));
    rig.order(startup());
    let next = rig.step(5);
    assert_eq!(rig.memory.durable.intent.desired, Desired::DownPoweroff, "{}", story(&next));
    rig.until(600, is_down);
    assert!(rig.world.hosts.values().all(|host| host.power == crate::bench::Power::Off));
    rig.converged();
    assert_eq!(rig.memory.durable.descent, None);
}

#[test]
fn without_an_api_what_needs_it_is_left_out_by_name() {
    let mut rig = Rig::good_day(3, 4);
    for server in ["s-1", "s-2", "s-3"] {
        rig.world.stop(server, UnitActive::Inactive, "success");
    }
    rig.step(5);
    rig.order(shutdown(Desired::DownClusterOnly));
    let down = rig.until(300, is_down);
    assert!(gate(&down, "nodes-cordoned").is_open());
    assert!(rig.world.hosts.values().all(|host| host.active != UnitActive::Active));
}

#[test]
fn an_api_that_only_ananke_can_not_reach_is_not_taken_for_none() {
    let mut rig = going_down(Desired::DownClusterOnly);
    rig.world.api_cut = true;
    rig.throughout(60, |d| d.plan.steps.is_empty());
    let blocked = rig.until(300, |d| d.phase == Phase::Blocked);
    assert_eq!(*gate(&blocked, "nodes-cordoned"), GateState::Closed);
    rig.world.api_cut = false;
    rig.order(shutdown(Desired::DownClusterOnly));
    rig.until(300, is_down);
}

#[test]
fn servers_wait_for_an_agent_that_does_not_stop_and_for_a_ups_no_longer_than_its_time() {
    let stubborn = |rig: &mut Rig| {
        rig.fates.insert(name("a-03"), Fate::Failed);
    };
    let mut rig = going_down(Desired::DownClusterOnly);
    stubborn(&mut rig);
    let blocked = rig.until(900, |d| d.phase == Phase::Blocked);
    assert!(blocked.alarms.iter().any(|alarm| alarm.target == on("a-03")), "{blocked:#?}");
    assert!(!rig.taken.iter().any(|action| stops_server(&action.effect)), "a person is asked");

    let mut rig = going_down(Desired::DownClusterOnly);
    stubborn(&mut rig);
    rig.step(5);
    rig.memory.durable.intent.by = Author::Ups { name: "statera".to_owned() };
    rig.policy.shutdown.stop = Span::secs(60);
    rig.until(200, |d| d.alarms.iter().any(|alarm| alarm.target == on("a-03")));
    rig.until(200, is_down);
    let left = &rig.memory.durable.descent.as_ref().expect("remembered").left;
    assert!(left.contains_key(&name("a-03")), "{left:?}");
}

#[test]
fn a_stage_that_is_late_is_cut_for_a_ups_and_says_so() {
    let mut rig = going_down(Desired::DownClusterOnly);
    rig.world.api_cut = true;
    rig.step(5);
    rig.memory.durable.intent.by = Author::Ups { name: "statera".to_owned() };
    rig.policy.shutdown.api = Span::secs(20);
    let down = rig.until(300, is_down);
    assert!(matches!(gate(&down, "nodes-cordoned"), GateState::Cut { .. }), "{}", story(&down));
}

#[test]
fn a_disk_that_takes_nothing_stops_a_person_and_no_ups() {
    let mut rig = going_down(Desired::DownClusterOnly);
    rig.step(5);
    rig.world.disk = Err("No space left on device".to_owned());
    rig.throughout(60, |d| d.plan.steps.is_empty());
    rig.memory.durable.intent.by = Author::Ups { name: "statera".to_owned() };
    rig.until(300, is_down);
    rig.world.disk = Ok(());
    rig.step(5);
}

#[test]
fn the_etcd_leader_waits_by_name() {
    let mut rig = going_down(Desired::DownClusterOnly);
    rig.fate = Fate::Slow { seconds: 12 };
    let stopping = rig.until(400, |d| d.plan.steps.iter().any(|step| stops_server(&step.effect)));
    assert_eq!(holds(&stopping, &on("s-3")), ["leader-last"], "{}", story(&stopping));
}

#[test]
fn killed_after_every_tick_it_still_gets_down_and_up_again() {
    for to in [Desired::DownClusterOnly, Desired::DownPoweroff] {
        let mut rig = going_down(to);
        for tick in 0..200 {
            let decision = rig.step(5);
            if is_down(&decision) {
                break;
            }
            // Whose answer died with a process may be on: a person looks at it.
            let lost = decision.alarms.iter().filter(|_| decision.phase == Phase::Blocked);
            for machine in lost.filter_map(|alarm| alarm.target.machine()) {
                rig.order(Order::Ack { by: by(), name: machine.to_string() });
            }
            // A machine is off only when one process has seen it silent for some seconds.
            if tick % 4 != 3 {
                continue;
            }
            rig.restart();
        }
        assert_eq!(rig.memory.durable.intent.progress, Progress::ShutdownComplete, "{to:?}");
        rig.order(startup());
        rig.step(5);
        rig.restart();
        rig.converged();
    }
}

#[test]
fn a_dry_run_plans_the_first_stage_and_names_what_waits() {
    let mut rig = Rig::good_day(3, 4);
    rig.request.execute = false;
    rig.order(shutdown(Desired::DownPoweroff));
    rig.world.advance(5);
    let input = rig.input();
    let decision = tick(&rig.library, &input);
    assert_eq!(decision.phase, Phase::GoingDown);
    let steps: Vec<_> = decision.plan.steps.iter().map(|step| said(&step.effect)).collect();
    assert_eq!(steps.len(), 7, "{steps:?}");
    assert!(steps.iter().all(|step| step.starts_with("cordon ")), "{steps:?}");
    for machine in rig.policy.machines.keys().map(MachineName::as_str) {
        let held = holds(&decision, &on(machine));
        assert!(held.contains(&"gate-closed"), "{machine}: {held:?}\n{}", story(&decision));
    }
    let roles = |role| rig.policy.with_role(role).count();
    assert_eq!((roles(Role::Server), roles(Role::Agent)), (3, 4));
}
