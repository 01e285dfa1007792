//! The Kubernetes adapter against a real etcd and a real kube-apiserver. One API server serves all
//! cases, in order; the last ones freeze it and kill it.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that starts real processes, reads the real clock, and fails where it stands"
)]

mod account;
mod flux;
pub(crate) mod rig;
mod status;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use ananke::adapters::kube::{KubeLink, KubeconfigFile, LEASE_NAME, RBAC_NEEDS, Scope};
use ananke::config::settings::KubeSettings;
use ananke::model::action::{Effect, Expect};
use ananke::model::cordon::{
    CORDON_ANNOTATION, CordonKind, CordonMark, CordonRecord, HOLD_ANNOTATION, MANUAL_ANNOTATION,
};
use ananke::model::facts::{ApiFacts, BlindKind, LeaseFacts, Link, NodeFacts, Seen};
use ananke::model::ids::{BootId, CordonId, MachineName};
use ananke::model::outcome::ActionResult;
use ananke::model::time::{Moment, Mono, Span};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Namespace, Node};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::{Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use rig::Rig;

const NAMESPACE: &str = "ananke";

/// What every case needs.
struct Site {
    rig: Rig,
    admin: Client,
    began: Instant,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapter_holds_against_a_real_api_server() {
    let rig = Rig::start().await;
    let admin = rig.admin().await;
    let mut site = Site { rig, admin, began: Instant::now() };

    another_name_or_authority_is_no_api(&site).await;
    let link = site.link("ananke", "ananke.kubeconfig");
    missing_rights_are_named_and_the_generated_ones_suffice(&site, &link).await;
    what_the_server_is_gets_known(&site, &link).await;
    flux::flux_is_seen_asked_and_resumed(&site.admin, &link).await;
    cordon_and_record_are_one_step(&site, &link).await;
    only_our_own_cordon_is_given_back(&site, &link).await;
    what_is_not_ours_is_never_touched(&site, &link).await;
    a_mark_makes_the_cordon_a_persons(&site, &link).await;
    an_old_version_is_refused(&site, &link).await;
    the_server_itself_refuses_what_changed_meanwhile(&site, &link).await;
    of_two_hosts_one_gets_the_cordon(&site, &link).await;
    the_canary_proves_writes(&site, &link).await;
    heartbeats_are_seen_to_move(&site, &link).await;
    status::the_kind_is_made_by_who_may_and_missed_by_name(&site, &link).await;
    status::every_status_is_read_as_it_is_meant(&site, &link).await;
    status::one_look_tells_where_the_cluster_stands(&site, &link).await;
    status::each_host_keeps_its_own_entry_and_a_wish_is_read(&site, &link).await;
    status::an_event_is_written_once_and_described(&site, &link).await;
    account::an_account_is_made_once_and_sees_the_nodes(&site).await;
    a_frozen_server_is_down_and_its_facts_grow_old(&site, &link).await;
    a_killed_server_comes_back_with_a_new_client(&mut site, &link).await;
    link.stop().await;
}

// ---- what the cases are made of

impl Site {
    fn link(&self, user: &str, file: &str) -> KubeLink {
        let path = self.rig.write_kubeconfig(file, user, "ca");
        self.link_to(vec![self.rig.endpoint()], path)
    }

    fn link_to(&self, endpoints: Vec<String>, kubeconfig: PathBuf) -> KubeLink {
        let settings = KubeSettings {
            kubeconfig: Some(kubeconfig.clone()),
            endpoints,
            request: Span::secs(4),
            namespace: NAMESPACE.to_owned(),
        };
        let began = self.began;
        KubeLink::start(settings, "atlas", move || moment(began), KubeconfigFile(kubeconfig))
    }

    fn now(&self) -> Mono {
        moment(self.began).mono
    }

    fn nodes(&self) -> Api<Node> {
        Api::all(self.admin.clone())
    }

    /// Makes a node, and returns it as the API has it.
    async fn make_node(&self, name: &str, more: Value) -> Node {
        let mut object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
        for (key, value) in more.as_object().into_iter().flatten() {
            match object.get_mut(key) {
                Some(Value::Object(old)) => old.extend(value.as_object().unwrap().clone()),
                _ => object[key] = value.clone(),
            }
        }
        let node = serde_json::from_value(object).unwrap();
        self.nodes().create(&PostParams::default(), &node).await.unwrap()
    }

    async fn node(&self, name: &str) -> Node {
        self.nodes().get(name).await.unwrap()
    }

    async fn merge(&self, name: &str, patch: Value) -> Node {
        let patch = Patch::Merge(patch);
        self.nodes().patch(name, &PatchParams::default(), &patch).await.unwrap()
    }
}

fn moment(began: Instant) -> Moment {
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap();
    Moment {
        boot: BootId::fixed("here"),
        mono: Mono(ms),
        wall: Timestamp::now(),
        wall_trusted: true,
    }
}

/// The deadlines are wide, for machines under load; how soon is proved under paused time.
async fn until(link: &KubeLink, seconds: u64, what: &str, test: impl Fn(&ApiFacts) -> bool) {
    let wait = async {
        while !test(&link.facts()) {
            // poll: the facts, until the deadline below
            sleep(Duration::from_millis(20)).await;
        }
    };
    let end = timeout(Duration::from_secs(seconds), wait).await;
    let facts = link.facts();
    assert!(end.is_ok(), "not within {seconds} s: {what}; {:?}; {:?}", facts.link, facts.nodes);
}

fn down(facts: &ApiFacts) -> Option<(BlindKind, &str)> {
    match &facts.link {
        Link::Down { why, .. } => Some((why.kind, &why.detail)),
        Link::Probing | Link::Up { .. } => None,
    }
}

fn up(facts: &ApiFacts) -> bool {
    matches!(facts.link, Link::Up { .. })
}

fn seen<'a>(facts: &'a ApiFacts, name: &str) -> Option<&'a NodeFacts> {
    facts.nodes.any_age()?.get(&MachineName::new(name))
}

fn seen_at(facts: &ApiFacts) -> Mono {
    match &facts.nodes {
        Seen::Known { at, .. } => *at,
        Seen::Unknown { why, .. } => panic!("no nodes: {why}"),
    }
}

fn record(id: &str) -> CordonRecord {
    let now = Timestamp::now();
    CordonRecord {
        id: CordonId::new(id),
        owner: "atlas".to_owned(),
        kind: CordonKind::Recovery,
        prior_unschedulable: false,
        acquired_at: now,
        expires_at: now + jiff::SignedDuration::from_hours(1),
        boot_id: BootId::fixed("b1"),
    }
}

async fn cordon(link: &KubeLink, node: &str, id: &str, expect: &Expect) -> ActionResult {
    let effect = Effect::Cordon { node: MachineName::new(node), record: record(id) };
    link.perform(&effect, expect, Span::secs(5)).await
}

async fn uncordon(link: &KubeLink, node: &str, id: &str) -> ActionResult {
    let effect = Effect::Uncordon { node: MachineName::new(node), id: CordonId::new(id) };
    link.perform(&effect, &Expect::default(), Span::secs(5)).await
}

async fn canary(link: &KubeLink) -> ActionResult {
    link.perform(&Effect::WriteCanary, &Expect::default(), Span::secs(5)).await
}

#[track_caller]
fn assert_result(result: &ActionResult, word: &str, reason: &str) {
    assert_eq!(result.word(), word, "{result:?}");
    assert!(result.why().unwrap_or_default().contains(reason), "{result:?}");
}

fn version(node: &Node) -> &str {
    node.metadata.resource_version.as_deref().unwrap()
}

fn unschedulable(node: &Node) -> bool {
    node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false)
}

fn annotation<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// Gives a user what `RBAC_NEEDS` says, no more.
async fn grant(admin: &Client, user: &str) {
    let post = PostParams::default();
    for (n, need) in RBAC_NEEDS.iter().enumerate() {
        let name = format!("{user}-{n}");
        let mut rule = json!({"apiGroups": [need.group], "resources": [need.resource],
            "verbs": need.verbs});
        if !need.names.is_empty() {
            rule["resourceNames"] = json!(need.names);
        }
        let role = json!({"metadata": {"name": name}, "rules": [rule]});
        let binding = |kind| {
            json!({"metadata": {"name": name}, "subjects": [{"kind": "User", "name": user,
                "apiGroup": "rbac.authorization.k8s.io"}], "roleRef": {"kind": kind,
                "name": name, "apiGroup": "rbac.authorization.k8s.io"}})
        };
        let namespace = match need.scope {
            Scope::Cluster => None,
            Scope::Namespace(name) => Some(name),
            Scope::Own => Some(NAMESPACE),
        };
        if let Some(namespace) = namespace {
            let role: Role = serde_json::from_value(role).unwrap();
            let binding: RoleBinding = serde_json::from_value(binding("Role")).unwrap();
            Api::namespaced(admin.clone(), namespace).create(&post, &role).await.unwrap();
            Api::namespaced(admin.clone(), namespace).create(&post, &binding).await.unwrap();
        } else {
            let role: ClusterRole = serde_json::from_value(role).unwrap();
            let binding: ClusterRoleBinding =
                serde_json::from_value(binding("ClusterRole")).unwrap();
            Api::all(admin.clone()).create(&post, &role).await.unwrap();
            Api::all(admin.clone()).create(&post, &binding).await.unwrap();
        }
    }
}

// ---- the cases

async fn another_name_or_authority_is_no_api(site: &Site) {
    let file = |authority| site.rig.write_kubeconfig("odd.kubeconfig", "ananke", authority);
    let table = [
        (site.rig.unnamed_endpoint(), "ca", "is not for this address"),
        (site.rig.endpoint(), "other", "another authority"),
    ];
    for (endpoint, authority, reason) in table {
        let link = site.link_to(vec![endpoint.clone()], file(authority));
        until(&link, 15, "down", |facts| down(facts).is_some()).await;
        let facts = link.facts();
        let (kind, words) = down(&facts).unwrap();
        assert_eq!(kind, BlindKind::Identity, "{words}");
        assert!(words.contains(reason) && words.contains(&endpoint), "{words}");
        link.stop().await;
    }
}

async fn missing_rights_are_named_and_the_generated_ones_suffice(site: &Site, link: &KubeLink) {
    until(link, 20, "up without any right", up).await;
    let forbidden = |facts: &ApiFacts| {
        matches!(&facts.nodes, Seen::Unknown { why, .. }
            if why.kind == BlindKind::Denied && why.detail.contains("cannot list resource"))
    };
    until(link, 15, "the missing right is named", forbidden).await;
    let own = json!({"metadata": {"name": NAMESPACE}});
    assert_result(&canary(link).await, "failed", "RBAC");
    grant_with_namespace(site, &own).await;
    let known = |facts: &ApiFacts| matches!(facts.nodes, Seen::Known { .. });
    until(link, 20, "nodes are seen once they may be", known).await;
}

/// The canary must be refused in words while its namespace does not exist.
async fn grant_with_namespace(site: &Site, namespace: &Value) {
    let namespace: Namespace = serde_json::from_value(namespace.clone()).unwrap();
    Api::all(site.admin.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    grant(&site.admin, "ananke").await;
}

async fn what_the_server_is_gets_known(site: &Site, link: &KubeLink) {
    until(link, 15, "kinds", |facts| !facts.serves.is_empty()).await;
    let facts = link.facts();
    assert!(facts.version.as_deref().is_some_and(|v| v.starts_with("v1.")), "{:?}", facts.version);
    for kind in ["v1/Node", "coordination.k8s.io/v1/Lease", "policy/v1/PodDisruptionBudget"] {
        assert!(facts.serves.iter().any(|k| k == kind), "{kind} not in {:?}", facts.serves);
    }
    assert!(!facts.serves.iter().any(|k| k.contains("fluxcd")), "{:?}", facts.serves);
    assert!(matches!(facts.endpoints[&site.rig.endpoint()], Seen::Known { value: true, .. }));
}

async fn cordon_and_record_are_one_step(site: &Site, link: &KubeLink) {
    let made = site.make_node("one", json!({})).await;
    until(link, 15, "the node", |facts| seen(facts, "one").is_some()).await;
    let facts = link.facts();
    let expect = Expect {
        uid: made.metadata.uid.clone(),
        resource_version: seen(&facts, "one").map(|node| node.resource_version.clone()),
        ..Expect::default()
    };
    let watch = WatchParams::default().fields("metadata.name=one").timeout(5);
    let mut events = site.nodes().watch(&watch, version(&made)).await.unwrap().boxed();
    assert_eq!(cordon(link, "one", "c1", &expect).await, ActionResult::Done);
    let Some(Ok(WatchEvent::Modified(first))) = events.next().await else { panic!("no event") };
    assert!(unschedulable(&first), "the first version after the cordon is cordoned");
    let text = annotation(&first, CORDON_ANNOTATION).expect("and carries the record");
    let written: CordonRecord = serde_json::from_str(text).unwrap();
    assert_eq!((written.id.as_str(), written.kind), ("c1", CordonKind::Recovery));
    let fact = |facts: &ApiFacts| {
        seen(facts, "one").is_some_and(|n| {
            n.unschedulable && matches!(&n.cordon, CordonMark::Record(r) if r.id.as_str() == "c1")
        })
    };
    until(link, 10, "the watch brings it", fact).await;
    // Again, with the version of before: done is done, and nothing is written.
    assert_eq!(cordon(link, "one", "c1", &expect).await, ActionResult::AlreadyDone);
    assert_eq!(version(&site.node("one").await), version(&first));
    assert_result(&cordon(link, "one", "c2", &Expect::default()).await, "refused", "cordon c1");
}

async fn only_our_own_cordon_is_given_back(site: &Site, link: &KubeLink) {
    let before = site.node("one").await;
    assert_result(&uncordon(link, "one", "c9").await, "refused", "cordon c1 of atlas");
    assert_eq!(version(&site.node("one").await), version(&before));
    assert_eq!(uncordon(link, "one", "c1").await, ActionResult::Done);
    let after = site.node("one").await;
    assert!(!unschedulable(&after) && annotation(&after, CORDON_ANNOTATION).is_none());
    assert_eq!(uncordon(link, "one", "c1").await, ActionResult::AlreadyDone);
    // A person uncordons by hand: our record goes, and nothing else is said about the node.
    assert_eq!(cordon(link, "one", "c3", &Expect::default()).await, ActionResult::Done);
    site.merge("one", json!({"spec": {"unschedulable": false}})).await;
    assert_eq!(uncordon(link, "one", "c3").await, ActionResult::Done);
    assert_eq!(annotation(&site.node("one").await, CORDON_ANNOTATION), None);
}

async fn what_is_not_ours_is_never_touched(site: &Site, link: &KubeLink) {
    let taint = json!([{"key": "medik8s.io/drain", "effect": "NoSchedule"}]);
    let ours = serde_json::to_string(&record("c1")).unwrap();
    let table = [
        ("by-hand", json!({"spec": {"unschedulable": true}}), "somebody else", "somebody else"),
        (
            "garbled",
            json!({"metadata": {"annotations": {CORDON_ANNOTATION: "{"}}}),
            "can't be read",
            "can't be read",
        ),
        (
            "held",
            json!({"metadata": {"annotations": {HOLD_ANNOTATION: "mine", CORDON_ANNOTATION: ours}},
                "spec": {"unschedulable": true}}),
            "cordon c1",
            "a person holds",
        ),
        (
            "drained",
            json!({"metadata": {"annotations": {CORDON_ANNOTATION: ours}},
                "spec": {"unschedulable": true, "taints": taint}}),
            "cordon c1",
            "taint medik8s.io/drain",
        ),
    ];
    for (name, more, to_cordon, to_uncordon) in table {
        let before = site.make_node(name, more).await;
        let result = cordon(link, name, "c7", &Expect::default()).await;
        assert_result(&result, "refused", to_cordon);
        assert_result(&uncordon(link, name, "c1").await, "refused", to_uncordon);
        assert_eq!(version(&site.node(name).await), version(&before), "{name} was touched");
    }
    assert_result(&cordon(link, "gone", "c7", &Expect::default()).await, "refused", "no such node");
}

async fn a_mark_makes_the_cordon_a_persons(site: &Site, link: &KubeLink) {
    site.make_node("tired", json!({})).await;
    assert_eq!(cordon(link, "tired", "c4", &Expect::default()).await, ActionResult::Done);
    let effect = Effect::MarkManual {
        node: MachineName::fixed("tired"),
        reason: "not Ready after 3 restarts".to_owned(),
        since: Timestamp::from_second(1_700_000_000).unwrap(),
        cordon: Some(CordonId::fixed("c4")),
    };
    let mark = async || link.perform(&effect, &Expect::default(), Span::secs(5)).await;
    assert_eq!(mark().await, ActionResult::Done);
    assert_eq!(mark().await, ActionResult::AlreadyDone);
    let node = site.node("tired").await;
    assert!(unschedulable(&node), "the cordon stays for the person");
    let text = annotation(&node, MANUAL_ANNOTATION).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(text).unwrap(),
        json!({"reason": "not Ready after 3 restarts", "since": "2023-11-14T22:13:20Z"})
    );
    assert_result(&uncordon(link, "tired", "c4").await, "refused", "left to a person");
    let fact = |facts: &ApiFacts| {
        seen(facts, "tired").is_some_and(|n| {
            n.manual.as_deref() == Some("not Ready after 3 restarts")
                && matches!(&n.cordon, CordonMark::Record(r) if r.kind == CordonKind::Manual)
        })
    };
    until(link, 10, "the mark is seen", fact).await;
}

async fn an_old_version_is_refused(site: &Site, link: &KubeLink) {
    let old = site.make_node("moving", json!({})).await;
    let new = site.merge("moving", json!({"metadata": {"labels": {"a": "b"}}})).await;
    let expect = |node: &Node| Expect {
        resource_version: node.metadata.resource_version.clone(),
        ..Expect::default()
    };
    let result = cordon(link, "moving", "c5", &expect(&old)).await;
    assert_result(&result, "refused", "changed since it was observed");
    let other = Expect { uid: Some("another".to_owned()), ..expect(&new) };
    let result = cordon(link, "moving", "c5", &other).await;
    assert_result(&result, "refused", "not the observed node");
    assert_eq!(version(&site.node("moving").await), version(&new), "nothing was written");
    assert_eq!(cordon(link, "moving", "c5", &expect(&new)).await, ActionResult::Done);
}

/// Between our read and our patch somebody else writes, again and again, until it happens.
async fn the_server_itself_refuses_what_changed_meanwhile(site: &Site, link: &KubeLink) {
    site.make_node("busy", json!({})).await;
    let nodes = site.nodes();
    let hammer = tokio::spawn(async move {
        for n in 0_u64.. {
            let label = Patch::Merge(json!({"metadata": {"labels": {"n": n.to_string()}}}));
            nodes.patch("busy", &PatchParams::default(), &label).await.unwrap();
        }
    });
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut n = 0;
    loop {
        n += 1;
        let id = format!("b{n}");
        match cordon(link, "busy", &id, &Expect::default()).await {
            ActionResult::Refused { why } => {
                assert!(why.contains("it changed meanwhile"), "{why}");
                let node = site.node("busy").await;
                assert!(!unschedulable(&node) && annotation(&node, CORDON_ANNOTATION).is_none());
                break;
            }
            ActionResult::Done => while uncordon(link, "busy", &id).await != ActionResult::Done {},
            other @ (ActionResult::AlreadyDone
            | ActionResult::Held { .. }
            | ActionResult::Failed { .. }
            | ActionResult::Unknown { .. }) => panic!("{other:?}"),
        }
        assert!(Instant::now() < deadline, "no write came between in {n} tries");
    }
    hammer.abort();
}

async fn of_two_hosts_one_gets_the_cordon(site: &Site, link: &KubeLink) {
    let second = site.link("ananke", "second.kubeconfig");
    until(&second, 20, "the second host is up", up).await;
    for n in 0..20 {
        let name = format!("race-{n}");
        site.make_node(&name, json!({})).await;
        let expect = Expect::default();
        let (a, b) = tokio::join!(
            cordon(link, &name, "host-a", &expect),
            cordon(&second, &name, "host-b", &expect)
        );
        let node = site.node(&name).await;
        let text = annotation(&node, CORDON_ANNOTATION).unwrap();
        let holder: CordonRecord = serde_json::from_str(text).unwrap();
        let (winner, loser, id) =
            if a == ActionResult::Done { (a, b, "host-a") } else { (b, a, "host-b") };
        assert_eq!((winner, holder.id.as_str()), (ActionResult::Done, id));
        assert_eq!(loser.word(), "refused", "{loser:?}");
    }
    second.stop().await;
}

async fn the_canary_proves_writes(site: &Site, link: &KubeLink) {
    let proven = |facts: &ApiFacts| facts.canary.any_age().map(|c| c.resource_version.clone());
    assert_eq!(proven(&link.facts()), None, "nothing was written unasked");
    assert_eq!(canary(link).await, ActionResult::Done);
    let first = proven(&link.facts()).unwrap();
    let leases: Api<Lease> = Api::namespaced(site.admin.clone(), NAMESPACE);
    let lease = leases.get(LEASE_NAME).await.unwrap();
    assert_eq!(lease.metadata.resource_version.as_deref(), Some(first.as_str()));
    assert_eq!(lease.spec.unwrap().holder_identity.as_deref(), Some("atlas"));
    assert_eq!(canary(link).await, ActionResult::Done);
    assert_ne!(proven(&link.facts()), Some(first), "each write is a new version");
    // Somebody else takes the field: it is not taken back by force.
    let taken = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": LEASE_NAME}, "spec": {"holderIdentity": "other"}});
    let other = PatchParams::apply("other").force();
    leases.patch(LEASE_NAME, &other, &Patch::Apply(taken)).await.unwrap();
    assert_result(&canary(link).await, "refused", "conflict");
    leases.delete(LEASE_NAME, &kube::api::DeleteParams::default()).await.unwrap();
}

async fn heartbeats_are_seen_to_move(site: &Site, link: &KubeLink) {
    let leases: Api<Lease> = Api::namespaced(site.admin.clone(), "kube-node-lease");
    let beat = async |second: i64| {
        let renewed = format!("2026-01-01T00:00:{second:02}.000000Z");
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "one"}, "spec": {"renewTime": renewed}});
        let kubelet = PatchParams::apply("kubelet").force();
        leases.patch("one", &kubelet, &Patch::Apply(lease)).await.unwrap();
        renewed
    };
    let lease = |facts: &ApiFacts| -> Option<LeaseFacts> { seen(facts, "one")?.lease.clone() };
    let first = beat(1).await;
    link.watch_leases(BTreeSet::from([MachineName::fixed("one")]));
    until(link, 15, "a lease", |f| lease(f).is_some_and(|l| l.renew_time == first)).await;
    let before = lease(&link.facts()).unwrap();
    let second = beat(2).await;
    until(link, 15, "it moves", |f| lease(f).is_some_and(|l| l.renew_time == second)).await;
    assert_ne!(lease(&link.facts()).unwrap().resource_version, before.resource_version);
    link.watch_leases(BTreeSet::new());
    until(link, 15, "it is forgotten", |facts| lease(facts).is_none()).await;
}

async fn a_frozen_server_is_down_and_its_facts_grow_old(site: &Site, link: &KubeLink) {
    let fresh = Span::secs(12);
    assert!(link.facts().nodes.fresh(site.now(), fresh).is_ok());
    let froze = Instant::now();
    site.rig.freeze_apiserver();
    let late = link
        .perform(
            &Effect::Uncordon { node: MachineName::fixed("one"), id: CordonId::fixed("x") },
            &Expect::default(),
            Span::millis(500),
        )
        .await;
    assert_result(&late, "failed", "can't be read: no answer within");
    let timed_out = |f: &ApiFacts| down(f).is_some_and(|(kind, _)| kind == BlindKind::TimedOut);
    until(link, 20, "down", timed_out).await;
    let at = seen_at(&link.facts());
    let aged = |facts: &ApiFacts| facts.nodes.fresh(site.now(), fresh).is_err();
    until(link, 20, "stale", aged).await;
    assert!(froze.elapsed() < Duration::from_secs(20), "stale after {:?}", froze.elapsed());
    let facts = link.facts();
    assert_eq!(seen_at(&facts), at, "nothing made the facts look younger");
    assert!(seen(&facts, "one").is_some(), "what was seen stays, with its age");
    site.rig.thaw_apiserver();
    until(link, 20, "up again", up).await;
    let now = site.now();
    until(link, 15, "seen anew", |facts| seen_at(facts) >= now).await;
}

async fn a_killed_server_comes_back_with_a_new_client(site: &mut Site, link: &KubeLink) {
    site.rig.kill_apiserver();
    let refused = |f: &ApiFacts| {
        down(f).is_some_and(|(kind, words)| {
            kind == BlindKind::Unreachable && words.contains("connection refused")
        })
    };
    until(link, 20, "down", refused).await;
    assert_result(&canary(link).await, "failed", "connection refused");
    // Meanwhile the credentials change: first to wrong ones, then to a user that may only look.
    site.rig.write_kubeconfig("ananke.kubeconfig", "stranger", "ca");
    site.rig.start_apiserver();
    let unknown_user = |f: &ApiFacts| {
        down(f).is_some_and(|(_, words)| words.contains("refuses our credentials (401"))
    };
    until(link, 40, "wrong credentials are told apart", unknown_user).await;
    site.rig.write_kubeconfig("ananke.kubeconfig", "viewer", "ca");
    let role: ClusterRole = serde_json::from_value(json!({"metadata": {"name": "viewer"},
        "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]}]}))
    .unwrap();
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "viewer"}, "subjects": [{"kind": "User", "name": "viewer",
        "apiGroup": "rbac.authorization.k8s.io"}], "roleRef": {"kind": "ClusterRole",
        "name": "viewer", "apiGroup": "rbac.authorization.k8s.io"}}))
    .unwrap();
    let post = PostParams::default();
    Api::all(site.admin.clone()).create(&post, &role).await.unwrap();
    Api::all(site.admin.clone()).create(&post, &binding).await.unwrap();
    until(link, 30, "up with the new file", up).await;
    let now = site.now();
    until(link, 20, "nodes seen by the new user", |facts| seen_at(facts) >= now).await;
    let result = cordon(link, "one", "late", &Expect::default()).await;
    assert_result(&result, "failed", "RBAC: the account may not patch nodes");
    assert!(!unschedulable(&site.node("one").await));
}
