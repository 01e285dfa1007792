//! What a body must be before it is taken for an object.

use serde_json::Value;

use super::{Fault, Writer};

impl Writer<'_> {
    /// Refuses what is no object of this kind, name and namespace.
    pub(super) fn check(&self, object: &Value) -> Result<(), Fault> {
        shape(object)?;
        let kind = self.kind;
        let differs = |at: &str, is: &str| {
            let said = object.pointer(at).filter(|said| !said.is_null());
            said.filter(|said| said.as_str() != Some(is)).map(words)
        };
        if let Some(said) = differs("/apiVersion", &kind.api_version()) {
            let is = kind.api_version();
            let why = format!(
                "the API version in the data ({said}) does not match the expected API version \
                 ({is})"
            );
            return Err(Fault::bad_request(why));
        }
        if let Some(said) = differs("/kind", kind.kind) {
            let (version, is) = (kind.version, kind.kind);
            let why = format!("{said} in version {version:?} cannot be handled as a {is}");
            return Err(Fault::bad_request(why));
        }
        if let Some(said) = differs("/metadata/name", self.name) {
            let name = self.name;
            let why = format!(
                "the name of the object ({said}) does not match the name on the URL ({name})"
            );
            return Err(Fault::bad_request(why));
        }
        if differs("/metadata/namespace", self.namespace).is_some_and(|said| !said.is_empty()) {
            return Err(Fault::bad_request(
                "the namespace of the provided object does not match the namespace sent on the \
                 request",
            ));
        }
        Ok(())
    }
}

fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What every kind has in common must have its type: kubectl and the world rely on it.
pub(super) fn shape(object: &Value) -> Result<(), Fault> {
    if !object["metadata"].is_object() {
        return Err(Fault::bad_request("the body is no object with metadata"));
    }
    let meta = &object["metadata"];
    for part in ["labels", "annotations"] {
        let fine = match &meta[part] {
            Value::Null => true,
            Value::Object(map) => map.values().all(Value::is_string),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
        };
        if !fine {
            return Err(Fault::bad_request(format!("metadata.{part} is no map of strings")));
        }
    }
    let lists = ["finalizers", "ownerReferences", "managedFields"];
    for part in lists.into_iter().filter(|part| !meta[*part].is_null()) {
        if !meta[part].is_array() {
            return Err(Fault::bad_request(format!("metadata.{part} is no list")));
        }
    }
    for part in ["spec", "status"] {
        if !object[part].is_null() && !object[part].is_object() {
            return Err(Fault::bad_request(format!("{part} is no object")));
        }
    }
    Ok(())
}

/// RFC 1123 subdomain.
pub(super) fn is_dns_name(name: &str) -> bool {
    let edge = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let inner = bytes.iter().all(|&c| edge(c) || c == b'-');
        inner && bytes.first().is_some_and(|&c| edge(c)) && bytes.last().is_some_and(|&c| edge(c))
    };
    name.len() <= 253 && name.split('.').all(label)
}
