//! From power to converged, by the shortest way and with nothing done twice.

use ananke::model::action::Effect;
use ananke::model::assessment::Phase;
use ananke::model::facts::{Ready, UnitActive};
use ananke::model::plan::Hold;
use ananke::remedies;

use crate::rig::{Rig, gate, holds, on, story};
use crate::site::name;

#[test]
fn a_healthy_site_converges_after_its_soak_without_a_repair() {
    let mut rig = Rig::startup(3, 4);
    let first = rig.step(5);
    assert_eq!(first.phase, Phase::Recovering);
    let begin = rig.world.now;
    rig.converged();
    assert_eq!(rig.repairs(), [""; 0]);
    assert_eq!(rig.taken.len(), 1, "one proof by writing");
    let took = rig.world.now - begin;
    assert!((60..150).contains(&took), "{took} s, of which 60 s are soak");
}

#[test]
fn a_quiet_day_writes_nothing_and_plans_nothing() {
    let mut rig = Rig::good_day(3, 4);
    let durable = rig.memory.durable.clone();
    let written = rig.ledger.len();
    rig.throughout(1_800, |d| d.plan.steps.is_empty() && d.plan.held.is_empty());
    assert_eq!(rig.memory.durable, durable);
    assert_eq!(rig.ledger.len(), written);
}

#[test]
fn a_second_startup_does_nothing() {
    let mut rig = Rig::good_day(3, 4);
    rig.order(ananke::model::tick::Order::Startup { by: "brad".to_owned() });
    rig.step(5);
    rig.converged();
    assert_eq!(rig.repairs(), [""; 0]);
}

#[test]
fn a_dead_agent_is_started_once_and_proven() {
    let inactive = (UnitActive::Inactive, "success", vec!["start k3s-agent on a-02"]);
    let limited = (
        UnitActive::Failed,
        "start-limit-hit",
        vec!["clear the failed state of k3s-agent on a-02", "start k3s-agent on a-02"],
    );
    // Dead for a short time, and for longer than any grace.
    for ((active, result, plan), dead_for) in
        [(inactive.clone(), 5), (inactive, 1_000), (limited.clone(), 5), (limited, 1_000)]
    {
        let mut rig = Rig::startup(3, 4);
        rig.world.stop("a-02", active, result);
        rig.world.advance(dead_for);
        rig.converged();
        assert_eq!(rig.repairs(), plan, "dead for {dead_for}");
    }
}

#[test]
fn an_agent_that_was_just_started_is_not_restarted_however_long_it_was_dead() {
    let mut rig = Rig::good_day(1, 2);
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    rig.throughout(1_000, |d| d.plan.steps.iter().all(|step| step.effect.host().is_none()));
    rig.taken.clear();
    rig.order(ananke::model::tick::Order::Startup { by: "brad".to_owned() });
    rig.step(5);
    rig.converged();
    assert_eq!(rig.repairs(), ["start k3s-agent on a-02"]);
}

#[test]
fn an_agent_that_has_to_be_started_after_a_long_boot_is_only_started() {
    let mut rig = Rig::good_day(1, 2);
    rig.world.host("a-02").enabled = false;
    rig.world.power_off(&name("a-02"));
    rig.order(ananke::model::tick::Order::Startup { by: "brad".to_owned() });
    rig.throughout(400, |d| d.plan.steps.is_empty());
    rig.world.power_on(&name("a-02"), 20);
    rig.converged();
    assert_eq!(rig.repairs(), ["start k3s-agent on a-02"]);
}

#[test]
fn a_power_cut_of_everything_needs_no_repair_when_units_start_by_themselves() {
    let sizes = [(1, 1), (3, 2), (3, 9)];
    for (boot, (servers, agents)) in
        [20, 85, 240, 500].into_iter().flat_map(|b| sizes.map(|s| (b, s)))
    {
        let mut rig = Rig::good_day(servers, agents);
        for machine in rig.policy.machines.keys() {
            rig.world.power_off(machine);
        }
        rig.reboot();
        rig.step(5);
        for machine in rig.policy.machines.keys() {
            rig.world.power_on(machine, boot);
        }
        rig.order(ananke::model::tick::Order::Converge { by: "root".to_owned() });
        rig.step(5);
        rig.converged();
        assert_eq!(rig.repairs(), [""; 0], "boots in {boot} s");
    }
}

#[test]
fn a_status_from_before_the_outage_is_never_fresh() {
    let mut rig = Rig::startup(3, 4);
    // The agent's machine booted anew; its kubelet says nothing, and the API still says Ready.
    let host = rig.world.host("a-03");
    (host.boots, host.hung, host.alive_since) = (2, true, None);
    host.starts = crate::bench::Starts::Hangs;
    rig.world.node("a-03").renewed = u64::MAX / 2;
    assert_eq!(rig.world.nodes[&name("a-03")].ready, Ready::True);
    rig.throughout(1_500, |d| d.phase != Phase::Converged);
    let proofs = &rig.memory.durable.proofs;
    assert!(!proofs.contains_key(&name("a-03")) && proofs.len() == 6, "{proofs:?}");
}

#[test]
fn servers_that_are_down_together_are_started_in_one_tick_the_last_leader_first() {
    let mut rig = Rig::good_day(3, 2);
    assert_eq!(rig.memory.durable.normal.leader, Some(name("s-3")));
    for server in ["s-1", "s-2", "s-3"] {
        rig.world.stop(server, UnitActive::Inactive, "success");
    }
    rig.order(ananke::model::tick::Order::Startup { by: "brad".to_owned() });
    rig.step(5);
    rig.converged();
    let starts = ["start k3s on s-3", "start k3s on s-1", "start k3s on s-2"];
    assert_eq!(rig.repairs(), starts);
    let begun = rig.ledger.iter().find(|r| r.begin.len() == 3).map(|r| &r.begin);
    assert!(begun.is_some(), "all in one record");
}

/// The patience for a machine that may never answer is minutes; the cluster's is not.
#[test]
fn a_silent_agent_keeps_neither_servers_nor_other_agents_waiting() {
    let mut rig = Rig::good_day(3, 4);
    for server in ["s-1", "s-2", "s-3"] {
        rig.world.stop(server, UnitActive::Inactive, "success");
    }
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    rig.world.power_off(&name("a-01"));
    rig.order(ananke::model::tick::Order::Startup { by: "brad".to_owned() });
    let patience = rig.policy.timing.patience.as_secs();
    rig.until(patience / 2, |d| d.memory.durable.proofs.contains_key(&name("a-02")));
    let starts =
        ["start k3s on s-3", "start k3s on s-1", "start k3s on s-2", "start k3s-agent on a-02"];
    assert_eq!(rig.repairs(), starts);
    rig.until(1_200, |d| d.phase == Phase::Degraded);
}

#[test]
fn one_server_of_three_short_goes_on_two_short_wait() {
    let mut rig = Rig::good_day(3, 2);
    for server in ["s-1", "s-2", "s-3"] {
        rig.world.stop(server, UnitActive::Inactive, "success");
    }
    rig.world.power_off(&name("s-1"));
    rig.order(ananke::model::tick::Order::Startup { by: "brad".to_owned() });
    rig.until(1_200, |d| d.phase == Phase::Degraded);
    assert_eq!(rig.repairs()[..2], ["start k3s on s-3", "start k3s on s-2"]);

    let mut rig = Rig::good_day(3, 2);
    for server in ["s-1", "s-2", "s-3"] {
        rig.world.stop(server, UnitActive::Inactive, "success");
    }
    rig.world.power_off(&name("s-1"));
    rig.world.power_off(&name("s-2"));
    rig.order(ananke::model::tick::Order::Startup { by: "brad".to_owned() });
    rig.throughout(1_200, |d| d.plan.steps.is_empty());
    let last = rig.step(5);
    let held: Vec<_> = holds(&last, &on("s-3"));
    assert_eq!(held, ["too-few-servers"], "{}", story(&last));
    assert_eq!(last.phase, Phase::Blocked);
    assert!(!gate(&last, "nodes").is_open());
}

#[test]
fn agents_are_started_in_waves() {
    let mut rig = Rig::startup(3, 12);
    for n in 1..=12 {
        rig.world.stop(&format!("a-{n:02}"), UnitActive::Inactive, "success");
    }
    let first = rig.until(60, |d| !d.plan.steps.iter().all(|s| s.effect.is_proof()));
    assert_eq!(first.plan.steps.len(), 5);
    let waiting = first.plan.held.iter().filter(|h| matches!(h.hold, Hold::Wave { limit: 5 }));
    assert_eq!(waiting.count(), 7);
    rig.converged();
    let started = rig.taken.iter().filter(|a| a.remedy == remedies::START_AGENT.id).count();
    assert_eq!((started, rig.repairs().len()), (12, 12));
    assert!(rig.taken.iter().all(|a| !matches!(a.effect, Effect::RestartUnit { .. })));
}
