//! Objects of Flux on a real API server: found in the version that is served, watched, asked and
//! resumed. Flux itself does not run here; what it would write is written by the test.

use std::time::Duration;

use ananke::adapters::kube::KubeLink;
use ananke::model::action::{Effect, Expect};
use ananke::model::cluster::{
    ClusterFacts, Kustomization, ObjectPath, SUSPENDED_ANNOTATION, Suspended,
};
use ananke::model::facts::{BlindKind, Ready, Seen};
use ananke::model::object::ObjectName;
use ananke::model::outcome::ActionResult;
use ananke::model::time::Span;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

const NAMESPACE: &str = "ananke";
const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

/// The kinds that are made here, with the version of an older Flux for one of them.
const KINDS: [(&str, &str, &str, &str); 2] = [
    ("source.toolkit.fluxcd.io", "v1beta2", "GitRepository", "gitrepositories"),
    ("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations"),
];

async fn until(link: &KubeLink, seconds: u64, what: &str, test: impl Fn(&ClusterFacts) -> bool) {
    let wait = async {
        while !test(&link.cluster()) {
            // poll: the facts, until the deadline below
            sleep(Duration::from_millis(20)).await;
        }
    };
    let end = timeout(Duration::from_secs(seconds), wait).await;
    assert!(end.is_ok(), "not within {seconds} s: {what}; {:?}", link.cluster());
}

fn api(admin: &Client, at: usize) -> Api<DynamicObject> {
    let (group, version, kind, plural) = KINDS[at];
    let gvk = GroupVersionKind::gvk(group, version, kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
    Api::namespaced_with(admin.clone(), NAMESPACE, &resource)
}

async fn define(admin: &Client) {
    for (group, version, kind, plural) in KINDS {
        let object = json!({"metadata": {"name": format!("{plural}.{group}")}, "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
            "versions": [{"name": version, "served": true, "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object",
                    "x-kubernetes-preserve-unknown-fields": true}}}]}});
        let crd: CustomResourceDefinition = serde_json::from_value(object).unwrap();
        Api::all(admin.clone()).create(&PostParams::default(), &crd).await.unwrap();
    }
}

async fn make(admin: &Client, at: usize, name: &str, more: Value) {
    let (group, version, kind, _) = KINDS[at];
    let mut object = json!({"apiVersion": format!("{group}/{version}"), "kind": kind,
        "metadata": {"name": name}});
    for (key, value) in more.as_object().unwrap() {
        match key.as_str() {
            "annotations" => object["metadata"]["annotations"] = value.clone(),
            _ => object[key] = value.clone(),
        }
    }
    let object = serde_json::from_value(object).unwrap();
    let api = api(admin, at);
    let wait = async {
        while api.create(&PostParams::default(), &object).await.is_err() {
            // poll: a kind is served some time after its definition
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(20), wait).await.expect("the kind is served");
}

async fn say(admin: &Client, at: usize, name: &str, status: Value) {
    let patch = Patch::Merge(json!({"status": status}));
    api(admin, at).patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

async fn perform(link: &KubeLink, effect: &Effect) -> ActionResult {
    link.perform(effect, &Expect::default(), Span::secs(5)).await
}

fn apps(facts: &ClusterFacts) -> Option<&Kustomization> {
    facts.kustomizations.any_age()?.get(&ObjectPath::in_namespace(NAMESPACE, "apps"))
}

/// All of it, in order. The adapter has the generated rights, and no more.
pub(crate) async fn flux_is_seen_asked_and_resumed(admin: &Client, link: &KubeLink) {
    let none = |facts: &ClusterFacts| {
        matches!(&facts.kustomizations, Seen::Unknown { why, .. }
            if why.kind == BlindKind::NotAsked)
    };
    until(link, 20, "no Flux is here", none).await;
    define(admin).await;
    make(
        admin,
        0,
        "site",
        json!({"spec": {"url": "ssh://git@git.example/x", "ref": {"branch": "main"}}}),
    )
    .await;
    let source = json!({"kind": "GitRepository", "name": "site"});
    make(admin, 1, "apps", json!({"spec": {"sourceRef": source}})).await;
    // Kinds that come after the link are found by the next discovery.
    until(link, 90, "both kinds", |facts| {
        apps(facts).is_some() && facts.git_repositories.any_age().is_some_and(|all| all.len() == 1)
    })
    .await;
    let name = ObjectName::in_namespace(Kustomization::KIND, NAMESPACE, "apps");
    let ask = Effect::RequestReconcile { object: name.clone(), token: "life.1-2".to_owned() };
    assert_eq!(perform(link, &ask).await, ActionResult::Done);
    let asked = api(admin, 1).get("apps").await.unwrap();
    let note = asked.metadata.annotations.unwrap_or_default();
    assert_eq!(note.get("reconcile.fluxcd.io/requestedAt").map(String::as_str), Some("life.1-2"));
    let ready = json!([{"type": "Ready", "status": "True", "reason": "x", "message": "y"}]);
    let status = json!({"conditions": ready, "observedGeneration": 1,
        "lastHandledReconcileAt": "life.1-2", "lastAppliedRevision": format!("main@sha1:{HASH}")});
    say(admin, 1, "apps", status).await;
    until(link, 10, "the answer", |facts| {
        apps(facts).is_some_and(|it| {
            it.progress.handled == "life.1-2"
                && it.progress.ready == Ready::True
                && it.applied == "main@sha1:0123456789"
        })
    })
    .await;
    for (marks, word) in [(json!({SUSPENDED_ANNOTATION: "atlas"}), "done"), (json!({}), "refused")]
    {
        let patch =
            Patch::Merge(json!({"metadata": {"annotations": marks}, "spec": {"suspend": true}}));
        api(admin, 1).patch("apps", &PatchParams::default(), &patch).await.unwrap();
        until(link, 10, "it is suspended", |facts| {
            apps(facts).is_some_and(|it| it.progress.suspended != Suspended::No)
        })
        .await;
        let result = perform(link, &Effect::ResumeFlux { object: name.clone() }).await;
        assert_eq!(result.word(), word, "{result:?}");
    }
    let result = perform(link, &ask).await;
    assert_eq!(result.word(), "refused", "a suspended one is not asked: {result:?}");
    api(admin, 1).delete("apps", &Default::default()).await.unwrap();
    until(link, 10, "it is gone", |facts| apps(facts).is_none()).await;
    assert_eq!(perform(link, &ask).await.word(), "refused");
}
