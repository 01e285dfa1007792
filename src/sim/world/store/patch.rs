//! What a patch makes of an object: JSON patch (RFC 6902), merge patch (RFC 7386), and the
//! strategic merge patch that kubectl sends for built-in kinds.

use json_patch::{Patch, PatchOperation};
use serde_json::{Map, Value};

use super::{Fault, Kind};

/// kube-apiserver takes no longer ones (`maxJSONPatchOperations`).
const MAX_OPERATIONS: usize = 10_000;
/// What all `copy` operations of a patch may add, in bytes (`JSONPatchMaxCopyBytes`): without a
/// limit a few of them double an object each.
const MAX_COPIED: usize = 3 << 20;

/// What a patch is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// `application/json-patch+json`
    Json,
    /// `application/merge-patch+json`
    Merge,
    /// `application/strategic-merge-patch+json`
    Strategic,
}

/// The lists whose items are told apart by a field, and that field. By the name of the list, which
/// suffices for the kinds that are served here.
const LIST_KEYS: &[(&str, &str)] = &[
    ("addresses", "type"),
    ("conditions", "type"),
    ("containers", "name"),
    ("env", "name"),
    ("ephemeralContainers", "name"),
    ("hosts", "name"),
    ("imagePullSecrets", "name"),
    ("initContainers", "name"),
    ("ownerReferences", "uid"),
    ("volumeMounts", "mountPath"),
    ("volumes", "name"),
];

/// The field that tells the items of a list apart, if it is such a list.
pub(super) fn list_key(list: &str) -> Option<&'static str> {
    LIST_KEYS.iter().find(|(name, _)| *name == list).map(|(_, key)| *key)
}

/// The object that a patch makes of `before`.
///
/// # Errors
/// 400 for a patch that makes no sense, 415 for a strategic one of a custom kind, 422 for one that
/// does not apply.
pub(super) fn patched(
    kind: &Kind,
    before: &Value,
    how: PatchKind,
    patch: &Value,
) -> Result<Value, Fault> {
    match how {
        PatchKind::Json => json(before, patch),
        PatchKind::Merge if patch.is_object() => {
            let mut object = before.clone();
            json_patch::merge(&mut object, patch);
            Ok(object)
        }
        PatchKind::Strategic if kind.is_custom() => {
            Err(Fault::media_type("application/json-patch+json, application/merge-patch+json"))
        }
        PatchKind::Strategic if patch.is_object() => {
            let mut object = before.clone();
            strategic(&mut object, patch)?;
            Ok(object)
        }
        PatchKind::Merge | PatchKind::Strategic => {
            Err(Fault::bad_request("the patch is no JSON object"))
        }
    }
}

fn json(before: &Value, patch: &Value) -> Result<Value, Fault> {
    if !patch.is_array() {
        return Err(Fault::bad_request("the JSON patch is no list of operations"));
    }
    let patch: Patch =
        serde_json::from_value(patch.clone()).map_err(|_| Fault::does_not_apply())?;
    if patch.0.len() > MAX_OPERATIONS {
        let why = format!("more than {MAX_OPERATIONS} operations in a JSON patch");
        return Err(Fault::too_large(MAX_OPERATIONS).with_message(why));
    }
    let mut object = before.clone();
    let mut copied = 0;
    for operation in patch.0 {
        if let PatchOperation::Copy(copy) = &operation
            && let Some(value) = object.pointer(copy.from.as_str())
        {
            copied += value.to_string().len();
            if copied > MAX_COPIED {
                return Err(Fault::too_large(MAX_COPIED));
            }
        }
        let one = std::slice::from_ref(&operation);
        json_patch::patch_unsafe(&mut object, one).map_err(|_| Fault::does_not_apply())?;
    }
    Ok(object)
}

/// Merges as RFC 7386 does, but lists with a key item by item.
fn strategic(object: &mut Value, patch: &Value) -> Result<(), Fault> {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return Ok(());
    };
    if patch.get("$patch").and_then(Value::as_str) == Some("replace") {
        let plain = patch.iter().filter(|(key, _)| *key != "$patch");
        *object = plain.map(|(key, value)| (key.clone(), value.clone())).collect();
        return Ok(());
    }
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let Value::Object(object) = object else { return Ok(()) };
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let Some(Value::Array(items)) = object.get_mut(list) {
                let gone = value.as_array().map_or(&[][..], Vec::as_slice);
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        // Only the order of a list hangs on this one.
        if key.starts_with("$setElementOrder/") {
            continue;
        }
        if key.starts_with('$') {
            return Err(Fault::bad_request(format!("{key} is not taken in a patch here")));
        }
        match (value, list_key(key)) {
            (Value::Null, _) => drop(object.remove(key)),
            (Value::Array(items), Some(by)) => {
                let list = object.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
                keyed_list(list, items, by)?;
            }
            (Value::Array(items), None) if key == "finalizers" => {
                let list = object.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    list.extend(items.iter().cloned());
                    let mut seen = Vec::new();
                    list.retain(|item| {
                        !seen.contains(item) && {
                            seen.push(item.clone());
                            true
                        }
                    });
                }
            }
            _ => strategic(object.entry(key.clone()).or_insert(Value::Null), value)?,
        }
    }
    Ok(())
}

fn keyed_list(list: &mut Value, items: &[Value], by: &str) -> Result<(), Fault> {
    if !list.is_array() || items.iter().any(|item| item["$patch"] == "replace") {
        *list = Value::Array(Vec::new());
    }
    let Value::Array(list) = list else { return Ok(()) };
    for item in items {
        if item["$patch"] == "replace" {
            continue;
        }
        let Some(key) = item.get(by) else {
            let why = format!("map: {item} does not contain declared merge key: {by}");
            return Err(Fault::bad_request(why));
        };
        let at = list.iter().position(|old| old.get(by) == Some(key));
        match (at, item["$patch"] == "delete") {
            (Some(at), true) => drop(list.remove(at)),
            (None, true) => {}
            (Some(at), false) => strategic(&mut list[at], item)?,
            (None, false) => {
                let mut new = Value::Object(Map::new());
                strategic(&mut new, item)?;
                list.push(new);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::kinds::{NODES, RECOVERY_STATUSES};
    use super::*;

    fn node() -> Value {
        json!({"metadata": {"name": "n", "labels": {"a": "1", "b": "2"}},
            "spec": {"volumes": [{"name": "x", "effect": "NoSchedule"}, {"name": "y"}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    }

    #[test]
    fn each_kind_of_patch_does_what_its_standard_says() {
        let table = [
            (
                PatchKind::Merge,
                json!({"metadata": {"labels": {"a": null}}}),
                "/metadata/labels",
                json!({"b": "2"}),
            ),
            (PatchKind::Merge, json!({"spec": {"volumes": []}}), "/spec/volumes", json!([])),
            (
                PatchKind::Strategic,
                json!({"spec": {"unschedulable": true}}),
                "/spec/unschedulable",
                json!(true),
            ),
            (
                PatchKind::Strategic,
                json!({"spec": {"volumes": [{"name": "x", "$patch": "delete"},
                {"name": "z", "effect": "NoExecute"}], "$setElementOrder/volumes": []}}),
                "/spec/volumes",
                json!([{"name": "y"}, {"name": "z", "effect": "NoExecute"}]),
            ),
            (
                PatchKind::Strategic,
                json!({"status": {"conditions": [{"type": "Ready",
                "status": "False"}]}}),
                "/status/conditions",
                json!([{"type": "Ready", "status": "False"}]),
            ),
            (
                PatchKind::Strategic,
                json!({"metadata": {"labels": {"$patch": "replace", "c": "3"}}}),
                "/metadata/labels",
                json!({"c": "3"}),
            ),
            (
                PatchKind::Json,
                json!([{"op": "test", "path": "/metadata/name", "value": "n"},
                {"op": "remove", "path": "/metadata/labels/a"}]),
                "/metadata/labels",
                json!({"b": "2"}),
            ),
        ];
        for (how, patch, at, expected) in table {
            let object = patched(&NODES, &node(), how, &patch).expect("it applies");
            assert_eq!(object.pointer(at), Some(&expected), "{how:?} {patch}");
        }
    }

    #[test]
    fn a_patch_that_makes_no_sense_is_refused_with_its_code() {
        let copies: Vec<Value> = (0..24)
            .map(|n| {
                json!({"op": "copy", "from": "/metadata/labels",
                "path": format!("/metadata/labels/{n}")})
            })
            .collect();
        let many = vec![json!({"op": "test", "path": "", "value": 1}); MAX_OPERATIONS + 1];
        let table = [
            (PatchKind::Json, json!({}), 400),
            (PatchKind::Json, json!([{"op": "explode", "path": "/"}]), 422),
            (PatchKind::Json, json!([{"op": "remove", "path": "/nowhere"}]), 422),
            (PatchKind::Json, json!([{"op": "test", "path": "/metadata/name", "value": "m"}]), 422),
            (PatchKind::Json, json!(copies), 413),
            (PatchKind::Json, json!(many), 413),
            (PatchKind::Merge, json!([]), 400),
            (PatchKind::Strategic, json!(7), 400),
            (PatchKind::Strategic, json!({"spec": {"volumes": [{"effect": "x"}]}}), 400),
            (PatchKind::Strategic, json!({"spec": {"$retainKeys": []}}), 400),
        ];
        for (how, patch, code) in table {
            let fault = patched(&NODES, &node(), how, &patch).expect_err("refused");
            assert_eq!(fault.code, code, "{how:?}: {fault}");
        }
        let fault = patched(&RECOVERY_STATUSES, &node(), PatchKind::Strategic, &json!({}));
        assert_eq!(fault.expect_err("refused").code, 415);
    }
}
