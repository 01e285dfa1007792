//! The way down for a battery that gives out: when it rests, how fast it is, and how it ends.

use ananke::model::assessment::Phase;
use ananke::model::facts::UnitActive;
use ananke::model::power::OnLow;
use ananke::model::tick::Decision;

use crate::power::{LOW, MAINS, run, say, site, wanted};
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
