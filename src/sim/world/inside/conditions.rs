//! Conditions as Flux' controllers and those of Kubernetes write them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::store::seconds;

/// One condition, as it is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) kind: &'a str,
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
}

/// Writes a condition of an object. The time of its transition moves with its status only.
pub(super) fn set(object: &mut Value, said: Said<'_>, at: Timestamp) {
    let generation = object["metadata"]["generation"].as_i64().unwrap_or(1);
    let before = get(object, said.kind).filter(|it| it["status"] == said.status);
    let since = before.map_or_else(
        || seconds(at),
        |it| it["lastTransitionTime"].as_str().unwrap_or_default().to_owned(),
    );
    let new = json!({"type": said.kind, "status": said.status, "reason": said.reason,
        "message": said.message, "lastTransitionTime": since, "observedGeneration": generation});
    let Some(all) = list(object) else { return };
    match all.iter_mut().find(|it| it["type"] == said.kind) {
        Some(old) => *old = new,
        None => all.push(new),
    }
}

/// Takes a condition away.
pub(super) fn clear(object: &mut Value, kind: &str) {
    if let Some(all) = list(object) {
        all.retain(|it| it["type"] != kind);
    }
}

/// A condition of an object.
pub(super) fn get<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|it| it["type"] == kind)
}

/// Whether a condition is True.
pub(super) fn is_true(object: &Value, kind: &str) -> bool {
    get(object, kind).is_some_and(|it| it["status"] == "True")
}

fn list(object: &mut Value) -> Option<&mut Vec<Value>> {
    let at = &mut object["status"]["conditions"];
    if at.is_null() {
        *at = json!([]);
    }
    at.as_array_mut()
}

/// What kustomize-controller makes of `Reconciling` when a run came to nothing: the reason only,
/// and only where the run had begun (`finalizeStatus`).
pub(super) fn retries(object: &mut Value) {
    let all = list(object).into_iter().flatten();
    for reconciling in all.filter(|it| it["type"] == "Reconciling") {
        reconciling["reason"] = "ProgressingWithRetry".into();
    }
}

/// `Reconciling` with `ProgressingWithRetry`: what a controller says that failed and will try
/// again (fluxcd/pkg runtime/conditions, summarize).
pub(super) fn fails(object: &mut Value, reason: &str, message: &str, at: Timestamp) {
    set(object, Said { kind: "Ready", status: "False", reason, message }, at);
    set(
        object,
        Said { kind: "Reconciling", status: "True", reason: "ProgressingWithRetry", message },
        at,
    );
}
