//! The way down for a battery that gives out: when it rests, how fast it is, and how it ends.

use ananke::model::assessment::Phase;
use ananke::model::facts::UnitActive;
use ananke::model::intent::Desired;
use ananke::model::policy::OwnHost;
use ananke::model::power::{OnLow, StageId};
use ananke::model::tick::{Decision, Order};
use ananke::model::time::Span;
use ananke::report::{plan_text, why_text};

use crate::power::{BATTERY, LOW, MAINS, run, say, site, wanted};
use crate::rig::{Fate, Rig, holds, on, story};
use crate::site::name;

/// Seconds until it is so. Fails after `limit`.
fn until(rig: &mut Rig, limit: u64, want: impl Fn(&Decision) -> bool) -> u64 {
    for second in 1..=limit {
        let decision = rig.step(1);
        if want(&decision) {
            return second;
        }
        assert!(second < limit, "not within {limit} s: {}", story(&decision));
    }
    limit
}

fn is_past_return(decision: &Decision) -> bool {
    let descent = decision.memory.durable.descent.as_ref();
    descent.is_some_and(|descent| descent.past_return.is_some())
}

#[test]
fn mains_that_come_back_in_time_hold_it_and_then_turn_it_round() {
    let mut rig = site(Some(OnLow::Poweroff));
    say(&mut rig, LOW, LOW);
    let first = run(&mut rig, 1);
    assert!(!first.plan.steps.is_empty() && !is_past_return(&first), "{}", story(&first));
    say(&mut rig, MAINS, MAINS);
    let decision = run(&mut rig, 30);
    assert_eq!((wanted(&decision), decision.phase), ("all down", Phase::GoingDown));
    assert!(decision.plan.steps.is_empty(), "{}", story(&decision));
    assert!(holds(&decision, &on("a-01")).contains(&"mains-back"), "{}", story(&decision));
    assert_eq!(wanted(&run(&mut rig, 40)), "up");
    rig.converged();
    let mut repairs = rig.repairs().into_iter();
    assert!(repairs.all(|it| it.starts_with("cordon") || it.starts_with("uncordon")));
    assert_eq!(rig.memory.durable.descent, None, "all is given back");
}

#[test]
fn past_the_point_of_no_return_it_is_finished_and_then_taken_back() {
    let mut rig = site(Some(OnLow::ClusterOnly));
    say(&mut rig, LOW, LOW);
    until(&mut rig, 60, is_past_return);
    say(&mut rig, MAINS, MAINS);
    until(&mut rig, 50, |decision| decision.phase == Phase::Down);
    assert!(rig.world.hosts.values().all(|host| host.active == UnitActive::Inactive));
    let decision = run(&mut rig, 70);
    assert_eq!(wanted(&decision), "up", "{}", story(&decision));
    rig.converged();
    assert_eq!(rig.memory.durable.descent, None, "all is given back");
}

#[test]
fn what_the_battery_leaves_is_shared_by_the_stages_to_come() {
    let mut rig = site(Some(OnLow::ClusterOnly));
    rig.fates.insert(name("a-03"), Fate::Failed);
    // A stage that a person asked for has five minutes.
    say(&mut rig, "OB LB r200 c20", MAINS);
    let took = until(&mut rig, 180, |decision| decision.phase == Phase::Down);
    assert!(took > 20, "it was tried");
    let descent = rig.memory.durable.descent.as_ref().expect("it is remembered");
    assert!(descent.left.contains_key(&name("a-03")), "{descent:#?}");
}

#[test]
fn a_machine_that_did_not_stop_in_time_is_switched_off_all_the_same() {
    let mut rig = site(Some(OnLow::Poweroff));
    rig.fates.insert(name("a-03"), Fate::Failed);
    say(&mut rig, "OB LB r200 c20", MAINS);
    until(&mut rig, 180, |decision| {
        let descent = decision.memory.durable.descent.as_ref();
        descent.is_some_and(|descent| descent.left.contains_key(&name("a-03")))
    });
    rig.fates.clear();
    until(&mut rig, 180, |decision| decision.phase == Phase::Down);
    let repairs = rig.repairs();
    assert!(repairs.contains(&"power off a-03".to_owned()), "{repairs:?}");
}

#[test]
fn only_what_the_dying_ups_feeds_goes_down() {
    let mut rig = site(Some(OnLow::ClusterOnly));
    say(&mut rig, MAINS, LOW);
    until(&mut rig, 120, |decision| decision.phase == Phase::Down);
    let running = |prefix: &str| {
        let hosts = rig.world.hosts.iter().filter(|(name, _)| name.as_str().starts_with(prefix));
        hosts.filter(|(_, host)| host.active == UnitActive::Active).count()
    };
    assert_eq!((running("s-"), running("a-")), (3, 0));
    // Then the rest: what was done for the first says nothing of it.
    say(&mut rig, LOW, LOW);
    assert_eq!(wanted(&run(&mut rig, 1)), "all down");
    until(&mut rig, 120, |decision| decision.phase == Phase::Down);
    assert!(rig.world.hosts.values().all(|host| host.active == UnitActive::Inactive));
    assert!(rig.world.nodes.values().all(|node| node.unschedulable));
}

/// The stages that a UPS may ask for.
fn stages(rig: &mut Rig) -> Vec<StageId> {
    let budget = run(rig, 1).power.budget.expect("there are UPSes");
    budget.stages.into_iter().map(|it| it.stage).collect()
}

/// All that was learned, added up.
fn learned(rig: &mut Rig) -> Span {
    let stages = stages(rig);
    let times = &rig.memory.durable.stage_times;
    stages.iter().flat_map(|stage| times.of(stage)).fold(Span::ZERO, |sum, took| sum + took)
}

#[test]
fn a_whole_shutdown_teaches_how_long_one_takes_and_a_part_of_one_does_not() {
    let mut rig = site(Some(OnLow::ClusterOnly));
    say(&mut rig, MAINS, LOW);
    until(&mut rig, 120, |decision| decision.phase == Phase::Down);
    assert!(rig.memory.durable.stage_times.is_empty(), "only the hall went down");

    let mut rig = site(Some(OnLow::ClusterOnly));
    say(&mut rig, LOW, LOW);
    let took = until(&mut rig, 120, |decision| decision.phase == Phase::Down);
    run(&mut rig, 5);
    let all = learned(&mut rig);
    let whole = Span::secs(took);
    assert!(all <= whole && all + Span::secs(5) >= whole, "{all} of {whole}");
    rig.reboot();
    assert_eq!(learned(&mut rig), all, "it is not of one boot");
}

#[test]
fn a_shutdown_that_ends_this_host_teaches_before_it_does() {
    let mut rig = site(Some(OnLow::Poweroff));
    rig.policy.shutdown.own_host = Some(OwnHost::Poweroff);
    rig.policy.shutdown.wakes = rig.policy.machines.keys().cloned().collect();
    say(&mut rig, LOW, LOW);
    let ends = |decision: &Decision| decision.plan.steps.iter().any(|it| it.effect.ends_host());
    until(&mut rig, 300, ends);
    let all = learned(&mut rig);
    assert!(all > Span::ZERO);
    rig.reboot();
    run(&mut rig, 30);
    assert_eq!(learned(&mut rig), all, "its boot adds nothing");
}

#[test]
fn what_was_left_out_or_half_up_teaches_nothing() {
    let order = |drain, to| Order::Shutdown {
        by: "brad".to_owned(),
        why: "new racks".to_owned(),
        to,
        drain,
        snapshot: true,
        host_stays: None,
    };
    let mut rig = site(Some(OnLow::ClusterOnly));
    rig.order(order(false, Desired::DownClusterOnly));
    until(&mut rig, 300, |decision| decision.phase == Phase::Down);
    assert!(rig.memory.durable.stage_times.is_empty(), "a person left parts out");
    rig.order(Order::Startup { by: "brad".to_owned() });
    run(&mut rig, 30);
    rig.order(order(true, Desired::DownClusterOnly));
    until(&mut rig, 300, |decision| decision.phase == Phase::Down);
    assert!(rig.memory.durable.stage_times.is_empty(), "it was on its way up");
    rig.order(order(true, Desired::DownPoweroff));
    until(&mut rig, 300, |decision| decision.phase == Phase::Down);
    assert!(rig.memory.durable.stage_times.is_empty(), "nothing ran any more");
}

/// Five shutdowns were measured. Each stage took 10 s, stopping the servers 100 s: all ten 190 s,
/// 209 s with the factor, and a UPS has to go down with 219 s left.
fn measured() -> Rig {
    let mut rig = site(Some(OnLow::ClusterOnly));
    for stage in stages(&mut rig) {
        let secs = if stage.as_str() == "servers-stopped" { 100 } else { 10 };
        let times = &mut rig.memory.durable.stage_times;
        (0..5).for_each(|_| times.note(stage.clone(), Span::secs(secs)));
    }
    rig
}

#[test]
fn what_earlier_shutdowns_took_says_when_a_ups_goes_down() {
    let mut rig = measured();
    let budget = run(&mut rig, 1).power.budget.expect("there are UPSes");
    assert!(budget.learned);
    assert_eq!((budget.estimate, budget.needed), (Span::secs(190), Span::secs(209)));
    say(&mut rig, BATTERY, MAINS);
    assert_eq!(wanted(&run(&mut rig, 371)), "up");
    assert_eq!(wanted(&run(&mut rig, 20)), "all down");
}

#[test]
fn a_battery_that_would_not_last_is_told_while_there_is_mains() {
    let mut rig = measured();
    say(&mut rig, "OL r200 c100", MAINS);
    let decision = run(&mut rig, 1);
    let told = decision.alarms.iter().find(|alarm| alarm.new).expect("an alarm");
    assert!(told.what.contains("longer than the battery lasts"), "{told:?}");
    assert_eq!(wanted(&run(&mut rig, 60)), "up", "with mains nothing goes down");
}

#[test]
fn each_stage_is_shown_with_its_margin() {
    let mut rig = measured();
    run(&mut rig, 1);
    let record = rig.last.as_ref().expect("a tick");
    let why = why_text(record, Some("power")).expect("a gate");
    let line = "servers-stopped: 1m 40s by 5 runs, 3m 20s less than it may take";
    assert!(why.contains(line), "{why}");
    let plan = plan_text(record);
    assert!(plan.contains("a shutdown is thought to take 3m 10s"), "{plan}");
    assert!(plan.contains("main@watch-1: 6m to spare"), "{plan}");
    assert!(!plan.contains("servers-stopped"), "{plan}");
}
