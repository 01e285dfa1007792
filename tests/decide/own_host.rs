//! ananke's own host: the last of the way down, its boot afterwards, and who stops it past ananke.

use ananke::model::action::Effect;
use ananke::model::alarm::Alarm;
use ananke::model::assessment::{GateState, Phase};
use ananke::model::intent::{Desired, Progress};
use ananke::model::policy::{Machine, OwnHost, Role};
use ananke::model::power::OnLow;
use ananke::model::tick::{Decision, Order};
use ananke::model::verdict::Verdict;
use ananke::report::{alarm_text, headline, plan_text, shutdown_report};

use crate::bench::Power;
use crate::power::{LOW, MAINS, say, site, wanted};
use crate::rig::{Rig, gate, holds, on, story};
use crate::site::name;
use crate::way_down::shutdown;

/// As the policy of the bench has it.
const OWN: &str = "watch-1";
const STAGE: &str = "own-host-off";

fn startup() -> Order {
    Order::Startup { by: "brad".to_owned() }
}

/// A good day, with this word on what becomes of the own host.
fn with(own: Option<OwnHost>) -> Rig {
    let mut rig = Rig::good_day(3, 4);
    rig.policy.shutdown.wakes = rig.policy.machines.keys().cloned().collect();
    rig.policy.shutdown.own_host = own;
    rig
}

/// The same before a battery that a UPS watches.
fn on_a_ups() -> Rig {
    let mut rig = site(Some(OnLow::Poweroff));
    rig.policy.shutdown.wakes = rig.policy.machines.keys().cloned().collect();
    rig.policy.shutdown.own_host = Some(OwnHost::Poweroff);
    rig
}

fn goes_off(decision: &Decision) -> bool {
    decision.plan.steps.iter().any(|step| step.effect.ends_host())
}

fn is_down(decision: &Decision) -> bool {
    decision.phase == Phase::Down
}

fn went_off(rig: &Rig) -> bool {
    rig.taken.iter().any(|action| action.effect.ends_host())
}

/// What the last stage says of this host.
fn says(decision: &Decision) -> String {
    let stage = decision.assessment.gates.iter().find(|gate| gate.id.as_str() == STAGE);
    let found = stage.and_then(|stage| stage.findings.first());
    found.map(|found| found.verdict.why().to_owned()).unwrap_or_default()
}

/// Whether each machine was told to switch itself off.
fn all_told(decision: &Decision) -> bool {
    decision.memory.durable.descent.as_ref().is_some_and(|descent| descent.told.len() == 7)
}

fn off(rig: &Rig) -> usize {
    rig.memory.durable.descent.as_ref().map_or(0, |descent| descent.off.len())
}

#[test]
fn without_a_word_of_the_configuration_this_host_stays_on() {
    for (own, why) in [(None, "does not say"), (Some(OwnHost::StaysOn), "stays-on")] {
        let mut rig = with(own);
        rig.order(shutdown(Desired::DownPoweroff));
        let down = rig.until(400, is_down);
        assert!(!went_off(&rig), "{:?}", rig.repairs());
        assert!(says(&down).contains(why), "{}", says(&down));
        let plan = plan_text(rig.last.as_ref().expect("a tick"));
        assert!(plan.contains("watch-1, this host, stays on"), "{plan}");
    }
}

#[test]
fn cluster_only_leaves_this_host_on() {
    let mut rig = with(Some(OwnHost::Poweroff));
    rig.order(shutdown(Desired::DownClusterOnly));
    let down = rig.until(400, is_down);
    assert!(matches!(gate(&down, STAGE), GateState::Skipped { .. }), "{}", story(&down));
    assert!(!went_off(&rig));
}

#[test]
fn this_host_goes_last_and_knows_after_its_boot_that_it_went_well() {
    let mut rig = with(Some(OwnHost::Poweroff));
    rig.order(shutdown(Desired::DownPoweroff));
    let last = rig.until(400, goes_off);
    assert_eq!((off(&rig), last.phase), (7, Phase::GoingDown), "{}", story(&last));
    let steps: Vec<_> = last.plan.steps.iter().map(|step| step.effect.clone()).collect();
    assert_eq!(steps, [Effect::PowerOffHere { host: name(OWN) }]);
    // It is told before, and so is everybody who reads the report.
    let report = shutdown_report(rig.last.as_ref().expect("a tick")).expect("a report");
    let stage = report.stages.last().expect("the last stage");
    assert_eq!((stage.id.as_str(), stage.state.as_str()), (STAGE, "begun"));
    assert_eq!(report.off.len(), 7);
    rig.taken.clear();
    rig.reboot();
    let first = rig.step(1);
    let durable = &first.memory.durable;
    assert_eq!(durable.intent.progress, Progress::ShutdownComplete, "{}", story(&first));
    let down = rig.until(60, is_down);
    assert_eq!(*gate(&down, STAGE), GateState::Open);
    let record = rig.last.as_ref().expect("a tick");
    assert!(headline(record).contains("as the last of all"), "{}", headline(record));
    assert_eq!(shutdown_report(record), None, "it was written before");
    // A person's wish holds over the boot.
    rig.order(Order::Converge { by: "root".to_owned() });
    rig.throughout(300, |d| is_down(d) && d.plan.steps.is_empty());
    rig.order(startup());
    rig.converged();
    assert_eq!(rig.memory.durable.descent, None, "all is given back");
}

#[test]
fn who_came_on_with_the_power_is_not_switched_off_again() {
    let mut rig = with(Some(OwnHost::Poweroff));
    rig.order(shutdown(Desired::DownPoweroff));
    rig.until(400, goes_off);
    rig.taken.clear();
    rig.reboot();
    for machine in ["a-01", "s-2"] {
        rig.world.power_on(&name(machine), 20);
    }
    rig.throughout(300, |d| !d.plan.steps.iter().any(|step| !step.effect.is_proof()));
    rig.order(startup());
    rig.converged();
}

#[test]
fn a_person_may_leave_this_host_on_and_says_why() {
    let mut rig = with(Some(OwnHost::Poweroff));
    let Order::Shutdown { by, why, to, drain, snapshot, .. } = shutdown(Desired::DownPoweroff)
    else {
        unreachable!("it is one")
    };
    let host_stays = Some("the disks are being copied".to_owned());
    rig.order(Order::Shutdown { by, why, to, drain, snapshot, host_stays });
    let down = rig.until(400, is_down);
    assert!(!went_off(&rig), "{:?}", rig.repairs());
    assert!(says(&down).contains("the disks are being copied"), "{}", says(&down));
    let report = shutdown_report(rig.last.as_ref().expect("a tick")).expect("a report");
    let stage = report.stages.last().expect("the last stage");
    assert_eq!((stage.id.as_str(), stage.state.as_str()), (STAGE, "skipped"));
}

#[test]
fn this_host_waits_for_a_machine_that_is_not_proven_to_be_off() {
    let mut rig = with(Some(OwnHost::Poweroff));
    rig.world.host("a-02").hangs_in_power_off = true;
    rig.order(shutdown(Desired::DownPoweroff));
    let blocked = rig.until(900, |d| d.phase == Phase::Blocked);
    assert!(!went_off(&rig), "{}", story(&blocked));
    assert!(matches!(gate(&blocked, STAGE), GateState::Waiting { .. }), "{}", story(&blocked));
    rig.world.host("a-02").hangs_in_power_off = false;
    rig.until(60, goes_off);
}

#[test]
fn for_a_ups_it_goes_on_without_such_a_machine_and_on_a_broken_disk() {
    let mut rig = on_a_ups();
    rig.world.host("a-02").hangs_in_power_off = true;
    say(&mut rig, LOW, LOW);
    rig.step(1);
    assert_eq!(wanted(&rig.step(1)), "all down");
    rig.world.disk = Err("Input/output error".to_owned());
    rig.until(600, goes_off);
    let left = &rig.memory.durable.descent.as_ref().expect("it is remembered").left;
    assert!(left.contains_key(&name("a-02")), "{left:?}");
    rig.world.disk = Ok(());
    rig.step(1);
}

#[test]
fn a_disk_that_takes_nothing_keeps_this_host_on_for_a_person() {
    let mut rig = with(Some(OwnHost::Poweroff));
    rig.order(shutdown(Desired::DownPoweroff));
    rig.until(400, all_told);
    rig.world.disk = Err("Input/output error".to_owned());
    rig.throughout(90, |d| d.plan.steps.is_empty());
    let last = rig.step(5);
    assert!(holds(&last, &on(OWN)).contains(&"disk-broken"), "{}", story(&last));
    rig.world.disk = Ok(());
    rig.until(30, goes_off);
}

#[test]
fn mains_that_are_back_keep_this_host_on_past_the_point_of_no_return() {
    for stay in [true, false] {
        let mut rig = on_a_ups();
        say(&mut rig, LOW, LOW);
        rig.until(600, all_told);
        say(&mut rig, MAINS, MAINS);
        let held = rig.until(60, |d| holds(d, &on(OWN)).contains(&"mains-back"));
        assert!(!went_off(&rig), "{}", story(&held));
        if stay {
            rig.until(120, |d| wanted(d) == "up");
            assert!(!went_off(&rig), "{:?}", rig.repairs());
            rig.converged();
        } else {
            say(&mut rig, LOW, LOW);
            rig.until(60, goes_off);
        }
    }
}

/// Mains that are there, with a battery that could not carry a shutdown.
const EMPTY: &str = "OL r20 c5";

#[test]
fn a_second_outage_before_the_battery_is_charged_finds_nobody_on() {
    let mut rig = on_a_ups();
    say(&mut rig, LOW, LOW);
    rig.until(600, goes_off);
    rig.reboot();
    say(&mut rig, EMPTY, EMPTY);
    // Some machines start by themselves when power is back.
    for machine in ["a-01", "s-2"] {
        rig.world.power_on(&name(machine), 20);
    }
    rig.throughout(120, |d| wanted(d) == "all down" && !goes_off(d));
    rig.taken.clear();
    say(&mut rig, LOW, LOW);
    rig.until(600, goes_off);
    let repairs = rig.repairs();
    for machine in ["a-01", "s-2"] {
        assert!(repairs.contains(&format!("power off {machine}")), "{repairs:?}");
    }
    // And once more, with nobody on but this host.
    rig.reboot();
    say(&mut rig, EMPTY, EMPTY);
    rig.throughout(120, |d| wanted(d) == "all down" && !goes_off(d));
    say(&mut rig, LOW, LOW);
    rig.until(60, goes_off);
}

#[test]
fn where_only_a_part_goes_down_this_host_looks_after_the_rest() {
    let mut rig = on_a_ups();
    say(&mut rig, MAINS, LOW);
    let down = rig.until(600, is_down);
    assert!(!went_off(&rig) && says(&down).contains("the rest"), "{}", says(&down));
    assert!(rig.world.hosts[&name("s-1")].power == Power::On);
}

#[test]
fn a_host_that_does_not_go_off_is_told_again_and_then_named() {
    let mut rig = with(Some(OwnHost::Poweroff));
    rig.order(shutdown(Desired::DownPoweroff));
    rig.until(400, goes_off);
    // Nobody boots it: it hangs in its own shutdown.
    let blocked = rig.until(600, |d| d.phase == Phase::Blocked);
    let alarm = blocked.alarms.iter().find(|alarm| alarm.target == on(OWN));
    assert!(alarm.is_some_and(|it| it.what.contains("still runs")), "{blocked:#?}");
    rig.order(Order::Ack { by: "brad".to_owned(), name: OWN.to_owned() });
    rig.until(60, is_down);
}

#[test]
fn killed_between_the_record_and_the_act_it_tells_this_host_again() {
    let mut rig = with(Some(OwnHost::Poweroff));
    rig.order(shutdown(Desired::DownPoweroff));
    rig.until(400, goes_off);
    rig.restart();
    rig.until(30, goes_off);
    assert_eq!(off(&rig), 7);
}

#[test]
fn a_host_that_is_a_node_itself_is_stopped_like_others_and_goes_last() {
    let mut rig = Rig::good_day(3, 4);
    rig.policy.owner = "a-04".to_owned();
    rig.policy.shutdown.own_host = Some(OwnHost::Poweroff);
    rig.order(shutdown(Desired::DownPoweroff));
    rig.until(600, goes_off);
    let repairs = rig.repairs();
    assert!(repairs.contains(&"stop k3s-agent on a-04".to_owned()), "{repairs:?}");
    assert!(!repairs.contains(&"power off a-04".to_owned()), "{repairs:?}");
    assert_eq!(repairs.last().map(String::as_str), Some("power off this host, a-04"));
    assert_eq!(off(&rig), 6);
}

#[test]
fn a_host_that_others_manage_goes_off_by_the_word_of_the_configuration() {
    let mut rig = with(Some(OwnHost::Poweroff));
    let machine = Machine { role: Role::Other, critical: false, managed: false };
    rig.policy.machines.insert(name(OWN), machine);
    rig.order(shutdown(Desired::DownPoweroff));
    rig.until(600, goes_off);
}

#[test]
fn who_stops_this_host_past_ananke_is_told_of_once() {
    let mut rig = Rig::good_day(3, 4);
    rig.order(Order::HostStops { stops: true });
    let heard = rig.step(1);
    let alarm = heard.alarms.iter().find(|alarm| alarm.is_of_host_end()).expect("an alarm");
    assert!(alarm.new && alarm.target == on(OWN), "{alarm:?}");
    let text = alarm_text(alarm, rig.now().mono);
    assert!(
        text.contains("somebody switches this host off") && !text.contains("ananke ack"),
        "{text}"
    );
    assert!(rig.memory.durable.host_stops.is_some(), "it is written down");
    let next = rig.step(5);
    assert!(next.alarms.iter().any(|alarm| alarm.is_of_host_end() && !alarm.new));
    rig.order(Order::HostStops { stops: false });
    assert!(rig.step(1).alarms.is_empty(), "it stays on after all");
    // Nobody says that nothing came of it: it goes on without a word.
    rig.order(Order::HostStops { stops: true });
    rig.step(1);
    rig.throughout(580, |d| d.alarms.len() == 1);
    rig.until(30, |d| d.alarms.is_empty());
    rig.order(Order::HostStops { stops: true });
    rig.step(1);
    rig.reboot();
    assert!(rig.step(5).alarms.is_empty(), "the host is back");
}

#[test]
fn nobody_is_called_for_an_end_that_is_meant() {
    // ananke's own doing.
    let mut rig = with(Some(OwnHost::Poweroff));
    rig.order(shutdown(Desired::DownPoweroff));
    rig.until(400, goes_off);
    rig.order(Order::HostStops { stops: true });
    assert!(!rig.step(1).alarms.iter().any(Alarm::is_of_host_end));
    // Everything is down, and a person switches this host off by hand.
    let mut rig = with(None);
    rig.order(shutdown(Desired::DownPoweroff));
    rig.until(400, is_down);
    rig.order(Order::HostStops { stops: true });
    let heard = rig.step(1);
    assert!(heard.alarms.is_empty() && heard.memory.durable.host_stops.is_some());
    assert!(!matches!(
        heard.assessment.gates.last().and_then(|gate| gate.findings.first()).map(|it| &it.verdict),
        Some(Verdict::Fail { .. })
    ));
}
