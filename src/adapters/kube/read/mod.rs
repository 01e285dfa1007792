//! From an object's JSON to the few facts that matter. Absurd input yields empty facts, never an
//! error: one broken object must not hide the others.

mod flux;
mod objects;
mod workload;

pub(super) use flux::{helm_release, kustomization, source};
pub(super) use objects::{Attached, attached, claim, drivers, endpoints, ingress, judges};
pub(super) use workload::{Pod, daemon_set, evictable, pod, replicated};

use serde_json::Value;

use crate::model::cluster::ObjectPath;

/// The longest name that Kubernetes takes, twice: what is longer is no path.
const MAX_PATH: usize = 512;

/// Where an object lies. `None` for something without a name.
pub fn path(object: &Value) -> Option<ObjectPath> {
    let text = |at: &str| object.pointer(at).and_then(Value::as_str).filter(|it| !it.is_empty());
    let name = text("/metadata/name")?;
    let path = match text("/metadata/namespace") {
        Some(namespace) => ObjectPath::in_namespace(namespace, name),
        None => ObjectPath::new(name),
    };
    let odd = |c: char| c.is_whitespace() || c.is_control();
    (path.as_str().len() <= MAX_PATH && !path.as_str().contains(odd)).then_some(path)
}

/// The items of a list at a JSON pointer; nothing if it is no list.
fn list<'a>(object: &'a Value, at: &str) -> impl Iterator<Item = &'a Value> {
    object.pointer(at).and_then(Value::as_array).into_iter().flatten()
}

/// The number at a JSON pointer, if it is one that makes sense as a count.
fn count(object: &Value, at: &str) -> Option<u32> {
    object.pointer(at).and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok())
}

/// Whether the controller of an object has looked at its present spec. An object without
/// generations is never behind.
fn behind(object: &Value) -> bool {
    let number = |at: &str| object.pointer(at).and_then(Value::as_i64);
    match (number("/metadata/generation"), number("/status/observedGeneration")) {
        (Some(wanted), seen) => seen.is_none_or(|seen| seen < wanted),
        (None, _) => false,
    }
}

/// A condition of an object, by its type.
fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(object, "/status/conditions")
        .find(|it| it.get("type").and_then(Value::as_str) == Some(kind))
}
