//! Probes against servers on the loopback that are good, wrong, silent and endless.

#![expect(clippy::unwrap_used, reason = "a test that fails where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ananke::adapters::probe::{Miss, ProbeLink, Stream, Ways};
use ananke::config::settings::ProbeSettings;
use ananke::model::facts::{Blind, BlindKind, Seen};
use ananke::model::ids::{BootId, GateId, MachineName};
use ananke::model::probe::{Answer, Ask, Finding, HttpAsk, JsonWish, Probe, ProbeName};
use ananke::model::time::{Moment, Mono};
use ananke::ports::Clock;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Nothing that a test waits for takes so long.
const PATIENCE: Duration = Duration::from_secs(40);

/// `near` connects from this host; `far` is a machine that is gone.
#[derive(Debug, Clone)]
pub(crate) struct Loopback;

impl Ways for Loopback {
    async fn open(
        &self,
        machine: &MachineName,
        host: &str,
        port: u16,
    ) -> Result<Box<dyn Stream>, Miss> {
        if machine.as_str() == "far" {
            return Err(Miss::Blind(Blind::new(BlindKind::Unreachable, "far is gone")));
        }
        match TcpStream::connect((host, port)).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(Miss::Nothing(error.to_string())),
        }
    }
}

/// Each probe is asked once: the pause after it never ends.
#[derive(Debug, Clone)]
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Moment {
        Moment {
            boot: BootId::fixed("boot"),
            mono: Mono(5_000),
            wall: "2026-11-21T03:12:00Z".parse().unwrap(),
            wall_trusted: true,
        }
    }

    async fn sleep_until(&self, _: Mono) {
        std::future::pending::<()>().await;
    }
}

/// What each of them comes to at the first look.
pub(crate) async fn found(
    settings: &ProbeSettings,
    probes: &[(&str, Probe)],
) -> BTreeMap<String, Seen<Finding>> {
    let link = ProbeLink::new(settings, Still, Loopback);
    let mut changed = link.changed();
    let wanted = probes.iter().map(|(name, probe)| (ProbeName::new(*name), probe.clone()));
    link.ask(&wanted.collect());
    let unasked = |seen: &Seen<Finding>| match seen {
        Seen::Unknown { why, .. } => why.kind == BlindKind::NotYet,
        Seen::Known { .. } => false,
    };
    let all = async {
        loop {
            let findings = link.findings();
            if findings.len() == probes.len() && !findings.values().any(unasked) {
                return findings;
            }
            changed.changed().await.unwrap();
        }
    };
    let findings = timeout(PATIENCE, all).await.expect("a probe was never answered");
    findings.into_iter().map(|(name, seen)| (name.to_string(), seen)).collect()
}

/// What is wrong with an answer, or why there is none.
fn said(
    probes: &[(&str, Probe)],
    findings: &BTreeMap<String, Seen<Finding>>,
    name: &str,
) -> String {
    let (_, probe) = probes.iter().find(|(it, _)| *it == name).unwrap();
    match &findings[name] {
        Seen::Known { value, .. } => {
            probe.complaint(&value.answer).unwrap_or_else(|| "good".to_owned())
        }
        Seen::Unknown { why, .. } => format!("blind: {why}"),
    }
}

fn ask(url: String) -> HttpAsk {
    HttpAsk {
        url,
        at: None,
        statuses: BTreeSet::from([200]),
        body: None,
        json: None,
        redirect: None,
        challenge: None,
        or_at: Vec::new(),
        unverified: false,
    }
}

fn probe(ask: Ask) -> Probe {
    Probe { gate: GateId::fixed("services"), ask, via: None }
}

/// A server that answers by the path; its connections end with it.
struct Server {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let tls = tls.clone();
                open.spawn(async move {
                    match tls {
                        None => answer(stream).await,
                        // Whoever does not like the certificate hangs up.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer(stream).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, _tasks: tasks }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn answer(mut stream: impl Stream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let host = head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let whole = |status: &str, more: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\n\r\n{body}", body.len())
    };
    let said = match path {
        "/good" => whole("200 OK", "", "all is well"),
        "/host" => whole("200 OK", "", &format!("you want {host}")),
        "/gone" => whole("404 Not Found", "", "404 page not found"),
        "/elsewhere" => whole("302 Found", "location: https://sso.example/login?x=1\r\n", ""),
        "/v2/" => whole("401 Unauthorized", "www-authenticate: Bearer realm=\"https://r\"\r\n", ""),
        "/health" => whole("200 OK", "", r#"{"sealed": false, "parts": [{"state": "down"}]}"#),
        "/endless" => "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
        "/odd" => "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
        "/half" => "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nall is".to_owned(),
        // Silent.
        _ => std::future::pending().await,
    };
    drop(stream.write_all(said.as_bytes()).await);
    while path == "/endless" && stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    drop(stream.shutdown().await);
}

#[tokio::test]
async fn an_answer_is_held_against_what_was_asked_for() {
    let server = Server::start(None).await;
    let to = |path: &str| ask(server.url(path));
    let wish = |pointer: &str, value| {
        let json = JsonWish { pointer: pointer.to_owned(), value };
        probe(Ask::Http(HttpAsk { json: Some(json), ..to("/health") }))
    };
    let body = |path, text: &str| HttpAsk { body: Some(text.to_owned()), ..to(path) };
    let sent = |to: HttpAsk, redirect: &str| HttpAsk {
        statuses: BTreeSet::from([302]),
        redirect: Some(redirect.to_owned()),
        ..to
    };
    let asked = |path, challenge: &str| HttpAsk {
        statuses: BTreeSet::from([401]),
        challenge: Some(challenge.to_owned()),
        ..to(path)
    };
    let named = HttpAsk {
        at: Some(server.address.to_string()),
        body: Some("you want wiki.example:81".to_owned()),
        ..ask("http://wiki.example:81/host".to_owned())
    };
    let http = |ask| probe(Ask::Http(ask));
    let probes = [
        ("good", http(to("/good")), "good"),
        ("gone", http(to("/gone")), "it answers with status 404"),
        ("body", http(body("/good", "is well")), "good"),
        ("no-body", http(body("/good", "is bad")), "its body has no \"is bad\""),
        ("named", http(named), "good"),
        ("sent", http(sent(to("/elsewhere"), "https://sso.example/")), "good"),
        (
            "sent-away",
            http(sent(to("/elsewhere"), "https://other/")),
            "it sends its reader to https://sso.example/login, and \"https://other/\" is expected",
        ),
        ("asked", http(asked("/v2/", "Bearer realm=\"https://r\"")), "good"),
        ("unasked", http(asked("/good", "Bearer")), "it has no www-authenticate"),
        ("json", wish("/sealed", json!(false)), "good"),
        ("json-other", wish("/parts/0/state", json!("up")), "stands \"down\", and \"up\""),
        ("json-none", wish("/nothing", json!(1)), "there is no /nothing in its body"),
        ("endless", http(body("/endless", "xx")), "good"),
        ("endless-in-vain", http(body("/endless", "y")), "has no \"y\" in its first 64 kB"),
        ("odd", http(to("/odd")), "invalid HTTP"),
        ("half", http(body("/half", "all")), "end of file"),
        ("silent", http(to("/silent")), "no answer within 10s"),
    ];
    let only: Vec<_> = probes.iter().map(|(name, probe, _)| (*name, probe.clone())).collect();
    let findings = found(&ProbeSettings::default(), &only).await;
    for (name, _, want) in &probes {
        let said = said(&only, &findings, name);
        let right = if *want == "good" { said == *want } else { said.contains(want) };
        assert!(right, "{name}: {said}, and not {want}");
    }
}

#[tokio::test]
async fn what_was_asked_in_vain_and_what_could_not_be_asked_are_two_things() {
    let server = Server::start(None).await;
    let port = server.address.port();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let tcp = |port| probe(Ask::Tcp { host: "127.0.0.1".to_owned(), port });
    let via =
        |machine: &'static str, probe| Probe { via: Some(MachineName::fixed(machine)), ..probe };
    let nowhere = probe(Ask::Http(ask("http://no-such-host.invalid/".to_owned())));
    let second = HttpAsk {
        at: Some(closed.to_string()),
        or_at: vec![server.address.to_string()],
        ..ask("http://wiki.example/good".to_owned())
    };
    let probes = [
        ("open", tcp(port), "good"),
        ("closed", tcp(closed.port()), "refused"),
        ("near", via("near", tcp(port)), "good"),
        ("near-closed", via("near", tcp(closed.port())), "refused"),
        ("far", via("far", tcp(port)), "blind: far is gone"),
        ("nowhere", nowhere, "blind: the name no-such-host.invalid can't be resolved here"),
        ("second", probe(Ask::Http(second)), "good"),
    ];
    let only: Vec<_> = probes.iter().map(|(name, probe, _)| (*name, probe.clone())).collect();
    let findings = found(&ProbeSettings::default(), &only).await;
    for (name, _, want) in &probes {
        let said = said(&only, &findings, name);
        assert!(said.contains(want), "{name}: {said}, and not {want}");
    }
}

/// An authority, in a file, and a certificate of it for `wiki.example`.
pub(crate) fn certified(dir: &std::path::Path, ended: bool) -> (ProbeSettings, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let file = dir.join("authorities.pem");
    std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
    let authority = Issuer::new(params, key);
    let mut params = CertificateParams::new(["wiki.example".to_owned()]).unwrap();
    if ended {
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 2, 3));
    } else {
        params.not_after = date_time_ymd(2090, 2, 3);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (ProbeSettings { authorities: Some(file) }, TlsAcceptor::from(Arc::new(config)))
}

/// An authority, in a file, and a server with a certificate of it.
async fn with_tls(dir: &std::path::Path, ended: bool) -> (ProbeSettings, Server) {
    let (settings, acceptor) = certified(dir, ended);
    (settings, Server::start(Some(acceptor)).await)
}

#[tokio::test]
async fn a_certificate_is_that_of_the_name_and_its_end_is_known() {
    for (ended, end) in [(false, "2090-02-03T00:00:00Z"), (true, "2021-02-03T00:00:00Z")] {
        let dir = tempfile::tempdir().unwrap();
        let (settings, server) = with_tls(dir.path(), ended).await;
        let at = |host: &str, unverified| {
            let at = Some(server.address.to_string());
            let ask = HttpAsk { at, unverified, ..ask(format!("https://{host}/good")) };
            probe(Ask::Http(ask))
        };
        let probes = [
            ("right", at("wiki.example", false)),
            ("wrong", at("git.example", false)),
            ("anybody", at("git.example", true)),
        ];
        let findings = found(&settings, &probes).await;
        let right = said(&probes, &findings, "right");
        assert!(if ended { right.contains("expired") } else { right == "good" }, "{right}");
        let wrong = said(&probes, &findings, "wrong");
        assert!(wrong.starts_with("TLS: invalid peer certificate"), "{wrong}");
        let Seen::Known { value, .. } = &findings["anybody"] else { panic!("{findings:?}") };
        let Answer::Http(answer) = &value.answer else { panic!("{value:?}") };
        assert_eq!(answer.certificate_until, Some(end.parse().unwrap()));
        // A stranger's authority is not believed.
        let findings = found(&ProbeSettings::default(), &probes).await;
        let said = said(&probes, &findings, "right");
        assert!(said.contains("TLS: ") || said.contains("trusts no authority"), "{said}");
    }
}

/// A name server that gives the same answer to everybody, with the number and the question of
/// whoever asks. Without records it knows no name; `None`: it hangs up.
async fn name_server(flags: [u8; 2], records: Option<&'static [u8]>) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let length = stream.read_u16().await.unwrap();
            let mut question = vec![0; usize::from(length)];
            stream.read_exact(&mut question).await.unwrap();
            let Some(records) = records else { continue };
            let mut answer = question[..2].to_vec();
            answer.extend_from_slice(&flags);
            answer.extend_from_slice(&[0, 1, 0, u8::from(!records.is_empty()), 0, 0, 0, 0]);
            answer.extend_from_slice(&question[12..]);
            answer.extend_from_slice(records);
            stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    (address, tasks)
}

#[tokio::test]
async fn a_name_has_an_address_or_not_and_garbage_is_neither() {
    const ADDRESS: &[u8] = &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1];
    let table = [
        ([0x81, 0x80], Some(ADDRESS), "good"),
        ([0x81, 0x80], Some(&[]), "knows no address of kubernetes.default"),
        ([0x81, 0x83], Some(&[]), "knows no address of kubernetes.default"),
        ([0x81, 0x82], Some(&[]), "SERVFAIL"),
        ([0x81, 0x80], Some(&[0xff; 7]), "makes no sense"),
        ([0x01, 0x80], Some(ADDRESS), "another question"),
        ([0x81, 0x80], None, "hangs up"),
    ];
    for (flags, records, want) in table {
        let (address, _server) = name_server(flags, records).await;
        let name = "kubernetes.default.svc.cluster.local".to_owned();
        let (server, port) = (address.ip().to_string(), address.port());
        let probes = [("dns", probe(Ask::Dns { server, port, name }))];
        let findings = found(&ProbeSettings::default(), &probes).await;
        let said = said(&probes, &findings, "dns");
        assert!(said.contains(want), "{said}, and not {want}");
    }
}
