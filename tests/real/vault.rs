//! Keys for a vault, over TLS: who gets them, who does not, and that nobody reads them on the way.

#![expect(clippy::unwrap_used, reason = "a test that fails where it stands")]

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ananke::adapters::probe::Unsealer;
use ananke::config::settings::{ProbeSettings, Settings};
use ananke::config::{Context, parse};
use ananke::model::facts::Seen;
use ananke::model::outcome::ActionResult;
use ananke::model::probe::{Answer, Finding, ProbeName};
use ananke::model::time::Span;
use ananke::model::vault::Seal;
use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing_subscriber::fmt::MakeWriter;

use crate::probe::{Loopback, Still, certified, found};

/// Longer than any of these takes.
const LIMIT: Span = Span::secs(30);

const KEYS: [&str; 3] = [
    "0d41d8cd98f00b204e9800998ecf8427e0d41d8cd98f00b204e9800998ecf842701",
    "8KQeDgr8aj1cBlSE2ilKIk8aK8+nVbTRZ9EzQ8EYTnFY",
    "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e903",
];

/// What stands behind the address. It does what the documents of Vault's API say.
#[derive(Debug, Clone)]
struct Vault {
    kind: &'static str,
    initialized: bool,
    sealed: bool,
    needs: usize,
    given: BTreeSet<String>,
    /// Whether it closes the connection after each answer.
    closes: bool,
    /// What it answers to a key instead of an answer: its words repeat the key.
    odd: Option<StatusCode>,
    /// Every document that it was sent.
    heard: Vec<String>,
    connections: usize,
}

impl Vault {
    fn sealed() -> Self {
        Self {
            kind: "shamir",
            initialized: true,
            sealed: true,
            needs: 2,
            given: BTreeSet::new(),
            closes: false,
            odd: None,
            heard: Vec::new(),
            connections: 0,
        }
    }

    fn status(&self) -> Value {
        json!({"type": self.kind, "initialized": self.initialized, "sealed": self.sealed,
            "t": self.needs, "n": 3, "progress": self.given.len(), "version": "1.20.4"})
    }

    fn take(&mut self, document: &str) -> (StatusCode, String) {
        self.heard.push(document.to_owned());
        if let Some(status) = self.odd {
            return (status, format!("who sends {document}?"));
        }
        let said: Value = serde_json::from_str(document).unwrap();
        self.given.insert(said["key"].as_str().unwrap().to_owned());
        if self.given.len() == self.needs {
            let given = std::mem::take(&mut self.given);
            if !given.iter().all(|key| KEYS.contains(&key.as_str())) {
                return (StatusCode::BAD_REQUEST, json!({"errors": [document]}).to_string());
            }
            self.sealed = false;
        }
        (StatusCode::OK, self.status().to_string())
    }
}

/// A vault behind TLS, and the host that has its keys.
struct Site {
    dir: tempfile::TempDir,
    address: SocketAddr,
    probes: ProbeSettings,
    vault: Arc<Mutex<Vault>>,
    _tasks: JoinSet<()>,
}

impl Site {
    async fn with(vault: Vault) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (probes, acceptor) = certified(dir.path(), false);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let vault = Arc::new(Mutex::new(vault));
        let shown = Arc::clone(&vault);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, vault) = (acceptor.clone(), Arc::clone(&shown));
                open.spawn(async move {
                    // Whoever does not like the certificate hangs up.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    vault.lock().unwrap().connections += 1;
                    let answers = service_fn(|request| answer(Arc::clone(&vault), request));
                    let served = http1::Builder::new();
                    drop(served.serve_connection(TokioIo::new(stream), answers).await);
                });
            }
        });
        let site = Self { dir, address, probes, vault, _tasks: tasks };
        site.keys(&KEYS);
        site
    }

    /// Writes the file of keys.
    fn keys(&self, keys: &[&str]) {
        let file = self.file();
        fs::write(&file, format!("{}\n", keys.join("\n"))).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    }

    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("keys")
    }

    /// The settings of an operator, with more in the entry of the vault.
    fn settings(&self, more: &str) -> Settings {
        let file = self.file();
        let authorities = self.probes.authorities.as_deref().unwrap_or(Path::new("/none"));
        let text = format!(
            "ssh_user: a\nssh_identity_file: /k\nssh_node_hosts: {{s: 192.0.2.1}}\n\
             nodes: {{servers: [s]}}\n\
             services: {{v: {{vault: \"https://wiki.example:8200\", at: \"{}\"{more}}}}}\n\
             startup: {{vault_unseal_key_file: {}}}\ningress: {{authorities_file: {}}}\n",
            self.address,
            file.display(),
            authorities.display(),
        );
        let checked = parse(&text, "a.yaml", &Context::installed("here", &[]));
        checked.unwrap_or_else(|wrong| panic!("{wrong:?}")).settings
    }

    async fn unseal(&self) -> ActionResult {
        self.unseal_as(&self.settings("")).await
    }

    async fn unseal_as(&self, settings: &Settings) -> ActionResult {
        let unsealer = Unsealer::new(settings, Still, Loopback);
        let shown = format!("{unsealer:?}");
        assert!(KEYS.iter().all(|key| !shown.contains(key)), "{shown}");
        let result = unsealer.unseal(&ProbeName::new("v"), LIMIT).await;
        let shown = format!("{result:?}");
        assert!(KEYS.iter().all(|key| !shown.contains(key)), "{shown}");
        result
    }

    fn vault(&self) -> Vault {
        self.vault.lock().unwrap().clone()
    }

    /// What the probe says of it.
    async fn seal(&self) -> Seal {
        let settings = self.settings("");
        let probes: Vec<_> =
            settings.policy.probes.iter().map(|(name, it)| (name.as_str(), it.clone())).collect();
        let found = found(&settings.probes, &probes).await.remove("v");
        let Some(Seen::Known { value: Finding { answer: Answer::Seal(said), .. }, .. }) = found
        else {
            panic!("{found:?}");
        };
        assert!(said.certificate_until.is_some(), "{said:?}");
        said.seal
    }
}

async fn answer(
    vault: Arc<Mutex<Vault>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut vault = vault.lock().unwrap();
    let (status, said) = match (&method, path.as_str()) {
        (&Method::GET, "/v1/sys/seal-status") => (StatusCode::OK, vault.status().to_string()),
        (&Method::PUT, "/v1/sys/unseal") => vault.take(&String::from_utf8_lossy(&body)),
        other => panic!("{other:?} is not asked"),
    };
    let mut response = Response::new(Full::from(said));
    *response.status_mut() = status;
    if vault.closes {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

fn why(result: &ActionResult) -> &str {
    result.why().unwrap_or_default()
}

#[tokio::test]
async fn it_gets_as_many_keys_as_it_needs_over_one_connection() {
    let site = Site::with(Vault::sealed()).await;
    assert_eq!(site.seal().await, Seal::Keys { needs: 2, has: 0 });
    let asked = site.vault().connections;
    assert_eq!(site.unseal().await, ActionResult::Done);
    let vault = site.vault();
    let documents = KEYS[..2].iter().map(|key| json!({"key": key}).to_string());
    assert!(vault.heard.iter().cloned().eq(documents), "{:?}", vault.heard);
    assert_eq!(vault.connections - asked, 2, "one to look, one for all keys");
    assert_eq!(site.seal().await, Seal::Open);
    assert_eq!(site.unseal().await, ActionResult::AlreadyDone);
    assert_eq!(site.vault().heard.len(), 2);
}

#[tokio::test]
async fn one_that_hangs_up_after_each_answer_gets_them_too() {
    let site = Site::with(Vault { closes: true, ..Vault::sealed() }).await;
    assert_eq!(site.unseal().await, ActionResult::Done);
    assert_eq!(site.vault().connections, 3);
}

#[tokio::test]
async fn wrong_keys_are_a_persons_and_what_a_stranger_gave_before_is_tried_again() {
    let site = Site::with(Vault::sealed()).await;
    site.keys(&["00", "01"]);
    let result = site.unseal().await;
    assert!(matches!(result, ActionResult::Refused { .. }), "{result:?}");
    assert!(why(&result).contains("not its own"), "{result:?}");
    site.keys(&KEYS);
    site.vault.lock().unwrap().given.insert("ff".to_owned());
    let result = site.unseal().await;
    assert!(matches!(result, ActionResult::Failed { .. }), "{result:?}");
    assert_eq!(site.unseal().await, ActionResult::Done);
}

#[tokio::test]
async fn nobody_gets_a_key_who_is_not_proven_to_be_the_vault() {
    let site = Site::with(Vault::sealed()).await;
    let other = tempfile::tempdir().unwrap();
    let (stranger, _) = certified(other.path(), false);
    let mut settings = site.settings("");
    settings.probes = stranger;
    let result = site.unseal_as(&settings).await;
    assert!(matches!(result, ActionResult::Failed { .. }), "{result:?}");
    assert!(why(&result).contains("TLS"), "{result:?}");
    let result = site.unseal_as(&site.settings(", verify_certificates: false")).await;
    assert!(matches!(result, ActionResult::Refused { .. }), "{result:?}");
    assert_eq!(site.vault().heard, Vec::<String>::new());
    let trusted = site.settings(", verify_certificates: false, trusted_way: true");
    assert_eq!(site.unseal_as(&trusted).await, ActionResult::Done);
}

#[tokio::test]
async fn one_that_keys_do_not_open_gets_none() {
    let elsewhere = Vault { kind: "transit", ..Vault::sealed() };
    let empty = Vault { initialized: false, ..Vault::sealed() };
    let greedy = Vault { needs: 5, ..Vault::sealed() };
    for (vault, words) in
        [(elsewhere, "transit"), (empty, "not initialised"), (greedy, "it needs 5 keys")]
    {
        let site = Site::with(vault).await;
        let result = site.unseal().await;
        assert!(matches!(result, ActionResult::Refused { .. }), "{result:?}");
        assert!(why(&result).contains(words), "{result:?}");
        assert_eq!(site.vault().heard, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_file_that_others_may_read_is_not_sent() {
    let site = Site::with(Vault::sealed()).await;
    fs::set_permissions(site.file(), Permissions::from_mode(0o644)).unwrap();
    let result = site.unseal().await;
    assert!(matches!(result, ActionResult::Refused { .. }), "{result:?}");
    assert!(why(&result).contains("(644)"), "{result:?}");
    assert_eq!(site.vault().heard, Vec::<String>::new());
}

/// Everything that is logged.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn whatever_comes_back_no_key_is_told_or_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing::trace!("listening");
    for status in [400, 403, 404, 429, 500, 503, 307] {
        let odd = StatusCode::from_u16(status).ok();
        let site = Site::with(Vault { odd, ..Vault::sealed() }).await;
        // `unseal` looks at the result itself.
        let result = site.unseal().await;
        let refused = matches!(result, ActionResult::Refused { .. });
        assert_eq!(refused, status == 400, "{status}: {result:?}");
        assert_eq!(site.vault().heard.len(), 1, "{status}");
    }
    let written = log.0.lock().unwrap().clone();
    let written = String::from_utf8_lossy(&written);
    assert!(written.contains("listening"), "{written}");
    assert!(KEYS.iter().all(|key| !written.contains(key)), "{written}");
}
