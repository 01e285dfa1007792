//! What somebody finds who comes at the wrong time, without credentials, or with nonsense.

use std::net::TcpListener;
use std::pin::pin;
use std::time::Duration;

use ananke::sim::world::ApiDoor;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::side::{Bare, Side, body, client, plain, text};

/// Asks for `/readyz` until it says what is expected; `None` is no answer.
async fn until(kubeconfig: &str, expected: Option<u16>) {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let api = client(kubeconfig).await;
        let ask = http::Request::get("/readyz").body(kube::client::Body::empty()).unwrap();
        let said = match timeout(Duration::from_millis(400), api.send(ask)).await {
            Ok(Ok(response)) => Some(response.status().as_u16()),
            Ok(Err(_)) | Err(_) => None,
        };
        if said == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{said:?} instead of {expected:?}");
        // poll: /readyz
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_is_as_the_world_says() {
    let bare = Bare::new();
    let server = bare.serve();
    let (address, kubeconfig) = (server.address(), server.kubeconfig().to_owned());
    until(&kubeconfig, Some(200)).await;
    let side = Side::new(client(&kubeconfig).await);
    bare.set(ApiDoor::NotReady);
    until(&kubeconfig, Some(500)).await;
    for (path, code) in [("/livez", 200), ("/version", 200), ("/api/v1/nodes", 503), ("/api", 503)]
    {
        let (said, _) = side.quietly(&format!("GET {path}"), plain()).await;
        assert_eq!(said, code, "{path}");
    }
    bare.set(ApiDoor::Refused);
    until(&kubeconfig, None).await;
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let taken = TcpListener::bind(address).unwrap_err();
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse, "the port stays ours");
    bare.set(ApiDoor::Silent);
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut hangs = loop {
        match TcpStream::connect(address).await {
            Ok(stream) => break stream,
            Err(why) => assert!(Instant::now() < deadline, "the port does not open: {why}"),
        }
        // poll: the port
        sleep(Duration::from_millis(20)).await;
    };
    hangs.write_all(b"\x16\x03\x01").await.unwrap();
    let read = timeout(Duration::from_millis(300), hangs.read_u8()).await;
    assert!(read.is_err(), "a silent door answers nothing, and closes nothing: {read:?}");
    bare.set(ApiDoor::Ready);
    until(&kubeconfig, Some(200)).await;
    drop(server);
    let deadline = Instant::now() + Duration::from_secs(5);
    while TcpListener::bind(address).is_err() {
        assert!(Instant::now() < deadline, "the port is not given back");
        // poll: the port
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_begun_before_a_silent_door_goes_on_after_it() {
    let bare = Bare::new();
    let server = bare.serve();
    let side = Side::new(client(server.kubeconfig()).await);
    bare.set(ApiDoor::Silent);
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let mut hangs = pin!(side.quietly("GET /api/v1/nodes", plain()));
        if timeout(Duration::from_millis(300), &mut hangs).await.is_err() {
            bare.set(ApiDoor::Ready);
            assert_eq!(hangs.await.0, 200);
            return;
        }
        assert!(Instant::now() < deadline, "a silent door answers");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_ends_with_its_etcd() {
    let bare = Bare::new();
    let server = bare.serve();
    let side = Side::new(client(server.kubeconfig()).await);
    let mut watch = side.open("/api/v1/namespaces?watch=1", plain()).await;
    let mut events = watch.next(4).await;
    bare.set(ApiDoor::NotReady);
    events.extend(watch.next(1).await);
    assert_eq!(events.len(), 4, "the four namespaces, and then the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_learn_only_what_is_public() {
    let bare = Bare::new();
    let server = bare.serve();
    let config: Value = serde_json::from_str(server.kubeconfig()).unwrap();
    let with = |user: Value| {
        let mut config = config.clone();
        config["users"][0]["user"] = user;
        config.to_string()
    };
    let table = [
        (with(json!({})), [200, 200, 403, 403, 403]),
        (with(json!({"token": "guessed"})), [401, 401, 401, 401, 401]),
        (config.to_string(), [200, 200, 200, 200, 404]),
    ];
    for (kubeconfig, codes) in table {
        let side = Side::new(client(&kubeconfig).await);
        for (path, code) in
            ["/readyz", "/version", "/api", "/api/v1/nodes", "/nothing"].into_iter().zip(codes)
        {
            assert_eq!(side.quietly(&format!("GET {path}"), plain()).await.0, code, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_refused_and_harms_nobody() {
    let bare = Bare::new();
    let server = bare.serve();
    let side = Side::new(client(server.kubeconfig()).await);
    let (code, said) =
        side.quietly("POST /api/v1/nodes", text("application/json", &"x".repeat(2 << 20))).await;
    assert_eq!((code, &said["reason"]), (413, &json!("RequestEntityTooLarge")));
    let deep = "[".repeat(100_000);
    let table = [
        ("POST /api/v1/nodes", text("application/json", &deep), 400),
        ("POST /api/v1/nodes", text("application/yaml", &deep), 400),
        ("POST /api/v1/nodes", text("application/json", "\u{0}"), 400),
        ("POST /api/v1/nodes", plain(), 400),
        ("GET /api/v1/nodes?labelSelector=%zz", plain(), 400),
        ("GET /api/v1/nodes/..%2f..%2fetc", plain(), 404),
        ("DELETE /api/v1/nodes", plain(), 405),
        ("DELETE /api/v1/namespaces/default", plain(), 405),
        ("OPTIONS /api/v1/nodes", plain(), 405),
        ("POST /version", plain(), 405),
        ("GET /openapi/v3", plain(), 404),
        ("GET /api/v1/namespaces/default/pods/p/log", plain(), 404),
        ("POST /api/v1/nodes?dryRun=Some", body(&json!({})), 400),
    ];
    for (line, ask, code) in table {
        let (said, answer) = side.quietly(line, ask).await;
        assert_eq!(said, code, "{line}: {answer}");
        assert_eq!(answer["kind"], "Status", "{line}: {answer}");
    }
    // No TLS, and TLS with something else within.
    let mut plain_text = TcpStream::connect(server.address()).await.unwrap();
    plain_text.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    timeout(Duration::from_secs(5), plain_text.read_to_end(&mut rest)).await.unwrap().ok();
    assert_eq!(side.quietly("GET /readyz", plain()).await.0, 200);
}
