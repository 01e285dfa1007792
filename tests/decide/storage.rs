//! Storage: a list of drivers outlives the kubelet that wrote it, and volumes have their time.

use std::collections::BTreeMap;

use ananke::model::assessment::{GateState, Phase};
use ananke::model::cluster::{Attachment, Claim, Drivers, Pods, Trouble, TroubledPod, Workload};
use ananke::model::ids::GateId;
use ananke::model::object::ObjectName;
use ananke::model::tick::Order;

use crate::cluster::{Cluster, path};
use crate::flux::said;
use crate::rig::{Rig, gate, story};
use crate::site::name;

const STORAGE: &str = "storage";
const LONGHORN: &str = "driver.longhorn.io";
const MACHINES: [&str; 5] = ["a-01", "a-02", "s-1", "s-2", "s-3"];

/// Every node has the driver, and nothing is wrong.
fn cluster() -> Cluster {
    let drivers = MACHINES.map(|it| (path(it), Drivers::from([LONGHORN.to_owned()])));
    Cluster {
        drivers: Some(BTreeMap::from(drivers)),
        pods: Some(Pods::default()),
        attachments: Some(BTreeMap::new()),
        claims: Some(BTreeMap::new()),
        ..Cluster::default()
    }
}

/// A site that has seen a good day, and a person who ran `startup --execute` again.
fn again() -> Rig {
    let mut rig = Rig::startup(3, 2);
    rig.world.cluster = cluster();
    rig.converged();
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig
}

fn attachment(rig: &mut Rig, node: &str, error: &str) {
    let it = Attachment { node: name(node), volume: "pvc-1".to_owned(), error: error.to_owned() };
    rig.world.cluster.attachments.as_mut().expect("served").insert(path("csi-1"), it);
}

/// The driver's pod on a node does not start, and is too young for a new one to be better.
fn troubled(node: &str) -> TroubledPod {
    let of =
        ObjectName::in_namespace(Workload::DAEMON_SET, "longhorn-system", "longhorn-csi-plugin");
    TroubledPod {
        uid: "uid-1".to_owned(),
        node: Some(name(node)),
        of: Some(of),
        trouble: Trouble::BacksOff,
        why: "CrashLoopBackOff: back-off 40s".to_owned(),
        restarts: 3,
    }
}

#[test]
fn a_list_of_drivers_that_is_green_while_the_driver_is_dead_keeps_the_gate_closed() {
    let mut rig = again();
    let pods = rig.world.cluster.pods.as_mut().expect("served");
    pods.troubled.insert(path("longhorn-system/plugin-1"), troubled("s-1"));
    rig.machine("s-1").critical = true;
    // The order begins an episode with the tick that hears it; what was judged in it is older.
    rig.step(5);
    rig.step(5);
    rig.throughout(900, |decision| !gate(decision, STORAGE).is_open());
    let why = said(&rig.step(5), STORAGE, "s-1");
    assert!(why.contains("its pod of longhorn-csi-plugin: CrashLoopBackOff"), "{why}");
    rig.world.cluster.pods = Some(Pods::default());
    rig.converged();
}

#[test]
fn what_is_registered_counts_when_the_node_is_proven() {
    let mut rig = again();
    let host = rig.world.host("a-01");
    (host.boots, host.hung, host.alive_since) = (host.boots + 1, true, None);
    rig.throughout(60, |decision| !gate(decision, STORAGE).is_open());
    let why = said(&rig.step(5), STORAGE, "a-01");
    assert!(why.starts_with("unknown: registered by a word"), "{why}");
}

#[test]
fn a_driver_that_does_not_come_back_on_one_node_makes_the_end_degraded() {
    let mut rig = again();
    rig.world.cluster.drivers.as_mut().expect("served").insert(path("a-01"), Drivers::new());
    rig.step(5);
    let decision = rig.step(5);
    let why = said(&decision, STORAGE, "a-01");
    assert_eq!(why, "fail: not registered: driver.longhorn.io", "{}", story(&decision));
    let decision = rig.until(3_600, |decision| decision.phase == Phase::Degraded);
    assert_eq!(*gate(&decision, STORAGE), GateState::Degraded, "{}", story(&decision));
    assert_eq!(said(&decision, STORAGE, "s-1"), "");
}

#[test]
fn a_volume_that_hangs_has_its_time_from_the_last_node_on() {
    let mut rig = again();
    attachment(&mut rig, "s-1", "volume is not ready for workloads");
    rig.step(5);
    let end = rig.world.now + 500;
    while rig.world.now < end {
        let why = said(&rig.step(5), STORAGE, "VolumeAttachment csi-1");
        assert!(why.starts_with("settling: "), "{why}");
    }
    let decision =
        rig.until(900, |it| said(it, STORAGE, "VolumeAttachment csi-1").starts_with("fail: "));
    let why = said(&decision, STORAGE, "VolumeAttachment csi-1");
    assert_eq!(why, "fail: pvc-1 on s-1: volume is not ready for workloads");
    assert_eq!(rig.repairs(), [""; 0], "nothing is done to storage");
    rig.world.cluster.attachments = Some(BTreeMap::new());
    rig.converged();
}

#[test]
fn storage_is_left_alone_while_one_of_its_nodes_is_not_back() {
    let mut rig = again();
    attachment(&mut rig, "s-1", "");
    let host = rig.world.host("a-01");
    (host.boots, host.hung, host.alive_since) = (host.boots + 1, true, None);
    rig.step(5);
    let why = said(&rig.step(5), STORAGE, "VolumeAttachment csi-1");
    assert!(why.contains("left alone until its nodes are back: a-01 is not"), "{why}");
}

#[test]
fn a_claim_that_lost_its_volume_in_the_outage_is_for_a_person() {
    let lost = || Claim { phase: "Lost".to_owned(), volume: "pvc-1".to_owned() };
    let mut rig = Rig::startup(3, 2);
    rig.world.cluster = cluster();
    let claims = rig.world.cluster.claims.as_mut().expect("served");
    claims.insert(path("old/data"), lost());
    // Nobody can say what it was on a day that nobody remembers.
    let decision = rig.converged();
    let why = said(&decision, STORAGE, "PersistentVolumeClaim old/data");
    assert!(why.starts_with("skipped: Lost"), "{why}");
    let claims = rig.world.cluster.claims.as_mut().expect("served");
    claims.insert(path("git/data"), lost());
    let waits = Claim { phase: "Pending".to_owned(), volume: String::new() };
    claims.insert(path("new/data"), waits);
    // Not yet learned: the startup is ordered in the same tick.
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.step(5);
    let decision = rig.until(900, |decision| decision.phase == Phase::Blocked);
    let why = said(&decision, STORAGE, "PersistentVolumeClaim git/data");
    assert_eq!(why, "fail: Lost: its volume pvc-1 is gone");
    let why = said(&decision, STORAGE, "PersistentVolumeClaim old/data");
    assert!(why.contains("it was so before the outage"), "{why}");
    assert_eq!(said(&decision, STORAGE, "PersistentVolumeClaim new/data"), "");
}

#[test]
fn one_kind_that_may_not_be_seen_is_unknown_and_nothing_else_suffers() {
    for (kind, target) in [
        ("CSINode", "(cluster)"),
        ("VolumeAttachment", "(cluster)"),
        ("PersistentVolumeClaim", "(cluster)"),
        (Pods::KIND, "s-1"),
    ] {
        let mut rig = again();
        rig.world.cluster.denied.insert(kind, "403: forbidden");
        rig.throughout(120, |decision| decision.phase != Phase::Converged);
        let decision = rig.step(5);
        let why = said(&decision, STORAGE, target);
        assert!(why.starts_with("unknown: ") && why.contains("403: forbidden"), "{kind}: {why}");
        for id in ["fresh-ready", "admission", "flux-source", "endpoints"] {
            assert!(gate(&decision, id).is_open(), "{kind}: {}", story(&decision));
        }
    }
}

#[test]
fn a_quiet_day_holds_nothing_against_storage_and_forgets_what_stays_away() {
    let mut rig = Rig::startup(3, 2);
    rig.world.cluster = cluster();
    rig.converged();
    rig.world.cluster.drivers.as_mut().expect("served").insert(path("a-01"), Drivers::new());
    rig.throughout(600, |decision| gate(decision, STORAGE).is_open());
    assert!(rig.memory.durable.normal.drivers.contains_key(&name("a-01")), "not at once");
    for _ in 0..80 {
        rig.step(50);
    }
    rig.throughout(120, |decision| gate(decision, STORAGE).is_open());
    assert!(!rig.memory.durable.normal.drivers.contains_key(&name("a-01")));
}

#[test]
fn a_gate_that_the_settings_leave_out_says_why() {
    let mut rig = again();
    let why = "startup.require_storage_ready is false".to_owned();
    rig.policy.skip.insert(GateId::new(STORAGE), why.clone());
    rig.world.cluster.drivers.as_mut().expect("served").insert(path("a-01"), Drivers::new());
    let decision = rig.converged();
    assert_eq!(*gate(&decision, STORAGE), GateState::Skipped { why });
}

#[test]
fn a_cluster_without_storage_is_skipped_with_the_reason() {
    let mut rig = Rig::startup(1, 1);
    let decision = rig.converged();
    let why = said(&decision, STORAGE, "(cluster)");
    assert_eq!(why, "skipped: the cluster serves no such kind");
}

#[test]
fn absurd_lists_stay_small_in_memory() {
    let mut rig = Rig::startup(3, 2);
    rig.world.cluster = cluster();
    let many: Drivers = (0..5_000).map(|n| format!("driver-{n:05}")).collect();
    rig.world.cluster.drivers.as_mut().expect("served").insert(path("s-1"), many);
    let claims = rig.world.cluster.claims.as_mut().expect("served");
    for n in 0..5_000 {
        let lost = Claim { phase: "Lost".to_owned(), volume: format!("pvc-{n}") };
        claims.insert(path(&format!("old/data-{n:05}")), lost);
    }
    let decision = rig.converged();
    let normal = &rig.memory.durable.normal;
    assert!(normal.drivers[&name("s-1")].len() <= 8);
    assert_eq!(normal.amiss.as_ref().map(std::collections::BTreeSet::len), Some(300));
    let view = decision.assessment.gates.iter().find(|view| view.id.as_str() == STORAGE);
    assert!(view.expect("a gate").findings.len() <= 66);
}
