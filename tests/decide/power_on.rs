//! Switching on again what a shutdown, or a battery, switched off: in which order, how often, and
//! never on borrowed time.

use ananke::model::action::Effect;
use ananke::model::assessment::Phase;
use ananke::model::intent::Desired;
use ananke::model::power::OnLow;
use ananke::model::tick::{Decision, Order};
use ananke::report::plan_text;

use crate::power::{LOW, MAINS, run, say, site};
use crate::rig::{Rig, holds, on, said, story};
use crate::site::name;
use crate::way_down::shutdown;

/// Mains that are there, with a battery that would not carry another shutdown.
const EMPTY: &str = "OL r10 c5";

fn startup() -> Order {
    Order::Startup { by: "brad".to_owned() }
}

/// Each machine can be switched on.
fn switched(mut rig: Rig) -> Rig {
    rig.policy.shutdown.wakes = rig.policy.machines.keys().cloned().collect();
    rig
}

/// Everything is switched off, and wanted up again.
fn off_and_wanted(mut rig: Rig) -> Rig {
    rig.order(shutdown(Desired::DownPoweroff));
    rig.until(600, |decision| decision.phase == Phase::Down);
    rig.taken.clear();
    rig.order(startup());
    rig
}

fn wakes(decision: &Decision) -> Vec<String> {
    let steps = decision.plan.steps.iter().map(|step| &step.effect);
    steps.filter(|effect| matches!(effect, Effect::Wake { .. })).map(said).collect()
}

fn woken(rig: &Rig, machine: &str) -> usize {
    let line = format!("power on {machine}");
    rig.repairs().into_iter().filter(|it| *it == line).count()
}

#[test]
fn they_are_switched_on_in_waves_servers_first() {
    let mut rig = switched(Rig::good_day(3, 4));
    rig.policy.limits.wave = 2;
    let mut rig = off_and_wanted(rig);
    let mut order = Vec::new();
    while order.len() < 7 {
        let wave = wakes(&rig.until(300, |decision| !wakes(decision).is_empty()));
        assert!(wave.len() <= 2, "{wave:?}");
        order.extend(wave);
    }
    assert!(order[..3].iter().all(|it| it.contains(" s-")), "{order:?}");
    assert_eq!(order[0], "power on s-3", "the last leader has the newest data");
    rig.converged();
}

#[test]
fn a_machine_that_does_not_start_is_asked_three_times_and_then_a_person_is() {
    let mut rig = off_and_wanted(switched(Rig::good_day(3, 4)));
    rig.world.host("a-02").stays_off = true;
    let degraded = rig.until(2_400, |decision| decision.phase == Phase::Degraded);
    assert_eq!((woken(&rig, "a-02"), woken(&rig, "a-03")), (3, 1), "{}", story(&degraded));
    assert!(rig.memory.durable.manual.contains_key(&on("a-02")), "{}", story(&degraded));
    let alarm = degraded.alarms.iter().find(|alarm| alarm.target == on("a-02"));
    let by_hand = alarm.map(|alarm| alarm.by_hand.join("; ")).unwrap_or_default();
    assert!(by_hand.contains("its button"), "{degraded:#?}");
}

#[test]
fn a_machine_that_ananke_can_not_switch_on_is_named_and_waited_for() {
    let mut rig = switched(Rig::good_day(3, 4));
    rig.policy.shutdown.wakes.remove(&name("a-02"));
    let mut rig = off_and_wanted(rig);
    rig.until(300, |decision| {
        let findings = decision.assessment.gates.iter().flat_map(|gate| &gate.findings);
        let mut about = findings.filter(|finding| finding.target == on("a-02"));
        about.any(|finding| finding.verdict.why().contains("power.turn_on"))
    });
    assert_eq!(woken(&rig, "a-02"), 0);
    // Its firmware does.
    rig.world.power_on(&name("a-02"), 30);
    rig.converged();
}

#[test]
fn what_is_reached_through_the_jump_host_starts_after_it() {
    let mut rig = switched(Rig::good_day(3, 4));
    rig.policy.shutdown.jump = Some(name("s-1"));
    let mut rig = off_and_wanted(rig);
    let first = rig.until(120, |decision| !wakes(decision).is_empty());
    assert_eq!(wakes(&first), ["power on s-1"]);
    assert!(holds(&first, &on("a-01")).contains(&"blind"), "{}", story(&first));
    rig.converged();
    assert_eq!(woken(&rig, "a-01"), 1);
}

#[test]
fn a_jump_host_that_does_not_start_keeps_nobody_waiting_for_ever() {
    let mut rig = switched(Rig::good_day(3, 4));
    rig.policy.shutdown.jump = Some(name("a-04"));
    let mut rig = off_and_wanted(rig);
    rig.world.host("a-04").stays_off = true;
    rig.until(2_400, |decision| decision.phase == Phase::Degraded);
    assert_eq!((woken(&rig, "a-04"), woken(&rig, "s-1")), (3, 1), "{:?}", rig.repairs());
}

#[test]
fn nothing_is_switched_on_while_the_batteries_could_not_carry_another_shutdown() {
    let mut rig = switched(site(Some(OnLow::Poweroff)));
    say(&mut rig, LOW, LOW);
    rig.until(900, |decision| decision.phase == Phase::Down);
    say(&mut rig, EMPTY, EMPTY);
    rig.order(startup());
    rig.throughout(300, |decision| wakes(decision).is_empty());
    say(&mut rig, MAINS, MAINS);
    rig.until(300, |decision| !wakes(decision).is_empty());
    rig.converged();
}

#[test]
fn a_machine_whose_battery_ended_before_it_was_told_is_switched_on_as_well() {
    let mut rig = switched(site(Some(OnLow::Poweroff)));
    say(&mut rig, LOW, LOW);
    run(&mut rig, 2);
    rig.world.power_off(&name("a-01"));
    rig.until(900, |decision| decision.phase == Phase::Down);
    assert!(!rig.repairs().contains(&"power off a-01".to_owned()), "{:?}", rig.repairs());
    say(&mut rig, MAINS, MAINS);
    rig.converged();
    assert_eq!(woken(&rig, "a-01"), 1, "{:?}", rig.repairs());
}

#[test]
fn a_plan_to_switch_everything_off_names_who_stays_off() {
    let mut rig = switched(Rig::good_day(3, 4));
    rig.policy.shutdown.wakes.remove(&name("a-02"));
    rig.order(shutdown(Desired::DownPoweroff));
    rig.step(5);
    let plan = plan_text(rig.last.as_ref().expect("a tick"));
    assert!(plan.contains("stays off") && plan.contains("a-02: its firmware"), "{plan}");
    assert!(!plan.contains("a-01: its firmware") && !plan.contains("a-01, a-02"), "{plan}");
}
