//! What etcd holds, as the Kubernetes API shows it: JSON objects, one revision for all, and the
//! changes since, so that watches can be served.
//!
//! Semantics: "Kubernetes API Concepts", resource versions, watch, 410 Gone. This file is what etcd
//! does; below it stands what the API server makes of it: which kinds there are (`kinds`), how a
//! write is judged (`check`, `write`, `apply`, `patch`, `fields`, `delete`, `scale`), which objects
//! are meant (`select`), and how it says no (`fault`).

mod apply;
mod check;
mod delete;
mod fault;
mod fields;
pub mod kinds;
mod patch;
mod scale;
mod select;
mod write;

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use apply::apply;
pub use delete::{Deleted, evict, remove};
pub use fault::Fault;
pub use patch::PatchKind;
pub use scale::{has_scale, patch_scale, scale};
pub use select::Selector;
pub use write::{Part, Writer, create, patch_object, replace};

/// How many changes are kept for watches; etcd compacts too (kube-apiserver: every 5 minutes).
const KEPT_CHANGES: usize = 5_000;

/// A kind of object, as discovery shows it.
#[derive(Debug)]
pub struct Kind {
    /// API group; empty for the core.
    pub group: &'static str,
    /// Version within the group.
    pub version: &'static str,
    /// The name in URLs.
    pub plural: &'static str,
    /// The name in objects.
    pub kind: &'static str,
    /// Names that kubectl takes besides.
    pub short: &'static [&'static str],
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Groups of kinds in which kubectl shows it, for example `all`.
    pub categories: &'static [&'static str],
    /// Whether its status is written through a door of its own.
    pub status: bool,
    /// Whether `metadata.generation` counts the changes of what is wished.
    pub generation: bool,
    /// Whether a replacement without resourceVersion is taken.
    pub blind_put: bool,
}

/// Each kind is one static, and keys of one kind are compared most: that needs no look at names.
impl Ord for Kind {
    fn cmp(&self, other: &Self) -> Ordering {
        if std::ptr::eq(self, other) {
            return Ordering::Equal;
        }
        let name = |it: &Self| (it.group, it.plural, it.version);
        name(self).cmp(&name(other))
    }
}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Kind {}

impl Kind {
    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        match self.group {
            "" => self.version.to_owned(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// Whether a CustomResourceDefinition brings it.
    pub fn is_custom(&self) -> bool {
        self.group.contains('.') && !self.group.ends_with(".k8s.io")
    }

    /// The parts that an object of the kind always has: Go writes an empty struct as `{}`, and JSON
    /// patches rely on it.
    fn parts(&self) -> impl Iterator<Item = &'static str> {
        let plain = ["endpointslices", "events", "secrets", "configmaps"].contains(&self.plural);
        let spec = (!plain && !self.is_custom()).then_some("spec");
        let status = (self.status && !self.is_custom()).then_some("status");
        spec.into_iter().chain(status)
    }

    /// `nodes` or `leases.coordination.k8s.io`, as messages name it.
    pub fn resource(&self) -> String {
        match self.group {
            "" => self.plural.to_owned(),
            group => format!("{}.{group}", self.plural),
        }
    }
}

/// The name of an object. Sorts by kind, so that a list is a range.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What it is.
    pub kind: &'static Kind,
    /// Empty for an object of the cluster.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// The name of an object in a namespace.
    pub fn of(kind: &'static Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The name of an object of the cluster.
    pub fn global(kind: &'static Kind, name: &str) -> Self {
        Self::of(kind, "", name)
    }
}

/// One change of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The revision that it made.
    pub revision: u64,
    /// What became of the object.
    pub what: Became,
    /// Which object.
    pub key: Key,
    /// The object afterwards, or as it was last.
    pub object: Arc<Value>,
    /// The object before, if there was one.
    pub before: Option<Arc<Value>>,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// It is new.
    Added,
    /// It is another.
    Modified,
    /// It is gone.
    Deleted,
}

/// Why a write is refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none of that name: 404.
    #[error("not found")]
    NotFound,
    /// There is one already: 409 AlreadyExists.
    #[error("already exists")]
    AlreadyExists,
    /// It is no longer what the writer saw: 409 Conflict.
    #[error("the object has been modified")]
    Conflict,
    /// It makes no sense: 422.
    #[error("{0}")]
    Invalid(String),
}

/// The objects of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Store {
    revision: u64,
    compacted: u64,
    born: u64,
    objects: BTreeMap<Key, Arc<Value>>,
    changes: VecDeque<Change>,
}

impl Store {
    /// The revision of the newest change.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// One object.
    pub fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// All objects of a kind, or those of one namespace, in order of namespace and name.
    pub fn list<'a>(
        &'a self,
        kind: &'static Kind,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
        self.objects
            .range(Key::of(kind, namespace.unwrap_or(""), "")..)
            .take_while(move |(key, _)| key.kind == kind)
            .take_while(move |(key, _)| namespace.is_none_or(|it| key.namespace == it))
    }

    /// The changes after a revision, oldest first; `None` if they are no longer kept: 410 Gone.
    pub fn since(&self, revision: u64) -> Option<impl Iterator<Item = &Change>> {
        let from = self.changes.partition_point(|change| change.revision <= revision);
        (revision >= self.compacted).then(|| self.changes.range(from..))
    }

    /// Makes an object. Gives it uid, creation time and resourceVersion.
    ///
    /// # Errors
    /// [`Refusal::AlreadyExists`]
    pub fn create(&mut self, key: Key, object: Value, at: Timestamp) -> Result<&Value, Refusal> {
        if self.objects.contains_key(&key) {
            return Err(Refusal::AlreadyExists);
        }
        let mut object = object;
        self.born += 1;
        let kind = key.kind;
        object["apiVersion"] = kind.api_version().into();
        object["kind"] = kind.kind.into();
        let meta = &mut object["metadata"];
        if !meta.is_object() {
            *meta = json!({});
        }
        meta["name"] = key.name.clone().into();
        if kind.namespaced {
            meta["namespace"] = key.namespace.clone().into();
        }
        meta["uid"] = format!("00000000-0000-4000-8000-{:012x}", self.born).into();
        meta["creationTimestamp"] = seconds(at).into();
        if kind.generation {
            meta["generation"] = 1.into();
        }
        Ok(self.put(key, object, Became::Added))
    }

    /// Replaces an object. With a resourceVersion in `object` it must be the present one. An
    /// object that stays as it was gets no new revision, as with the real server.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Conflict`]
    pub fn update(&mut self, key: &Key, object: Value) -> Result<&Value, Refusal> {
        let before = self.objects.get(key).ok_or(Refusal::NotFound)?;
        let mut object = object;
        let same = |at: &str| object.pointer(at).is_none_or(|it| Some(it) == before.pointer(at));
        if !same("/metadata/resourceVersion") || !same("/metadata/uid") {
            return Err(Refusal::Conflict);
        }
        for fixed in ["uid", "creationTimestamp", "resourceVersion", "name", "namespace"] {
            if let Some(value) = before["metadata"].get(fixed) {
                object["metadata"][fixed] = value.clone();
            }
        }
        fill(key.kind, &mut object);
        if **before == object {
            return Ok(&self.objects[key]);
        }
        Ok(self.put(key.clone(), object, Became::Modified))
    }

    /// Changes an object in place, for the parts of the world that own it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub fn change(&mut self, key: &Key, edit: impl FnOnce(&mut Value)) -> Result<(), Refusal> {
        let mut object = (**self.objects.get(key).ok_or(Refusal::NotFound)?).clone();
        edit(&mut object);
        self.update(key, object).map(drop)
    }

    /// Removes an object.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub fn delete(&mut self, key: &Key) -> Result<Arc<Value>, Refusal> {
        let gone = self.objects.remove(key).ok_or(Refusal::NotFound)?;
        self.revision += 1;
        let mut last = (*gone).clone();
        last["metadata"]["resourceVersion"] = self.revision.to_string().into();
        let last = Arc::new(last);
        self.note(key.clone(), last, Became::Deleted, Some(Arc::clone(&gone)));
        Ok(gone)
    }

    /// Forgets the changes up to now: the next watch from before is told 410 Gone.
    pub fn compact(&mut self) {
        self.compacted = self.revision;
        self.changes.clear();
    }

    fn put(&mut self, key: Key, mut object: Value, what: Became) -> &Value {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        fill(key.kind, &mut object);
        let object = Arc::new(object);
        let before = self.objects.get(&key).map(Arc::clone);
        self.note(key.clone(), Arc::clone(&object), what, before);
        self.objects.entry(key).insert_entry(object).into_mut()
    }

    fn note(&mut self, key: Key, object: Arc<Value>, what: Became, before: Option<Arc<Value>>) {
        self.changes.push_back(Change { revision: self.revision, what, key, object, before });
        while self.changes.len() > KEPT_CHANGES {
            if let Some(old) = self.changes.pop_front() {
                self.compacted = old.revision;
            }
        }
    }
}

/// Gives an object the parts that its kind always has.
fn fill(kind: &Kind, object: &mut Value) {
    for part in kind.parts() {
        if object[part].is_null() {
            object[part] = json!({});
        }
    }
}

/// A time as Kubernetes writes it: whole seconds, in UTC.
pub fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::kinds::NODES;
    use super::*;

    fn store() -> (Store, Key) {
        let mut store = Store::default();
        let key = Key::global(&NODES, "titan-01");
        store.create(key.clone(), json!({"spec": {}}), Timestamp::UNIX_EPOCH).expect("new");
        (store, key)
    }

    #[test]
    fn a_write_of_what_was_seen_before_a_change_is_refused() {
        let (mut store, key) = store();
        let seen = (**store.get(&key).expect("there")).clone();
        store.change(&key, |node| node["spec"]["unschedulable"] = true.into()).expect("there");
        assert_eq!(store.update(&key, seen), Err(Refusal::Conflict));
    }

    #[test]
    fn a_watch_gets_each_change_once_and_410_when_they_are_gone() {
        let (mut store, key) = store();
        let from = store.revision();
        store.change(&key, |node| node["spec"]["unschedulable"] = true.into()).expect("there");
        store.change(&key, |node| node["spec"]["unschedulable"] = true.into()).expect("there");
        store.delete(&key).expect("there");
        let seen: Vec<_> = store.since(from).expect("kept").map(|change| change.what).collect();
        assert_eq!(seen, [Became::Modified, Became::Deleted]);
        store.compact();
        assert!(store.since(from).is_none());
    }
}
