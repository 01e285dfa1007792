//! ananke's own account in the cluster: made once, with the admin's word, from the same manifests
//! that a person could apply. After that the admin kubeconfig is only what is left when the
//! account is gone.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::connect::{Connect, KubeconfigText, Tls};
use super::rbac::{ACCOUNT, NAMESPACE};
use super::wire::{Answer, Wire, get, is_object_name, request, short};
use crate::model::facts::{Blind, BlindKind};

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(10);
/// The token controller fills a new Secret within a second; a busy server may take longer.
const TOKEN: Duration = Duration::from_secs(30);
/// The pause between two looks for the token.
const PAUSE: Duration = Duration::from_millis(500);
/// The owner of the fields, in managedFields.
const FIELD_MANAGER: &str = "ananke";

/// The kinds of the manifests: `apiVersion`, kind, and where they lie.
const KINDS: &[(&str, &str, &str)] = &[
    ("v1", "ServiceAccount", "serviceaccounts"),
    ("v1", "Secret", "secrets"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings"),
    ("rbac.authorization.k8s.io/v1", "Role", "roles"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions"),
];

/// One connection with somebody's rights. `Debug` shows only where it leads.
pub struct Desk {
    wire: Wire,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("endpoint", &self.wire.endpoint()).finish()
    }
}

/// What became of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was not there.
    Made,
    /// It was there, and is now as it should be.
    Kept,
}

impl Desk {
    /// Connects to the first endpoint that says it is ready.
    ///
    /// # Errors
    /// [`Blind`]: the kubeconfig is of no use, or no endpoint is ready; the last reason.
    pub async fn open(text: KubeconfigText, endpoints: &[String]) -> Result<Self, Blind> {
        let mut last = Blind::new(BlindKind::NotAsked, "the kubeconfig names no server");
        for wire in Tls.connect(text, endpoints).await? {
            match wire.call(get("/readyz"), REQUEST).await {
                Ok(answer) if answer.code.is_success() => return Ok(Self { wire }),
                Ok(answer) => last = at(&wire, &answer.blind()),
                Err(lost) => last = at(&wire, &lost.blind()),
            }
        }
        Err(last)
    }

    /// Where the API is.
    pub fn endpoint(&self) -> &str {
        self.wire.endpoint()
    }

    /// Puts one object of a manifest there by server-side apply. Without force: what somebody else
    /// owns, a GitOps tool for example, is not taken from him.
    ///
    /// # Errors
    /// [`Blind`]: it was refused or is no object of the manifests; the server's words.
    pub async fn put(&self, object: &Value) -> Result<Put, Blind> {
        let path = path(object)?;
        let path = format!("{path}?fieldManager={FIELD_MANAGER}");
        let body = Some(("application/apply-patch+yaml", object));
        let answer = self.call(request(Method::PATCH, &path, body)).await?;
        match answer.code {
            StatusCode::CREATED => Ok(Put::Made),
            code if code.is_success() => Ok(Put::Kept),
            _ => Err(answer.blind()),
        }
    }

    /// A kubeconfig for the account, for this endpoint. Waits until the cluster has made its token.
    ///
    /// # Errors
    /// [`Blind`]: the token did not come, or the Secret holds nonsense.
    pub async fn kubeconfig(&self) -> Result<String, Blind> {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/secrets/{ACCOUNT}-token");
        let deadline = Instant::now() + TOKEN;
        loop {
            let secret = self.call(get(&path)).await?.json()?;
            if let Some(text) = of_secret(&secret, self.endpoint())? {
                return Ok(text);
            }
            if Instant::now() >= deadline {
                let why = format!("the cluster made no token for {ACCOUNT} within {TOKEN:?}");
                return Err(Blind::new(BlindKind::TimedOut, why));
            }
            sleep(PAUSE).await;
        }
    }

    /// Proves that the account may do its main job: to look at the nodes.
    ///
    /// # Errors
    /// [`Blind`]: it may not, with the server's words.
    pub async fn prove(&self) -> Result<(), Blind> {
        self.call(get("/api/v1/nodes?limit=1")).await?.json().map(drop)
    }

    async fn call(&self, request: http::Request<kube::client::Body>) -> Result<Answer, Blind> {
        self.wire.call(request, REQUEST).await.map_err(super::wire::NoAnswer::blind)
    }
}

fn at(wire: &Wire, blind: &Blind) -> Blind {
    Blind::new(blind.kind, format!("{}: {}", wire.endpoint(), blind.detail))
}

/// Where an object of the manifests lies.
fn path(object: &Value) -> Result<String, Blind> {
    let text = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let namespace = text("/metadata/namespace");
    let found = KINDS.iter().find(|row| (row.0, row.1) == (version, kind));
    let fine = is_role_name(name) && (namespace.is_empty() || is_object_name(namespace));
    let Some((_, _, plural)) = found.filter(|_| fine) else {
        let why = format!("{kind} {name} is no object of ananke's manifests");
        return Err(Blind::new(BlindKind::Garbled, short(&why, 200)));
    };
    let base = if version == "v1" { "/api/v1".to_owned() } else { format!("/apis/{version}") };
    Ok(match namespace {
        "" => format!("{base}/{plural}/{name}"),
        namespace => format!("{base}/namespaces/{namespace}/{plural}/{name}"),
    })
}

/// Roles may have a colon in their names (`system:node`), which other objects may not.
fn is_role_name(name: &str) -> bool {
    is_object_name(&name.replace(':', "-"))
}

/// The kubeconfig that a filled Secret gives; `None` while it is not filled.
fn of_secret(secret: &Value, endpoint: &str) -> Result<Option<String>, Blind> {
    let garbled = |why: &str| Blind::new(BlindKind::Garbled, why.to_owned());
    let data = |key: &str| secret.pointer("/data")?.get(key)?.as_str();
    let (Some(token), Some(ca)) = (data("token"), data("ca.crt")) else { return Ok(None) };
    let token = STANDARD.decode(token).map_err(|_| garbled("the token is not base64"))?;
    let token = String::from_utf8(token).map_err(|_| garbled("the token is no text"))?;
    if token.is_empty() || token.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(garbled("the token is no token"));
    }
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": ACCOUNT,
        "clusters": [{"name": "cluster", "cluster": {
            "server": endpoint,
            "certificate-authority-data": ca,
        }}],
        "contexts": [{"name": ACCOUNT, "context": {"cluster": "cluster", "user": ACCOUNT}}],
        "users": [{"name": ACCOUNT, "user": {"token": token}}],
    });
    serde_saphyr::to_string(&config)
        .map(Some)
        .map_err(|_| garbled("the kubeconfig can't be written"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::kube::rbac_yaml;

    #[test]
    fn every_object_of_the_manifests_has_its_place() {
        let objects: Vec<Value> = serde_saphyr::from_multiple(&rbac_yaml()).unwrap();
        assert!(!objects.is_empty());
        for object in objects {
            let path = path(&object).unwrap();
            assert!(path.ends_with(object["metadata"]["name"].as_str().unwrap()), "{path}");
        }
        let odd = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}});
        assert!(path(&odd).unwrap_err().detail.contains("Pod x is no object"));
        let bent = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "../x"}});
        assert!(path(&bent).is_err());
    }

    #[tokio::test]
    async fn a_filled_secret_gives_a_kubeconfig_and_an_odd_one_its_reason() {
        let encoded = |text: &str| STANDARD.encode(text);
        let secret = |token: &str| json!({"data": {"token": token, "ca.crt": encoded("CA")}});
        assert_eq!(of_secret(&json!({}), "https://192.0.2.1:6443"), Ok(None));
        let text = of_secret(&secret(&encoded("t0ken")), "https://192.0.2.1:6443").unwrap();
        let read: Value = serde_saphyr::from_str(&text.unwrap()).unwrap();
        assert_eq!(read["users"][0]["user"]["token"], "t0ken");
        assert_eq!(read["clusters"][0]["cluster"]["server"], "https://192.0.2.1:6443");
        for odd in ["***", &encoded(""), &encoded("two words")] {
            let why = of_secret(&secret(odd), "https://192.0.2.1:6443").unwrap_err();
            assert_eq!(why.kind, BlindKind::Garbled);
            assert!(!why.detail.contains("words"), "a secret shows in: {why}");
        }
    }
}
