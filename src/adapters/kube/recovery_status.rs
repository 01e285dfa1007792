//! Writes the `RecoveryStatus` and Events. Server-side apply under a manager of each host's own,
//! so that one host never takes another's entry away. Never retries: the next tick is the retry.

use std::fmt;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::model::facts::Blind;
use crate::model::recovery_status::{Condition, GROUP, KIND, PLURAL, Spec, Status, VERSION};

use super::KubeLink;
use super::wire::{Answer, NoAnswer, Wire, is_object_name, request};

/// Where definitions of kinds lie.
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// Events about an object of the cluster lie in this namespace; the server insists on it.
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/default/events";
/// Server-side apply.
const APPLY: &str = "application/apply-patch+yaml";

/// The object as the server has it after a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Which object: another one of the same name has another uid.
    pub uid: String,
    /// Counts the changes of its wishes.
    pub generation: i64,
    /// The wishes.
    pub spec: Spec,
    /// What its status says now.
    pub conditions: Vec<Condition>,
}

/// Why something was not published. Nothing depends on it; it is said once and tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpublished {
    /// The API is not there.
    NoApi(Blind),
    /// The kind is not there, and this may be why it was not made.
    NoKind {
        /// What the server said to the attempt to make it.
        why: String,
    },
    /// The kind was just made; the server needs a moment to serve it.
    KindMade,
    /// The server said no.
    Refused(String),
}

impl fmt::Display for Unpublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoApi(why) => write!(f, "the API is not there: {why}"),
            Self::NoKind { why } => write!(
                f,
                "the kind {KIND} is not there, and can't be made: {why}. By hand: ananke crd | \
                 kubectl apply -f -"
            ),
            Self::KindMade => write!(f, "the kind {KIND} was made and is not served yet"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl KubeLink {
    /// Makes the object if it is not there, and reads it: its wishes and what it claims. A kind
    /// that is not there is made of `crd`, if the account may.
    ///
    /// # Errors
    /// [`Unpublished`]
    pub async fn claim_status(&self, name: &str, crd: &Value) -> Result<Applied, Unpublished> {
        let wire = self.wire()?;
        match self.apply(&wire, name, "", &object(name)).await {
            Err(Missed::NotThere(_)) => Err(self.make_kind(&wire, crd).await),
            Err(Missed::Other(why)) => Err(why),
            Ok(applied) => Ok(applied),
        }
    }

    /// Writes the status. The object must be there.
    ///
    /// # Errors
    /// [`Unpublished`]
    pub async fn apply_status(&self, name: &str, status: &Status) -> Result<Applied, Unpublished> {
        let wire = self.wire()?;
        let mut body = object(name);
        body["status"] = serde_json::to_value(status)
            .map_err(|error| Unpublished::Refused(error.to_string()))?;
        self.apply(&wire, name, "/status", &body).await.map_err(|missed| match missed {
            Missed::NotThere(why) => Unpublished::Refused(why),
            Missed::Other(why) => why,
        })
    }

    /// Writes one Event. One that is there already counts as written.
    ///
    /// # Errors
    /// [`Unpublished`]
    pub async fn post_event(&self, event: &Value) -> Result<(), Unpublished> {
        let wire = self.wire()?;
        let body = Some(("application/json", event));
        let answer = self.send(&wire, request(Method::POST, EVENTS, body)).await?;
        match answer.code {
            StatusCode::CONFLICT => Ok(()),
            code if code.is_success() => Ok(()),
            _ => Err(Unpublished::Refused(answer.words())),
        }
    }

    fn wire(&self) -> Result<Wire, Unpublished> {
        self.board.wire().map_err(Unpublished::NoApi)
    }

    async fn send(
        &self,
        wire: &Wire,
        request: http::Request<kube::client::Body>,
    ) -> Result<Answer, Unpublished> {
        let answer = wire.call(request, self.settings.request.to_std()).await;
        let answer = answer.map_err(NoAnswer::blind).map_err(Unpublished::NoApi)?;
        if answer.code == StatusCode::UNAUTHORIZED {
            self.board.credentials_refused();
        }
        Ok(answer)
    }

    async fn apply(
        &self,
        wire: &Wire,
        name: &str,
        part: &str,
        body: &Value,
    ) -> Result<Applied, Missed> {
        if !is_object_name(name) {
            let why = format!("{name:?} can't be the name of an object");
            return Err(Missed::Other(Unpublished::Refused(why)));
        }
        // The name of a host is a DNS name, but for capitals: fit for a query as it is.
        let manager = format!("ananke-{}", self.owner.to_ascii_lowercase());
        if !is_object_name(&manager) {
            let why = format!("{manager:?} can't be a field manager");
            return Err(Missed::Other(Unpublished::Refused(why)));
        }
        let path = format!(
            "/apis/{GROUP}/{VERSION}/{PLURAL}/{name}{part}?fieldManager={manager}&force=true"
        );
        let sent = self.send(wire, request(Method::PATCH, &path, Some((APPLY, body)))).await;
        let answer = sent.map_err(Missed::Other)?;
        if answer.code == StatusCode::NOT_FOUND {
            return Err(Missed::NotThere(answer.words()));
        }
        let object = answer.json().map_err(|why| Unpublished::Refused(why.to_string()));
        let object = object.map_err(Missed::Other)?;
        applied(&object).map_err(|why| Missed::Other(Unpublished::Refused(why)))
    }

    /// First set-up: with rights of an administrator the kind is made.
    async fn make_kind(&self, wire: &Wire, crd: &Value) -> Unpublished {
        let body = Some(("application/json", crd));
        let answer = match self.send(wire, request(Method::POST, CRDS, body)).await {
            Ok(answer) => answer,
            Err(why) => return why,
        };
        match answer.code {
            code if code.is_success() => {
                tracing::info!("the kind {KIND} was made: the API did not have it");
                Unpublished::KindMade
            }
            // It is there and not served yet.
            StatusCode::CONFLICT => Unpublished::KindMade,
            _ => Unpublished::NoKind { why: answer.words() },
        }
    }
}

/// What became of an apply that did not succeed.
enum Missed {
    NotThere(String),
    Other(Unpublished),
}

fn object(name: &str) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": KIND,
        "metadata": { "name": name },
    })
}

/// What the server answered. A wish that can't be read is none: the schema refuses it anyway.
fn applied(object: &Value) -> Result<Applied, String> {
    let text = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
    let generation = generation.ok_or("the API answered with an object without generation")?;
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let conditions = conditions.into_iter().flatten();
    let spec = object.get("spec").cloned().unwrap_or_default();
    Ok(Applied {
        uid: text("/metadata/uid").to_owned(),
        generation,
        spec: serde_json::from_value(spec).unwrap_or_default(),
        conditions: conditions.filter_map(|it| serde_json::from_value(it.clone()).ok()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_absurd_fields_gives_what_can_be_read_of_it() {
        let whole = json!({"metadata": {"uid": "u", "generation": 3}, "spec": {"pause":
            {"reason": "work"}}, "status": {"conditions": [{"type": "Ready", "status": "True",
            "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}, 7]}});
        let read = applied(&whole).expect("an object");
        assert_eq!((read.generation, read.uid.as_str()), (3, "u"));
        assert_eq!(read.spec.pause.map(|pause| pause.reason).as_deref(), Some("work"));
        assert_eq!(read.conditions.len(), 1, "the number is no condition");
        for absurd in [
            json!({"metadata": {"generation": 1}, "spec": 3, "status": []}),
            json!({"metadata": {"generation": 1}, "spec": null}),
            json!({"metadata": {"generation": 1}, "spec": {"pause": {"reason": 7}}}),
        ] {
            let read = applied(&absurd).expect("an object");
            assert_eq!((read.spec, read.conditions.len()), (Spec::default(), 0), "{absurd}");
        }
        applied(&json!({"metadata": {}})).expect_err("without generation");
    }
}
