//! How the API server judges a write of an object: what belongs to whom, what counts as a change,
//! and what only the server itself may say.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::check::{is_dns_name, shape};
use super::fields::{Owner, Ownership};
use super::kinds::{CRDS, NAMESPACES, NODES, PODS};
use super::patch::{PatchKind, patched};
use super::{Fault, Key, Kind, Store, seconds};

/// Through which door an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The object itself; its status stays as it is.
    Whole,
    /// `/status`; everything else stays as it is.
    Status,
}

/// Who writes what, and when.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// What is written.
    pub kind: &'static Kind,
    /// Empty for an object of the cluster.
    pub namespace: &'a str,
    /// The name in the path; empty when the object says it.
    pub name: &'a str,
    /// Through which door.
    pub part: Part,
    /// The field manager.
    pub manager: &'a str,
    /// The server's wall clock.
    pub at: Timestamp,
}

impl Writer<'_> {
    /// The object that is meant.
    pub fn key(&self) -> Key {
        Key::of(self.kind, self.namespace, self.name)
    }

    pub(super) fn owner(&self, applies: bool) -> Owner {
        let subresource = match self.part {
            Part::Whole => String::new(),
            Part::Status => "status".to_owned(),
        };
        Owner { manager: self.manager.to_owned(), applies, subresource }
    }

    pub(super) fn before(&self, store: &Store) -> Result<Arc<Value>, Fault> {
        let object = store.get(&self.key()).map(Arc::clone);
        object.ok_or_else(|| Fault::not_found(self.kind, self.name))
    }
}

/// Makes an object. `generateName` is filled up with the number of the revision.
///
/// # Errors
/// 400, 404 for a namespace that is not there, 409, 422
pub fn create(store: &mut Store, w: &Writer<'_>, object: &Value) -> Result<Arc<Value>, Fault> {
    let mut object = object.clone();
    let text = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (name, prefix) = (text("/metadata/name"), text("/metadata/generateName"));
    let name = match (w.name, name.as_str(), prefix.as_str()) {
        ("", "", "") => String::new(),
        ("", "", prefix) => format!("{prefix}{:05x}", store.revision() & 0xf_ffff),
        ("", name, _) | (name, ..) => name.to_owned(),
    };
    let w = Writer { name: &name, ..*w };
    w.check(&object)?;
    let invalid =
        |reason, why: String| Err(Fault::invalid(w.kind, w.name, "metadata.name", reason, &why));
    if name.is_empty() {
        let why = "Required value: name or generateName is required".to_owned();
        return invalid("FieldValueRequired", why);
    }
    if !is_dns_name(&name) {
        let why = format!(
            "Invalid value: {name:?}: a lowercase RFC 1123 subdomain must consist of \
            lower case alphanumeric characters, '-' or '.', and must start and end with an \
            alphanumeric character"
        );
        return invalid("FieldValueInvalid", why);
    }
    if !text("/metadata/resourceVersion").is_empty() {
        let why = "resourceVersion should not be set on objects to be created";
        return Err(Fault::unclassed(why));
    }
    let home = Key::global(&NAMESPACES, w.namespace);
    if w.kind.namespaced && store.get(&home).is_none() {
        return Err(Fault::not_found(&NAMESPACES, w.namespace));
    }
    begin(&w, &mut object);
    let mut ownership = Ownership::default();
    ownership.updated(w.owner(false), &json!({}), &object, &seconds(w.at).into());
    object["metadata"]["managedFields"] = ownership.render(&w.kind.api_version());
    made(store, &w, object)
}

pub(super) fn made(store: &mut Store, w: &Writer<'_>, object: Value) -> Result<Arc<Value>, Fault> {
    let refusal = store.create(w.key(), object, w.at).map(drop);
    refusal.map_err(|refusal| Fault::of(refusal, w.kind, w.name))?;
    w.before(store)
}

/// Takes away what only the server says, and says it.
pub(super) fn begin(w: &Writer<'_>, object: &mut Value) {
    if let Some(meta) = object["metadata"].as_object_mut() {
        for own in [
            "uid",
            "creationTimestamp",
            "generation",
            "deletionTimestamp",
            "selfLink",
            "deletionGracePeriodSeconds",
            "managedFields",
        ] {
            meta.remove(own);
        }
    }
    // A kubelet brings its status along when it registers; everybody else begins with none.
    if w.kind.status
        && w.kind != &NODES
        && let Some(object) = object.as_object_mut()
    {
        object.remove("status");
    }
    if w.kind == &NODES {
        taint(object);
    } else if w.kind == &NAMESPACES {
        object["metadata"]["labels"]["kubernetes.io/metadata.name"] = w.name.into();
        object["spec"] = json!({"finalizers": ["kubernetes"]});
        object["status"] = json!({"phase": "Active"});
    } else if w.kind == &PODS {
        object["status"] = json!({"phase": "Pending", "qosClass": "BestEffort"});
    } else if w.kind == &CRDS {
        object["status"] = json!({"conditions": [], "acceptedNames": {}, "storedVersions": []});
    }
}

/// A new node takes no pods before its controller has seen it Ready (TaintNodesByCondition).
fn taint(node: &mut Value) {
    let not_ready = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    let mut taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    if !taints.iter().any(|it| it["key"] == not_ready["key"] && it["effect"] == "NoSchedule") {
        taints.push(not_ready);
        node["spec"]["taints"] = taints.into();
    }
}

/// Replaces an object.
///
/// # Errors
/// 400, 404, 409 for a stale resourceVersion, 422 where one is needed
pub fn replace(store: &mut Store, w: &Writer<'_>, object: &Value) -> Result<Arc<Value>, Fault> {
    w.check(object)?;
    let before = w.before(store)?;
    let version = &object["metadata"]["resourceVersion"];
    if !w.kind.blind_put && version.as_str().is_none_or(str::is_empty) {
        let why = "Invalid value: 0: must be specified for an update";
        let at = "metadata.resourceVersion";
        let mut fault = Fault::invalid(w.kind, w.name, at, "FieldValueInvalid", why);
        fault.details["kind"] = w.kind.plural.into();
        return Err(fault);
    }
    let mut object = object.clone();
    if version == ""
        && let Some(meta) = object["metadata"].as_object_mut()
    {
        meta.remove("resourceVersion");
    }
    update(store, w, &before, object)
}

/// Patches an object.
///
/// # Errors
/// 400, 404, 409, 415, 422 for a patch that does not apply
pub fn patch_object(
    store: &mut Store,
    w: &Writer<'_>,
    how: PatchKind,
    patch: &Value,
) -> Result<Arc<Value>, Fault> {
    let before = w.before(store)?;
    let object = patched(w.kind, &before, how, patch)?;
    shape(&object).map_err(Fault::misshapen)?;
    w.check(&object)?;
    update(store, w, &before, object)
}

fn update(
    store: &mut Store,
    w: &Writer<'_>,
    before: &Arc<Value>,
    object: Value,
) -> Result<Arc<Value>, Fault> {
    let object = parted(w, before, object);
    let mut ownership = Ownership::of(before);
    ownership.updated(w.owner(false), before, &object, &seconds(w.at).into());
    commit(store, w, before, object, &ownership)
}

/// Keeps what this door does not write.
pub(super) fn parted(w: &Writer<'_>, before: &Value, mut object: Value) -> Value {
    let put = |object: &mut Value, part: &str, from: &Value| {
        if let Some(object) = object.as_object_mut() {
            match from.get(part) {
                Some(value) => drop(object.insert(part.to_owned(), value.clone())),
                None => drop(object.remove(part)),
            }
        }
    };
    match w.part {
        Part::Whole => {
            if w.kind.status {
                put(&mut object, "status", before);
            }
            object
        }
        Part::Status => {
            let mut kept = before.clone();
            put(&mut kept, "status", &object);
            for checked in ["resourceVersion", "uid"] {
                put(&mut kept["metadata"], checked, &object["metadata"]);
            }
            kept
        }
    }
}

/// Writes what was judged, unless nothing changed.
pub(super) fn commit(
    store: &mut Store,
    w: &Writer<'_>,
    before: &Arc<Value>,
    mut object: Value,
    ownership: &Ownership,
) -> Result<Arc<Value>, Fault> {
    object["apiVersion"] = w.kind.api_version().into();
    object["kind"] = w.kind.kind.into();
    let counted = w.kind.generation && wish(before) != wish(&object);
    let generation = before["metadata"]["generation"].as_u64().map(|n| n + u64::from(counted));
    let fixed = ["deletionTimestamp", "deletionGracePeriodSeconds", "generateName"];
    if let Some(meta) = object["metadata"].as_object_mut() {
        for part in fixed {
            match before["metadata"].get(part) {
                Some(value) => drop(meta.insert(part.to_owned(), value.clone())),
                None => drop(meta.remove(part)),
            }
        }
        match generation {
            Some(number) => drop(meta.insert("generation".to_owned(), number.into())),
            None => drop(meta.remove("generation")),
        }
        let fields = ownership.render(&w.kind.api_version());
        match fields.as_array().is_some_and(Vec::is_empty) {
            true => drop(meta.remove("managedFields")),
            false => drop(meta.insert("managedFields".to_owned(), fields)),
        }
    }
    let refused = |refusal| Fault::of(refusal, w.kind, w.name);
    store.update(&w.key(), object).map(drop).map_err(refused)?;
    let after = w.before(store)?;
    let meta = &after["metadata"];
    let held = meta["finalizers"].as_array().is_some_and(|list| !list.is_empty());
    let graced = meta["deletionGracePeriodSeconds"].as_u64().is_some_and(|n| n > 0);
    if !meta["deletionTimestamp"].is_null() && !held && !graced {
        store.delete(&w.key()).map_err(refused)?;
    }
    Ok(after)
}

/// Everything but metadata and status: what somebody wishes.
fn wish(object: &Value) -> Vec<(&String, &Value)> {
    let parts = object.as_object().into_iter().flatten();
    parts.filter(|(key, _)| !["metadata", "status"].contains(&key.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::kinds::{LEASES, RECOVERY_STATUSES};
    use super::*;

    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn writer(kind: &'static Kind, name: &'static str, part: Part) -> Writer<'static> {
        let namespace = if kind.namespaced { "default" } else { "" };
        Writer { kind, namespace, name, part, manager: "test", at: AT }
    }

    #[test]
    fn status_and_wish_go_through_doors_of_their_own() {
        let mut store = Store::default();
        let whole = writer(&RECOVERY_STATUSES, "atlas", Part::Whole);
        let status = writer(&RECOVERY_STATUSES, "atlas", Part::Status);
        let both = json!({"metadata": {"name": "atlas"}, "spec": {"pause": true},
            "status": {"phase": "x"}});
        let made = create(&mut store, &Writer { name: "", ..whole }, &both).expect("new");
        assert_eq!((&made["status"], &made["metadata"]["generation"]), (&Value::Null, &json!(1)));
        let patch = json!({"spec": {"pause": false}, "status": {"phase": "Recovering"}});
        let done = patch_object(&mut store, &status, PatchKind::Merge, &patch).expect("there");
        assert_eq!(done["status"]["phase"], "Recovering");
        assert_eq!(
            (&done["spec"]["pause"], &done["metadata"]["generation"]),
            (&json!(true), &json!(1))
        );
        let done = patch_object(&mut store, &whole, PatchKind::Merge, &patch).expect("there");
        assert_eq!(done["metadata"]["generation"], 2);
        let again = patch_object(&mut store, &whole, PatchKind::Merge, &patch).expect("there");
        assert_eq!(again, done, "nothing changed, so there is no new revision");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_code() {
        let mut store = Store::default();
        let node = writer(&NODES, "", Part::Whole);
        create(&mut store, &node, &json!({"metadata": {"name": "n"}})).expect("new");
        let table = [
            (json!(7), 400),
            (json!({"metadata": []}), 400),
            (json!({"metadata": {}}), 422),
            (json!({"metadata": {"name": "Ü"}}), 422),
            (json!({"metadata": {"name": "n"}}), 409),
            (json!({"kind": "Pod", "metadata": {"name": "m"}}), 400),
            (json!({"apiVersion": "v2", "metadata": {"name": "m"}}), 400),
            (json!({"metadata": {"name": "m", "namespace": "x"}}), 400),
            (json!({"metadata": {"name": "m", "labels": {"a": 1}}}), 400),
            (json!({"metadata": {"name": "m", "finalizers": "a"}}), 400),
            (json!({"metadata": {"name": "m"}, "spec": "x"}), 400),
        ];
        for (object, code) in table {
            let fault = create(&mut store, &node, &object).expect_err("nonsense");
            assert_eq!(fault.code, code, "{object}: {fault}");
        }
        let lease = writer(&LEASES, "l", Part::Whole);
        let fault = create(&mut store, &lease, &json!({"metadata": {"name": "l"}}));
        assert_eq!(fault.expect_err("no namespace").code, 404);
    }

    #[test]
    fn a_replacement_needs_the_present_version_where_the_kind_says_so() {
        let mut store = Store::default();
        let w = writer(&RECOVERY_STATUSES, "atlas", Part::Whole);
        let made = create(&mut store, &w, &json!({"metadata": {}})).expect("new");
        let mut object = (*made).clone();
        object["spec"] = json!({"a": 1});
        replace(&mut store, &w, &object).expect("the present one");
        let fault = replace(&mut store, &w, &object).expect_err("a stale one");
        assert_eq!((fault.code, fault.reason), (409, "Conflict"));
        let blind = json!({"metadata": {"name": "atlas"}, "spec": {}});
        assert_eq!(replace(&mut store, &w, &blind).expect_err("blind").code, 422);
    }
}
