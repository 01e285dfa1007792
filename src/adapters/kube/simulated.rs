//! An API server without sockets, for tests under paused time: nodes, Leases, a watch, and faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::channel::{Channel, Sender};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::model::facts::Blind;

use super::connect::{Connect, KubeconfigText};
use super::wire::Wire;

/// How a server answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mode {
    /// As it should.
    Well,
    /// Takes the request and never answers.
    Hangs,
    /// With this code and body.
    Says(u16, String),
    /// The connection fails.
    Breaks,
}

/// What a watch sends instead of events.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum WatchMode {
    /// Events, and an end after `timeoutSeconds`.
    Well,
    /// Nothing at all, for ever.
    Silent,
    /// This line, once.
    Line(String),
    /// This code.
    Code(u16),
}

pub(super) struct State {
    /// By endpoint; `readyz` only.
    pub(super) readyz: BTreeMap<String, Mode>,
    /// Everything but `/readyz`.
    pub(super) rest: Mode,
    pub(super) watch: WatchMode,
    /// For PATCH, whatever else holds.
    pub(super) patch: Option<Mode>,
    pub(super) nodes: BTreeMap<String, Value>,
    /// Of other kinds, by the path of their kind: what is there, or how asking for it is answered.
    pub(super) kinds: BTreeMap<&'static str, Result<Vec<Value>, Mode>>,
    events: Vec<(u64, String)>,
    version: u64,
    /// Each request, as `METHOD path`.
    pub(super) log: Vec<String>,
    /// How often clients were made of a kubeconfig.
    pub(super) connects: usize,
}

/// The simulated server. Cloned, it is the same one.
#[derive(Clone)]
pub(super) struct Simulated {
    state: Arc<Mutex<State>>,
    moved: watch::Sender<u64>,
}

impl Simulated {
    pub(super) fn new() -> Self {
        let state = State {
            readyz: BTreeMap::new(),
            rest: Mode::Well,
            watch: WatchMode::Well,
            patch: None,
            nodes: BTreeMap::new(),
            kinds: BTreeMap::new(),
            events: Vec::new(),
            version: 1,
            log: Vec::new(),
            connects: 0,
        };
        Self { state: Arc::new(Mutex::new(state)), moved: watch::Sender::new(1) }
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    /// All of it: `/readyz` of every endpoint and the rest.
    pub(super) fn all(&self, mode: &Mode) {
        self.with(|state| {
            state.rest = mode.clone();
            for readyz in state.readyz.values_mut() {
                *readyz = mode.clone();
            }
        });
    }

    pub(super) fn put(&self, name: &str, more: &Value) {
        let version = self.with(|state| {
            state.version += 1;
            let known = state.nodes.contains_key(name);
            let mut node = json!({
                "kind": "Node", "apiVersion": "v1",
                "metadata": {"name": name, "uid": format!("uid-{name}")},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            });
            merge(&mut node, more);
            node["metadata"]["resourceVersion"] = json!(state.version.to_string());
            let kind = if known { "MODIFIED" } else { "ADDED" };
            state.events.push((state.version, json!({"type": kind, "object": node}).to_string()));
            state.nodes.insert(name.to_owned(), node);
            state.version
        });
        self.moved.send_replace(version);
    }

    /// How many requests so far contain `part`.
    pub(super) fn count(&self, part: &str) -> usize {
        self.with(|state| state.log.iter().filter(|line| line.contains(part)).count())
    }

    async fn answer(
        self,
        endpoint: String,
        request: Request<Body>,
    ) -> Result<Response<Channel<Bytes>>, std::io::Error> {
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let line = format!("{} {path}?{query}", request.method());
        let mode = self.with(|state| {
            state.log.push(line);
            match (request.method(), path.as_str()) {
                (_, "/readyz") => state.readyz.get(&endpoint).cloned().unwrap_or(Mode::Well),
                (&Method::PATCH, _) => state.patch.clone().unwrap_or(Mode::Well),
                _ => state.rest.clone(),
            }
        });
        match mode {
            Mode::Well => {}
            Mode::Hangs => std::future::pending().await,
            Mode::Breaks => return Err(std::io::Error::other("connection reset")),
            Mode::Says(code, body) => return Ok(whole(code, body)),
        }
        let body = match path.as_str() {
            "/readyz" => "ok".to_owned(),
            "/version" => json!({"gitVersion": "v1.33.0+k3s1"}).to_string(),
            "/api" => json!({"items": [group("", "v1", "Node")]}).to_string(),
            "/apis" => self.with(|state| {
                let groups: Vec<_> = state.kinds.keys().filter_map(|path| served(path)).collect();
                json!({"items": groups}).to_string()
            }),
            kind if self.with(|state| state.kinds.contains_key(kind)) => {
                match self.with(|state| state.kinds[kind].clone()) {
                    Err(Mode::Says(code, body)) => return Ok(whole(code, body)),
                    Err(_) => std::future::pending().await,
                    Ok(_) if query.contains("watch=true") => return Ok(self.watching(&query)),
                    Ok(objects) => self.with(|state| list(state, objects.iter())),
                }
            }
            "/api/v1/nodes" if query.contains("watch=true") => return Ok(self.watching(&query)),
            "/api/v1/nodes" => self.with(|state| list(state, state.nodes.values())),
            "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases" => {
                self.with(|state| {
                    let lease = json!({"metadata": {"name": "n1", "resourceVersion": "5"},
                        "spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}});
                    list(state, std::iter::once(&lease))
                })
            }
            _ => {
                let name = path.rsplit('/').next().unwrap_or_default();
                match self.with(|state| state.nodes.get(name).cloned()) {
                    Some(node) => node.to_string(),
                    None => return Ok(whole(404, "{}".to_owned())),
                }
            }
        };
        Ok(whole(200, body))
    }

    fn watching(&self, query: &str) -> Response<Channel<Bytes>> {
        let mode = self.with(|state| state.watch.clone());
        let (sender, body) = Channel::new(16);
        match mode {
            WatchMode::Code(code) => return whole(code, "{}".to_owned()),
            WatchMode::Line(line) => drop(tokio::spawn(send(sender, line + "\n"))),
            // The sender is kept for ever, so that the body never ends.
            WatchMode::Silent => drop(tokio::spawn(async move {
                let _kept = sender;
                std::future::pending::<()>().await;
            })),
            WatchMode::Well => {
                let from = number(query, "resourceVersion=");
                let seconds = number(query, "timeoutSeconds=");
                drop(tokio::spawn(self.clone().events(sender, from, seconds)));
            }
        }
        Response::new(body)
    }

    async fn events(self, mut sender: Sender<Bytes>, mut from: u64, seconds: u64) {
        let end = Instant::now() + Duration::from_secs(seconds);
        let mut moved = self.moved.subscribe();
        loop {
            let due: Vec<_> = self.with(|state| {
                state.events.iter().filter(|(version, _)| *version > from).cloned().collect()
            });
            for (version, line) in due {
                from = version;
                if sender.send_data(Bytes::from(line + "\n")).await.is_err() {
                    return;
                }
            }
            if timeout_at(end, moved.wait_for(|version| *version > from)).await.is_err() {
                return;
            }
        }
    }
}

impl Connect for Simulated {
    async fn connect(&self, _: KubeconfigText, endpoints: &[String]) -> Result<Vec<Wire>, Blind> {
        self.with(|state| {
            state.connects += 1;
            for endpoint in endpoints {
                state.readyz.entry(endpoint.clone()).or_insert(Mode::Well);
            }
        });
        Ok(endpoints
            .iter()
            .map(|endpoint| {
                let (server, name) = (self.clone(), endpoint.clone());
                let service =
                    tower::service_fn(move |request| server.clone().answer(name.clone(), request));
                Wire::new(Client::new(service, "default"), endpoint.clone())
            })
            .collect())
    }
}

/// A group of discovery with one kind.
fn group(name: &str, version: &str, kind: &str) -> Value {
    json!({"metadata": {"name": name}, "versions": [{"version": version,
        "resources": [{"resource": "x", "responseKind": {"kind": kind}}]}]})
}

/// The same for the path of a kind.
fn served(path: &str) -> Option<Value> {
    let mut parts = path.strip_prefix("/apis/")?.split('/');
    let (name, version, plural) = (parts.next()?, parts.next()?, parts.next()?);
    let looked = super::LOOKED.iter().find(|it| it.group == name && it.plural == plural)?;
    Some(group(name, version, looked.kind))
}

fn list<'a>(state: &State, items: impl Iterator<Item = &'a Value>) -> String {
    let items: Vec<_> = items.collect();
    json!({"metadata": {"resourceVersion": state.version.to_string()}, "items": items}).to_string()
}

fn whole(code: u16, body: String) -> Response<Channel<Bytes>> {
    let (sender, channel) = Channel::new(1);
    drop(tokio::spawn(send(sender, body)));
    Response::builder().status(code).body(channel).unwrap()
}

async fn send(mut sender: Sender<Bytes>, body: String) {
    // The reader may be gone; that is its own affair.
    sender.send_data(Bytes::from(body)).await.ok();
}

fn number(query: &str, key: &str) -> u64 {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(key));
    value.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}
