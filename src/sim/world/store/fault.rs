//! How the API server says no: the codes, reasons and words of kube-apiserver 1.36.

use serde_json::{Value, json};

use super::{Kind, Refusal};

/// A refused request. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} {reason}: {message}")]
pub struct Fault {
    /// The HTTP status code.
    pub code: u16,
    /// The reason, a word that programs compare.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// Which object, and what is wrong with it.
    pub details: Value,
}

impl Fault {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: json!({}) }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        self.details = json!({"name": name, "kind": kind.plural});
        if !kind.group.is_empty() {
            self.details["group"] = kind.group.into();
        }
        self
    }

    pub(super) fn with_message(self, message: String) -> Self {
        Self { message, ..self }
    }

    /// The `Status` object that stands in the answer.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }

    /// 404 for an object.
    pub fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} {name:?} not found", kind.resource());
        Self::new(404, "NotFound", message).about(kind, name)
    }

    /// 404 for a path.
    pub fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// 405.
    pub fn no_such_method() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message)
    }

    /// 409 for a name that is taken.
    pub fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", kind.resource());
        Self::new(409, "AlreadyExists", message).about(kind, name)
    }

    /// 409 for an object that is another one by now.
    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let resource = kind.resource();
        let message = format!("Operation cannot be fulfilled on {resource} {name:?}: {why}");
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// 409 for a stale resourceVersion.
    pub fn modified(kind: &Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        Self::conflict(kind, name, why)
    }

    /// 409 for fields that somebody else applied; each with its owner.
    pub fn owned(message: String, fields: &[(String, String)]) -> Self {
        let mut fault = Self::new(409, "Conflict", message);
        let causes = fields.iter().map(|(owner, field)| {
            json!({"reason": "FieldManagerConflict", "message": format!("conflict with {owner}"),
                "field": field})
        });
        fault.details = json!({"causes": causes.collect::<Vec<_>>()});
        fault
    }

    /// 422 for one field.
    pub fn invalid(kind: &Kind, name: &str, field: &str, reason: &str, why: &str) -> Self {
        let resource = match kind.group {
            "" => kind.kind.to_owned(),
            group => format!("{}.{group}", kind.kind),
        };
        let message = format!("{resource} {name:?} is invalid: {field}: {why}");
        let mut fault = Self::new(422, "Invalid", message).about(kind, name);
        fault.details["kind"] = kind.kind.into();
        fault.details["causes"] = json!([{"reason": reason, "message": why, "field": field}]);
        fault
    }

    /// 422 for options of a list or watch that do not go together.
    pub fn list_options(field: &str, why: &str) -> Self {
        let message = format!("ListOptions.meta.k8s.io \"\" is invalid: {field}: Forbidden: {why}");
        let mut fault = Self::new(422, "Invalid", message);
        fault.details = json!({"group": "meta.k8s.io", "kind": "ListOptions", "causes": [
            {"reason": "FieldValueForbidden", "message": format!("Forbidden: {why}"),
             "field": field}]});
        fault
    }

    /// 422 for a patch that makes something of an object that is none.
    pub(super) fn misshapen(self) -> Self {
        let mut fault = Self::new(422, "Invalid", self.message.clone());
        fault.details = json!({"causes": [{"reason": "FieldValueInvalid",
            "message": self.message, "field": "patch"}]});
        fault
    }

    /// 422 for a patch that does not apply. kube-apiserver hides which part of it and why.
    pub fn does_not_apply() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self::new(422, "Invalid", message)
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { details: Value::Null, ..Self::new(400, "BadRequest", message) }
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self { details: Value::Null, ..Self::new(401, "Unauthorized", "Unauthorized") }
    }

    /// 403 for somebody without credentials.
    pub fn anonymous(path: &str) -> Self {
        let message = format!("forbidden: User \"system:anonymous\" cannot use path {path:?}");
        Self::new(403, "Forbidden", message)
    }

    /// 406.
    pub fn not_acceptable() -> Self {
        let message = "only the following media types are accepted: application/json";
        Self { details: Value::Null, ..Self::new(406, "NotAcceptable", message) }
    }

    /// 410: the revision is no longer kept.
    pub fn expired(asked: u64, oldest: u64) -> Self {
        let message = format!("too old resource version: {asked} ({oldest})");
        Self { details: Value::Null, ..Self::new(410, "Expired", message) }
    }

    /// 413.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("limit is {limit}");
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// 415.
    pub fn media_type(taken: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: \
             {taken}"
        );
        Self { details: Value::Null, ..Self::new(415, "UnsupportedMediaType", message) }
    }

    /// 429 for an eviction that the budget does not allow.
    pub fn disruption(why: &str) -> Self {
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        let mut fault = Self::new(429, "TooManyRequests", message);
        fault.details = json!({"causes": [{"reason": "DisruptionBudget", "message": why}]});
        fault
    }

    /// 500.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message)
    }

    /// 500 without a reason, as for errors that kube-apiserver has no class for.
    pub fn unclassed(message: impl Into<String>) -> Self {
        Self { details: Value::Null, ..Self::new(500, "", message) }
    }

    /// 503: the server is there, etcd is not.
    pub fn unavailable() -> Self {
        let message = "the server is currently unable to handle the request";
        Self::new(503, "ServiceUnavailable", message)
    }

    /// 504: a revision that is not there yet.
    pub fn too_new(asked: u64, newest: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {newest}");
        let mut fault = Self::new(504, "Timeout", message);
        fault.details = json!({"causes": [{"reason": "ResourceVersionTooLarge",
            "message": "Too large resource version"}], "retryAfterSeconds": 1});
        fault
    }

    /// What a refusal of the store means for a caller.
    pub fn of(refusal: Refusal, kind: &Kind, name: &str) -> Self {
        match refusal {
            Refusal::NotFound => Self::not_found(kind, name),
            Refusal::AlreadyExists => Self::already_exists(kind, name),
            Refusal::Conflict => Self::modified(kind, name),
            Refusal::Invalid(why) => Self::invalid(kind, name, "", "FieldValueInvalid", &why),
        }
    }
}
