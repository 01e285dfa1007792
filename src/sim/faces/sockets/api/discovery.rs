//! What is served, in both forms in which clients ask: list by list, and all at once.

use serde_json::{Value, json};

use crate::sim::world::store::{Fault, Kind, has_scale, kinds};

use super::form::Form;

/// What can be done with every kind.
const VERBS: [&str; 7] = ["create", "delete", "get", "list", "patch", "update", "watch"];

fn verbs(kind: &Kind) -> Vec<&'static str> {
    let deletable = kind != &kinds::NAMESPACES;
    VERBS.into_iter().filter(|verb| deletable || *verb != "delete").collect()
}

/// Every group and version, in the order of the kinds, once.
fn groups() -> Vec<(&'static str, &'static str)> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for kind in kinds::ALL.iter().filter(|kind| !kind.group.is_empty()) {
        if !found.contains(&(kind.group, kind.version)) {
            found.push((kind.group, kind.version));
        }
    }
    found
}

fn of_group(group: &str, version: &str) -> impl Iterator<Item = &'static Kind> {
    kinds::ALL.into_iter().filter(move |kind| kind.group == group && kind.version == version)
}

fn group((name, version): (&str, &str)) -> Value {
    let version = json!({"groupVersion": format!("{name}/{version}"), "version": version});
    json!({"name": name, "versions": [version], "preferredVersion": version})
}

/// `/api`
pub(super) fn core(form: Form) -> Value {
    match form {
        Form::Aggregated => aggregated([("", "v1")].into_iter()),
        Form::Plain | Form::Table | Form::Metadata => json!({"kind": "APIVersions",
            "versions": ["v1"], "serverAddressByClientCIDRs": []}),
    }
}

/// `/apis`
pub(super) fn all(form: Form) -> Value {
    match form {
        Form::Aggregated => aggregated(groups().into_iter()),
        Form::Plain | Form::Table | Form::Metadata => {
            let groups: Vec<Value> = groups().into_iter().map(group).collect();
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        }
    }
}

/// `/apis/GROUP`
pub(super) fn one(name: &str) -> Result<Value, Fault> {
    let found = groups().into_iter().find(|(group, _)| *group == name);
    let mut object = group(found.ok_or_else(Fault::no_such_path)?);
    object["kind"] = "APIGroup".into();
    object["apiVersion"] = "v1".into();
    Ok(object)
}

/// `/api/v1`, `/apis/GROUP/VERSION`
pub(super) fn resources(group: &str, version: &str) -> Value {
    let mut found = Vec::new();
    for kind in of_group(group, version) {
        let mut whole = json!({"name": kind.plural, "singularName": kind.kind.to_lowercase(),
            "namespaced": kind.namespaced, "kind": kind.kind, "verbs": verbs(kind)});
        if !kind.short.is_empty() {
            whole["shortNames"] = json!(kind.short);
        }
        if !kind.categories.is_empty() {
            whole["categories"] = json!(kind.categories);
        }
        found.push(whole);
        for part in subresources(kind) {
            let mut entry = json!({"name": format!("{}/{}", kind.plural, part.name),
                "singularName": "", "namespaced": kind.namespaced, "kind": part.kind,
                "verbs": part.verbs});
            if part.kind != kind.kind {
                entry["group"] = part.group.into();
                entry["version"] = part.version.into();
            }
            found.push(entry);
        }
    }
    let version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version,
        "resources": found})
}

struct Part {
    name: &'static str,
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    verbs: &'static [&'static str],
}

fn subresources(kind: &Kind) -> Vec<Part> {
    let mut parts = Vec::new();
    if kind == &kinds::PODS {
        let (group, version) = ("policy", "v1");
        parts.push(Part { name: "eviction", group, version, kind: "Eviction", verbs: &["create"] });
    }
    if has_scale(kind) {
        let (group, version) = ("autoscaling", "v1");
        let verbs = &["get", "patch"];
        parts.push(Part { name: "scale", group, version, kind: "Scale", verbs });
    }
    if kind.status {
        let (group, version, kind) = (kind.group, kind.version, kind.kind);
        let verbs = &["get", "patch", "update"];
        parts.push(Part { name: "status", group, version, kind, verbs });
    }
    parts
}

fn aggregated<'a>(groups: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    let items = groups.map(|(group, version)| {
        let resources: Vec<Value> = of_group(group, version).map(aggregated_kind).collect();
        let meta = if group.is_empty() { json!({}) } else { json!({"name": group}) };
        json!({"metadata": meta, "versions": [{"version": version, "resources": resources,
            "freshness": "Current"}]})
    });
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {}, "items": items.collect::<Vec<_>>()})
}

fn aggregated_kind(kind: &Kind) -> Value {
    let served = |group: &str, version: &str, kind: &str| {
        // What an object of it says of itself.
        json!({"group": group, "version": version, "kind": kind})
    };
    let parts: Vec<Value> = subresources(kind)
        .iter()
        .map(|part| {
            json!({"subresource": part.name, "verbs": part.verbs,
                "responseKind": served(part.group, part.version, part.kind)})
        })
        .collect();
    let mut entry = json!({
        "resource": kind.plural,
        "responseKind": served(kind.group, kind.version, kind.kind),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.kind.to_lowercase(),
        "verbs": verbs(kind),
    });
    for (key, value) in [
        ("shortNames", json!(kind.short)),
        ("categories", json!(kind.categories)),
        ("subresources", json!(parts)),
    ] {
        if value != json!([]) {
            entry[key] = value;
        }
    }
    entry
}
