//! What a second terminal gets over HTTP from a simulated site: the answer of whoever serves, or
//! that of the ingress, or none.

use std::num::NonZeroU32;
use std::time::Duration;

use ananke::model::time::Span;
use ananke::sim::deed::{Deed, Which, Within};
use ananke::sim::faces::Stage;
use ananke::sim::faces::sockets::http::HttpDoors;
use ananke::sim::site::Site;
use ananke::sim::world::{VAULT_KEYS, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer that has not come within this is none. Answers on the loopback take milliseconds.
const LIMIT: Duration = Duration::from_secs(2);

struct Web {
    stage: Stage,
    doors: HttpDoors,
}

impl Web {
    fn open() -> Self {
        // Time stands still but for what the test lets pass.
        let stage = Stage::new(World::new(&Site::of("test", 3, 4), 1), NonZeroU32::MIN);
        let doors = HttpDoors::open(&stage).expect("a port on the loopback");
        Self { stage, doors }
    }

    /// The whole answer; nothing if it hangs or is refused.
    async fn ask(&self, method: &str, host: &str, path: &str, body: &str) -> String {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        let request = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        let whole = async {
            let mut stream = TcpStream::connect(self.doors.address()).await.ok()?;
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            Some(answer)
        };
        timeout(LIMIT, whole).await.ok().flatten().unwrap_or_default()
    }

    async fn get(&self, host: &str, path: &str) -> String {
        self.ask("GET", &format!("{host}.test.example"), path, "").await
    }

    fn suffer(&self, deeds: &[Deed]) {
        for deed in deeds {
            self.stage.suffer(deed).expect("a deed of this site");
        }
        self.stage.touch(|world| world.pass(Span::secs(15)));
    }
}

fn mute(workload: &str, on: bool) -> Deed {
    Deed::Inside(Within::Mute { workload: workload.to_owned(), on })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_answer_as_what_is_behind_them_does() {
    let web = Web::open();
    for (host, path, status, words) in [
        ("git", "/api/healthz", 200, "\"pass\""),
        ("harbor", "/api/v2.0/health", 200, "\"healthy\""),
        ("harbor", "/v2/", 401, "UNAUTHORIZED"),
        ("grafana", "/", 302, "/login"),
        ("vault", "/v1/sys/health", 200, "\"sealed\":false"),
        ("www", "/", 200, "web"),
        ("nobody", "/", 404, "404 page not found"),
    ] {
        let answer = web.get(host, path).await;
        let line = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&line) && answer.contains(words), "{host}{path}: {answer}");
    }

    web.suffer(&[mute("postgres", true)]);
    let answer = web.get("git", "/api/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"fail\""), "{answer}");
    let answer = web.get("harbor", "/api/v2.0/health").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"unhealthy\""), "{answer}");
    web.suffer(&[mute("postgres", false)]);

    let scaled = Within::Scaled { workload: "wiki".to_owned(), replicas: 0 };
    web.suffer(&[Deed::Inside(scaled)]);
    let answer = web.get("wiki", "/").await;
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.contains("no available server"),
        "{answer}"
    );

    web.suffer(&[Deed::Inside(Within::IngressForgets)]);
    assert!(web.get("git", "/").await.starts_with("HTTP/1.1 404 "), "Ready, without routes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_without_power_says_nothing_and_a_sealed_vault_takes_its_key() {
    let web = Web::open();
    web.suffer(&[Deed::Inside(Within::VaultSeals(true)), Deed::PowerOff(Which::All)]);
    assert_eq!(web.get("git", "/").await, "");
    web.suffer(&[Deed::PowerOn(Which::All)]);
    web.stage.touch(|world| world.pass(Span::mins(15)));
    assert!(web.get("git", "/api/healthz").await.starts_with("HTTP/1.1 200 "));
    let service = "vault.vault.svc.cluster.local:8200";
    let health = web.ask("GET", service, "/v1/sys/health", "").await;
    assert!(health.starts_with("HTTP/1.1 503 ") && health.contains("\"sealed\":true"), "{health}");
    assert!(web.get("vault", "/v1/sys/health").await.starts_with("HTTP/1.1 503 "));
    let key = async |key: &str| {
        let document = format!("{{\"key\":\"{key}\"}}");
        web.ask("PUT", service, "/v1/sys/unseal", &document).await
    };
    assert!(web.ask("PUT", service, "/v1/sys/unseal", "").await.starts_with("HTTP/1.1 400 "));
    let first = key(VAULT_KEYS[1]).await;
    assert!(first.starts_with("HTTP/1.1 200 ") && first.contains("\"progress\":1"), "{first}");
    let status = web.ask("GET", service, "/v1/sys/seal-status", "").await;
    assert!(status.contains("\"sealed\":true") && status.contains("\"t\":2"), "{status}");
    assert!(key("00").await.starts_with("HTTP/1.1 400 "), "and both are forgotten");
    for right in [VAULT_KEYS[0], VAULT_KEYS[1]] {
        assert!(key(right).await.starts_with("HTTP/1.1 200 "));
    }
    assert!(web.ask("GET", service, "/v1/sys/health", "").await.starts_with("HTTP/1.1 200 "));
    assert!(web.ask("PUT", service, "/", "").await.starts_with("HTTP/1.1 405 "));
}
