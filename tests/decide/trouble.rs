//! Faults that stay: each is repaired within its budget, then said loudly.

use ananke::model::action::Effect;
use ananke::model::assessment::Phase;
use ananke::model::cordon::{CordonKind, CordonMark};
use ananke::model::facts::{GuardState, Sudo, UnitActive, UnitLoad};
use ananke::model::tick::Order;
use ananke::remedies;

use crate::bench::{Starts, World};
use crate::rig::{Fate, Rig, holds, on, story};
use crate::site::name;
use ananke::remedies::budget;

fn startup() -> Order {
    Order::Startup { by: "brad".to_owned() }
}

/// A site on which a-02 hangs since long, and a person who wants it up.
fn hung(servers: usize, agents: usize) -> Rig {
    let mut rig = Rig::good_day(servers, agents);
    let host = rig.world.host("a-02");
    (host.boots, host.hung, host.alive_since) = (2, true, None);
    rig.order(startup());
    rig
}

#[test]
fn an_agent_that_hangs_is_cordoned_restarted_proven_and_uncordoned() {
    let mut rig = hung(3, 4);
    rig.step(5);
    rig.converged();
    let repairs = ["cordon a-02", "restart k3s-agent on a-02", "uncordon a-02"];
    assert_eq!(rig.repairs(), repairs);
    assert!(!rig.world.nodes[&name("a-02")].unschedulable);
}

#[test]
fn a_cordon_that_is_not_ours_is_kept() {
    type Set = fn(&mut World);
    let table: [(&str, Set, &[&str], Phase); 4] = [
        (
            "a person's cordon",
            |w| w.node("a-02").unschedulable = true,
            &["restart k3s-agent on a-02"],
            Phase::Converged,
        ),
        (
            "a person's hold",
            |w| w.node("a-02").hold = Some("I am at it".to_owned()),
            &["mark a-02 for a person"],
            Phase::Degraded,
        ),
        (
            "another tool's mark",
            |w| w.node("a-02").foreign = vec!["kured".to_owned()],
            &["mark a-02 for a person"],
            Phase::Degraded,
        ),
        (
            "a record that can't be read",
            |w| {
                w.node("a-02").unschedulable = true;
                w.node("a-02").cordon = CordonMark::Garbled;
            },
            &["restart k3s-agent on a-02"],
            Phase::Converged,
        ),
    ];
    for (what, set, repairs, phase) in table {
        let mut rig = hung(3, 4);
        set(&mut rig.world);
        let before = rig.world.nodes[&name("a-02")].clone();
        rig.step(5);
        rig.until(900, |d| d.phase == phase);
        assert_eq!(rig.repairs(), repairs, "{what}");
        let after = &rig.world.nodes[&name("a-02")];
        assert_eq!(after.unschedulable, before.unschedulable, "{what}");
        assert_eq!(after.cordon, before.cordon, "{what}");
    }
}

#[test]
fn a_fault_that_stays_exhausts_its_remedies_and_is_loud() {
    for restart_every in [u64::MAX, 80, 7] {
        for own_reboot in [false, true] {
            let mut rig = hung(3, 4);
            rig.world.host("a-02").starts = Starts::Hangs;
            let end = rig.world.now + 6_000;
            let mut told = 0;
            let mut degraded = None;
            let mut step = 0_u64;
            while rig.world.now < end && degraded.is_none() {
                step += 1;
                let decision = rig.step(5);
                told += decision.alarms.iter().filter(|alarm| alarm.new).count();
                if decision.phase == Phase::Degraded {
                    degraded = Some(decision);
                } else if step.is_multiple_of(restart_every) {
                    if own_reboot { rig.reboot() } else { rig.restart() }
                }
            }
            let how = format!("restart every {restart_every}, own reboot {own_reboot}");
            let Some(degraded) = degraded else {
                // Waits start anew at each restart, so one that comes too often sees no end; what
                // counts is that nothing is tried more often than it may.
                assert_eq!(restart_every, 7, "{how}");
                continue;
            };
            let restarts = rig.taken.iter().filter(|a| a.remedy == remedies::RESTART_AGENT.id);
            assert_eq!(restarts.count(), 3, "{how}");
            assert_eq!(told, 1, "{how}");
            let alarm = &degraded.alarms[0];
            assert_eq!((alarm.gate.as_str(), &alarm.target), ("fresh-ready", &on("a-02")));
            let tried = alarm.tried.iter().find(|t| t.remedy == remedies::RESTART_AGENT.id);
            assert_eq!(tried.map(|tried| tried.attempts), Some(3), "{how}");
            assert!(!alarm.by_hand.is_empty());
            let node = &rig.world.nodes[&name("a-02")];
            assert!(node.unschedulable && node.manual.is_some(), "{how}");
            let manual =
                matches!(&node.cordon, CordonMark::Record(r) if r.kind == CordonKind::Manual);
            assert!(manual, "handed over, {how}");
        }
    }
}

#[test]
fn a_machine_that_never_answers_is_done_without_and_comes_back() {
    let mut rig = Rig::good_day(3, 4);
    rig.world.power_off(&name("a-02"));
    rig.order(startup());
    let mut told = 0;
    let begin = rig.world.now;
    loop {
        let decision = rig.step(5);
        told += decision.alarms.iter().filter(|alarm| alarm.new).count();
        if decision.phase == Phase::Degraded {
            break;
        }
        assert!(rig.world.now < begin + 900, "{}", story(&decision));
    }
    assert!(rig.world.now > begin + 600, "patience is ten minutes");
    assert_eq!(told, 1);
    assert!(rig.world.nodes[&name("a-02")].manual.is_some(), "marked on the node");
    assert!(rig.memory.durable.manual.contains_key(&on("a-02")), "and in the ledger");
    rig.world.power_on(&name("a-02"), 30);
    rig.converged();
    // The next failure of the same machine is told again.
    rig.world.power_off(&name("a-02"));
    let again = rig.until(900, |d| d.alarms.iter().any(|alarm| alarm.target == on("a-02")));
    assert!(again.alarms[0].new, "a new failure is a new alarm");
}

#[test]
fn a_critical_machine_or_a_lost_quorum_blocks() {
    for (critical, off) in [(Some("a-02"), vec!["a-02"]), (None, vec!["s-1", "s-2"])] {
        let mut rig = Rig::good_day(3, 4);
        if let Some(machine) = critical {
            rig.machine(machine).critical = true;
        }
        for machine in &off {
            rig.world.power_off(&name(machine));
        }
        rig.order(startup());
        let end = rig.until(1_500, |d| matches!(d.phase, Phase::Blocked | Phase::Degraded));
        assert_eq!(end.phase, Phase::Blocked);
        assert!(off.iter().all(|m| end.alarms.iter().any(|alarm| alarm.target == on(m))));
        for machine in &off {
            rig.world.power_on(&name(machine), 30);
        }
        rig.converged();
    }
}

#[test]
fn many_at_once_are_one_cause_elsewhere() {
    let mut rig = Rig::good_day(2, 8);
    for n in 1..=8 {
        let host = rig.world.host(&format!("a-{n:02}"));
        (host.boots, host.hung, host.alive_since) = (2, true, None);
    }
    rig.order(startup());
    let mut seen = false;
    let mut loud = None;
    for _ in 0..400 {
        let decision = rig.step(5);
        seen |= holds(&decision, &on("a-01")).contains(&"storm");
        if !decision.alarms.is_empty() {
            loud.get_or_insert(rig.world.now);
        }
    }
    assert!(seen, "held as a storm");
    let touched: Vec<_> = rig
        .taken
        .iter()
        .filter(|a| matches!(a.effect, Effect::Cordon { .. } | Effect::RestartUnit { .. }))
        .collect();
    assert!(touched.is_empty(), "{touched:?}");
    assert!(loud.is_some(), "a storm that stays is loud");
}

#[test]
fn the_last_schedulable_node_is_never_cordoned_and_cordons_come_one_by_one() {
    let mut rig = hung(1, 4);
    for other in ["s-1", "a-01", "a-03", "a-04"] {
        rig.world.node(other).unschedulable = true;
    }
    let held = rig.until(300, |d| holds(d, &on("a-02")).contains(&"last-schedulable"));
    assert_eq!(held.phase, Phase::Recovering);
    let loud = rig.until(1_500, |d| !d.alarms.is_empty());
    assert!(!rig.world.nodes[&name("a-02")].unschedulable, "{}", story(&loud));

    let mut rig = Rig::good_day(3, 4);
    for agent in ["a-02", "a-03"] {
        let host = rig.world.host(agent);
        (host.boots, host.hung, host.alive_since) = (2, true, None);
    }
    rig.order(startup());
    rig.until(600, |d| holds(d, &on("a-03")).contains(&"cordon-limit"));
    rig.converged();
    let restarts = rig.taken.iter().filter(|a| a.remedy == remedies::RESTART_AGENT.id);
    assert_eq!(restarts.count(), 2);
}

#[test]
fn what_needs_a_person_is_held_by_name_and_blocks_what_is_critical() {
    type Set = fn(&mut Rig);
    let table: [(&str, Set, &str); 5] = [
        ("masked", |r| r.world.host("a-02").load = UnitLoad::Masked, "unit-forbidden"),
        ("not managed", |r| r.machine("a-02").managed = false, "not-managed"),
        (
            "sudo",
            |r| r.world.host("a-02").sudo = Sudo::Refused { why: "a password".to_owned() },
            "sudo-refused",
        ),
        (
            "other guard",
            |r| r.world.host("a-02").guard = GuardState::Other { version: "0.0.9".to_owned() },
            "other-guard",
        ),
        ("on hold", |r| r.world.node("a-02").hold = Some("mine".to_owned()), "person-hold"),
    ];
    for (what, set, hold) in table {
        for critical in [false, true] {
            let mut rig = Rig::good_day(3, 4);
            rig.machine("a-02").critical = critical;
            rig.world.stop("a-02", UnitActive::Inactive, "success");
            set(&mut rig);
            rig.order(startup());
            let first = rig.step(5);
            assert_eq!(holds(&first, &on("a-02")), [hold], "{what}: {}", story(&first));
            let end = rig.until(1_500, |d| matches!(d.phase, Phase::Blocked | Phase::Degraded));
            let expected = if critical { Phase::Blocked } else { Phase::Degraded };
            assert_eq!(end.phase, expected, "{what}: {}", story(&end));
            assert!(end.alarms.iter().any(|a| a.target == on("a-02")), "{what}");
            assert!(rig.taken.iter().all(|a| a.effect.host().is_none()), "{what}");
        }
    }
}

#[test]
fn without_a_guard_only_plain_starts_are_sent() {
    let mut rig = hung(3, 4);
    rig.world.host("a-02").guard = GuardState::Absent;
    rig.until(300, |d| holds(d, &on("a-02")).contains(&"unguarded"));
    rig.until(900, |d| d.phase == Phase::Degraded);
    assert_eq!(rig.repairs(), ["cordon a-02", "mark a-02 for a person"]);
    assert!(rig.world.nodes[&name("a-02")].manual.is_some());
    let mut rig = Rig::good_day(3, 4);
    rig.world.host("a-02").guard = GuardState::Absent;
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    rig.order(startup());
    rig.converged();
    assert_eq!(rig.repairs(), ["start k3s-agent on a-02"]);
}

#[test]
fn no_outcome_lets_a_remedy_go_over_its_budget_or_two_act_on_one_machine() {
    let fates = [
        Fate::Refused,
        Fate::Failed,
        Fate::Unknown { done: false },
        Fate::Unknown { done: true },
        Fate::Silent { done: false },
        Fate::Slow { seconds: 27 },
    ];
    for fate in fates {
        let mut rig = Rig::startup(3, 4);
        rig.world.stop("a-02", UnitActive::Failed, "start-limit-hit");
        rig.fates.insert(name("a-02"), fate);
        for step in 0..300 {
            rig.step(5);
            // What never answers is of unknown outcome after a restart.
            if matches!(fate, Fate::Silent { .. }) && step % 20 == 19 {
                rig.restart();
            }
        }
        for remedy in [&remedies::CLEAR_FAILED_UNIT, &remedies::START_AGENT] {
            let times = rig.taken.iter().filter(|a| a.remedy == remedy.id).count();
            assert!(times <= budget(&remedy.id).unwrap() as usize, "{fate:?} {times}");
        }
        let expected = match fate {
            Fate::Unknown { done: true } | Fate::Slow { .. } => Phase::Converged,
            Fate::Arrives
            | Fate::Refused
            | Fate::Failed
            | Fate::Silent { .. }
            | Fate::Unknown { .. } => Phase::Degraded,
        };
        rig.until(300, |d| d.phase == expected);
    }
}

/// Patience is for machines that may still come; a refusal by sudo is not one of them.
#[test]
fn what_only_a_person_can_mend_is_loud_long_before_patience() {
    let mut rig = Rig::good_day(3, 4);
    rig.world.host("a-02").sudo = Sudo::Refused { why: "a password".to_owned() };
    rig.order(startup());
    let patience = rig.policy.timing.patience.as_secs();
    let loud = rig.until(patience / 4, |d| !d.alarms.is_empty());
    assert_eq!(loud.alarms[0].target, on("a-02"), "{}", story(&loud));
}

/// A crash between the record and the act: nobody knows whether the start was sent, and the unit
/// is down in a look that came later.
#[test]
fn a_start_that_evidently_did_not_happen_is_not_waited_for() {
    let mut rig = Rig::good_day(3, 4);
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    rig.fates.insert(name("a-02"), Fate::Silent { done: false });
    rig.order(startup());
    rig.until(30, |d| !d.plan.steps.is_empty());
    rig.fates.clear();
    rig.restart();
    let limit = remedies::START_AGENT.limit.as_secs() + 60;
    rig.until(limit, |d| d.plan.steps.iter().any(|step| step.target == on("a-02")));
    rig.converged();
    assert_eq!(rig.repairs(), ["start k3s-agent on a-02", "start k3s-agent on a-02"]);
}
