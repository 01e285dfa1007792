//! Writes: each is one request, and its answer says whether it happened, did not, or may have.

use http::{Method, StatusCode};
use jiff::fmt::strtime;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

use crate::config::settings::KubeSettings;
use crate::model::action::{Effect, Expect};
use crate::model::cluster::ObjectPath;
use crate::model::facts::Seen;
use crate::model::ids::MachineName;
use crate::model::object::ObjectName;
use crate::model::outcome::ActionResult;
use crate::model::time::Span;

use super::acting;
use super::board::Board;
use super::cordon::{Change, Judgement, judge};
use super::drain::{Drain, drain};
use super::flux::FluxChange;
use super::loads::{LoadChange, delete_options, scaled};
use super::looked::Looked;
use super::nodes::text;
use super::wire::{Answer, NoAnswer, Wire, get, is_object_name, request};

/// Our own Lease. One name for all ananke hosts, so that they can meet there.
pub const LEASE_NAME: &str = "ananke";
/// The owner of our fields, in managedFields.
pub(super) const FIELD_MANAGER: &str = "ananke";

/// Carries out one effect within `limit`, by at most one write.
pub(super) async fn perform(
    board: &Board,
    settings: &KubeSettings,
    owner: &str,
    effect: &Effect,
    expect: &Expect,
    limit: Span,
) -> ActionResult {
    if let Some(why) = acting::forbids(board, effect) {
        return refused(why);
    }
    if *effect == Effect::WriteCanary {
        return canary(board, settings, owner, limit).await;
    }
    let deadline = Instant::now() + limit.to_std();
    if let Effect::EvictPods { node, namespaces, overruled, .. } = effect {
        let what = Drain { node, namespaces, overruled };
        return drain(board, settings, what, expect, deadline).await;
    }
    if let Some((object, change)) = FluxChange::of(effect, owner) {
        return on_flux(board, settings, object, change, deadline).await;
    }
    if let Some((object, change)) = LoadChange::of(effect) {
        return on_load(board, settings, &object, change, deadline).await;
    }
    let Some((name, change)) = Change::of(effect, owner) else {
        return refused("this is no matter of the Kubernetes API");
    };
    match board.wire() {
        Ok(wire) => node(board, &wire, settings, name, change, expect, deadline).await,
        Err(why) => failed(format!("the API is not there: {why}")),
    }
}

/// Reads the node uncached, judges it, and sends the patch.
async fn node(
    board: &Board,
    wire: &Wire,
    settings: &KubeSettings,
    name: &MachineName,
    change: Change<'_>,
    expect: &Expect,
    deadline: Instant,
) -> ActionResult {
    if !is_object_name(name.as_str()) {
        return refused("this can't be the name of a node");
    }
    let path = format!("/api/v1/nodes/{name}");
    let object = match read(board, wire, "node", &path, left(settings, deadline)).await {
        Ok(object) => object,
        Err(result) => return result,
    };
    let patch = match judge(&object, change, expect) {
        Judgement::Already => return ActionResult::AlreadyDone,
        Judgement::Refuse(why) => return refused(why),
        Judgement::Patch(patch) => patch,
    };
    let path = format!("{path}?fieldManager={FIELD_MANAGER}");
    let body = Some(("application/json-patch+json", &patch));
    let sent = wire.call(request(Method::PATCH, &path, body), left(settings, deadline)).await;
    classify(board, sent, "nodes").map_or_else(|result| result, |_| ActionResult::Done)
}

/// Reads an object uncached.
pub(super) async fn read(
    board: &Board,
    wire: &Wire,
    what: &str,
    path: &str,
    limit: Duration,
) -> Result<Value, ActionResult> {
    let answer = match wire.call(get(path), limit).await {
        Ok(answer) => answer,
        Err(lost) => return Err(failed(format!("the {what} can't be read: {}", lost.blind()))),
    };
    match (answer.code, answer.json()) {
        (StatusCode::NOT_FOUND, _) => Err(refused(format!("there is no such {what}"))),
        (_, Ok(object)) => Ok(object),
        (code, Err(why)) => {
            note_401(board, code);
            Err(failed(format!("the {what} can't be read: {why}")))
        }
    }
}

/// Reads an object of Flux uncached, judges it, and sends the patch.
async fn on_flux(
    board: &Board,
    settings: &KubeSettings,
    name: &ObjectName,
    change: FluxChange<'_>,
    deadline: Instant,
) -> ActionResult {
    let wire = match board.wire() {
        Ok(wire) => wire,
        Err(why) => return failed(format!("the API is not there: {why}")),
    };
    let Some((looked, path)) = found(board, name) else {
        return refused("the cluster serves no such object");
    };
    let object = match read(board, &wire, "object", &path, left(settings, deadline)).await {
        Ok(object) => object,
        Err(result) => return result,
    };
    let patch = match change.judge(&object) {
        Judgement::Already => return ActionResult::AlreadyDone,
        Judgement::Refuse(why) => return refused(why),
        Judgement::Patch(patch) => patch,
    };
    let path = format!("{path}?fieldManager={FIELD_MANAGER}");
    let body = Some(("application/merge-patch+json", &patch));
    let sent = wire.call(request(Method::PATCH, &path, body), left(settings, deadline)).await;
    classify(board, sent, looked.plural).map_or_else(|result| result, |_| ActionResult::Done)
}

/// The kind of an object, and its path, if the cluster serves such a one.
fn found(board: &Board, name: &ObjectName) -> Option<(&'static Looked, String)> {
    let mut names = name.namespace.iter().chain([&name.name]);
    let looked = Looked::find(&name.kind).filter(|_| names.all(|it| is_object_name(it)))?;
    Some((looked, looked.object_path(&board.facts().serves, &ObjectPath::of(name))?))
}

/// Deletes a pod, if it is still the one that was observed; or reads the scale of a workload
/// uncached, judges it, and sends the patch.
async fn on_load(
    board: &Board,
    settings: &KubeSettings,
    name: &ObjectName,
    change: LoadChange<'_>,
    deadline: Instant,
) -> ActionResult {
    let wire = match board.wire() {
        Ok(wire) => wire,
        Err(why) => return failed(format!("the API is not there: {why}")),
    };
    let Some((looked, path)) = found(board, name) else {
        return refused("the cluster serves no such object");
    };
    let replicas = match change {
        LoadChange::Scale(replicas) => replicas,
        LoadChange::Delete(uid) => {
            let options = delete_options(uid);
            let body = Some(("application/json", &options));
            let sent =
                wire.call(request(Method::DELETE, &path, body), left(settings, deadline)).await;
            if matches!(&sent, Ok(answer) if answer.code == StatusCode::NOT_FOUND) {
                return ActionResult::AlreadyDone;
            }
            let said = judged(board, sent, "delete", looked.plural);
            return said.map_or_else(|result| result, |_| ActionResult::Done);
        }
    };
    let path = format!("{path}/scale");
    let scale = match read(board, &wire, "scale", &path, left(settings, deadline)).await {
        Ok(scale) => scale,
        Err(result) => return result,
    };
    let patch = match scaled(&scale, replicas) {
        Judgement::Already => return ActionResult::AlreadyDone,
        Judgement::Refuse(why) => return refused(why),
        Judgement::Patch(patch) => patch,
    };
    let path = format!("{path}?fieldManager={FIELD_MANAGER}");
    let body = Some(("application/merge-patch+json", &patch));
    let sent = wire.call(request(Method::PATCH, &path, body), left(settings, deadline)).await;
    classify(board, sent, looked.plural).map_or_else(|result| result, |_| ActionResult::Done)
}

/// Renews our Lease by server-side apply, without force: a field that somebody else owns is a
/// conflict, not ours to take.
async fn canary(board: &Board, settings: &KubeSettings, owner: &str, limit: Span) -> ActionResult {
    let deadline = Instant::now() + limit.to_std();
    let namespace = &settings.namespace;
    if !is_object_name(namespace) {
        return refused("this can't be the name of a namespace");
    }
    let wire = match board.wire() {
        Ok(wire) => wire,
        Err(why) => return failed(format!("the API is not there: {why}")),
    };
    let epoch = board.terms().borrow().as_ref().and_then(|terms| terms.epoch);
    // MicroTime wants exactly six digits.
    let now = board.moment().wall.to_zoned(jiff::tz::TimeZone::UTC);
    let Ok(renewed) = strtime::format("%Y-%m-%dT%H:%M:%S.%6fZ", &now) else {
        return failed("the wall clock can't be written".to_owned());
    };
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": LEASE_NAME, "namespace": namespace },
        "spec": acting::spec(owner, &renewed, epoch),
    });
    let path = format!(
        "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE_NAME}\
         ?fieldManager={FIELD_MANAGER}"
    );
    let body = Some(("application/apply-patch+yaml", &lease));
    let sent = wire.call(request(Method::PATCH, &path, body), left(settings, deadline)).await;
    let object = match classify(board, sent, "leases") {
        Ok(answer) => answer.json(),
        Err(result) => return result,
    };
    match object.map(|lease| text(&lease, "/metadata/resourceVersion")) {
        Ok(version) if !version.is_empty() => written(board, version),
        Ok(_) => failed("the API answered with an object without version".to_owned()),
        Err(why) => failed(format!("the API's answer makes no sense: {why}")),
    }
}

/// An apply that changes nothing is answered from memory: the same version proves no write.
fn written(board: &Board, version: String) -> ActionResult {
    let facts = board.facts();
    if let Seen::Known { value, .. } = &facts.canary
        && value.resource_version == version
    {
        return failed("the API answered but wrote nothing: its version did not move".to_owned());
    }
    board.canary(version);
    ActionResult::Done
}

/// What an answer to a patch says about it. `Ok` only for success.
fn classify(
    board: &Board,
    sent: Result<Answer, NoAnswer>,
    resource: &str,
) -> Result<Answer, ActionResult> {
    judged(board, sent, "patch", resource)
}

/// What an answer to a write says about the write. `Ok` only for success.
fn judged(
    board: &Board,
    sent: Result<Answer, NoAnswer>,
    verb: &str,
    resource: &str,
) -> Result<Answer, ActionResult> {
    let answer = match sent {
        Ok(answer) => answer,
        Err(NoAnswer::NotSent(why)) => return Err(failed(format!("it was not sent: {why}"))),
        Err(NoAnswer::Lost(why)) => return Err(unknown(format!("no answer came: {why}"))),
    };
    note_401(board, answer.code);
    let words = answer.words();
    Err(match answer.code.as_u16() {
        200..=299 => return Ok(answer),
        401 => failed(format!("the credentials are refused: {words}")),
        403 => failed(format!("RBAC: the account may not {verb} {resource}: {words}")),
        404 => refused(format!("it is not there: {words}")),
        409 => refused(format!("it changed meanwhile: {words}")),
        422 if does_not_apply(&answer) => refused("it changed meanwhile: the patch did not apply"),
        // Overload protection turns a request away before it is carried out.
        429 => failed(format!("the API is overloaded: {words}")),
        // Behind these etcd may or may not have taken the write.
        500..=599 => unknown(words),
        _ => failed(words),
    })
}

/// The API server answers 422 both to a patch that does not apply (a `test` that fails) and to an
/// object that is invalid. It hides the reason of the former (patch.go, seen with 1.36), but only
/// the latter names the object and what is wrong with it.
fn does_not_apply(answer: &Answer) -> bool {
    let status: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let details = status.get("details").and_then(Value::as_object);
    details.is_some_and(|details| !details.contains_key("name") && !details.contains_key("causes"))
}

pub(super) fn note_401(board: &Board, code: StatusCode) {
    if code == StatusCode::UNAUTHORIZED {
        board.credentials_refused();
    }
}

/// The time that one request may take now.
pub(super) fn left(settings: &KubeSettings, deadline: Instant) -> Duration {
    settings.request.to_std().min(deadline.saturating_duration_since(Instant::now()))
}

pub(super) fn refused(why: impl Into<String>) -> ActionResult {
    ActionResult::Refused { why: why.into() }
}

pub(super) const fn failed(why: String) -> ActionResult {
    ActionResult::Failed { why }
}

pub(super) const fn unknown(why: String) -> ActionResult {
    ActionResult::Unknown { why }
}
