//! What the way down asks of the API: Flux suspended, the datastore saved, pods evicted, and their
//! volumes let go.

use std::collections::{BTreeMap, BTreeSet};

use ananke::model::action::{Effect, PodTier};
use ananke::model::assessment::{GateState, Phase};
use ananke::model::cluster::{Suspended, Volumes};
use ananke::model::descent::HeldPods;
use ananke::model::intent::{Author, Desired, Scope};
use ananke::model::tick::{Decision, Order, Verb};
use ananke::model::time::Span;

use crate::cluster::Cluster;
use crate::rig::{Fate, Rig, gate, on, story};
use crate::site::name;
use crate::way_down::shutdown;

const APPLICATIONS: &str = "applications-evicted";
const SERVICES: &str = "services-evicted";
const VOLUMES: &str = "volumes-detached";

/// A good day on a site with Flux and pods. `storage` and what images come from are never evicted.
fn site(prepare: impl FnOnce(&mut Cluster)) -> Rig {
    let mut rig = Rig::startup(3, 2);
    let of = |namespaces: &[(&str, u32)]| -> BTreeMap<String, u32> {
        namespaces.iter().map(|(namespace, count)| ((*namespace).to_owned(), *count)).collect()
    };
    let pods = Volumes::from([
        (name("a-01"), of(&[("shop", 2), ("gitea", 1), ("longhorn-system", 1)])),
        (name("a-02"), of(&[("shop", 1), ("postgres", 1), ("harbor", 1)])),
    ]);
    rig.world.cluster = Cluster::with_flux();
    rig.world.cluster.evictable = Some(pods);
    let volumes = of(&[("postgres", 1), ("harbor", 1)]);
    rig.world.cluster.volumes = Some(Volumes::from([(name("a-02"), volumes)]));
    prepare(&mut rig.world.cluster);
    rig.converged();
    rig.request.verb = Verb::Daemon;
    rig.taken.clear();
    rig
}

fn going_down(prepare: impl FnOnce(&mut Cluster)) -> Rig {
    let mut rig = site(prepare);
    rig.order(shutdown(Desired::DownClusterOnly));
    rig
}

fn is_down(decision: &Decision) -> bool {
    decision.phase == Phase::Down
}

/// A disruption budget that never gives.
fn holds_postgres(cluster: &mut Cluster) {
    cluster.held.insert("postgres");
}

/// The place of the first repair that begins so.
fn first(rig: &Rig, begins: &str) -> usize {
    let found = rig.repairs().iter().position(|it| it.starts_with(begins));
    found.unwrap_or_else(|| panic!("no {begins}: {:#?}", rig.repairs()))
}

fn evicts(rig: &Rig) -> Vec<String> {
    let evictions = rig.repairs().into_iter();
    evictions.filter(|it| it.starts_with("evict")).collect()
}

fn suspended(rig: &mut Rig) -> Vec<Suspended> {
    let names = ["flux-system/flux-system", "flux-system/infra", "flux-system/apps"];
    names.map(|name| rig.world.cluster.kustomization(name).progress.suspended).to_vec()
}

#[test]
fn flux_cordons_snapshot_applications_services_and_only_then_agents() {
    let mut rig = going_down(|_| {});
    rig.until(600, is_down);
    let order = [
        "suspend Kustomization flux-system/flux-system",
        "suspend Kustomization flux-system/apps",
        "cordon",
        "save the datastore",
        "evict applications",
        "evict services",
        "stop k3s-agent",
        "stop k3s on",
    ];
    let places: Vec<_> = order.iter().map(|begins| first(&rig, begins)).collect();
    assert!(places.is_sorted(), "{:#?}", rig.repairs());
    assert_eq!(rig.world.cluster.saved, 1, "once is enough");
    assert_eq!(
        evicts(&rig),
        [
            "evict applications from a-01",
            "evict applications from a-02",
            "evict services from a-01",
            "evict services from a-02",
        ],
        "storage and the registry stay"
    );
    assert_eq!(suspended(&mut rig), [Suspended::ByUs; 3]);
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.converged();
    assert_eq!(suspended(&mut rig), [Suspended::No; 3], "all is given back");
    assert_eq!(rig.memory.durable.descent, None);
}

#[test]
fn servers_alone_do_not_stop_before_the_api_did_its_part() {
    let mut rig = Rig::startup(3, 0);
    rig.world.cluster = Cluster::with_flux();
    let pods = BTreeMap::from([("shop".to_owned(), 2)]);
    rig.world.cluster.evictable = Some(Volumes::from([(name("s-2"), pods)]));
    rig.world.cluster.volumes = Some(Volumes::new());
    rig.converged();
    rig.request.verb = Verb::Daemon;
    rig.taken.clear();
    rig.order(shutdown(Desired::DownClusterOnly));
    rig.until(600, is_down);
    let order = [
        "suspend Kustomization flux-system/flux-system",
        "cordon",
        "save the datastore",
        "evict applications from s-2",
        "stop k3s on",
    ];
    let places: Vec<_> = order.iter().map(|begins| first(&rig, begins)).collect();
    assert!(places.is_sorted(), "{:#?}", rig.repairs());
}

#[test]
fn what_a_person_suspended_stays_so_on_both_ways() {
    let mut rig = going_down(|cluster| {
        cluster.kustomization("flux-system/apps").progress.suspended = Suspended::ByOthers;
    });
    rig.until(600, is_down);
    assert_eq!(suspended(&mut rig), [Suspended::ByUs, Suspended::ByUs, Suspended::ByOthers]);
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.converged();
    assert_eq!(suspended(&mut rig), [Suspended::No, Suspended::No, Suspended::ByOthers]);
}

#[test]
fn what_asks_ananke_itself_is_resumed_as_well() {
    let mut rig = going_down(|cluster| cluster.kustomization("flux-system/apps").asks_us = true);
    rig.until(600, is_down);
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.converged();
    assert_eq!(suspended(&mut rig), [Suspended::No; 3]);
}

#[test]
fn turned_round_before_anything_stops_flux_goes_on() {
    let mut rig = going_down(|_| {});
    rig.until(300, |d| d.plan.steps.iter().any(|it| matches!(it.effect, Effect::Cordon { .. })));
    assert_eq!(suspended(&mut rig), [Suspended::ByUs; 3]);
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.converged();
    assert_eq!(suspended(&mut rig), [Suspended::No; 3]);
    assert!(rig.world.nodes.values().all(|node| !node.unschedulable));
}

#[test]
fn a_word_to_flux_that_nobody_confirmed_is_remembered() {
    let mut rig = going_down(|_| {});
    rig.fate = Fate::Unknown { done: true };
    rig.step(5);
    let descent = rig.memory.durable.descent.as_ref().expect("it is remembered");
    assert_eq!(descent.suspended.len(), 1, "before the act: {descent:?}");
    rig.restart();
    rig.fate = Fate::Arrives;
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.converged();
    assert_eq!(suspended(&mut rig), [Suspended::No; 3]);
}

#[test]
fn a_person_may_leave_both_out() {
    let mut rig = site(|_| {});
    rig.order(Order::Shutdown {
        by: "brad".to_owned(),
        why: "in a hurry".to_owned(),
        to: Desired::DownClusterOnly,
        drain: false,
        snapshot: false,
        host_stays: None,
    });
    rig.until(600, is_down);
    assert_eq!((evicts(&rig), rig.world.cluster.saved), (Vec::new(), 0));
}

#[test]
fn a_budget_that_never_gives_is_named_to_a_person_who_may_go_on_without() {
    let mut rig = going_down(holds_postgres);
    let blocked = rig.until(900, |d| d.phase == Phase::Blocked);
    let alarm = blocked.alarms.iter().find(|alarm| alarm.target == on("a-02"));
    assert!(alarm.is_some_and(|it| it.what.contains("postgres/db-0")), "{blocked:#?}");
    assert_eq!(*gate(&blocked, SERVICES), GateState::Closed);
    assert!(evicts(&rig).len() > 5, "it was asked more than once: {:?}", evicts(&rig));
    assert!(!rig.repairs().iter().any(|it| it.starts_with("stop")), "{:?}", rig.repairs());
    rig.order(Order::Shutdown {
        by: "brad".to_owned(),
        why: "let it end".to_owned(),
        to: Desired::DownClusterOnly,
        drain: false,
        snapshot: true,
        host_stays: None,
    });
    rig.until(600, is_down);
    assert_eq!(rig.world.cluster.saved, 1, "the snapshot was made before");
}

#[test]
fn a_budget_never_holds_a_ups() {
    let mut rig = going_down(holds_postgres);
    rig.step(5);
    rig.memory.durable.intent.by = Author::Ups { name: "statera".to_owned() };
    rig.policy.shutdown.drain = Span::secs(60);
    let down = rig.until(600, is_down);
    assert!(matches!(gate(&down, SERVICES), GateState::Cut { .. }), "{}", story(&down));
    assert_eq!(*gate(&down, APPLICATIONS), GateState::Open, "{}", story(&down));
}

/// The budgets of this namespace give way after so long.
fn gives_way(rig: &mut Rig, namespace: &str, after: Span) {
    rig.policy.shutdown.against_budgets = BTreeMap::from([(namespace.to_owned(), after)]);
}

fn held(decision: &Decision) -> Option<HeldPods> {
    decision.memory.durable.descent.as_ref()?.held.get(&name("a-02")).copied()
}

/// Every eviction that overruled a budget.
fn overruled(rig: &Rig) -> Vec<String> {
    let effects = rig.taken.iter().map(|action| action.effect.to_string());
    effects.filter(|it| it.contains("against the budgets")).collect()
}

#[test]
fn a_budget_gives_way_after_its_time_where_the_configuration_says_so() {
    let mut rig = going_down(holds_postgres);
    gives_way(&mut rig, "postgres", Span::secs(60));
    let since = held(&rig.until(600, |d| held(d).is_some())).expect("just seen").since;
    // What was refused before ananke was killed counts.
    rig.restart();
    while overruled(&rig).is_empty() {
        let decision = rig.step(5);
        assert_ne!(decision.phase, Phase::Blocked, "{}", story(&decision));
        assert_eq!(held(&decision).map(|it| it.since), Some(since), "{}", story(&decision));
    }
    let asked_for = rig.now().mono.since(since);
    assert!(asked_for >= Span::secs(60) && asked_for < Span::secs(90), "{asked_for}");
    rig.until(600, is_down);
    let once = "evict services from a-02 (postgres; against the budgets in postgres)";
    assert_eq!(overruled(&rig), [once]);
    assert_eq!(rig.memory.durable.descent.as_ref().map(|it| it.held.len()), Some(0));
}

#[test]
fn a_budget_that_nobody_named_is_a_question_as_before() {
    let mut rig = going_down(holds_postgres);
    gives_way(&mut rig, "shop", Span::secs(10));
    rig.until(900, |d| d.phase == Phase::Blocked);
    assert_eq!(overruled(&rig), [""; 0]);
    // A person names it, and orders it once more: its time begins anew.
    gives_way(&mut rig, "postgres", Span::secs(60));
    rig.order(shutdown(Desired::DownClusterOnly));
    rig.step(5);
    assert_eq!(overruled(&rig), [""; 0]);
    rig.until(900, is_down);
    assert_eq!(overruled(&rig).len(), 1);
}

#[test]
fn where_the_cluster_goes_on_no_budget_is_overruled() {
    let mut rig = going_down(holds_postgres);
    gives_way(&mut rig, "postgres", Span::secs(10));
    rig.step(5);
    let intent = &mut rig.memory.durable.intent;
    intent.by = Author::Ups { name: "hall".to_owned() };
    intent.scope = Scope::Machines(BTreeSet::from([name("a-02")]));
    rig.policy.shutdown.drain = Span::secs(80);
    let down = rig.until(600, is_down);
    assert!(matches!(gate(&down, SERVICES), GateState::Cut { .. }), "{}", story(&down));
    assert_eq!(overruled(&rig), [""; 0]);
}

#[test]
fn a_volume_that_does_not_come_off_holds_a_person_and_no_ups() {
    let mut rig = going_down(|cluster| cluster.volumes_stick = true);
    let blocked = rig.until(900, |d| d.phase == Phase::Blocked);
    assert_eq!(*gate(&blocked, VOLUMES), GateState::Closed);
    assert!(!rig.repairs().contains(&"stop k3s-agent on a-02".to_owned()), "{}", story(&blocked));

    let mut rig = going_down(|cluster| cluster.volumes_stick = true);
    rig.step(5);
    rig.memory.durable.intent.by = Author::Ups { name: "statera".to_owned() };
    rig.policy.shutdown.volumes = Span::secs(20);
    let down = rig.until(600, is_down);
    assert!(matches!(gate(&down, VOLUMES), GateState::Cut { .. }), "{}", story(&down));
}

#[test]
fn nothing_is_evicted_from_a_node_that_takes_pods() {
    let mut rig = going_down(|_| {});
    rig.world.node("a-01").hold = Some("mine".to_owned());
    rig.until(600, is_down);
    assert!(!evicts(&rig).iter().any(|it| it.contains("a-01")), "{:?}", evicts(&rig));
}

#[test]
fn a_snapshot_that_fails_is_tried_on_the_other_servers_and_then_a_person_is_asked() {
    let mut rig = going_down(|_| {});
    for server in ["s-1", "s-2", "s-3"] {
        rig.fates.insert(name(server), Fate::Failed);
    }
    let blocked = rig.until(900, |d| d.phase == Phase::Blocked);
    assert_eq!(*gate(&blocked, "datastore-saved"), GateState::Closed);
    let on: Vec<_> = rig.repairs().into_iter().filter(|it| it.starts_with("save")).collect();
    assert!(["s-1", "s-2", "s-3"].iter().all(|it| on.iter().any(|save| save.ends_with(it))));
    assert!(evicts(&rig).is_empty(), "nothing goes before it: {:?}", evicts(&rig));
}

#[test]
fn tiers_are_told_apart_by_namespace() {
    let rules = ananke::model::policy::ShutdownRules::default();
    assert_eq!(rules.tier("shop"), Some(PodTier::Applications));
    assert_eq!(rules.tier("vault"), Some(PodTier::Services));
    assert_eq!(rules.tier("longhorn-system"), None);
}

#[test]
fn an_api_that_does_not_answer_costs_a_ups_one_wait_only() {
    let mut rig = going_down(|_| {});
    rig.world.api_cut = true;
    rig.step(5);
    rig.memory.durable.intent.by = Author::Ups { name: "statera".to_owned() };
    rig.policy.shutdown.api = Span::secs(20);
    let stopping = rig.until(60, |d| d.plan.steps.iter().any(|step| stops(&step.effect)));
    for stage in ["flux-suspended", "nodes-cordoned", APPLICATIONS, SERVICES, VOLUMES] {
        let state = gate(&stopping, stage);
        assert!(matches!(state, GateState::Cut { .. }), "{stage}: {}", story(&stopping));
    }
    assert_eq!(rig.world.cluster.saved, 1, "that goes over SSH");
    rig.until(300, is_down);
}

const fn stops(effect: &Effect) -> bool {
    matches!(effect, Effect::StopUnit { .. })
}
