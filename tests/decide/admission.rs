//! Webhooks and services: slices survive an outage and go on saying ready, which proves nothing.

use std::collections::BTreeMap;

use ananke::model::assessment::{GateState, Phase};
use ananke::model::cluster::{Answerers, Grip, Ingress, Judges, ObjectPath};
use ananke::model::ids::MachineName;
use ananke::model::tick::{Decision, Order};
use ananke::report::why_text;

use crate::cluster::{Cluster, path};
use crate::flux::said;
use crate::rig::{Rig, gate, story};
use crate::site::name;

const ADMISSION: &str = "admission";
const ENDPOINTS: &str = "endpoints";
const WEBHOOK: &str = "ValidatingWebhookConfiguration policy";
const WEB: &str = "Service shop/web";

fn on(machines: &[&str]) -> Answerers {
    let mut answerers = Answerers::default();
    for machine in machines {
        answerers.count(Some(MachineName::new(*machine)), true, 1);
    }
    answerers
}

/// A webhook of `policy/judge` with this grip, and `shop/web` behind an Ingress, each answered for
/// on these machines.
fn cluster(grip: Grip, judge: &[&str], web: &[&str]) -> Cluster {
    let judges = Judges::from([(path("policy/judge"), grip)]);
    let ingress =
        Ingress { hosts: ["www.example".to_owned()].into(), services: [path("shop/web")].into() };
    Cluster {
        validating: Some(BTreeMap::from([(path("policy"), judges)])),
        ingresses: Some(BTreeMap::from([(path("shop/www"), ingress)])),
        endpoints: Some(BTreeMap::from([
            (path("policy/judge"), on(judge)),
            (path("shop/web"), on(web)),
        ])),
        ..Cluster::default()
    }
}

fn startup(cluster: Cluster) -> Rig {
    let mut rig = Rig::startup(3, 2);
    rig.world.cluster = cluster;
    rig
}

/// The kubelet of a machine does not come back after a boot, whatever is tried.
fn hang(rig: &mut Rig, machine: &str) {
    let host = rig.world.host(machine);
    (host.boots, host.hung, host.alive_since) = (host.boots + 1, true, None);
    host.starts = crate::bench::Starts::Hangs;
}

fn answers(rig: &mut Rig, service: &str, by: Answerers) {
    rig.world.cluster.endpoints.as_mut().expect("slices are served").insert(path(service), by);
}

fn findings(decision: &Decision, id: &str) -> usize {
    let view = decision.assessment.gates.iter().find(|view| view.id.as_str() == id);
    view.expect("a gate of the library").findings.len()
}

#[test]
fn a_webhook_that_blocks_its_own_pods_is_named_and_nothing_is_done_to_it() {
    let mut rig = startup(cluster(Grip::Own, &[], &["a-01"]));
    rig.throughout(900, |decision| !gate(decision, ADMISSION).is_open());
    let decision = rig.step(5);
    let why = said(&decision, ADMISSION, WEBHOOK);
    assert!(why.starts_with("fail: a dead-lock: policy/judge has no ready endpoint"), "{why}");
    assert_eq!(decision.phase, Phase::Blocked, "{}", story(&decision));
    assert_eq!(rig.repairs(), [""; 0]);
    assert!(gate(&decision, "flux-source").is_open(), "{}", story(&decision));
    let text = why_text(rig.last.as_ref().expect("a tick"), Some(ADMISSION)).expect("a gate");
    for command in [
        "kubectl -n policy get pods -o wide",
        "kubectl get validatingwebhookconfiguration policy -o yaml > policy.yaml",
        "failurePolicy: Ignore",
        "kubectl replace --force -f policy.yaml",
    ] {
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.join(" ").contains(command), "{command} is not in {text}");
    }
    answers(&mut rig, "policy/judge", on(&["a-01"]));
    rig.converged();
}

#[test]
fn a_webhook_that_judges_others_is_no_dead_lock_and_still_closes_the_gate() {
    for (grip, words) in [(Grip::Others, "is refused"), (Grip::Perhaps, "perhaps its own pods")] {
        let mut rig = startup(cluster(grip, &[], &["a-01"]));
        let decision = rig.until(300, |it| said(it, ADMISSION, WEBHOOK).starts_with("fail"));
        let why = said(&decision, ADMISSION, WEBHOOK);
        assert!(why.contains(words) && !why.contains("dead-lock"), "{why}");
    }
}

#[test]
fn slices_that_say_ready_about_a_node_that_is_not_back_prove_nothing() {
    let mut rig = startup(cluster(Grip::Own, &["a-01"], &["a-01"]));
    rig.converged();
    hang(&mut rig, "a-01");
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.throughout(300, |decision| {
        !gate(decision, ADMISSION).is_open() && !gate(decision, ENDPOINTS).is_open()
    });
    let why = said(&rig.step(5), ADMISSION, WEBHOOK);
    assert!(why.contains("a-01 is not proven"), "{why}");
    // Given up, it is an excuse for a service, and none for what everybody has to ask.
    let decision = rig.until(7_200, |it| said(it, ADMISSION, WEBHOOK).starts_with("fail"));
    let why = said(&decision, ADMISSION, WEBHOOK);
    assert!(why.contains("a dead-lock") && why.contains("a-01, which is missing"), "{why}");
    let why = said(&decision, ENDPOINTS, WEB);
    assert_eq!(why, "skipped: its pods were on a-01, which is missing");
}

#[test]
fn a_machine_that_is_missing_makes_the_end_degraded_and_not_blocked() {
    let mut rig = startup(cluster(Grip::Own, &["s-1"], &["a-01"]));
    rig.converged();
    hang(&mut rig, "a-01");
    rig.order(Order::Startup { by: "brad".to_owned() });
    let decision = rig.until(10_800, |decision| decision.phase == Phase::Degraded);
    assert!(gate(&decision, ENDPOINTS).is_open(), "{}", story(&decision));
}

#[test]
fn after_a_blackout_the_word_counts_when_the_nodes_are_proven() {
    let mut rig = startup(cluster(Grip::Own, &["a-01"], &["a-02"]));
    rig.converged();
    let all: Vec<MachineName> = rig.policy.machines.keys().cloned().collect();
    for machine in &all {
        rig.world.power_off(machine);
    }
    rig.step(30);
    for machine in &all {
        rig.world.power_on(machine, 20);
    }
    rig.order(Order::Startup { by: "brad".to_owned() });
    let end = rig.world.now + 600;
    while rig.world.now < end {
        let decision = rig.step(5);
        let proven = |machine: &str| rig.memory.durable.proofs.contains_key(&name(machine));
        if !proven("a-02") {
            assert!(!gate(&decision, ENDPOINTS).is_open(), "{}", story(&decision));
        }
    }
    rig.converged();
}

#[test]
fn a_service_of_a_good_day_that_nobody_answers_for_is_named_and_a_new_one_is_not() {
    let mut rig = startup(cluster(Grip::Own, &["s-1"], &["a-01"]));
    rig.converged();
    answers(&mut rig, "shop/web", Answerers::default());
    answers(&mut rig, "shop/new", Answerers::default());
    let decision = rig.step(5);
    assert!(gate(&decision, ENDPOINTS).is_open(), "a quiet day: {}", story(&decision));
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.step(5);
    let decision = rig.step(5);
    assert_eq!(*gate(&decision, ENDPOINTS), GateState::Closed, "{}", story(&decision));
    let why = said(&decision, ENDPOINTS, WEB);
    assert_eq!(why, "fail: no ready endpoint; on a good day it had one");
    assert_eq!(said(&decision, ENDPOINTS, "Service shop/new"), "");
}

#[test]
fn what_may_not_be_seen_is_unknown_and_nothing_else_suffers() {
    for kind in ["EndpointSlice", "ValidatingWebhookConfiguration", "Ingress"] {
        let mut rig = startup(cluster(Grip::Own, &["a-01"], &["a-01"]));
        rig.converged();
        rig.world.cluster.denied.insert(kind, "403: forbidden");
        rig.order(Order::Startup { by: "brad".to_owned() });
        rig.throughout(120, |decision| decision.phase != Phase::Converged);
        let decision = rig.step(5);
        assert!(gate(&decision, "fresh-ready").is_open(), "{}", story(&decision));
        assert!(gate(&decision, "storage").is_open(), "{}", story(&decision));
        let unknown = |id: &str| {
            ["(cluster)", WEBHOOK, WEB].iter().any(|target| {
                said(&decision, id, target).starts_with("unknown: ")
                    && said(&decision, id, target).contains("403: forbidden")
            })
        };
        assert_eq!(unknown(ADMISSION), kind != "Ingress", "{kind}: {}", story(&decision));
        let of_services = kind != "ValidatingWebhookConfiguration";
        assert_eq!(unknown(ENDPOINTS), of_services, "{kind}: {}", story(&decision));
    }
}

#[test]
fn a_cluster_that_serves_none_of_it_is_skipped_with_the_reason() {
    let mut rig = startup(Cluster::default());
    let decision = rig.converged();
    let why = said(&decision, ADMISSION, "(cluster)");
    assert_eq!(why, "skipped: the cluster serves no such kind");
    let why = said(&decision, ENDPOINTS, "(cluster)");
    assert_eq!(why, "skipped: no service behind an Ingress is remembered from a good day");
}

#[test]
fn thousands_of_absurd_objects_stay_few_in_what_is_said_and_remembered() {
    let mut cluster = cluster(Grip::Own, &["s-1"], &["s-1"]);
    for n in 0..3_000 {
        let service: ObjectPath = path(&format!("shop/service-{n:05}"));
        let ingress = Ingress { services: [service.clone()].into(), ..Ingress::default() };
        let ingresses = cluster.ingresses.as_mut().expect("served");
        ingresses.insert(path(&format!("shop/ingress-{n:05}")), ingress);
        cluster.endpoints.as_mut().expect("served").insert(service, on(&["s-1"]));
    }
    let mut rig = startup(cluster);
    rig.converged();
    assert_eq!(rig.memory.durable.normal.services.len(), 300);
    let webhooks = rig.world.cluster.validating.as_mut().expect("served");
    for n in 0..3_000 {
        let judges = Judges::from([(path("nowhere/nobody"), Grip::Own)]);
        webhooks.insert(path(&format!("webhook-{n:05}")), judges);
    }
    rig.world.cluster.endpoints = Some(BTreeMap::new());
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.step(5);
    let decision = rig.step(5);
    for id in [ADMISSION, ENDPOINTS] {
        let found = findings(&decision, id);
        assert!((64..=66).contains(&found), "{id}: {found}");
    }
}
