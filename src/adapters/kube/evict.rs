//! Evictions: which pods of a node are asked to go, what is sent for each, and what each answer
//! says. The body is built here, because kube 5.0 sends `delete_options`, which the server ignores.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use serde_json::{Value, json};

use crate::model::action::Expect;
use crate::model::outcome::ActionResult;

use super::loads::delete_options;
use super::nodes::{node as node_facts, text};
use super::read;
use super::wire::{is_object_name, short};
use super::write::{failed, unknown};

/// More pods than a kubelet ever runs (`maxPods` is 110 where nobody says otherwise).
pub(super) const MAX_PODS: usize = 1_000;
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

    /// What is sent when its budget is overruled.
    pub fn deletion(&self) -> Value {
        delete_options(&self.uid)
    }

    pub(super) fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods/{}", self.namespace, self.name)
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
            429 => match cause(status, BUDGET) {
                Some(why) if why.is_empty() => self.held.push(because(words)),
                Some(why) => self.held.push(because(&why)),
                None => return self.stop(format!("the API is overloaded: {words}")),
            },
            _ if is_held(code, status, words) => self.held.push(because(words)),
            401 => return self.stop(format!("the credentials are refused: {words}")),
            403 if cause(status, "NamespaceTerminating").is_some() => {
                self.broken.push(because("its namespace is being removed"));
            }
            403 => {
                return self.stop(format!("RBAC: the account may not evict pods: {words}"));
            }
            _ => self.broken.push(because(words)),
        }
        ControlFlow::Continue(())
    }

    /// The rest is not asked.
    pub fn stop<T>(&mut self, why: String) -> ControlFlow<(), T> {
        self.stopped = Some(why);
        ControlFlow::Break(())
    }

    /// No answer came: the pod may be going or not, and the rest is not asked.
    pub fn lose<T>(&mut self, why: String) -> ControlFlow<(), T> {
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
        let held = !self.held.is_empty() && self.stopped.is_none();
        parts.extend(self.stopped);
        let lost = self.lost.is_some();
        parts.extend(self.lost.map(|why| format!("no answer came: {why}")));
        if parts.is_empty() {
            return ActionResult::Done;
        }
        let why = format!("{} of the pods go; {}", self.went, parts.join("; "));
        match (lost, held) {
            (true, _) => unknown(why),
            (false, true) => ActionResult::Held { why },
            (false, false) => failed(why),
        }
    }
}

/// The cause that a `Status` gives when a budget refuses.
const BUDGET: &str = "DisruptionBudget";

/// What the server says of a pod that two budgets choose, with a 500, and for ever.
const TWO_BUDGETS: &str = "more than one PodDisruptionBudget";

/// Whether disruption budgets refuse to let a pod go, and mean it. One whose status is behind says
/// after how long to ask again (`retryAfterSeconds`): that is no refusal yet.
pub fn is_held(code: u16, status: &Value, words: &str) -> bool {
    let later = status.pointer("/details/retryAfterSeconds").and_then(Value::as_u64);
    match code {
        429 => cause(status, BUDGET).is_some() && later.unwrap_or(0) == 0,
        500 => words.contains(TWO_BUDGETS),
        _ => false,
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
        assert_eq!(one().path(), "/api/v1/namespaces/apps/pods/web");
        assert_eq!(one().deletion()["preconditions"]["uid"], "uid-web");
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
                (ActionResult::Held { why }, Some(says)) => {
                    assert!([429, 500].contains(&code) && why.contains(says), "{why}");
                }
                (ActionResult::Failed { why }, Some(says)) => assert!(why.contains(says), "{why}"),
                (result, _) => panic!("{code}: {result:?}"),
            }
        }
        let mut round = Round::default();
        let lost: ControlFlow<()> = round.lose("cut off".to_owned());
        assert!(lost.is_break());
        assert!(matches!(round.result(), ActionResult::Unknown { .. }));
    }

    #[test]
    fn a_budget_that_is_behind_has_not_refused_yet() {
        let causes = json!([{"reason": "DisruptionBudget", "message": "still being processed"}]);
        let refuses = |details: Value| is_held(429, &json!({"details": details}), "429: no");
        assert!(refuses(json!({"causes": causes})));
        assert!(refuses(json!({"causes": causes, "retryAfterSeconds": 0})));
        assert!(!refuses(json!({"causes": causes, "retryAfterSeconds": 10})));
        assert!(!refuses(json!({"retryAfterSeconds": 1})), "the API is overloaded");
        assert!(is_held(500, &Value::Null, "500: This pod has more than one PodDisruptionBudget"));
        assert!(!is_held(500, &Value::Null, "500: etcdserver: request timed out"));
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
