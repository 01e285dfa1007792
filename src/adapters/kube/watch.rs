//! The nodes: list, then watch, with an age that tells the truth.
//!
//! kube-runtime's watcher keeps old objects without a mark of their age. This loop refreshes the
//! age on each list, event, bookmark and successful re-opening, and on nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use crate::model::facts::{Blind, BlindKind, NodeFacts};
use crate::model::ids::MachineName;

use super::board::Board;
use super::nodes::{node, text};
use super::wire::{Answer, NoAnswer, Wire, get};

/// The server ends each watch after this many seconds, so that a watch that died silently is
/// noticed within this time and [`GRACE`].
pub(super) const WATCH_SECONDS: u64 = 10;
/// How much longer than [`WATCH_SECONDS`] a watch may last before it counts as dead.
const GRACE: Duration = Duration::from_secs(3);
/// A full, consistent list every so often: whatever a watch lost is mended by it.
const RELIST: Duration = Duration::from_secs(60);
/// The least time between two openings, and the pause after a first failure; it doubles.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after failures. A link that comes back starts a new watch without a pause.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// Objects a page. With 60 kB a node (images, mostly) a page has 15 MB.
const PAGE: usize = 250;
/// More nodes than this are not kept: k3s itself ends well below.
const MAX_NODES: usize = 5_000;
/// etcd takes no object above 1.5 MB; an event carries one.
const MAX_LINE: usize = 4 << 20;

/// Why following a watch ended.
#[derive(Debug)]
enum End {
    /// List again: the version is too old, or it is time.
    Relist,
    /// It failed.
    Failed(Blind),
}

/// Keeps the board's nodes as fresh as the server allows. Never returns; ended by dropping it.
pub(super) async fn nodes(wire: Wire, board: &Board, request: Duration) {
    let mut pause = PAUSE;
    loop {
        let end = match list(&wire, board, request).await {
            Ok((nodes, version)) => {
                board.nodes_listed(nodes);
                follow(&wire, board, version, request).await
            }
            Err(blind) => End::Failed(blind),
        };
        if let End::Failed(blind) = end {
            tracing::debug!(endpoint = wire.endpoint(), %blind, "the nodes can't be watched");
            // Missing rights are no trouble of the link.
            if blind.kind != BlindKind::Denied {
                board.nudge.notify_one();
            }
            board.nodes_blind(blind);
            sleep(pause).await;
            pause = MAX_PAUSE.min(pause * 2);
        } else {
            sleep(PAUSE).await;
            pause = PAUSE;
        }
    }
}

/// Every node, and the version from which to watch.
async fn list(
    wire: &Wire,
    board: &Board,
    request: Duration,
) -> Result<(BTreeMap<MachineName, NodeFacts>, String), Blind> {
    let mut nodes = BTreeMap::new();
    let mut next = String::new();
    loop {
        let path = match next.as_str() {
            "" => format!("/api/v1/nodes?limit={PAGE}"),
            token => format!("/api/v1/nodes?limit={PAGE}&continue={}", query_value(token)),
        };
        let answer = wire.call(get(&path), request).await.map_err(NoAnswer::blind)?;
        if answer.code == http::StatusCode::UNAUTHORIZED {
            board.credentials_refused();
        }
        let page = answer.json()?;
        let Some(Value::Array(items)) = page.get("items") else {
            return Err(Blind::new(BlindKind::Garbled, "the answer is not a list"));
        };
        nodes.extend(items.iter().filter_map(node));
        if nodes.len() > MAX_NODES {
            let why = format!("more than {MAX_NODES} nodes are not looked at");
            return Err(Blind::new(BlindKind::Garbled, why));
        }
        next = text(&page, "/metadata/continue");
        if next.is_empty() {
            return Ok((nodes, text(&page, "/metadata/resourceVersion")));
        }
    }
}

/// Watches from `version` on, opening a new watch whenever the server ends one.
async fn follow(wire: &Wire, board: &Board, mut version: String, request: Duration) -> End {
    let relist = Instant::now() + RELIST;
    while Instant::now() < relist {
        let opened = Instant::now();
        let path = format!(
            "/api/v1/nodes?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}\
             &resourceVersion={}",
            query_value(&version)
        );
        let (code, body) = match wire.open(get(&path), request).await {
            Ok(head) => head,
            Err(blind) => return End::Failed(blind),
        };
        if !code.is_success() {
            return refused(board, code);
        }
        board.nodes_alive();
        let limit = opened + Duration::from_secs(WATCH_SECONDS) + GRACE;
        match timeout_at(limit, events(body, board, &mut version)).await {
            Ok(Ok(())) => {}
            Ok(Err(end)) => return end,
            Err(_) => {
                return End::Failed(Blind::new(BlindKind::TimedOut, "the watch went silent"));
            }
        }
        // A server that ends every watch at once must not be asked without pause.
        tokio::time::sleep_until(opened + PAUSE).await;
    }
    End::Relist
}

fn refused(board: &Board, code: http::StatusCode) -> End {
    match code.as_u16() {
        410 => End::Relist,
        401 => {
            board.credentials_refused();
            End::Failed(Blind::new(BlindKind::Denied, "401: the credentials are refused"))
        }
        _ => End::Failed(Answer { code, body: Vec::new() }.blind()),
    }
}

/// Reads events, a line each, until the server ends the watch.
async fn events(body: Body, board: &Board, version: &mut String) -> Result<(), End> {
    let mut chunks = body.into_data_stream();
    let mut line: Vec<u8> = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| {
            let why = format!("the watch broke off: {e}");
            End::Failed(Blind::new(BlindKind::Unreachable, super::wire::short(&why, 200)))
        })?;
        for piece in chunk.split_inclusive(|&byte| byte == b'\n') {
            line.extend_from_slice(piece);
            if line.len() > MAX_LINE {
                return Err(garbled("an event of more than 4 MB"));
            }
            if line.ends_with(b"\n") {
                event(&line, board, version)?;
                line.clear();
            }
        }
    }
    Ok(())
}

fn garbled(what: &str) -> End {
    End::Failed(Blind::new(BlindKind::Garbled, format!("the watch sent {what}")))
}

/// Takes one event in.
fn event(line: &[u8], board: &Board, version: &mut String) -> Result<(), End> {
    if line.trim_ascii().is_empty() {
        return Ok(());
    }
    let event: Value = serde_json::from_slice(line).map_err(|_| garbled("what is no JSON"))?;
    let Some(object) = event.get("object") else { return Err(garbled("an event of nothing")) };
    let seen = text(object, "/metadata/resourceVersion");
    match event.get("type").and_then(Value::as_str) {
        Some("ADDED" | "MODIFIED") => {
            if let Some((name, facts)) = node(object) {
                board.node(name, Some(facts));
            }
        }
        Some("DELETED") => {
            if let Some((name, _)) = node(object) {
                board.node(name, None);
            }
        }
        Some("BOOKMARK") => board.nodes_alive(),
        Some("ERROR") if object.get("code").and_then(Value::as_u64) == Some(410) => {
            return Err(End::Relist);
        }
        Some("ERROR") => return Err(garbled(&format!("an error: {}", text(object, "/message")))),
        _ => return Err(garbled("an event of no known type")),
    }
    if !seen.is_empty() {
        *version = seen;
    }
    Ok(())
}

/// A value for a query: continue tokens are base64, versions numbers; both opaque by contract.
pub(super) fn query_value(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
