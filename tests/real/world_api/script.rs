//! What is asked of both. Names are fixed; versions, uids and times are never compared.

use serde_json::{Value, json};

use super::side::{Side, accept, body, merge, plain, text};

const NODES: &str = "/api/v1/nodes";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const PODS: &str = "/api/v1/namespaces/default/pods";
const PDBS: &str = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const JSON_PATCH: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

pub(super) async fn run(side: &mut Side) {
    objects_come_and_go(side).await;
    replacements_are_judged(side).await;
    patches_apply_or_not(side).await;
    parts_are_always_there(side).await;
    status_has_a_door_of_its_own(side).await;
    fields_have_owners(side).await;
    lists_choose(side).await;
    watches_tell_in_order(side).await;
    watches_end_with_bookmarks_and_410(side).await;
    tables_have_columns(side).await;
    pods_are_evicted_within_budgets(side).await;
    discovery_lists_the_same(side).await;
    custom_kinds_behave(side).await;
}

fn node(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
}

async fn objects_come_and_go(side: &mut Side) {
    let made = side.ask(&format!("POST {NODES}"), body(&node("one"))).await;
    side.hear("made", &json!([made["kind"], made["metadata"]["generation"]]));
    side.ask(&format!("POST {NODES}"), body(&node("one"))).await;
    side.ask(&format!("GET {NODES}/one"), plain()).await;
    side.ask(&format!("GET {NODES}/none"), plain()).await;
    side.ask(&format!("POST {NODES}"), body(&node("Not_A_Name"))).await;
    side.ask(&format!("POST {NODES}"), body(&node(""))).await;
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}});
    side.ask(&format!("POST {NODES}"), body(&pod)).await;
    side.ask(&format!("POST {NODES}"), text("application/json", "{")).await;
    side.ask(&format!("POST {NODES}"), text("text/plain", "hello")).await;
    side.ask(&format!("GET {NODES}/one"), accept("application/xml")).await;
    let mut versioned = node("versioned");
    versioned["metadata"]["resourceVersion"] = "5".into();
    side.ask(&format!("POST {NODES}"), body(&versioned)).await;
    let yaml = "apiVersion: v1\nkind: Node\nmetadata: {name: by-yaml}\n";
    side.ask(&format!("POST {NODES}"), text("application/yaml", yaml)).await;
    side.ask(&format!("POST {NODES}?dryRun=All"), body(&node("dry"))).await;
    side.ask(&format!("GET {NODES}/dry"), plain()).await;
    let other = json!({"preconditions": {"uid": "another"}});
    side.ask(&format!("DELETE {NODES}/by-yaml"), body(&other)).await;
    side.ask(&format!("DELETE {NODES}/by-yaml"), plain()).await;
    side.ask(&format!("DELETE {NODES}/by-yaml"), plain()).await;
    side.ask(&format!("PUT {NODES}"), body(&node("one"))).await;
    side.ask(&format!("POST {NODES}/one"), body(&node("one"))).await;
    for path in ["/api/v1/nothings", "/apis/none.example/v1", "/nothing"] {
        let (code, _) = side.quietly(&format!("GET {path}"), plain()).await;
        side.hear(path, &json!(code));
    }
}

async fn replacements_are_judged(side: &mut Side) {
    let (_, made) = side.quietly(&format!("GET {NODES}/one"), plain()).await;
    let mut object = made.clone();
    object["metadata"]["labels"] = json!({"a": "b"});
    let done = side.ask(&format!("PUT {NODES}/one"), body(&object)).await;
    let moved = done["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"];
    side.hear("a change is a new version", &json!(moved));
    side.ask(&format!("PUT {NODES}/one"), body(&object)).await;
    let again = side.ask(&format!("PUT {NODES}/one"), body(&done)).await;
    let same = done["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"];
    side.hear("no change is no new version", &json!(same));
    side.ask(&format!("PUT {NODES}/two"), body(&done)).await;
    side.ask(&format!("PUT {NODES}/two"), body(&node("two"))).await;
    let mut other = node("one");
    other["metadata"]["uid"] = "another".into();
    side.ask(&format!("PUT {NODES}/one"), body(&other)).await;
    side.ask(&format!("PUT {NODES}/one"), body(&node("one"))).await;
}

async fn patches_apply_or_not(side: &mut Side) {
    let one = format!("PATCH {NODES}/one");
    let labels = side.ask(&one, merge(&json!({"metadata": {"labels": {"a": "1"}}}))).await;
    side.hear("labels", &labels["metadata"]["labels"]);
    side.ask(&one, merge(&json!({"metadata": {"resourceVersion": "1"}}))).await;
    side.ask(&one, merge(&json!([]))).await;
    side.ask(&format!("PATCH {NODES}/none"), merge(&json!({}))).await;
    let cordon = json!({"spec": {"unschedulable": true}}).to_string();
    let spec = side.ask(&one, text(STRATEGIC, &cordon)).await;
    side.hear("cordoned", &spec["spec"]["unschedulable"]);
    let taints = json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}});
    side.ask(&one, text(STRATEGIC, &taints.to_string())).await;
    let more = json!({"spec": {"taints": [{"key": "b", "effect": "NoExecute"}]}});
    let spec = side.ask(&one, text(STRATEGIC, &more.to_string())).await;
    let keys = |it: &Value| {
        let taints = it["spec"]["taints"].as_array().into_iter().flatten();
        let mut keys: Vec<String> =
            taints.map(|it| it["key"].as_str().unwrap_or("").to_owned()).collect();
        keys.sort();
        json!(keys)
    };
    side.hear("taints are one list", &keys(&spec));
    for patch in [
        json!([{"op": "add", "path": "/metadata/labels/b", "value": "2"}]),
        json!([{"op": "test", "path": "/metadata/name", "value": "two"}]),
        json!([{"op": "remove", "path": "/metadata/nowhere"}]),
        json!([{"op": "explode", "path": "/metadata"}]),
        json!({"op": "add"}),
        json!([{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}]),
        json!([{"op": "replace", "path": "/metadata", "value": 7}]),
    ] {
        side.hear("JSON patch", &patch);
        side.ask(&one, text(JSON_PATCH, &patch.to_string())).await;
    }
    side.ask(&one, text("application/json", "{}")).await;
    side.ask(&one, text("application/merge-patch+json", "{")).await;
    let back = json!({"spec": {"unschedulable": null, "taints": null}});
    side.ask(&one, merge(&back)).await;
}

async fn parts_are_always_there(side: &mut Side) {
    let made = side.ask(&format!("POST {NODES}"), body(&node("bare"))).await;
    side.hear("a node without anything", &json!([made["spec"], made["status"].is_object()]));
    for patch in [
        json!([{"op": "add", "path": "/spec/unschedulable", "value": true}]),
        json!([{"op": "remove", "path": "/spec/unschedulable"}]),
        json!([{"op": "remove", "path": "/spec"}]),
        json!([{"op": "add", "path": "/metadata/annotations/a", "value": "b"}]),
    ] {
        let done =
            side.ask(&format!("PATCH {NODES}/bare"), text(JSON_PATCH, &patch.to_string())).await;
        side.hear("patched", &done["spec"]);
    }
    side.ask(&format!("PATCH {NODES}/bare"), merge(&json!({"spec": null}))).await;
    let got = side.ask(&format!("GET {NODES}/bare"), plain()).await;
    side.hear("still there", &got["spec"]);
}

async fn status_has_a_door_of_its_own(side: &mut Side) {
    let both = json!({"spec": {"unschedulable": true}, "status": {"conditions":
        [{"type": "Ready", "status": "True"}]}});
    let seen =
        |it: &Value| json!([it["spec"]["unschedulable"], it["status"]["conditions"][0]["status"]]);
    let done = side.ask(&format!("PATCH {NODES}/one/status"), merge(&both)).await;
    side.hear("by the status door", &seen(&done));
    let other = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
    let done = side.ask(&format!("PATCH {NODES}/one"), merge(&other)).await;
    side.hear("by the front door", &seen(&done));
    let got = side.ask(&format!("GET {NODES}/one/status"), plain()).await;
    side.hear("the status door shows all", &got["kind"]);
    let strategic = json!({"status": {"conditions": [{"type": "Other", "status": "True"}]}});
    let patch = text(STRATEGIC, &strategic.to_string());
    let done = side.ask(&format!("PATCH {NODES}/one/status"), patch).await;
    let count = done["status"]["conditions"].as_array().map(Vec::len);
    side.hear("conditions are merged by type", &json!(count));
    let strategic = json!({"status": {"conditions": [{"$patch": "delete", "type": "Other"}]}});
    let patch = text(STRATEGIC, &strategic.to_string());
    let done = side.ask(&format!("PATCH {NODES}/one/status"), patch).await;
    let count = done["status"]["conditions"].as_array().map(Vec::len);
    side.hear("and taken out by it", &json!(count));
    let (code, _) = side.quietly(&format!("GET {LEASES}/x/status"), plain()).await;
    side.hear("a lease has no status", &json!(code));
}

fn lease(spec: &Value) -> Value {
    json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "ours"}, "spec": spec})
}

async fn fields_have_owners(side: &mut Side) {
    let elsewhere = LEASES.replace("default", "nowhere");
    side.ask(&format!("POST {elsewhere}"), body(&lease(&json!({})))).await;
    let ours = |spec: &Value| text(APPLY, &lease(spec).to_string());
    let by = |manager: &str| format!("PATCH {LEASES}/ours?fieldManager={manager}");
    side.ask(&format!("PATCH {LEASES}/ours"), ours(&json!({}))).await;
    let held = json!({"holderIdentity": "a", "leaseDurationSeconds": 10});
    side.ask(&by("a"), ours(&held)).await;
    let again = side.ask(&by("a"), ours(&held)).await;
    let managed = |it: &Value| {
        let entries = it["metadata"]["managedFields"].as_array().into_iter().flatten();
        let mut entries: Vec<Value> =
            entries.map(|it| json!([it["manager"], it["operation"], it["fieldsV1"]])).collect();
        entries.sort_by_key(Value::to_string);
        json!(entries)
    };
    side.hear("owners", &managed(&again));
    side.ask(&by("b"), ours(&json!({"holderIdentity": "a"}))).await;
    side.ask(&by("b"), ours(&json!({"holderIdentity": "b"}))).await;
    let two = json!({"holderIdentity": "b", "leaseDurationSeconds": 20});
    side.ask(&by("b"), ours(&two)).await;
    let forced =
        side.ask(&format!("{}&force=true", by("b")), ours(&json!({"holderIdentity": "b"}))).await;
    side.hear("forced", &json!([forced["spec"], managed(&forced)]));
    side.ask(&by("a"), ours(&held)).await;
    let less = side.ask(&by("a"), ours(&json!({}))).await;
    side.hear("what nobody applies goes", &less["spec"]);
    let person = format!("PATCH {LEASES}/ours?fieldManager=person");
    let done = side.ask(&person, merge(&json!({"spec": {"holderIdentity": "p"}}))).await;
    side.hear("a patch takes over", &managed(&done));
    side.ask(&by("b"), ours(&json!({"holderIdentity": "b"}))).await;
    let mut kindless = lease(&json!({}));
    kindless["kind"] = Value::Null;
    side.ask(&by("b"), text(APPLY, &kindless.to_string())).await;
    side.ask(&by("b"), text(APPLY, "a: [")).await;
    side.ask(&format!("PUT {LEASES}/ours"), body(&lease(&json!({})))).await;
    side.ask(&format!("DELETE {LEASES}/ours"), plain()).await;
}

async fn lists_choose(side: &mut Side) {
    for (name, tier) in [("list-a", "x"), ("list-b", "y"), ("list-c", "x")] {
        let mut node = node(name);
        node["metadata"]["labels"] = json!({"tier": tier});
        side.ask(&format!("POST {NODES}"), body(&node)).await;
    }
    for query in [
        "labelSelector=tier=x",
        "labelSelector=tier!=x,tier",
        "labelSelector=tier%20in%20(x,y)",
        "labelSelector=!tier",
        "labelSelector=tier=x&limit=500",
        "fieldSelector=metadata.name=list-b",
        "fieldSelector=metadata.name!=list-b",
        "fieldSelector=spec.unschedulable=true",
        "labelSelector=a%20b%20c",
        "fieldSelector=spec.nothing=x",
        "continue=nonsense",
        "resourceVersion=nonsense",
        "resourceVersion=0&labelSelector=tier=y",
    ] {
        let list = side.ask(&format!("GET {NODES}?{query}"), plain()).await;
        let items = list["items"].as_array().into_iter().flatten();
        let names: Vec<&Value> = items.map(|it| &it["metadata"]["name"]).collect();
        side.hear(query, &json!([list["kind"], names]));
    }
    side.ask(&format!("GET {NODES}?resourceVersion=99999999"), plain()).await;
    let partial = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let list = side.ask(&format!("GET {NODES}?labelSelector=tier=y"), accept(partial)).await;
    side.hear("only metadata", &json!([list["kind"], list["items"][0]["spec"]]));
}

fn events(events: &[Value]) -> Value {
    let events = events.iter().map(|event| {
        let object = &event["object"];
        json!([event["type"], object["kind"], object["metadata"]["name"], object["reason"]])
    });
    events.collect()
}

async fn watches_tell_in_order(side: &mut Side) {
    let (_, list) = side.quietly(&format!("GET {NODES}"), plain()).await;
    let from = list["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    side.ask(&format!("POST {NODES}"), body(&node("seen"))).await;
    let label = |value: &Value| merge(&json!({"metadata": {"labels": {"chosen": value}}}));
    let seen = format!("PATCH {NODES}/seen");
    side.ask(&seen, label(&json!("yes"))).await;
    side.ask(&seen, label(&json!("yes"))).await;
    side.ask(&seen, label(&json!("no"))).await;
    side.ask(&format!("DELETE {NODES}/seen"), plain()).await;
    let path = format!("{NODES}?watch=true&resourceVersion={from}&timeoutSeconds=10");
    let all = side.watch(&path, plain(), 4).await;
    side.hear("all changes", &events(&all));
    let numbers: Vec<u64> = all
        .iter()
        .map(|it| it["object"]["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap())
        .collect();
    side.hear("versions rise", &json!(numbers.is_sorted_by(|a, b| a < b)));
    let chosen = side.watch(&format!("{path}&labelSelector=chosen=yes"), plain(), 2).await;
    side.hear("what comes to be chosen and is no longer", &events(&chosen));
    let gone = &chosen[1]["object"]["metadata"];
    side.hear("as it was last", &gone["labels"]);
    let one = format!("{NODES}?watch=1&fieldSelector=metadata.name=list-a&timeoutSeconds=10");
    side.hear("from nothing", &events(&side.watch(&one, plain(), 1).await));
    let zero = format!("{one}&resourceVersion=0");
    side.hear("from zero", &events(&side.watch(&zero, plain(), 1).await));
}

async fn watches_end_with_bookmarks_and_410(side: &mut Side) {
    let (_, list) = side.quietly(&format!("GET {NODES}"), plain()).await;
    let from = list["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let path = format!(
        "{NODES}?watch=true&resourceVersion={from}&allowWatchBookmarks=true&timeoutSeconds=4"
    );
    let heard = side.watch(&path, plain(), usize::MAX).await;
    let kinds: Vec<_> = heard.iter().map(|it| json!([it["type"], it["object"]["kind"]])).collect();
    side.hear("a quiet watch", &json!(kinds));
    let mut watch = side.open(&path.replace("=4", "=8"), plain()).await;
    let label = json!({"metadata": {"labels": {"x": "y"}}});
    side.ask(&format!("PATCH {NODES}/list-a"), merge(&label)).await;
    let heard = watch.next(usize::MAX).await;
    let mut kinds: Vec<&Value> = heard.iter().map(|it| &it["type"]).collect();
    // How many bookmarks there are is a matter of the real one's timers.
    kinds.dedup();
    side.hear("one with a change", &json!(kinds));
    let last = &heard[heard.len() - 1]["object"]["metadata"]["resourceVersion"];
    let newest = last.as_str().unwrap();
    let silent =
        path.replace("allowWatchBookmarks=true&", "").replace("=4", "=1").replace(&from, newest);
    side.hear("without bookmarks", &json!(side.watch(&silent, plain(), usize::MAX).await));
    let old = format!("{NODES}?watch=true&resourceVersion=1&timeoutSeconds=4");
    let heard = side.watch(&old, plain(), 1).await;
    side.hear(
        "too old",
        &json!([heard[0]["type"], heard[0]["object"]["code"], heard[0]["object"]["reason"]]),
    );
    let initial = format!(
        "{NODES}?watch=true&sendInitialEvents=true&timeoutSeconds=4&\
        fieldSelector=metadata.name=list-a"
    );
    side.ask(&format!("GET {initial}"), plain()).await;
    let initial = format!("{initial}&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
    let heard = side.watch(&initial, plain(), 2).await;
    side.hear("initial events", &events(&heard));
    side.hear("and their end", &heard[1]["object"]["metadata"]["annotations"]);
    side.ask(&format!("GET {NODES}?watch=true&resourceVersionMatch=NotOlderThan"), plain()).await;
    side.ask(&format!("GET {NODES}?watch=true&resourceVersion=nonsense"), plain()).await;
}

async fn tables_have_columns(side: &mut Side) {
    let apis = [
        "apps/v1/deployments",
        "apps/v1/statefulsets",
        "apps/v1/daemonsets",
        "coordination.k8s.io/v1/leases",
        "policy/v1/poddisruptionbudgets",
        "storage.k8s.io/v1/volumeattachments",
        "networking.k8s.io/v1/ingresses",
        "apiextensions.k8s.io/v1/customresourcedefinitions",
    ];
    let core = ["nodes", "pods", "namespaces", "events", "services", "secrets", "configmaps"];
    let paths = core.map(|it| format!("/api/v1/{it}")).into_iter();
    for path in paths.chain(apis.map(|it| format!("/apis/{it}"))) {
        let table = side.ask(&format!("GET {path}"), accept(TABLE)).await;
        let columns = table["columnDefinitions"].as_array().into_iter().flatten();
        let columns: Vec<Value> = columns
            .map(|it| json!([it["name"], it["type"], it["format"], it["priority"]]))
            .collect();
        side.hear(&path, &json!(columns));
    }
    let table = side.ask(&format!("GET {NODES}/list-a"), accept(TABLE)).await;
    let row = &table["rows"][0];
    let cells = row["cells"].as_array().unwrap();
    // The age is the only one that moves.
    let cells: Vec<&Value> =
        cells.iter().enumerate().filter(|(at, _)| *at != 3).map(|(_, it)| it).collect();
    side.hear("a row", &json!([cells, row["object"]["kind"], row["object"]["spec"]]));
    let path = format!("{NODES}?watch=1&fieldSelector=metadata.name=list-a&timeoutSeconds=5");
    let heard = side.watch(&path, accept(TABLE), 1).await;
    let table = &heard[0]["object"];
    let named = &table["columnDefinitions"][0]["name"];
    side.hear("watched", &json!([table["kind"], named, table["rows"].as_array().map(Vec::len)]));
}

async fn pods_are_evicted_within_budgets(side: &mut Side) {
    // The real server takes no pod without a service account; the simulated one knows none.
    let account = json!({"metadata": {"name": "default"}});
    side.quietly("POST /api/v1/namespaces/default/serviceaccounts", body(&account)).await;
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p",
        "labels": {"app": "db"}}, "spec": {"nodeName": "one", "containers":
        [{"name": "c", "image": "i"}]}, "status": {"phase": "Running"}});
    let made = side.ask(&format!("POST {PODS}"), body(&pod)).await;
    side.hear("a new pod", &json!([made["status"]["phase"], made["metadata"]["generation"]]));
    let ready = json!({"status": {"phase": "Running", "conditions":
        [{"type": "Ready", "status": "True"}]}});
    side.ask(&format!("PATCH {PODS}/p/status"), merge(&ready)).await;
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "db"}, "spec": {"minAvailable": 1,
        "selector": {"matchLabels": {"app": "db"}}}});
    side.ask(&format!("POST {PDBS}"), body(&budget)).await;
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"name": "p", "namespace": "default"}});
    let evict = format!("POST {PODS}/p/eviction");
    side.ask(&evict, body(&eviction)).await;
    let allow = |allowed: u64| {
        merge(&json!({"status": {"observedGeneration": 1, "disruptionsAllowed": allowed,
            "currentHealthy": 1 + allowed, "desiredHealthy": 1, "expectedPods": 2}}))
    };
    side.ask(&format!("PATCH {PDBS}/db/status"), allow(0)).await;
    side.ask(&evict, body(&eviction)).await;
    side.ask(&format!("PATCH {PDBS}/db/status"), allow(1)).await;
    side.ask(&evict, body(&eviction)).await;
    let left = side.ask(&format!("GET {PDBS}/db"), plain()).await;
    side.hear("one disruption is spent", &left["status"]["disruptionsAllowed"]);
    let marked = side.ask(&format!("GET {PODS}/p"), plain()).await;
    let meta = &marked["metadata"];
    side.hear(
        "marked",
        &json!([meta["deletionTimestamp"].is_string(), meta["deletionGracePeriodSeconds"]]),
    );
    side.ask(&format!("POST {PODS}/none/eviction"), body(&eviction)).await;
    let now = json!({"gracePeriodSeconds": 0});
    let gone = side.ask(&format!("DELETE {PODS}/p"), body(&now)).await;
    side.hear("forced", &gone["kind"]);
    side.ask(&format!("GET {PODS}/p"), plain()).await;
}

async fn discovery_lists_the_same(side: &mut Side) {
    let ours = [
        "nodes",
        "namespaces",
        "pods",
        "events",
        "services",
        "secrets",
        "configmaps",
        "leases",
        "deployments",
        "statefulsets",
        "daemonsets",
        "poddisruptionbudgets",
        "volumeattachments",
        "customresourcedefinitions",
        "ingresses",
    ];
    for path in [
        "/api/v1",
        "/apis/apps/v1",
        "/apis/coordination.k8s.io/v1",
        "/apis/policy/v1",
        "/apis/storage.k8s.io/v1",
        "/apis/apiextensions.k8s.io/v1",
        "/apis/networking.k8s.io/v1",
    ] {
        let list = side.ask(&format!("GET {path}"), plain()).await;
        side.hear(path, &json!([list["kind"], list["groupVersion"]]));
        let resources = list["resources"].as_array().into_iter().flatten();
        let mut shown: Vec<Value> = resources
            .filter(|it| {
                let (name, part) = it["name"].as_str().unwrap().split_once('/').unzip();
                ours.contains(&name.unwrap_or(it["name"].as_str().unwrap()))
                    && part.is_none_or(|part| ["status", "eviction"].contains(&part))
            })
            .map(|it| {
                json!([
                    it["name"],
                    it["singularName"],
                    it["namespaced"],
                    it["kind"],
                    it["shortNames"],
                    it["categories"],
                    it["group"],
                    it["version"]
                ])
            })
            .collect();
        shown.sort_by_key(Value::to_string);
        for entry in shown {
            side.hear("serves", &entry);
        }
    }
    for path in ["/api", "/apis", "/apis/apps", "/readyz", "/livez", "/version"] {
        let answer = side.ask(&format!("GET {path}"), plain()).await;
        side.hear(path, &json!([answer["kind"], answer.is_string()]));
    }
}

/// The definition that the real server needs before it serves the kind. The simulated one serves it
/// anyhow.
async fn custom_kinds_behave(side: &mut Side) {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "recoverystatuses.ananke.bstein.dev"},
        "spec": {"group": "ananke.bstein.dev", "scope": "Cluster",
            "names": {"plural": "recoverystatuses", "singular": "recoverystatus",
                "kind": "RecoveryStatus"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true,
                "subresources": {"status": {}}, "schema": {"openAPIV3Schema": open}}]}});
    let crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    side.ask(&format!("POST {crds}"), body(&definition)).await;
    let all = "/apis/ananke.bstein.dev/v1alpha1/recoverystatuses";
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while side.quietly(&format!("GET {all}"), plain()).await.0 != 200 {
        assert!(tokio::time::Instant::now() < deadline, "the kind is not served");
        // poll: the new kind
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let atlas = |spec: &Value| {
        json!({"apiVersion": "ananke.bstein.dev/v1alpha1", "kind": "RecoveryStatus",
            "metadata": {"name": "atlas"}, "spec": spec, "status": {"phase": "x"}})
    };
    let seen = |it: &Value| json!([it["metadata"]["generation"], it["spec"], it["status"]]);
    let made = side.ask(&format!("POST {all}"), body(&atlas(&json!({"pause": true})))).await;
    side.hear("new", &seen(&made));
    let done = side
        .ask(
            &format!("PATCH {all}/atlas/status"),
            merge(&json!({"spec": {"pause": false}, "status": {"phase": "Recovering"}})),
        )
        .await;
    side.hear("by the status door", &seen(&done));
    let done = side
        .ask(
            &format!("PATCH {all}/atlas"),
            merge(&json!({"spec": {"pause": false}, "status": {"phase": "y"}})),
        )
        .await;
    side.hear("by the front door", &seen(&done));
    side.ask(&format!("PATCH {all}/atlas"), text(STRATEGIC, "{}")).await;
    side.ask(&format!("PUT {all}/atlas"), body(&atlas(&json!({})))).await;
    let apply = format!("PATCH {all}/atlas/status?fieldManager=ananke&force=true");
    let mut config = atlas(&Value::Null);
    config.as_object_mut().unwrap().remove("spec");
    config["status"] = json!({"phase": "Converged"});
    let done = side.ask(&apply, text(APPLY, &config.to_string())).await;
    side.hear("applied", &seen(&done));
    side.ask(
        &apply.replace("atlas", "none"),
        text(APPLY, &config.to_string().replace("\"atlas\"", "\"none\"")),
    )
    .await;
    let keep = json!({"metadata": {"finalizers": ["ananke.bstein.dev/test"]}});
    side.ask(&format!("PATCH {all}/atlas"), merge(&keep)).await;
    let held = side.ask(&format!("DELETE {all}/atlas"), plain()).await;
    side.hear(
        "held",
        &json!([
            held["kind"],
            held["metadata"]["deletionTimestamp"].is_string(),
            held["metadata"]["deletionGracePeriodSeconds"]
        ]),
    );
    side.ask(&format!("PATCH {all}/atlas"), merge(&json!({"metadata": {"finalizers": null}})))
        .await;
    side.ask(&format!("GET {all}/atlas"), plain()).await;
    side.quietly(&format!("DELETE {crds}/recoverystatuses.ananke.bstein.dev"), plain()).await;
}
