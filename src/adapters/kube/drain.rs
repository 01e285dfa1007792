//! A node is drained: it is read with its pods, and each of them is asked to go. Where a budget may
//! be overruled its pod is deleted, right after the budget has refused once more: by its uid, and
//! with its own grace period. Nothing is ever forced.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use http::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::config::settings::KubeSettings;
use crate::model::action::Expect;
use crate::model::ids::MachineName;
use crate::model::outcome::ActionResult;

use super::board::Board;
use super::evict::{Doomed, MAX_PODS, Round, is_held, unfit};
use super::wire::{NoAnswer, Wire, is_object_name, request};
use super::write::{failed, left, note_401, read as read_object, refused};

/// What an eviction is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drain<'a> {
    pub(super) node: &'a MachineName,
    /// Pods in these namespaces are asked to go.
    pub(super) namespaces: &'a BTreeSet<String>,
    /// In these the budgets give way.
    pub(super) overruled: &'a BTreeSet<String>,
}

/// Reads the node and its pods uncached, and asks for one pod after the other. Nodes are worked on
/// side by side, which is as much at once as the API is asked to bear.
pub(super) async fn drain(
    board: &Board,
    settings: &KubeSettings,
    what: Drain<'_>,
    expect: &Expect,
    deadline: Instant,
) -> ActionResult {
    let node = what.node;
    if !is_object_name(node.as_str()) {
        return refused("this can't be the name of a node");
    }
    let wire = match board.wire() {
        Ok(wire) => wire,
        Err(why) => return failed(format!("the API is not there: {why}")),
    };
    let path = format!("/api/v1/nodes/{node}");
    match read_object(board, &wire, "node", &path, left(settings, deadline)).await {
        Ok(object) => {
            if let Some(why) = unfit(&object, expect) {
                return refused(why);
            }
        }
        Err(result) => return result,
    }
    let path = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{node}&limit={MAX_PODS}");
    let pods = match read_object(board, &wire, "pods", &path, left(settings, deadline)).await {
        Ok(list) => list,
        Err(result) => return result,
    };
    let items = pods.pointer("/items").and_then(Value::as_array);
    let door = Door { board, settings, wire: &wire, deadline };
    let mut round = Round::default();
    for pod in Doomed::among(items.into_iter().flatten(), what.namespaces) {
        let overruled = what.overruled.contains(&pod.namespace);
        if door.ask(&pod, overruled, &mut round).await.is_break() {
            break;
        }
    }
    round.result()
}

/// Where pods are asked to go.
struct Door<'a> {
    board: &'a Board,
    settings: &'a KubeSettings,
    wire: &'a Wire,
    deadline: Instant,
}

/// An answer, taken apart.
struct Said {
    code: u16,
    status: Value,
    words: String,
}

impl Door<'_> {
    /// Asks for one pod, and deletes it where its budget refuses and is overruled.
    async fn ask(&self, pod: &Doomed, overruled: bool, round: &mut Round) -> ControlFlow<()> {
        let path = format!("{}/eviction", pod.path());
        let mut said = self.send(Method::POST, &path, &pod.body(), round).await?;
        if overruled && is_held(said.code, &said.status, &said.words) {
            said = self.send(Method::DELETE, &pod.path(), &pod.deletion(), round).await?;
        }
        round.note(pod, said.code, &said.status, &said.words)
    }

    /// Sends one request. Without an answer the round is over.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        round: &mut Round,
    ) -> ControlFlow<(), Said> {
        let limit = left(self.settings, self.deadline);
        if limit.is_zero() {
            return round.stop("its time is over".to_owned());
        }
        let body = Some(("application/json", body));
        match self.wire.call(request(method, path, body), limit).await {
            Ok(answer) => {
                note_401(self.board, answer.code);
                ControlFlow::Continue(Said {
                    code: answer.code.as_u16(),
                    status: serde_json::from_slice(&answer.body).unwrap_or_default(),
                    words: answer.words(),
                })
            }
            Err(NoAnswer::NotSent(why)) => round.stop(format!("it was not sent: {why}")),
            Err(NoAnswer::Lost(why)) => round.lose(why.to_string()),
        }
    }
}
