//! Who owns which field: `managedFields`, as server-side apply keeps them.
//!
//! Form: "Server-Side Apply", FieldsV1. A field is a path of `f:NAME`, and `k:{...}` for an item of
//! a list with a key; any other list is one field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::patch::list_key;

/// A field, from the top of the object.
pub(super) type Path = Vec<String>;
/// Some fields.
pub(super) type Paths = BTreeSet<Path>;

/// One writer, in one way of writing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owner {
    /// What it calls itself.
    pub(super) manager: String,
    /// By `Apply`; otherwise by `Update`.
    pub(super) applies: bool,
    /// `status`, or empty for the object itself.
    pub(super) subresource: String,
}

impl Owner {
    /// As the conflict names it.
    pub(super) fn shown(&self, api_version: &str) -> String {
        let name = format!("{:?}", self.manager);
        let name = match self.subresource.as_str() {
            "" => name,
            part => format!("{name} with subresource {part:?}"),
        };
        if self.applies { name } else { format!("{name} using {api_version}") }
    }
}

/// All owners of an object's fields, each with the time of its last write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Ownership(pub(super) BTreeMap<Owner, (Paths, Value)>);

impl Ownership {
    /// Those that an object carries.
    pub(super) fn of(object: &Value) -> Self {
        let entries = object["metadata"]["managedFields"].as_array();
        let owners = entries.into_iter().flatten().map(|entry| {
            let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
            let owner = Owner {
                manager: text("manager"),
                applies: entry["operation"] == "Apply",
                subresource: text("subresource"),
            };
            let mut paths = Paths::new();
            read(&entry["fieldsV1"], &mut Path::new(), &mut paths);
            (owner, (paths, entry["time"].clone()))
        });
        Self(owners.collect())
    }

    /// As an object carries them.
    pub(super) fn render(&self, api_version: &str) -> Value {
        let entries = self.0.iter().filter(|(_, (paths, _))| !paths.is_empty());
        let entries = entries.map(|(owner, (paths, time))| {
            let mut entry = json!({
                "manager": owner.manager,
                "operation": if owner.applies { "Apply" } else { "Update" },
                "apiVersion": api_version,
                "time": time,
                "fieldsType": "FieldsV1",
                "fieldsV1": written(paths),
            });
            if !owner.subresource.is_empty() {
                entry["subresource"] = owner.subresource.clone().into();
            }
            entry
        });
        entries.collect()
    }

    /// Notes a write that is no apply: what it changed is its own now, and nobody else's.
    pub(super) fn updated(&mut self, owner: Owner, before: &Value, after: &Value, time: &Value) {
        let (old, new) = (leaves(before), leaves(after));
        let changed: Paths = new
            .iter()
            .filter(|(path, value)| old.get(*path) != Some(*value))
            .map(|(path, _)| path.clone())
            .collect();
        for (paths, _) in self.0.values_mut() {
            // A map that was claimed while it was empty stays claimed when it is no longer.
            paths.retain(|path| match new.contains_key(path) {
                true => !changed.contains(path),
                false => new.keys().any(|it| it.starts_with(path)),
            });
        }
        if !changed.is_empty() {
            let (paths, at) = self.0.entry(owner).or_default();
            paths.extend(changed);
            *at = time.clone();
        }
        self.0.retain(|_, (paths, _)| !paths.is_empty());
    }
}

/// The fields of an object that can be owned, with their values.
pub(super) fn leaves(object: &Value) -> BTreeMap<Path, &Value> {
    let mut found = BTreeMap::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        match key.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    if ["labels", "annotations", "finalizers", "ownerReferences"]
                        .contains(&key.as_str())
                    {
                        let mut path = vec!["f:metadata".to_owned(), format!("f:{key}")];
                        collect(key, value, &mut path, &mut found);
                    }
                }
            }
            _ => collect(key, value, &mut vec![format!("f:{key}")], &mut found),
        }
    }
    found
}

fn collect<'a>(
    name: &str,
    value: &'a Value,
    path: &mut Path,
    found: &mut BTreeMap<Path, &'a Value>,
) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                path.push(format!("f:{key}"));
                collect(key, value, path, found);
                path.pop();
            }
        }
        Value::Array(items) if keyed(name, items).is_some() => {
            for item in items {
                let by = list_key(name).unwrap_or_default();
                path.push(format!("k:{}", json!({by: item[by]})));
                collect("", item, path, found);
                path.pop();
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => drop(found.insert(path.clone(), value)),
    }
}

/// The key of a list whose items all have one of their own.
fn keyed(name: &str, items: &[Value]) -> Option<&'static str> {
    let by = list_key(name)?;
    let keys: BTreeSet<String> =
        items.iter().filter_map(|item| Some(item.get(by)?.to_string())).collect();
    (!items.is_empty() && keys.len() == items.len()).then_some(by)
}

/// Takes a field out of an object, with what becomes empty of it.
pub(super) fn remove(object: &mut Value, path: &[String]) {
    let Some((step, rest)) = path.split_first() else { return };
    if let Some(name) = step.strip_prefix("f:")
        && let Value::Object(map) = object
    {
        if !rest.is_empty()
            && let Some(child) = map.get_mut(name)
        {
            remove(child, rest);
        }
        let empty = |value: &Value| match value {
            Value::Object(map) => map.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        };
        if rest.is_empty() || map.get(name).is_some_and(empty) {
            map.remove(name);
        }
    } else if let Some(key) = step.strip_prefix("k:")
        && let Value::Array(items) = object
    {
        let key: Value = serde_json::from_str(key).unwrap_or_default();
        let by = key.as_object().and_then(|map| map.iter().next());
        let Some((by, value)) = by else { return };
        for item in items.iter_mut().filter(|item| item.get(by) == Some(value)) {
            remove(item, rest);
        }
        items.retain(|item| item.as_object().is_none_or(|map| !map.is_empty()));
    }
}

fn read(fields: &Value, path: &mut Path, paths: &mut Paths) {
    let children: Vec<_> = fields.as_object().into_iter().flatten().collect();
    if children.is_empty() && !path.is_empty() {
        paths.insert(path.clone());
    }
    for (key, value) in children.into_iter().filter(|(key, _)| *key != ".") {
        path.push(key.clone());
        read(value, path, paths);
        path.pop();
    }
}

fn written(paths: &Paths) -> Value {
    let mut top = Map::new();
    for path in paths {
        let mut here = &mut top;
        for step in path {
            let entry = here.entry(step.clone()).or_insert_with(|| match step.starts_with("k:") {
                true => json!({".": {}}),
                false => json!({}),
            });
            let Value::Object(map) = entry else { break };
            here = map;
        }
    }
    Value::Object(top)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Owner {
        Owner { manager: "me".to_owned(), applies: false, subresource: String::new() }
    }

    #[test]
    fn ownership_survives_being_written_and_read() {
        let object = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"x": {}, "list": [1, 2]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let mut ownership = Ownership::default();
        ownership.updated(me(), &json!({}), &object, &json!("now"));
        let rendered = ownership.render("v1");
        assert_eq!(
            rendered[0]["fieldsV1"],
            json!({"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {"f:list": {}, "f:x": {}},
                "f:status": {"f:conditions": {"k:{\"type\":\"Ready\"}":
                    {".": {}, "f:status": {}, "f:type": {}}}}})
        );
        let again = Ownership::of(&json!({"metadata": {"managedFields": rendered}}));
        assert_eq!(again, ownership);
    }

    #[test]
    fn a_field_is_taken_out_with_what_it_leaves_empty() {
        let mut object = json!({"spec": {"a": {"b": 1}}, "status": {"conditions":
            [{"type": "Ready"}, {"type": "Other"}]}});
        remove(&mut object, &["f:spec", "f:a", "f:b"].map(str::to_owned));
        let ready = ["f:status", "f:conditions", "k:{\"type\":\"Ready\"}", "f:type"];
        remove(&mut object, &ready.map(str::to_owned));
        assert_eq!(object, json!({"status": {"conditions": [{"type": "Other"}]}}));
    }
}
