//! What ananke does on a quiet day and after a restart: it finishes what it began, believes what
//! it remembers, and leaves alone what a person did.

use ananke::model::action::Effect;
use ananke::model::assessment::Phase;
use ananke::model::facts::UnitActive;
use ananke::model::tick::{Decision, Order, Verb};

use crate::bench::{Secs, Starts};
use crate::rig::{Fate, Rig, gate, holds, on, story};
use crate::site::name;

const CLEAR: &str = "clear the failed state of k3s-agent on a-02";
const START: &str = "start k3s-agent on a-02";
const MARK: &str = "mark a-02 for a person";

/// Less than the patience after which a person is called.
const QUIET: Secs = 500;

#[test]
fn a_failed_agent_is_cleared_and_started_on_a_quiet_day() {
    let mut rig = Rig::good_day(3, 4);
    rig.world.stop("a-02", UnitActive::Failed, "exit-code");
    rig.converged();
    assert_eq!(rig.repairs(), [CLEAR, START]);
}

#[test]
fn a_failed_server_is_cleared_and_started_on_a_quiet_day() {
    let mut rig = Rig::good_day(3, 4);
    rig.world.stop("s-2", UnitActive::Failed, "exit-code");
    rig.converged();
    let lines = ["clear the failed state of k3s on s-2", "start k3s on s-2"];
    assert_eq!(rig.repairs(), lines);
}

#[test]
fn what_a_person_stopped_on_a_quiet_day_stays_stopped() {
    type Did = fn(&mut Rig);
    let stopped: Did = |rig| rig.world.stop("a-02", UnitActive::Inactive, "success");
    // Cleared by hand before ananke looked.
    let cleared: Did = |rig| {
        rig.world.stop("a-02", UnitActive::Failed, "exit-code");
        rig.world.advance(60);
        rig.world.stop("a-02", UnitActive::Inactive, "success");
    };
    // Cleared by ananke, once upon a time; started then, and stopped by a person later.
    let later: Did = |rig| {
        rig.world.stop("a-02", UnitActive::Failed, "exit-code");
        rig.converged();
        rig.taken.clear();
        rig.throughout(120, |decision| decision.plan.steps.is_empty());
        rig.world.stop("a-02", UnitActive::Inactive, "success");
    };
    for (what, did) in [("stopped", stopped), ("cleared", cleared), ("later", later)] {
        let mut rig = Rig::good_day(3, 4);
        did(&mut rig);
        rig.throughout(QUIET, |decision| decision.plan.steps.is_empty());
        let last = rig.step(5);
        assert!(holds(&last, &on("a-02")).contains(&"no-episode"), "{what}: {}", story(&last));
        assert_eq!(rig.repairs(), [""; 0], "{what}");
    }
}

#[test]
fn what_a_person_stopped_after_it_was_cleared_is_not_started() {
    let mut rig = Rig::good_day(3, 4);
    rig.world.stop("a-02", UnitActive::Failed, "exit-code");
    rig.fates.insert(name("a-02"), Fate::Slow { seconds: 60 });
    rig.until(60, |decision| !decision.plan.steps.is_empty());
    assert_eq!(rig.repairs(), [CLEAR]);
    // While its answer is on the way a person starts the agent and stops it again.
    rig.world.advance(40);
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    rig.throughout(QUIET, |decision| decision.plan.steps.is_empty());
    assert_eq!(rig.repairs(), [CLEAR]);
}

#[test]
fn an_agent_that_fails_each_time_on_a_quiet_day_is_given_up_loudly() {
    let mut rig = Rig::good_day(3, 4);
    rig.world.host("a-02").starts = Starts::Fails;
    rig.world.stop("a-02", UnitActive::Failed, "exit-code");
    let loud = |decision: &Decision| decision.alarms.iter().any(|it| it.target == on("a-02"));
    rig.until(3_600, loud);
    assert_eq!(rig.repairs(), [CLEAR, START, CLEAR, START, CLEAR, START, MARK]);
}

/// One look of a new process that writes nothing.
fn look(rig: &mut Rig) -> Decision {
    rig.restart();
    rig.request.verb = Verb::Status;
    rig.request.execute = false;
    rig.step(0)
}

#[test]
fn one_look_at_a_site_that_ended_degraded_says_degraded() {
    type Lost = fn(&mut Rig);
    let off: Lost = |rig| {
        let machine = name("a-02");
        rig.world.power_off(&machine);
    };
    let hangs: Lost = |rig| {
        rig.world.hang("a-02");
        rig.world.host("a-02").starts = Starts::Hangs;
    };
    for lost in [off, hangs] {
        let mut rig = Rig::good_day(3, 4);
        lost(&mut rig);
        rig.order(Order::Startup { by: "brad".to_owned() });
        rig.until(7_200, |decision| decision.phase == Phase::Degraded);
        let seen = look(&mut rig);
        assert_eq!(seen.phase, Phase::Degraded, "{}", story(&seen));
        // Another machine that fails is not remembered, and may still come.
        rig.world.stop("a-03", UnitActive::Failed, "exit-code");
        let seen = look(&mut rig);
        assert!(!matches!(seen.phase, Phase::Degraded | Phase::Converged), "{}", story(&seen));
    }
}

#[test]
fn one_look_during_a_new_startup_says_that_it_is_under_way() {
    let mut rig = Rig::good_day(3, 4);
    rig.world.power_off(&name("a-02"));
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.until(7_200, |decision| decision.phase == Phase::Degraded);
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.step(5);
    let seen = look(&mut rig);
    assert_ne!(seen.phase, Phase::Degraded, "{}", story(&seen));
}

#[test]
fn a_new_process_asks_for_its_own_proof_of_a_write_at_once() {
    for own_host_boots in [false, true] {
        let mut rig = Rig::startup(3, 4);
        let proves = |decision: &Decision| {
            decision.plan.steps.iter().any(|step| step.effect == Effect::WriteCanary)
        };
        rig.until(60, proves);
        if own_host_boots {
            rig.reboot();
        } else {
            rig.restart();
        }
        let next = rig.step(1);
        assert!(proves(&next), "{}", story(&next));
        assert!(rig.memory.durable.episode.is_some());
        // It is asked for once, not in each tick.
        rig.throughout(10, |decision| !proves(decision));
        rig.until(60, |decision| gate(decision, "control-plane").is_open());
    }
}
