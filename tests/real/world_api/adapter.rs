//! The real Kubernetes adapter before the simulated API: it must not notice the difference.

use std::collections::BTreeSet;
use std::time::Duration;

use ananke::adapters::kube::KubeLink;
use ananke::config::settings::KubeSettings;
use ananke::model::action::{Effect, Expect, PodTier};
use ananke::model::cordon::{CordonKind, CordonMark, CordonRecord};
use ananke::model::facts::{ApiFacts, Link, NodeFacts, Ready};
use ananke::model::ids::{BootId, CordonId, MachineName};
use ananke::model::outcome::ActionResult;
use ananke::model::time::{Moment, Mono, Span};
use ananke::sim::faces::sockets::api::Cluster;
use ananke::sim::world::ApiDoor;
use ananke::sim::world::store::Key;
use ananke::sim::world::store::kinds::{LEASES, NAMESPACES, NODES, PDBS, PODS};
use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::side::Bare;

fn start(bare: &Bare) -> (KubeLink, ananke::sim::faces::sockets::api::ApiServer) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let server = bare.serve();
    let settings = KubeSettings {
        kubeconfig: None,
        endpoints: vec![format!("https://{}", server.address())],
        request: Span::secs(2),
        namespace: "ananke".to_owned(),
    };
    let text = server.kubeconfig().to_owned();
    let source = move || {
        let text = text.clone();
        async move { Ok(text) }
    };
    let began = Instant::now();
    let clock = move || Moment {
        boot: BootId::fixed("here"),
        mono: Mono(u64::try_from(began.elapsed().as_millis()).unwrap()),
        wall: Timestamp::now(),
        wall_trusted: true,
    };
    (KubeLink::start(settings, "atlas", clock, source), server)
}

fn site() -> Bare {
    let bare = Bare::new();
    bare.write(|store, now| {
        store.create(Key::global(&NAMESPACES, "ananke"), json!({}), now).unwrap();
        let node = json!({"status": {"nodeInfo": {"bootID": "b1", "machineID": "m1"},
            "conditions": [{"type": "Ready", "status": "True"}]}});
        store.create(Key::global(&NODES, "one"), node, now).unwrap();
        let lease = json!({"spec": {"renewTime": "2026-01-01T00:00:01.000000Z"}});
        store.create(Key::of(&LEASES, "kube-node-lease", "one"), lease, now).unwrap();
    });
    bare
}

async fn until(link: &KubeLink, what: &str, test: impl Fn(&ApiFacts) -> bool) {
    let wait = async {
        while !test(&link.facts()) {
            // poll: the facts, until the deadline below
            sleep(Duration::from_millis(20)).await;
        }
    };
    let end = timeout(Duration::from_secs(30), wait).await;
    assert!(end.is_ok(), "never: {what}; {:#?}", link.facts());
}

fn one(facts: &ApiFacts) -> Option<&NodeFacts> {
    facts.nodes.any_age()?.get(&MachineName::fixed("one"))
}

fn up(facts: &ApiFacts) -> bool {
    matches!(facts.link, Link::Up { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapter_sees_and_does_what_it_does_with_a_real_api() {
    let bare = site();
    let (link, _server) = start(&bare);
    until(&link, "the node", |facts| one(facts).is_some_and(|it| it.ready == Ready::True)).await;
    until(&link, "kinds", |facts| !facts.serves.is_empty()).await;
    for kind in [
        "v1/Node",
        "coordination.k8s.io/v1/Lease",
        "policy/v1/PodDisruptionBudget",
        "helm.toolkit.fluxcd.io/v2/HelmRelease",
        "ananke.bstein.dev/v1alpha1/RecoveryStatus",
    ] {
        assert!(link.facts().serves.iter().any(|it| it == kind), "{kind}");
    }
    assert_eq!(link.facts().version.as_deref(), Some("v1.36.3+k3s1"));
    link.watch_leases(BTreeSet::from([MachineName::fixed("one")]));
    until(&link, "the lease", |facts| one(facts).is_some_and(|it| it.lease.is_some())).await;
    let done = async |effect: &Effect| {
        let result = link.perform(effect, &Expect::default(), Span::secs(5)).await;
        assert_eq!(result, ActionResult::Done, "{effect:?}");
    };
    for _ in 0..2 {
        done(&Effect::WriteCanary).await;
    }
    let now = Timestamp::now();
    let record = CordonRecord {
        id: CordonId::fixed("c1"),
        owner: "atlas".to_owned(),
        kind: CordonKind::Recovery,
        prior_unschedulable: false,
        acquired_at: now,
        expires_at: now + jiff::SignedDuration::from_hours(1),
        boot_id: BootId::fixed("b1"),
    };
    let node = MachineName::fixed("one");
    let cordon = Effect::Cordon { node: node.clone(), record };
    done(&cordon).await;
    let again = link.perform(&cordon, &Expect::default(), Span::secs(5)).await;
    assert_eq!(again, ActionResult::AlreadyDone);
    let ours = |facts: &ApiFacts| {
        one(facts).is_some_and(|it| it.unschedulable && matches!(it.cordon, CordonMark::Record(_)))
    };
    until(&link, "our cordon", ours).await;
    let mark = Effect::MarkManual {
        node: node.clone(),
        reason: "disk".to_owned(),
        since: now,
        cordon: None,
    };
    done(&mark).await;
    done(&Effect::ClearMark { node: node.clone() }).await;
    done(&Effect::Uncordon { node, id: CordonId::fixed("c1") }).await;
    let free = |facts: &ApiFacts| {
        one(facts).is_some_and(|it| !it.unschedulable && it.cordon == CordonMark::None)
    };
    until(&link, "free again", free).await;
    link.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapter_tells_the_doors_apart_and_comes_back() {
    let bare = site();
    let (link, _server) = start(&bare);
    let reason = |facts: &ApiFacts| match &facts.link {
        Link::Down { why, .. } => why.detail.clone(),
        Link::Probing | Link::Up { .. } => String::new(),
    };
    for (door, words) in [
        (ApiDoor::NotReady, "etcd failed"),
        (ApiDoor::Refused, "connection refused"),
        (ApiDoor::Silent, "no answer within"),
    ] {
        bare.set(ApiDoor::Ready);
        until(&link, "up", up).await;
        bare.set(door);
        until(&link, words, |facts| reason(facts).contains(words)).await;
    }
    bare.set(ApiDoor::Ready);
    until(&link, "up at last", up).await;
    bare.write(|store, _| store.compact());
    bare.write(|store, now| {
        store.create(Key::global(&NODES, "two"), json!({}), now).unwrap();
    });
    let both = |facts: &ApiFacts| facts.nodes.any_age().is_some_and(|nodes| nodes.len() == 2);
    until(&link, "the second node, through 410", both).await;
    link.stop().await;
}

/// Two pods of one namespace, of which a budget holds one, one of another, and one of nobody.
fn pods(bare: &Bare) {
    bare.write(|store, now| {
        let pod = |app: &str, owner: serde_json::Value| {
            json!({"metadata": {"labels": {"app": app}, "ownerReferences": owner},
                "spec": {"nodeName": "one"}, "status": {"phase": "Running",
                    "conditions": [{"type": "Ready", "status": "True"}]}})
        };
        let owner = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r",
            "uid": "u", "controller": true}]);
        for (namespace, name, owner) in [
            ("apps", "web", &owner),
            ("apps", "db", &owner),
            ("storage", "engine", &owner),
            ("apps", "lonely", &json!([])),
        ] {
            let key = Key::of(&PODS, namespace, name);
            store.create(key, pod(name, owner.clone()), now).unwrap();
        }
        let budget = json!({"spec": {"selector": {"matchLabels": {"app": "db"}}}, "status":
            {"disruptionsAllowed": 0, "observedGeneration": 1, "currentHealthy": 1,
             "desiredHealthy": 1}});
        store.create(Key::of(&PDBS, "apps", "db"), budget, now).unwrap();
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_are_evicted_as_far_as_their_budgets_let_them_go() {
    let bare = site();
    pods(&bare);
    let (link, _server) = start(&bare);
    until(&link, "the node", |facts| one(facts).is_some()).await;
    let evict = Effect::EvictPods {
        node: MachineName::fixed("one"),
        tier: PodTier::Applications,
        namespaces: BTreeSet::from(["apps".to_owned()]),
        overruled: BTreeSet::new(),
    };
    let perform = async || link.perform(&evict, &Expect::default(), Span::secs(5)).await;
    let open = perform().await;
    assert!(matches!(&open, ActionResult::Refused { why } if why.contains("takes new pods")));
    bare.write(|store, _| {
        let key = Key::global(&NODES, "one");
        store.change(&key, |node| node["spec"]["unschedulable"] = true.into()).unwrap();
    });
    let held = perform().await;
    assert!(
        matches!(&held, ActionResult::Held { why }
            if why.starts_with("1 of the pods go; held by a disruption budget: 1: apps/db (")),
        "{held:?}"
    );
    let going = || {
        let mut names = Vec::new();
        bare.write(|store, _| {
            let marked = |it: &serde_json::Value| !it["metadata"]["deletionTimestamp"].is_null();
            let all = store.list(&PODS, None).filter(|(_, pod)| marked(pod));
            names.extend(all.map(|(key, _)| key.name.clone()));
        });
        names.sort();
        names
    };
    assert_eq!(going(), ["web"], "neither storage nor a pod that nobody makes anew");
    let apps = BTreeSet::from(["apps".to_owned()]);
    let evict = Effect::EvictPods {
        node: MachineName::fixed("one"),
        tier: PodTier::Applications,
        namespaces: apps.clone(),
        overruled: apps,
    };
    let done = link.perform(&evict, &Expect::default(), Span::secs(5)).await;
    assert_eq!(done, ActionResult::Done);
    assert_eq!(going(), ["db", "web"], "its budget is overruled");
    link.stop().await;
}
