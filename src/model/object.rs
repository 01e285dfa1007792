//! Names of Kubernetes objects.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An object, by kind and name. Its group and version are for the adapter to know: they depend on
/// what the cluster serves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ObjectName {
    /// The kind, as Kubernetes writes it: `Kustomization`.
    pub kind: String,
    /// The namespace. `None` for an object of the whole cluster.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl ObjectName {
    /// An object in a namespace.
    pub fn in_namespace(
        kind: impl Into<String>,
        namespace: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self { kind: kind.into(), namespace: Some(namespace.into()), name: name.into() }
    }

    /// An object of the whole cluster.
    pub fn global(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), namespace: None, name: name.into() }
    }
}

/// A text that is no object's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an object is written KIND NAMESPACE/NAME, or KIND NAME")]
pub struct NotAnObject;

impl FromStr for ObjectName {
    type Err = NotAnObject;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, path) = text.split_once(' ').ok_or(NotAnObject)?;
        let kind_like = kind.starts_with(|c: char| c.is_ascii_uppercase());
        if !kind_like || path.is_empty() || path.contains(' ') {
            return Err(NotAnObject);
        }
        Ok(match path.split_once('/') {
            Some((namespace, name)) => Self::in_namespace(kind, namespace, name),
            None => Self::global(kind, path),
        })
    }
}

impl TryFrom<String> for ObjectName {
    type Error = NotAnObject;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ObjectName> for String {
    fn from(name: ObjectName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}
