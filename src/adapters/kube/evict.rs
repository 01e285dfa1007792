//! Evictions: which pods of a node are asked to go, what is sent for each, and what each answer
//! says. The body is built here, because kube 5.0 sends `delete_options`, which the server ignores.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::config::settings::KubeSettings;
use crate::model::action::Expect;
use crate::model::ids::MachineName;
use crate::model::outcome::ActionResult;

use super::board::Board;
use super::nodes::{node as node_facts, text};
use super::read;
use super::wire::{NoAnswer, is_object_name, request, short};
use super::write::{failed, left, note_401, read as read_object, refused, unknown};

/// More pods than a kubelet ever runs (`maxPods` is 110 where nobody says otherwise).
const MAX_PODS: usize = 1_000;
/// So many pods are named of those that do not go.
const NAMED: usize = 3;
/// The longest text of the server that is kept for one pod.
const MAX_WHY: usize = 160;

/// A pod that is asked to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doomed {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    uid: String,
}

impl Doomed {
    /// Those of a node's pods that are in one of the namespaces, may be evicted, and are not on
    /// their way already.
    pub fn among<'a>(
        pods: impl IntoIterator<Item = &'a Value>,
        namespaces: &BTreeSet<String>,
    ) -> Vec<Self> {
        let stays = |pod: &&Value| {
            pod.pointer("/metadata/deletionTimestamp").is_none_or(Value::is_null)
                && read::evictable(pod)
        };
        let doomed = pods.into_iter().filter(stays).map(|pod| Self {
            namespace: text(pod, "/metadata/namespace"),
            name: text(pod, "/metadata/name"),
            uid: text(pod, "/metadata/uid"),
        });
        let sound = |it: &Self| {
            namespaces.contains(&it.namespace)
                && [&it.namespace, &it.name].into_iter().all(|name| is_object_name(name))
                && !it.uid.is_empty()
        };
        doomed.filter(sound).take(MAX_PODS).collect()
    }

    /// What is sent. With its uid: a pod of the same name that came after it stays.
    pub fn body(&self) -> Value {
        json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "deleteOptions": {"preconditions": {"uid": self.uid}},
        })
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods/{}/eviction", self.namespace, self.name)
    }
}

/// Why nothing may be evicted from a node, as it was just read.
pub fn unfit(object: &Value, expect: &Expect) -> Option<String> {
    let Some((_, facts)) = node_facts(object) else {
        return Some("what the API calls this node has no name".to_owned());
    };
    if expect.uid.as_ref().is_some_and(|uid| *uid != facts.uid) {
        return Some("it is not the observed node".to_owned());
    }
    // Its pods would come back to it.
    (!facts.unschedulable).then(|| "it takes new pods again: nothing is evicted from it".to_owned())
}

/// What the answers said so far.
#[derive(Debug, Default)]
pub struct Round {
    went: usize,
    /// Held by a disruption budget, with the server's words.
    held: Vec<String>,
    /// Turned away for another reason, with the server's words.
    broken: Vec<String>,
    /// Why the rest was not asked.
    stopped: Option<String>,
    /// Why nobody knows what became of the last one.
    lost: Option<String>,
}

impl Round {
    /// Takes in the answer for one pod. `words` is the server's message with its code.
    pub fn note(
        &mut self,
        pod: &Doomed,
        code: u16,
        status: &Value,
        words: &str,
    ) -> ControlFlow<()> {
        let name = format!("{}/{}", pod.namespace, pod.name);
        let because = |why: &str| format!("{name} ({})", short(why, MAX_WHY));
        match code {
            // 404: it is gone. 409: another one has its name, so that this one is gone.
            200..=299 | 404 | 409 => self.went += 1,
            429 => match cause(status, "DisruptionBudget") {
                Some(why) if why.is_empty() => self.held.push(because(words)),
                Some(why) => self.held.push(because(&why)),
                None => return self.stop(format!("the API is overloaded: {words}")),
            },
            401 => return self.stop(format!("the credentials are refused: {words}")),
            403 if cause(status, "NamespaceTerminating").is_some() => {
                self.broken.push(because("its namespace is being removed"));
            }
            403 => {
                return self
                    .stop(format!("RBAC: the account may not create pods/eviction: {words}"));
            }
            // Two budgets for one pod: a 500 for ever, and its words say so.
            _ => self.broken.push(because(words)),
        }
        ControlFlow::Continue(())
    }

    /// The rest is not asked.
    pub fn stop(&mut self, why: String) -> ControlFlow<()> {
        self.stopped = Some(why);
        ControlFlow::Break(())
    }

    /// No answer came: the pod may be going or not, and the rest is not asked.
    pub fn lose(&mut self, why: String) -> ControlFlow<()> {
        self.lost = Some(why);
        ControlFlow::Break(())
    }

    /// What became of all of it.
    pub fn result(self) -> ActionResult {
        let mut parts = Vec::new();
        if !self.held.is_empty() {
            let (count, names) = (self.held.len(), named(&self.held));
            parts.push(format!("held by a disruption budget: {count}: {names}"));
        }
        if !self.broken.is_empty() {
            let (count, names) = (self.broken.len(), named(&self.broken));
            parts.push(format!("turned away: {count}: {names}"));
        }
        parts.extend(self.stopped);
        let lost = self.lost.is_some();
        parts.extend(self.lost.map(|why| format!("no answer came: {why}")));
        if parts.is_empty() {
            return ActionResult::Done;
        }
        let why = format!("{} of the pods go; {}", self.went, parts.join("; "));
        if lost { unknown(why) } else { failed(why) }
    }
}

fn named(all: &[String]) -> String {
    let more = all.len().saturating_sub(NAMED);
    let names: Vec<&str> = all.iter().take(NAMED).map(String::as_str).collect();
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    names.join(", ") + &more
}

/// The message of a cause that a `Status` gives.
fn cause(status: &Value, reason: &str) -> Option<String> {
    let causes = status.pointer("/details/causes").and_then(Value::as_array);
    let found = causes.into_iter().flatten().find(|it| it["reason"] == reason)?;
    Some(text(found, "/message"))
}

/// Reads the node and its pods uncached, and asks for one pod after the other. Nodes are worked on
/// side by side, which is as much at once as the API is asked to bear.
pub(super) async fn evict(
    board: &Board,
    settings: &KubeSettings,
    (node, namespaces): (&MachineName, &BTreeSet<String>),
    expect: &Expect,
    deadline: Instant,
) -> ActionResult {
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
    let mut round = Round::default();
    for pod in Doomed::among(items.into_iter().flatten(), namespaces) {
        let limit = left(settings, deadline);
        let next = if limit.is_zero() {
            round.stop("its time is over".to_owned())
        } else {
            let body = pod.body();
            let body = Some(("application/json", &body));
            match wire.call(request(Method::POST, &pod.path(), body), limit).await {
                Ok(answer) => {
                    note_401(board, answer.code);
                    let status = serde_json::from_slice(&answer.body).unwrap_or_default();
                    round.note(&pod, answer.code.as_u16(), &status, &answer.words())
                }
                Err(NoAnswer::NotSent(why)) => round.stop(format!("it was not sent: {why}")),
                Err(NoAnswer::Lost(why)) => round.lose(why.to_string()),
            }
        };
        if next.is_break() {
            break;
        }
    }
    round.result()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str) -> Value {
        json!({"metadata": {"namespace": "apps", "name": name, "uid": format!("uid-{name}"),
            "ownerReferences": [{"kind": "ReplicaSet", "name": "r", "controller": true}]},
            "status": {"phase": "Running"}})
    }

    fn one() -> Doomed {
        let namespaces = BTreeSet::from(["apps".to_owned()]);
        Doomed::among(&[pod("web")], &namespaces).pop().unwrap()
    }

    #[test]
    fn the_body_pins_the_uid_under_the_name_that_the_server_reads() {
        let body = one().body();
        assert_eq!(body["deleteOptions"]["preconditions"]["uid"], "uid-web");
        assert_eq!((&body["apiVersion"], &body["kind"]), (&json!("policy/v1"), &json!("Eviction")));
        assert_eq!(one().path(), "/api/v1/namespaces/apps/pods/web/eviction");
    }

    #[test]
    fn only_what_stays_in_the_namespaces_is_asked_to_go() {
        let mut going = pod("going");
        going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        let mut other = pod("other");
        other["metadata"]["namespace"] = "storage".into();
        let mut odd = pod("odd");
        odd["metadata"]["name"] = "../nodes".into();
        let namespaces = BTreeSet::from(["apps".to_owned()]);
        let found = Doomed::among(&[pod("web"), going, other, odd], &namespaces);
        assert_eq!(found, [one()]);
    }

    #[test]
    fn every_answer_says_what_it_says() {
        let budget = json!({"details": {"causes": [
            {"reason": "DisruptionBudget", "message": "The disruption budget web needs 1"}]}});
        let ending = json!({"details": {"causes": [{"reason": "NamespaceTerminating"}]}});
        let twice = "500: This pod has more than one PodDisruptionBudget";
        for (code, status, words, goes_on, says) in [
            (201, Value::Null, "", true, None),
            (404, Value::Null, "", true, None),
            (409, Value::Null, "", true, None),
            (429, budget, "429", true, Some("held by a disruption budget: 1: apps/web (The dis")),
            (429, Value::Null, "429: slow down", false, Some("overloaded")),
            (403, ending, "403", true, Some("namespace is being removed")),
            (403, Value::Null, "403: no", false, Some("RBAC")),
            (401, Value::Null, "401", false, Some("credentials")),
            (500, Value::Null, twice, true, Some("more than one PodDisruptionBudget")),
        ] {
            let mut round = Round::default();
            let next = round.note(&one(), code, &status, words);
            assert_eq!(next.is_continue(), goes_on, "{code}");
            match (round.result(), says) {
                (ActionResult::Done, None) => {}
                (ActionResult::Failed { why }, Some(says)) => assert!(why.contains(says), "{why}"),
                (result, _) => panic!("{code}: {result:?}"),
            }
        }
        let mut round = Round::default();
        assert!(round.lose("cut off".to_owned()).is_break());
        assert!(matches!(round.result(), ActionResult::Unknown { .. }));
    }

    #[test]
    fn nothing_is_evicted_from_a_node_that_takes_pods() {
        let metadata = json!({"name": "w-1", "uid": "u", "resourceVersion": "1"});
        let node = |spec: Value| json!({"metadata": metadata, "spec": spec});
        let expect = |uid: &str| Expect { uid: Some(uid.to_owned()), ..Expect::default() };
        let closed = node(json!({"unschedulable": true}));
        assert_eq!(unfit(&closed, &expect("u")), None);
        assert!(unfit(&closed, &expect("other")).is_some());
        assert!(unfit(&node(json!({})), &expect("u")).is_some());
    }
}
