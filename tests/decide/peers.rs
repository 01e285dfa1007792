//! Two ananke hosts: who acts, under which claim, and whose wish counts.

use ananke::decide::{LIBRARY, Library, RULES};
use ananke::model::action::{Effect, Leads};
use ananke::model::assessment::Phase;
use ananke::model::facts::{GuardState, UnitActive};
use ananke::model::ids::{Epoch, MachineName};
use ananke::model::intent::{Author, Desired, Scope};
use ananke::model::peers::{Coordination, Fence, HostRole, PeerFacts, PeerWish, Standing};
use ananke::model::policy::OwnHost;
use ananke::model::power::OnLow;
use ananke::model::tick::{Decision, Order};
use ananke::model::time::Span;
use ananke::report::{acting_line, peer_facts};

use crate::company::{claim, idle};
use crate::power;
use crate::rig::{Rig, holds, on, story};
use crate::site::name;
use crate::wall::wall;

/// The rig is `watch-1`; this is the other one.
const OTHER: &str = "watch-2";

fn with(mut rig: Rig, role: HostRole) -> Rig {
    let peers = vec![name(OTHER)];
    rig.policy.coordination = Coordination { role, peers, failover_after: Span::secs(120) };
    let other = match role {
        HostRole::Coordinator => HostRole::Peer,
        HostRole::Peer => HostRole::Coordinator,
    };
    says(&mut rig, idle(OTHER, other));
    rig
}

/// A good day on which two hosts are there, and one agent that does not run.
fn pair(role: HostRole) -> Rig {
    let mut rig = with(Rig::good_day(3, 4), role);
    rig.step(5);
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    rig
}

fn says(rig: &mut Rig, facts: PeerFacts) {
    rig.company.others.insert(name(OTHER), Ok(facts));
}

fn silent(rig: &mut Rig) {
    let now = rig.now().mono;
    rig.company.others.insert(name(OTHER), Err(now));
}

/// Every guard keeps this claim.
fn kept(rig: &mut Rig, epoch: u64, owner: &str) {
    let machines: Vec<MachineName> = rig.policy.machines.keys().cloned().collect();
    for machine in machines {
        let fence = Fence { claim: Some(claim(epoch, owner)), down: None };
        rig.company.fences.insert(machine, fence);
    }
}

fn startup() -> Order {
    Order::Startup { by: "brad".to_owned() }
}

fn converge() -> Order {
    Order::Converge { by: "root".to_owned() }
}

const STARTED: &str = "start k3s-agent on a-02";

fn is_started(rig: &Rig) -> bool {
    rig.repairs().iter().any(|line| line == STARTED)
}

#[test]
fn a_coordinator_starts_nothing_before_most_guards_have_accepted_it() {
    let mut rig = pair(HostRole::Coordinator);
    rig.taken.clear();
    rig.order(converge());
    rig.until(600, |d| d.phase == Phase::Converged);
    assert!(is_started(&rig), "{:?}", rig.repairs());
    for fence in rig.company.fences.values() {
        assert_eq!(fence.claim, Some(claim(1, "watch-1")));
    }

    // Four of seven machines keep their guard to themselves.
    let mut rig = with(Rig::good_day(3, 4), HostRole::Coordinator);
    for machine in ["a-01", "a-03", "a-04", "s-3"] {
        rig.world.host(machine).deaf = true;
    }
    rig.step(5);
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    rig.memory.durable.part = Some(Default::default());
    rig.order(startup());
    rig.throughout(120, |_| true);
    let last = rig.step(5);
    assert!(!is_started(&rig), "{:?}", rig.repairs());
    assert!(holds(&last, &on("a-02")).contains(&"unclaimed"), "{}", story(&last));
}

#[test]
fn without_the_rule_a_host_would_act_beside_another() {
    let mut rig = pair(HostRole::Coordinator);
    let rules = RULES.iter().filter(|rule| rule.name != "overtaken" && rule.name != "unclaimed");
    rig.library = Library { holds: rules.copied().collect::<Vec<_>>().leak(), ..LIBRARY };
    kept(&mut rig, 5, OTHER);
    silent(&mut rig);
    rig.order(converge());
    rig.throughout(60, |_| true);
    let sent = rig.taken.iter().any(|it| matches!(it.effect, Effect::StartUnit { .. }));
    assert!(sent, "the guard alone refuses it");
    assert_eq!(rig.world.hosts[&name("a-02")].active, UnitActive::Inactive);
}

#[test]
fn a_host_that_was_overtaken_observes_until_a_person_decides() {
    let mut rig = pair(HostRole::Coordinator);
    rig.taken.clear();
    kept(&mut rig, 5, OTHER);
    silent(&mut rig);
    rig.order(converge());
    let mut told = 0;
    rig.throughout(150, |d| d.plan.steps.iter().all(|step| step.effect.host().is_none()));
    for _ in 0..20 {
        let decision = rig.step(5);
        told += decision.alarms.iter().filter(|alarm| alarm.new).count();
        assert_eq!(decision.memory.durable.epoch, Epoch(1));
        assert!(holds(&decision, &on("a-02")).contains(&"overtaken"), "{}", story(&decision));
        assert_eq!(decision.phase, Phase::Blocked, "{}", story(&decision));
    }
    assert_eq!(told, 1, "only that the other one is silent is news by now");
    let line = acting_line(rig.last.as_ref().expect("a tick")).replace("\n        ", " ");
    assert!(line.starts_with("acting: watch-2, which the nodes have accepted"), "{line}");
    assert!(line.contains("watch-2: silent for"), "{line}");
    rig.order(startup());
    rig.until(600, |d| d.phase == Phase::Converged);
    assert!(is_started(&rig));
    assert_eq!(rig.memory.durable.epoch, Epoch(6));
}

#[test]
fn a_coordinator_takes_over_from_a_peer_that_lets_go() {
    let mut rig = pair(HostRole::Coordinator);
    rig.taken.clear();
    kept(&mut rig, 5, OTHER);
    let acts = PeerFacts { acts: true, epoch: Epoch(5), ..idle(OTHER, HostRole::Peer) };
    says(&mut rig, PeerFacts { phase: Phase::Recovering, ..acts });
    rig.order(converge());
    rig.throughout(60, |d| {
        holds(d, &on("a-02")).contains(&"follows") && d.phase == Phase::Recovering
    });
    assert!(rig.repairs().is_empty(), "{:?}", rig.repairs());
    says(&mut rig, idle(OTHER, HostRole::Peer));
    rig.until(600, |d| d.phase == Phase::Converged);
    assert!(is_started(&rig));
    assert_eq!(rig.memory.durable.epoch, Epoch(6));
}

#[test]
fn a_peer_follows_the_coordinator_and_ends_by_its_word() {
    let mut rig = pair(HostRole::Peer);
    rig.taken.clear();
    let acts = PeerFacts { acts: true, ..idle(OTHER, HostRole::Coordinator) };
    says(&mut rig, PeerFacts { phase: Phase::Recovering, ..acts.clone() });
    rig.request.stand_in = true;
    rig.order(converge());
    rig.throughout(600, |d| d.plan.steps.is_empty() && d.phase == Phase::Recovering);
    let last = rig.step(5);
    assert!(holds(&last, &on("a-02")).contains(&"follows"), "{}", story(&last));
    let line = acting_line(rig.last.as_ref().expect("a tick")).replace("\n        ", " ");
    assert!(line.starts_with("acting: watch-2; this host, the peer watch-1, follows it"), "{line}");
    assert!(line.contains("Coordinator watch-2: acts, recovering, seen"), "{line}");
    // The coordinator starts it.
    let now = rig.world.now;
    let host = rig.world.host("a-02");
    (host.active, host.active_since) = (UnitActive::Activating, now);
    rig.throughout(120, |d| d.plan.steps.is_empty() && d.phase == Phase::Recovering);
    says(&mut rig, acts);
    assert_eq!(rig.step(5).phase, Phase::Converged);
}

#[test]
fn a_peer_stands_in_only_for_a_silent_coordinator_and_only_if_it_may() {
    let mut rig = pair(HostRole::Peer);
    rig.taken.clear();
    silent(&mut rig);
    rig.order(converge());
    rig.throughout(600, |d| d.plan.steps.is_empty());
    let last = rig.step(5);
    assert!(holds(&last, &on("a-02")).contains(&"not-coordinator"), "{}", story(&last));
    assert_eq!(last.phase, Phase::Blocked);

    let mut rig = pair(HostRole::Peer);
    rig.taken.clear();
    kept(&mut rig, 3, OTHER);
    silent(&mut rig);
    rig.request.stand_in = true;
    rig.order(converge());
    rig.throughout(110, |d| d.plan.steps.is_empty());
    let last = rig.step(5);
    assert!(holds(&last, &on("a-02")).contains(&"awaits-coordinator"), "{}", story(&last));
    rig.until(60, |d| matches!(d.standing, Standing::Acts { .. }));
    assert_eq!(rig.memory.durable.epoch, Epoch(4));
    // A restart goes on with it; the coordinator's first word ends it.
    rig.restart();
    rig.until(60, |d| matches!(d.standing, Standing::Acts { .. }));
    rig.until(120, |d| d.plan.steps.iter().any(|step| step.effect.to_string() == STARTED));
    let back = idle(OTHER, HostRole::Coordinator);
    says(&mut rig, PeerFacts { phase: Phase::Recovering, ..back });
    assert!(matches!(rig.step(5).standing, Standing::Follows { .. }));
    silent(&mut rig);
    assert!(matches!(rig.step(5).standing, Standing::Awaits { .. }));
}

#[test]
fn a_person_lifts_the_role_of_a_peer() {
    let mut rig = pair(HostRole::Peer);
    says(&mut rig, PeerFacts { executes: false, ..idle(OTHER, HostRole::Coordinator) });
    rig.order(startup());
    rig.throughout(60, |d| d.plan.steps.is_empty());
    rig.order(startup());
    rig.order(Order::AllowPeer { by: "brad".to_owned(), only_if_silent: false });
    rig.until(600, |d| d.phase == Phase::Converged);
    assert!(is_started(&rig));
}

#[test]
fn a_host_without_its_state_observes_until_it_has_heard_all() {
    let mut rig = with(Rig::daemon(3, 4), HostRole::Coordinator);
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    kept(&mut rig, 9, "watch-1");
    silent(&mut rig);
    rig.order(converge());
    rig.throughout(240, |d| d.plan.steps.is_empty());
    let last = rig.step(5);
    assert!(holds(&last, &on("a-02")).contains(&"relearns"), "{}", story(&last));
    assert!(last.alarms.iter().any(|it| it.what.contains("has no state")), "{:?}", last.alarms);
    // The other one still knows what a person wanted here.
    let wish = wish("brad", false);
    let heard = Some(("watch-1".to_owned(), wish));
    let desired = Desired::DownClusterOnly;
    let facts = PeerFacts { heard, desired, ..idle(OTHER, HostRole::Peer) };
    says(&mut rig, facts);
    let decision = rig.step(5);
    let durable = &decision.memory.durable;
    assert_eq!(durable.epoch, Epoch(9));
    assert_eq!(durable.intent.desired, Desired::DownClusterOnly);
    assert_eq!(durable.intent.by, Author::Person { name: "brad".to_owned() });
}

#[test]
fn two_coordinators_or_none_start_nothing_and_a_person_is_called() {
    for (own, other) in
        [(HostRole::Coordinator, HostRole::Coordinator), (HostRole::Peer, HostRole::Peer)]
    {
        let mut rig = pair(own);
        rig.taken.clear();
        says(&mut rig, PeerFacts { acts: true, ..idle(OTHER, other) });
        rig.request.stand_in = true;
        rig.order(startup());
        let first = rig.step(5);
        assert!(first.alarms.iter().any(|it| it.new && it.what.contains("coordinator")));
        rig.throughout(300, |d| d.plan.steps.is_empty() && d.alarms.iter().all(|it| !it.new));
        let last = rig.step(5);
        assert!(holds(&last, &on("a-02")).contains(&"disputed"), "{}", story(&last));
    }
}

#[test]
fn who_calls_itself_otherwise_or_is_of_another_cluster_is_not_heard() {
    let facts = idle(OTHER, HostRole::Coordinator);
    let table = [
        PeerFacts { host: "elsewhere".to_owned(), ..facts.clone() },
        PeerFacts { cluster: "other".to_owned(), ..facts.clone() },
        PeerFacts { age: Span::secs(60), ..facts },
    ];
    for facts in table {
        let mut rig = pair(HostRole::Peer);
        says(&mut rig, facts.clone());
        let decision = rig.step(5);
        assert!(matches!(decision.standing, Standing::NotAsked { .. }), "{facts:?}");
    }
}

#[test]
fn a_silent_peer_is_told_once() {
    let mut rig = pair(HostRole::Coordinator);
    silent(&mut rig);
    let mut told = Vec::new();
    for _ in 0..120 {
        let alarms = rig.step(5).alarms;
        told.extend(alarms.into_iter().filter(|it| it.new && it.target == on(OTHER)));
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].what.contains("is silent"), "{told:?}");
}

#[test]
fn past_the_guard_nothing_is_started_where_there_are_two() {
    let mut rig = pair(HostRole::Coordinator);
    rig.world.host("a-02").guard = GuardState::Absent;
    rig.taken.clear();
    rig.order(startup());
    rig.throughout(300, |_| true);
    assert!(!is_started(&rig), "{:?}", rig.repairs());
}

fn wish(by: &str, ups: bool) -> PeerWish {
    PeerWish {
        by: by.to_owned(),
        ups,
        why: "low battery".to_owned(),
        to: Desired::DownClusterOnly,
        scope: Scope::Whole,
        drain: true,
        snapshot: true,
        since: wall(9_000),
        complete: false,
    }
}

fn goes_down(decision: &Decision) -> bool {
    decision.plan.steps.iter().any(|step| step.effect.leads() == Leads::Down)
}

#[test]
fn a_wish_of_the_other_host_counts_until_that_host_ends_it() {
    let mut rig = pair(HostRole::Coordinator);
    let told = PeerFacts {
        wish: Some(wish("main@watch-2", true)),
        desired: Desired::DownClusterOnly,
        ..idle(OTHER, HostRole::Peer)
    };
    says(&mut rig, told);
    let decision = rig.until(60, goes_down);
    let intent = &decision.memory.durable.intent;
    let by = Author::Host { host: OTHER.to_owned(), name: "main@watch-2".to_owned(), ups: true };
    assert_eq!((intent.desired, &intent.by), (Desired::DownClusterOnly, &by));
    // It is no wish of this host's own for anybody who asks, but it is known.
    let facts = peer_facts(rig.last.as_ref().expect("a tick"), Span::ZERO);
    assert_eq!((facts.wish, facts.heard.map(|it| it.0)), (None, Some(OTHER.to_owned())));
    silent(&mut rig);
    rig.throughout(60, |d| d.memory.durable.intent.desired == Desired::DownClusterOnly);
    says(&mut rig, PeerFacts { knows: false, ..idle(OTHER, HostRole::Peer) });
    assert_eq!(rig.step(5).memory.durable.intent.desired, Desired::DownClusterOnly);
    says(&mut rig, idle(OTHER, HostRole::Peer));
    rig.until(1_800, |d| d.memory.durable.intent.desired == Desired::Up);
    rig.until(1_800, |d| d.phase == Phase::Converged);
}

#[test]
fn a_host_that_comes_back_with_an_old_wish_brings_nothing_down() {
    // It was complete: it holds starts back, and nothing is done for it.
    let mut rig = pair(HostRole::Coordinator);
    rig.taken.clear();
    let wanted = PeerWish { complete: true, ..wish("brad", false) };
    let desired = Desired::DownClusterOnly;
    let told = PeerFacts { wish: Some(wanted), desired, ..idle(OTHER, HostRole::Peer) };
    says(&mut rig, told.clone());
    rig.throughout(300, |d| !goes_down(d) && d.phase == Phase::Held);
    assert!(rig.repairs().iter().all(|line| line.starts_with("have the guard")));
    // A person here overrules it, for good.
    rig.order(startup());
    rig.until(900, |d| d.phase == Phase::Converged);
    rig.throughout(60, |d| d.memory.durable.intent.desired == Desired::Up);
    // A UPS of a host that is heard is not overruled.
    let wanted = Some(PeerWish { since: wall(9_500), ..wish("main@watch-2", true) });
    says(&mut rig, PeerFacts { wish: wanted, ..told });
    rig.step(5);
    rig.order(startup());
    assert_eq!(rig.step(5).memory.durable.intent.desired, Desired::DownClusterOnly);
}

#[test]
fn a_persons_wish_ends_where_it_was_made_when_a_person_ends_it_elsewhere() {
    let mut rig = with(Rig::good_day(3, 4), HostRole::Coordinator);
    let (by, to) = ("brad".to_owned(), Desired::DownClusterOnly);
    let why = "new switches".to_owned();
    rig.order(Order::Shutdown { by, why, to, drain: true, snapshot: true, host_stays: None });
    let since = rig.step(5).memory.durable.intent.since;
    let overruled = [("watch-1".to_owned(), since)].into();
    says(&mut rig, PeerFacts { overruled, ..idle(OTHER, HostRole::Peer) });
    rig.until(1_800, |d| d.memory.durable.intent.desired == Desired::Up);
}

/// A peer whose own battery gives out.
fn draining(rig: &mut Rig) {
    power::say(rig, power::BATTERY, power::MAINS);
    rig.until(600, |d| d.memory.durable.intent.desired != Desired::Up);
    rig.taken.clear();
}

#[test]
fn a_shutdown_for_its_own_ups_needs_nobody() {
    // Silent, or only looking on, or with a claim of its own: it makes no difference.
    for executes in [true, false] {
        let mut rig = with(power::site(Some(OnLow::Poweroff)), HostRole::Peer);
        kept(&mut rig, 7, OTHER);
        let looks_on = PeerFacts { executes: false, ..idle(OTHER, HostRole::Coordinator) };
        if executes {
            silent(&mut rig);
        } else {
            says(&mut rig, looks_on);
        }
        power::say(&mut rig, power::LOW, power::MAINS);
        let decision = rig.step(1);
        assert!(goes_down(&decision), "{}", story(&decision));
    }
}

#[test]
fn a_peer_hands_its_shutdown_over_and_takes_it_back_in_its_own_time() {
    // The coordinator takes it: the peer waits for as long as its own battery leaves the time.
    let mut rig = with(power::site(Some(OnLow::Poweroff)), HostRole::Peer);
    draining(&mut rig);
    let takes = PeerFacts {
        desired: Desired::DownPoweroff,
        phase: Phase::GoingDown,
        ..idle(OTHER, HostRole::Coordinator)
    };
    says(&mut rig, takes.clone());
    let last = power::run(&mut rig, 4);
    let held = last.plan.held.iter().any(|held| held.hold.name() == "handed-over");
    assert!(held && rig.taken.is_empty(), "{}", story(&last));
    power::run(&mut rig, 30);
    assert!(rig.taken.iter().any(|it| it.effect.leads() == Leads::Down), "{:?}", rig.repairs());

    // It dies in the middle of it: the peer goes on once its word no longer counts.
    let mut rig = with(power::site(Some(OnLow::Poweroff)), HostRole::Peer);
    draining(&mut rig);
    says(&mut rig, takes);
    power::run(&mut rig, 3);
    assert!(rig.taken.is_empty());
    silent(&mut rig);
    assert!(goes_down(&rig.step(1)));

    // It hears, and does not take it.
    let mut rig = with(power::site(Some(OnLow::Poweroff)), HostRole::Peer);
    draining(&mut rig);
    power::run(&mut rig, 3);
    assert!(rig.taken.is_empty(), "{:?}", rig.repairs());
    power::run(&mut rig, 12);
    assert!(!rig.taken.is_empty());
}

/// With this host's own end asked for.
fn ends_itself(mut rig: Rig, role: HostRole) -> Rig {
    rig.policy.shutdown.own_host = Some(OwnHost::Poweroff);
    rig.policy.shutdown.wakes = rig.policy.machines.keys().cloned().collect();
    with(rig, role)
}

fn goes_off(decision: &Decision) -> bool {
    decision.plan.steps.iter().any(|step| step.effect.ends_host())
}

#[test]
fn the_battery_of_another_host_switches_no_host_off_that_has_mains() {
    let mut rig = ends_itself(power::site(Some(OnLow::Poweroff)), HostRole::Coordinator);
    let desired = Desired::DownPoweroff;
    let wanted = PeerWish { to: desired, ..wish("main@watch-2", true) };
    let wish = Some(wanted);
    says(&mut rig, PeerFacts { wish, desired, ..idle(OTHER, HostRole::Peer) });
    rig.until(900, |d| holds(d, &on("watch-1")).contains(&"mains-back"));
    rig.throughout(300, |d| !goes_off(d));
    // Its own battery is another matter.
    power::say(&mut rig, power::LOW, power::LOW);
    rig.until(60, goes_off);
}
