//! Where an object of a known kind lies.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::object::ObjectName;

/// `NAMESPACE/NAME`, or `NAME` for an object of the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectPath(String);

impl ObjectPath {
    /// An object in a namespace.
    pub fn in_namespace(namespace: &str, name: &str) -> Self {
        Self(format!("{namespace}/{name}"))
    }

    /// As it is written, with or without a namespace.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The path of a named object.
    pub fn of(name: &ObjectName) -> Self {
        match &name.namespace {
            Some(namespace) => Self::in_namespace(namespace, &name.name),
            None => Self(name.name.clone()),
        }
    }

    /// The same object, with its kind.
    pub fn of_kind(&self, kind: &str) -> ObjectName {
        match self.0.split_once('/') {
            Some((namespace, name)) => ObjectName::in_namespace(kind, namespace, name),
            None => ObjectName::global(kind, &*self.0),
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name alone.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// The namespace, if the object is in one.
    pub fn namespace(&self) -> Option<&str> {
        self.0.split_once('/').map(|(namespace, _)| namespace)
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_kind_are_a_name() {
        for (text, name) in [
            ("flux-system/apps", ObjectName::in_namespace("Kustomization", "flux-system", "apps")),
            ("w-1", ObjectName::global("Kustomization", "w-1")),
        ] {
            assert_eq!(ObjectPath::new(text).of_kind("Kustomization"), name);
            assert_eq!(ObjectPath::of(&name).as_str(), text);
        }
    }
}
