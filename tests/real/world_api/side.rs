//! An API, real or simulated, and what was heard of it.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ananke::model::ids::MachineName;
use ananke::sim::faces::sockets::api::{ApiServer, Cluster, Credentials};
use ananke::sim::world::ApiDoor;
use ananke::sim::world::store::kinds::NAMESPACES;
use ananke::sim::world::store::{Key, Store};
use futures::StreamExt;
use http::{Method, Request};
use http_body_util::{BodyDataStream, BodyExt};
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

/// Nothing that a test waits for takes so long.
const LIMIT: Duration = Duration::from_secs(20);

/// An etcd and a door, without a world around them.
#[derive(Clone)]
pub(super) struct Bare(Arc<Inner>);

struct Inner {
    store: Mutex<Store>,
    door: Mutex<ApiDoor>,
    changed: watch::Sender<u64>,
}

impl Bare {
    pub(super) fn new() -> Self {
        let mut store = Store::default();
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            let labels = json!({"kubernetes.io/metadata.name": name});
            let object = json!({"metadata": {"labels": labels}, "status": {"phase": "Active"}});
            store.create(Key::global(&NAMESPACES, name), object, Timestamp::now()).unwrap();
        }
        Self(Arc::new(Inner {
            store: Mutex::new(store),
            door: Mutex::new(ApiDoor::Ready),
            changed: watch::Sender::new(0),
        }))
    }

    pub(super) fn set(&self, door: ApiDoor) {
        *self.0.door.lock().unwrap() = door;
        self.0.changed.send_modify(|count| *count += 1);
    }

    /// A server before it, on a port of the loopback.
    pub(super) fn serve(&self) -> ApiServer {
        let credentials = Credentials::new("atlas").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = MachineName::fixed("titan-01");
        ApiServer::start(listener, server, &credentials, self.clone()).unwrap()
    }
}

impl Cluster for Bare {
    fn door(&self, _: &MachineName) -> ApiDoor {
        *self.0.door.lock().unwrap()
    }

    fn look<T>(&self, look: impl FnOnce(&Store, Timestamp) -> T) -> T {
        look(&self.0.store.lock().unwrap(), Timestamp::now())
    }

    fn write<T>(&self, write: impl FnOnce(&mut Store, Timestamp) -> T) -> T {
        let said = write(&mut self.0.store.lock().unwrap(), Timestamp::now());
        self.0.changed.send_modify(|count| *count += 1);
        said
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    fn version(&self) -> &'static str {
        "v1.36.3+k3s1"
    }
}

pub(super) async fn client(kubeconfig: &str) -> Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    config.default_retry = false;
    config.proxy_url = None;
    Client::try_from(config).unwrap()
}

/// One of two APIs that are to say the same.
pub(super) struct Side {
    client: Client,
    /// What was heard, a line each, without what differs from server to server.
    pub(super) heard: Vec<String>,
}

/// A request in short.
#[derive(Clone, Default)]
pub(super) struct Ask {
    media: Option<&'static str>,
    accept: Option<&'static str>,
    body: Option<String>,
}

pub(super) fn plain() -> Ask {
    Ask::default()
}

pub(super) fn body(value: &Value) -> Ask {
    text("application/json", &value.to_string())
}

pub(super) fn text(media: &'static str, body: &str) -> Ask {
    Ask { media: Some(media), body: Some(body.to_owned()), ..Ask::default() }
}

pub(super) fn merge(value: &Value) -> Ask {
    text("application/merge-patch+json", &value.to_string())
}

pub(super) fn accept(accept: &'static str) -> Ask {
    Ask { accept: Some(accept), ..Ask::default() }
}

impl Side {
    pub(super) fn new(client: Client) -> Self {
        Self { client, heard: Vec::new() }
    }

    /// Writes down something that was seen.
    pub(super) fn hear(&mut self, what: &str, value: &Value) {
        self.heard.push(format!("{what}: {value}"));
    }

    /// Asks, and writes down code, reason and details of the answer.
    pub(super) async fn ask(&mut self, line: &str, ask: Ask) -> Value {
        let (code, answer) = self.quietly(line, ask).await;
        let mut heard = format!("{line} -> {code}");
        if answer["kind"] == "Status" {
            let details = &answer["details"];
            let causes = details["causes"].as_array().into_iter().flatten();
            let causes: Vec<Value> = causes.map(|it| json!([it["reason"], it["field"]])).collect();
            let kind = &details["kind"];
            let told = json!([answer["status"], answer["reason"], details["group"], kind, causes]);
            heard = format!("{heard} {told}");
        }
        self.heard.push(heard);
        answer
    }

    /// Asks, and writes nothing down.
    pub(super) async fn quietly(&self, line: &str, ask: Ask) -> (u16, Value) {
        let response = timeout(LIMIT, self.client.send(request(line, ask))).await;
        let response = response.unwrap_or_else(|_| panic!("no answer to {line}")).unwrap();
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (code, serde_json::from_slice(&bytes).unwrap_or(Value::String(text)))
    }

    /// The events of a watch until it has so many, or ends.
    pub(super) async fn watch(&self, path: &str, ask: Ask, count: usize) -> Vec<Value> {
        self.open(path, ask).await.next(count).await
    }

    /// A watch that has begun: what changes from now on is new to it.
    pub(super) async fn open(&self, path: &str, ask: Ask) -> Events {
        let response = self.client.send(request(&format!("GET {path}"), ask)).await.unwrap();
        Events { chunks: response.into_body().into_data_stream(), bytes: Vec::new() }
    }
}

/// The events of a watch.
pub(super) struct Events {
    chunks: BodyDataStream<Body>,
    bytes: Vec<u8>,
}

impl Events {
    /// The next ones: so many, or all until the end.
    pub(super) async fn next(&mut self, count: usize) -> Vec<Value> {
        let end = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'\n');
        let mut events = Vec::new();
        while events.len() < count {
            if let Some(end) = end(&self.bytes) {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                events.push(serde_json::from_slice(&line).unwrap());
                continue;
            }
            let chunk = timeout(LIMIT, self.chunks.next()).await;
            match chunk.unwrap_or_else(|_| panic!("only {events:?} instead of {count}")) {
                Some(chunk) => self.bytes.extend_from_slice(&chunk.unwrap()),
                None => break,
            }
        }
        events
    }
}

fn request(line: &str, ask: Ask) -> Request<Body> {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder()
        .method(method.parse::<Method>().unwrap())
        .uri(path)
        .header("accept", ask.accept.unwrap_or("application/json"));
    if let Some(media) = ask.media {
        request = request.header("content-type", media);
    }
    request.body(Body::from(ask.body.unwrap_or_default().into_bytes())).unwrap()
}
