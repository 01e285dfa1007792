//! How objects go: at once, after a grace that the kubelet ends, or not as long as a finalizer or a
//! disruption budget stands before it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::{NAMESPACES, PDBS, PODS};
use super::{Fault, Key, Part, Selector, Store, Writer, seconds};

/// How long a pod has to end when it does not say otherwise, in seconds
/// (`terminationGracePeriodSeconds`).
const POD_GRACE: u64 = 30;

/// What became of an object that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Gone(Arc<Value>),
    /// It carries a deletionTimestamp, and somebody has to end it.
    Marked(Arc<Value>),
}

/// Deletes an object as `DeleteOptions` say. A pod on a node is only marked: its kubelet ends it.
///
/// # Errors
/// 400, 404, 405 for namespaces, whose content nobody would clear here, 409 for a precondition
pub fn remove(store: &mut Store, w: &Writer<'_>, options: &Value) -> Result<Deleted, Fault> {
    if !options.is_null() && !options.is_object() {
        return Err(Fault::bad_request("the delete options are no object"));
    }
    if w.kind == &NAMESPACES {
        return Err(Fault::no_such_method());
    }
    let before = w.before(store)?;
    let meta = &before["metadata"];
    for (field, words) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let asked = &options["preconditions"][field];
        if !asked.is_null() && asked != &meta[field] {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (asked, is) = (text(asked), text(&meta[field]));
            let why = format!(
                "Precondition failed: {words} in precondition: {asked}, {words} in object meta: \
                 {is}"
            );
            let mut fault = Fault::conflict(w.kind, w.name, &why);
            fault.details["kind"] = w.kind.kind.into();
            return Err(fault);
        }
    }
    let held = meta["finalizers"].as_array().is_some_and(|list| !list.is_empty());
    let grace = grace(w, &before, options);
    if !held && grace == 0 {
        let gone = store.delete(&w.key());
        return gone.map(Deleted::Gone).map_err(|why| Fault::of(why, w.kind, w.name));
    }
    let earlier = meta["deletionGracePeriodSeconds"].as_u64();
    let marked = store.change(&w.key(), |object| {
        if earlier.is_none_or(|earlier| grace < earlier) {
            let at = w.at.checked_add(std::time::Duration::from_secs(grace)).unwrap_or(w.at);
            object["metadata"]["deletionTimestamp"] = seconds(at).into();
            object["metadata"]["deletionGracePeriodSeconds"] = grace.into();
        }
    });
    marked.map_err(|why| Fault::of(why, w.kind, w.name))?;
    Ok(Deleted::Marked(w.before(store)?))
}

fn grace(w: &Writer<'_>, object: &Value, options: &Value) -> u64 {
    let phase = object["status"]["phase"].as_str().unwrap_or_default();
    let placed = object["spec"]["nodeName"].as_str().is_some_and(|name| !name.is_empty());
    if w.kind != &PODS || !placed || ["Succeeded", "Failed"].contains(&phase) {
        return 0;
    }
    let own = || object["spec"]["terminationGracePeriodSeconds"].as_u64();
    options["gracePeriodSeconds"].as_u64().or_else(own).unwrap_or(POD_GRACE)
}

/// Evicts a pod, if the disruption budgets that choose it allow it.
///
/// # Errors
/// 400, 404, 429 for a budget that does not allow it, 500 for several budgets
pub fn evict(store: &mut Store, w: &Writer<'_>, eviction: &Value) -> Result<(), Fault> {
    if !eviction.is_object() || eviction["kind"] != "Eviction" {
        return Err(Fault::bad_request("the body is no Eviction"));
    }
    let name = &eviction["metadata"]["name"];
    if !name.is_null() && name != w.name {
        return Err(Fault::bad_request(format!(
            "name in URL does not match name in Eviction object: {} and {name}",
            w.name
        )));
    }
    let pod = w.before(store)?;
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    let ending = ["Pending", "Succeeded", "Failed"].contains(&phase)
        || !pod["metadata"]["deletionTimestamp"].is_null();
    if !ending {
        spend(store, w, &pod)?;
    }
    remove(store, w, &eviction["deleteOptions"]).map(drop)
}

/// Takes one disruption from the budget that chooses the pod.
fn spend(store: &mut Store, w: &Writer<'_>, pod: &Value) -> Result<(), Fault> {
    let budgets = store.list(&PDBS, Some(w.namespace));
    let chosen = budgets.filter(|(_, budget)| {
        let selector = &budget["spec"]["selector"];
        // An absent selector chooses nothing, an empty one everything (policy/v1).
        selector.is_object() && Selector::of_object(selector).matches(pod)
    });
    let chosen: Vec<(Key, Arc<Value>)> =
        chosen.map(|(key, budget)| (key.clone(), Arc::clone(budget))).collect();
    let (key, budget) = match chosen.as_slice() {
        [] => return Ok(()),
        [one] => one,
        [_, _, ..] => {
            let why = "This pod has more than one PodDisruptionBudget, which the eviction \
                       subresource does not support.";
            return Err(Fault::internal(why));
        }
    };
    let status = &budget["status"];
    let number = |field: &str| status[field].as_i64().unwrap_or_default();
    let (healthy, desired) = (number("currentHealthy"), number("desiredHealthy"));
    let always = budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow";
    if !is_ready(pod) && (always || (healthy >= desired && desired > 0)) {
        return Ok(());
    }
    if number("observedGeneration") < budget["metadata"]["generation"].as_i64().unwrap_or(0) {
        let name = &key.name;
        let why = format!("The disruption budget {name} is still being processed by the server.");
        let mut behind = Fault::disruption(&why);
        behind.details["retryAfterSeconds"] = 10.into();
        return Err(behind);
    }
    let allowed = number("disruptionsAllowed");
    if allowed <= 0 {
        let name = &key.name;
        return Err(Fault::disruption(&format!(
            "The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
        )));
    }
    let spent = store.change(key, |budget| {
        let disrupted = json!({w.name: seconds(w.at)});
        let spent = json!({"disruptionsAllowed": allowed - 1, "disruptedPods": disrupted});
        json_patch::merge(budget, &json!({"status": spent}));
    });
    spent.map_err(|why| Fault::of(why, &PDBS, &key.name))
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|it| it["type"] == "Ready" && it["status"] == "True")
}

impl Deleted {
    /// What the answer holds: the object that is still there, or that it went well.
    pub fn answer(&self, w: &Writer<'_>) -> Value {
        match self {
            Self::Marked(object) => (**object).clone(),
            // Evictions and deletions of pods show the pod itself.
            Self::Gone(object) if w.kind == &PODS && w.part == Part::Whole => (**object).clone(),
            Self::Gone(object) => {
                let mut details = json!({"name": w.name, "kind": w.kind.plural,
                    "uid": object["metadata"]["uid"]});
                if !w.kind.group.is_empty() {
                    details["group"] = w.kind.group.into();
                }
                json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                    "details": details})
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::kinds::NODES;
    use super::*;

    fn pod(name: &'static str) -> Writer<'static> {
        let (kind, at) = (&PODS, Timestamp::UNIX_EPOCH);
        Writer { kind, namespace: "default", name, part: Part::Whole, manager: "t", at }
    }

    fn store(allowed: i64, ready: &str) -> Store {
        let mut store = Store::default();
        let at = Timestamp::UNIX_EPOCH;
        let body = json!({"metadata": {"labels": {"app": "db"}}, "spec": {"nodeName": "n"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}});
        store.create(pod("p").key(), body, at).expect("new");
        let budget = json!({"spec": {"selector": {"matchLabels": {"app": "db"}}}, "status":
            {"disruptionsAllowed": allowed, "observedGeneration": 1, "currentHealthy": 1,
             "desiredHealthy": 2}});
        store.create(Key::of(&PDBS, "default", "db"), budget, at).expect("new");
        store
    }

    #[test]
    fn an_eviction_asks_the_budget() {
        let eviction = json!({"kind": "Eviction", "metadata": {"name": "p"}});
        for (allowed, code) in [(0, Some(429)), (1, None)] {
            let mut store = store(allowed, "True");
            let said = evict(&mut store, &pod("p"), &eviction).err().map(|fault| fault.code);
            assert_eq!(said, code, "{allowed} allowed");
            let marked =
                &store.get(&pod("p").key()).expect("there")["metadata"]["deletionTimestamp"];
            assert_eq!(marked.is_null(), code.is_some(), "marked only when it may go");
        }
        let mut store = store(1, "True");
        evict(&mut store, &pod("p"), &eviction).expect("allowed");
        let left = &store.get(&Key::of(&PDBS, "default", "db")).expect("there")["status"];
        assert_eq!(left["disruptionsAllowed"], 0, "a disruption is spent once");
        let other = json!({"kind": "Eviction", "metadata": {"name": "q"}});
        assert_eq!(evict(&mut store, &pod("p"), &other).expect_err("other").code, 400);
    }

    #[test]
    fn a_pod_on_a_node_waits_for_its_kubelet_unless_it_is_forced() {
        let mut store = store(0, "True");
        let marked = remove(&mut store, &pod("p"), &json!({})).expect("there");
        let Deleted::Marked(object) = marked else { panic!("gone at once") };
        assert_eq!(object["metadata"]["deletionGracePeriodSeconds"], 30);
        let forced = remove(&mut store, &pod("p"), &json!({"gracePeriodSeconds": 0}));
        assert!(matches!(forced, Ok(Deleted::Gone(_))));
        assert_eq!(remove(&mut store, &pod("p"), &Value::Null).expect_err("gone").code, 404);
    }

    #[test]
    fn a_precondition_holds_and_a_finalizer_keeps() {
        let mut store = Store::default();
        let node = Writer { kind: &NODES, namespace: "", ..pod("n") };
        let body = json!({"metadata": {"finalizers": ["a/b"]}});
        store.create(node.key(), body, Timestamp::UNIX_EPOCH).expect("new");
        let other = json!({"preconditions": {"uid": "x"}});
        assert_eq!(remove(&mut store, &node, &other).expect_err("another").code, 409);
        assert!(matches!(remove(&mut store, &node, &json!({})), Ok(Deleted::Marked(_))));
        let release = json!({"metadata": {"finalizers": null}});
        super::super::patch_object(&mut store, &node, super::super::PatchKind::Merge, &release)
            .expect("there");
        assert!(store.get(&node.key()).is_none(), "the last finalizer was all that kept it");
    }
}
