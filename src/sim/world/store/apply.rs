//! Server-side apply: the writer says all that it wants of an object, and the server remembers
//! which fields are whose.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::fields::{self, Owner, Ownership, Path, Paths, leaves};
use super::patch::list_key;
use super::write::{begin, commit, made, parted};
use super::{Fault, Part, Store, Writer, kinds, seconds};

/// Applies a configuration; returns the object, and whether it is new. With `force` a field that
/// somebody else owns is taken from him.
///
/// # Errors
/// 400, 404 for a status of nothing, 409 for a field of somebody else, 422 without a manager
pub fn apply(
    store: &mut Store,
    w: &Writer<'_>,
    config: &Value,
    force: bool,
) -> Result<(Arc<Value>, bool), Fault> {
    w.check(config)?;
    if config["apiVersion"].is_null() || config["kind"].is_null() {
        return Err(Fault::bad_request("apiVersion and kind must be set in what is applied"));
    }
    if !config["metadata"]["managedFields"].is_null() {
        return Err(Fault::bad_request("metadata.managedFields must be nil"));
    }
    if w.manager.is_empty() {
        return Err(Fault::no_manager());
    }
    let before = match store.get(&w.key()) {
        Some(object) => Arc::clone(object),
        None if w.part == Part::Status => return Err(Fault::not_found(w.kind, w.name)),
        None => return created(store, w, config),
    };
    let mut ownership = Ownership::of(&before);
    let owner = w.owner(true);
    let wanted = wanted(w, config);
    let disputed = disputed(&ownership, &owner, &before, &wanted);
    if !disputed.is_empty() && !force {
        return Err(refused(&disputed, &w.kind.api_version()));
    }
    for (other, path) in disputed {
        ownership.0.entry(other).or_default().0.remove(&path);
    }
    let mut object = (*before).clone();
    merge("", &mut object, &applicable(config));
    for checked in ["resourceVersion", "uid"] {
        if let Some(value) = config["metadata"].get(checked) {
            object["metadata"][checked] = value.clone();
        }
    }
    let paths: Paths = wanted.into_keys().collect();
    let (old, time) = ownership.0.remove(&owner).unwrap_or_default();
    for path in old.iter().filter(|path| !paths.iter().any(|it| it.starts_with(path))) {
        let mut others = ownership.0.values().flat_map(|(paths, _)| paths);
        let held = others.any(|it| it.starts_with(path));
        if !held {
            fields::remove(&mut object, path);
        }
    }
    let object = parted(w, &before, object);
    let same = old == paths && leaves(&object) == leaves(&before);
    let time = if same { time } else { seconds(w.at).into() };
    ownership.0.insert(owner, (paths, time));
    Ok((commit(store, w, &before, object, &ownership)?, false))
}

fn created(store: &mut Store, w: &Writer<'_>, config: &Value) -> Result<(Arc<Value>, bool), Fault> {
    let home = super::Key::global(&kinds::NAMESPACES, w.namespace);
    if w.kind.namespaced && store.get(&home).is_none() {
        return Err(Fault::not_found(&kinds::NAMESPACES, w.namespace));
    }
    let meta = &config["metadata"];
    if !meta["resourceVersion"].is_null() || !meta["uid"].is_null() {
        return Err(Fault::modified(w.kind, w.name));
    }
    let paths: Paths = wanted(w, config).into_keys().collect();
    let mut object = config.clone();
    begin(w, &mut object);
    let mut ownership = Ownership::default();
    ownership.0.insert(w.owner(true), (paths, seconds(w.at).into()));
    object["metadata"]["managedFields"] = ownership.render(&w.kind.api_version());
    Ok((made(store, w, object)?, true))
}

/// The fields that a configuration claims through this door.
fn wanted<'a>(w: &Writer<'_>, config: &'a Value) -> BTreeMap<Path, &'a Value> {
    let mut claimed = leaves(config);
    claimed.retain(|path, _| {
        let is_status = path.first().is_some_and(|step| step == "f:status");
        match w.part {
            Part::Whole => !(is_status && w.kind.status),
            Part::Status => is_status,
        }
    });
    claimed
}

/// Claimed fields that somebody else owns and has at another value.
fn disputed(
    ownership: &Ownership,
    owner: &Owner,
    before: &Value,
    wanted: &BTreeMap<Path, &Value>,
) -> Vec<(Owner, Path)> {
    let present = leaves(before);
    let others = ownership.0.iter().filter(|(other, _)| *other != owner);
    let taken = others.flat_map(|(other, (paths, _))| paths.iter().map(move |it| (other, it)));
    let differs = taken.filter(|(_, path)| {
        wanted.get(*path).is_some_and(|value| {
            // Wanting an empty map asks for no more than a map.
            let any_map = **value == json!({}) && !present.contains_key(*path);
            !any_map && present.get(*path) != Some(value)
        })
    });
    differs.map(|(other, path)| (other.clone(), path.clone())).collect()
}

fn refused(disputed: &[(Owner, Path)], api_version: &str) -> Fault {
    let fields: Vec<(String, String)> =
        disputed.iter().map(|(owner, path)| (owner.shown(api_version), shown(path))).collect();
    let message = match fields.as_slice() {
        [(owner, field)] => format!("Apply failed with 1 conflict: conflict with {owner}: {field}"),
        several => {
            let lines = several.iter().map(|(owner, field)| format!("\n- {field} ({owner})"));
            let lines: String = lines.collect();
            format!("Apply failed with {} conflicts:{lines}", several.len())
        }
    };
    Fault::owned(message, &fields)
}

/// `.spec.holderIdentity`, `.status.conditions[type="Ready"].status`
fn shown(path: &Path) -> String {
    let steps = path.iter().map(|step| match step.strip_prefix("k:") {
        None => format!(".{}", step.trim_start_matches("f:")),
        Some(key) => {
            let key: Value = serde_json::from_str(key).unwrap_or_default();
            let pairs = key.as_object().into_iter().flatten();
            let pairs: Vec<_> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", pairs.join(","))
        }
    });
    steps.collect()
}

/// What of a configuration goes into the object: of its metadata only what can be owned.
fn applicable(config: &Value) -> Value {
    let mut config = config.clone();
    let kept = ["labels", "annotations", "finalizers", "ownerReferences"];
    if let Some(meta) = config["metadata"].as_object_mut() {
        meta.retain(|key, _| kept.contains(&key.as_str()));
    }
    config
}

/// Maps are merged, lists with a key item by item; anything else is replaced.
fn merge(name: &str, object: &mut Value, config: &Value) {
    match config {
        Value::Object(config) => {
            if !object.is_object() {
                *object = Value::Object(Map::new());
            }
            let Value::Object(object) = object else { return };
            for (key, value) in config {
                merge(key, object.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        Value::Array(items) if list_key(name).is_some() && object.is_array() => {
            let by = list_key(name).unwrap_or_default();
            let Value::Array(list) = object else { return };
            for item in items {
                match list.iter_mut().find(|old| old.get(by) == item.get(by)) {
                    Some(old) => merge("", old, item),
                    None => list.push(item.clone()),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            *object = config.clone();
        }
    }
}

impl Fault {
    fn no_manager() -> Self {
        let why = "is required for apply patch";
        let mut fault = Self::bad_request(format!(
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: {why}"
        ));
        (fault.code, fault.reason) = (422, "Invalid");
        fault.details = json!({"group": "meta.k8s.io", "kind": "PatchOptions", "causes": [{
            "reason": "FieldValueRequired", "message": format!("Required value: {why}"),
            "field": "fieldManager"}]});
        fault
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::kinds::{NODES, RECOVERY_STATUSES};
    use super::super::{PatchKind, patch_object};
    use super::*;

    fn by(manager: &'static str, part: Part) -> Writer<'static> {
        let (kind, at) = (&RECOVERY_STATUSES, Timestamp::UNIX_EPOCH);
        Writer { kind, namespace: "", name: "atlas", part, manager, at }
    }

    fn config(part: &str, body: impl Into<Value>) -> Value {
        let body: Value = body.into();
        json!({"apiVersion": "ananke.bstein.dev/v1alpha1", "kind": "RecoveryStatus",
            "metadata": {"name": "atlas"}, part: body})
    }

    #[test]
    fn a_field_of_somebody_else_is_a_conflict_until_it_is_forced() {
        let mut store = Store::default();
        let (a, b) = (by("a", Part::Whole), by("b", Part::Whole));
        let (_, new) =
            apply(&mut store, &a, &config("spec", json!({"x": 1, "y": 1})), false).expect("new");
        assert!(new);
        apply(&mut store, &b, &config("spec", json!({"x": 1})), false).expect("the same value");
        let two = config("spec", json!({"x": 2}));
        let fault = apply(&mut store, &b, &two, false).expect_err("a's field");
        assert_eq!(fault.message, "Apply failed with 1 conflict: conflict with \"a\": .spec.x");
        let (forced, _) = apply(&mut store, &b, &two, true).expect("forced");
        assert_eq!(forced["spec"], json!({"x": 2, "y": 1}));
        let one = config("spec", json!({"x": 1, "y": 1}));
        let fault = apply(&mut store, &a, &one, false).expect_err("b's now");
        assert!(fault.message.contains("\"b\""), "{fault}");
    }

    #[test]
    fn what_is_no_longer_applied_goes_unless_somebody_else_holds_it() {
        let mut store = Store::default();
        let (a, b) = (by("a", Part::Whole), by("b", Part::Whole));
        let all = config("spec", json!({"x": 1, "y": {"z": 1}, "w": 1}));
        apply(&mut store, &a, &all, false).expect("new");
        apply(&mut store, &b, &config("spec", json!({"w": 1})), false).expect("shared");
        let (left, _) =
            apply(&mut store, &a, &config("spec", json!({"x": 1})), false).expect("less");
        assert_eq!(left["spec"], json!({"x": 1, "w": 1}));
        let version = store.revision();
        apply(&mut store, &a, &config("spec", json!({"x": 1})), false).expect("again");
        assert_eq!(store.revision(), version, "the same again is no change");
    }

    #[test]
    fn each_host_has_its_own_conditions_and_a_patch_takes_fields_over() {
        let mut store = Store::default();
        let ready = |status: &str| {
            config("status", json!({"conditions": [{"type": "Ready", "status": status}]}))
        };
        let other = config("status", json!({"conditions": [{"type": "Other", "status": "True"}]}));
        let (a, b) = (by("a", Part::Status), by("b", Part::Status));
        let missing = apply(&mut store, &a, &ready("True"), false).expect_err("of nothing");
        assert_eq!(missing.code, 404);
        apply(&mut store, &by("a", Part::Whole), &config("spec", json!({})), false).expect("new");
        apply(&mut store, &a, &ready("True"), false).expect("a's");
        let (both, _) = apply(&mut store, &b, &other, false).expect("b's");
        assert_eq!(both["status"]["conditions"].as_array().map(Vec::len), Some(2));
        let edit = json!([{"op": "replace", "path": "/status/conditions/0/status",
            "value": "False"}]);
        let person = Writer { manager: "kubectl", ..a };
        patch_object(&mut store, &person, PatchKind::Json, &edit).expect("by hand");
        let fault = apply(&mut store, &a, &ready("Unknown"), false).expect_err("the person's");
        assert!(fault.message.contains("[type=\"Ready\"].status"), "{fault}");
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        let mut store = Store::default();
        let nameless = Writer { manager: "", ..by("a", Part::Whole) };
        let fine = config("spec", json!({}));
        assert_eq!(apply(&mut store, &nameless, &fine, false).expect_err("nobody").code, 422);
        let a = by("a", Part::Whole);
        for bad in [json!([]), json!({"metadata": {}}), {
            let mut managed = fine.clone();
            managed["metadata"]["managedFields"] = json!([]);
            managed
        }] {
            assert_eq!(apply(&mut store, &a, &bad, false).expect_err("nonsense").code, 400);
        }
        let node = Writer { kind: &NODES, ..a };
        assert_eq!(apply(&mut store, &node, &fine, false).expect_err("a node").code, 400);
    }
}
