//! List, then watch, with an age that tells the truth: for the nodes, and for every kind of
//! [`super::looked::LOOKED`].
//!
//! kube-runtime's watcher keeps old objects without a mark of their age. This loop refreshes the
//! age on each list, event, bookmark and successful re-opening, and on nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use crate::model::facts::{Blind, BlindKind, NodeFacts};
use crate::model::ids::MachineName;

use super::board::Board;
use super::looked::{Looked, not_served};
use super::nodes::{node, text};
use super::read;
use super::wire::{Answer, NoAnswer, Wire, get};

/// The server ends each watch after this many seconds, so that a watch that died silently is
/// noticed within this time and [`GRACE`].
pub(super) const WATCH_SECONDS: u64 = 10;
/// How much longer than [`WATCH_SECONDS`] a watch may last before it counts as dead.
const GRACE: Duration = Duration::from_secs(3);
/// The least time between two openings, and the pause after a first failure; it doubles.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after failures. A link that comes back starts a new watch without a pause.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// More nodes than this are not kept: k3s itself ends well below.
const MAX_NODES: usize = 5_000;
/// etcd takes no object above 1.5 MB; an event carries one.
const MAX_LINE: usize = 4 << 20;
/// Lists that are read at once. A board that serves the API has just come up as well.
pub(super) const LISTS_AT_ONCE: usize = 2;

/// How a kind is looked at.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// A full, consistent list every so often: whatever a watch lost is mended by it.
    relist: Duration,
    /// Objects a page.
    page: usize,
    /// The least pause after missing rights: a person has to give them first.
    denied: Duration,
}

/// With 60 kB a node (images, mostly) a page has 15 MB.
const NODES: Pace = Pace { relist: Duration::from_secs(60), page: 250, denied: PAUSE };
/// A list of 300 pods has 2 MB: once in half an hour it is a hundredth of what asking for it every
/// ten seconds would cost.
const KINDS: Pace =
    Pace { relist: Duration::from_secs(30 * 60), page: 100, denied: Duration::from_secs(30) };

/// Where what is seen goes.
trait Keep {
    /// What of a list has come so far.
    type Coming: Default;
    fn page(&self, coming: &mut Self::Coming, items: &[Value]) -> Result<(), Blind>;
    fn listed(&self, coming: Self::Coming);
    fn put(&self, object: &Value);
    fn gone(&self, object: &Value);
    fn alive(&self);
    fn blind(&self, why: Blind);
}

/// The nodes, on which everything else hangs: when they can't be seen the link is looked at.
struct Nodes<'a>(&'a Board);

impl Keep for Nodes<'_> {
    type Coming = BTreeMap<MachineName, NodeFacts>;

    fn page(&self, coming: &mut Self::Coming, items: &[Value]) -> Result<(), Blind> {
        coming.extend(items.iter().filter_map(node));
        if coming.len() > MAX_NODES {
            let why = format!("more than {MAX_NODES} nodes are not looked at");
            return Err(Blind::new(BlindKind::Garbled, why));
        }
        Ok(())
    }

    fn listed(&self, coming: Self::Coming) {
        self.0.nodes_listed(coming);
    }

    fn put(&self, object: &Value) {
        if let Some((name, facts)) = node(object) {
            self.0.node(name, Some(facts));
        }
    }

    fn gone(&self, object: &Value) {
        if let Some((name, _)) = node(object) {
            self.0.node(name, None);
        }
    }

    fn alive(&self) {
        self.0.nodes_alive();
    }

    fn blind(&self, why: Blind) {
        // Missing rights are no trouble of the link.
        if why.kind != BlindKind::Denied {
            self.0.nudge.notify_one();
        }
        self.0.nodes_blind(why);
    }
}

/// The objects of one kind.
struct Kind<'a>(&'a Board, &'static Looked);

impl Keep for Kind<'_> {
    /// The shelf itself keeps what has come, since its type is known there only.
    type Coming = bool;

    fn page(&self, begun: &mut bool, items: &[Value]) -> Result<(), Blind> {
        let first = !std::mem::replace(begun, true);
        self.0.shelf(self.1, |shelf, _| {
            if first {
                shelf.begin();
            }
            (shelf.page(items), false)
        })
    }

    fn listed(&self, _begun: bool) {
        self.0.shelf(self.1, |shelf, now| ((), shelf.listed(now)));
    }

    fn put(&self, object: &Value) {
        self.0.shelf(self.1, |shelf, now| ((), shelf.put(object, now)));
    }

    fn gone(&self, object: &Value) {
        if let Some(path) = read::path(object) {
            self.0.shelf(self.1, |shelf, now| ((), shelf.gone(&path, now)));
        }
    }

    fn alive(&self) {
        self.0.shelf(self.1, |shelf, now| {
            shelf.alive(now);
            ((), false)
        });
    }

    fn blind(&self, why: Blind) {
        self.0.shelf(self.1, |shelf, _| ((), shelf.blind(&why)));
    }
}

/// Why following a watch ended.
#[derive(Debug)]
enum End {
    /// List again: the version is too old, or it is time.
    Relist,
    /// It failed.
    Failed(Blind),
}

/// The way to one kind.
struct Way<'a> {
    wire: &'a Wire,
    board: &'a Board,
    path: &'a str,
    pace: Pace,
    request: Duration,
}

/// Keeps the board's nodes as fresh as the server allows. Never returns; ended by dropping it.
pub(super) async fn nodes(wire: Wire, board: &Board, request: Duration) {
    let lists = Semaphore::new(1);
    let way = Way { wire: &wire, board, path: "/api/v1/nodes", pace: NODES, request };
    way.look(&Nodes(board), &lists).await;
}

/// Keeps one kind as fresh, for as long as the server serves it. Never returns either.
pub(super) async fn kind(
    wire: Wire,
    board: &Board,
    looked: &'static Looked,
    request: Duration,
    lists: &Semaphore,
) {
    let mut served = board.served();
    loop {
        let path = served.borrow_and_update().as_ref().map(|serves| looked.path(serves));
        let changed = served.changed();
        match path {
            None => drop(changed.await),
            Some(None) => {
                board.shelf(looked, |shelf, now| ((), shelf.not_served(&not_served(looked), now)));
                drop(changed.await);
            }
            Some(Some(path)) => {
                let way = Way { wire: &wire, board, path: &path, pace: KINDS, request };
                let keep = Kind(board, looked);
                tokio::select! {
                    () = way.look(&keep, lists) => {}
                    _ = changed => {}
                }
            }
        }
    }
}

impl Way<'_> {
    async fn look<K: Keep>(&self, keep: &K, lists: &Semaphore) {
        let mut pause = PAUSE;
        loop {
            let listed = {
                let _turn = lists.acquire().await;
                self.list(keep).await
            };
            let end = match listed {
                Ok(version) => self.follow(keep, version).await,
                Err(blind) => End::Failed(blind),
            };
            if let End::Failed(blind) = end {
                let (endpoint, path) = (self.wire.endpoint(), self.path);
                tracing::debug!(endpoint, path, %blind, "a kind can't be watched");
                let denied = blind.kind == BlindKind::Denied;
                keep.blind(blind);
                sleep(if denied { self.pace.denied.max(pause) } else { pause }).await;
                pause = MAX_PAUSE.min(pause * 2);
            } else {
                sleep(PAUSE).await;
                pause = PAUSE;
            }
        }
    }

    /// Every object; gives the version from which to watch.
    async fn list<K: Keep>(&self, keep: &K) -> Result<String, Blind> {
        let mut coming = K::Coming::default();
        let mut next = String::new();
        loop {
            let (path, limit) = (self.path, self.pace.page);
            let path = match next.as_str() {
                "" => format!("{path}?limit={limit}"),
                token => format!("{path}?limit={limit}&continue={}", query_value(token)),
            };
            let answer = self.wire.call(get(&path), self.request).await.map_err(NoAnswer::blind)?;
            if answer.code == http::StatusCode::UNAUTHORIZED {
                self.board.credentials_refused();
            }
            let page = answer.json()?;
            let Some(Value::Array(items)) = page.get("items") else {
                return Err(Blind::new(BlindKind::Garbled, "the answer is not a list"));
            };
            keep.page(&mut coming, items)?;
            next = text(&page, "/metadata/continue");
            if next.is_empty() {
                keep.listed(coming);
                return Ok(text(&page, "/metadata/resourceVersion"));
            }
        }
    }

    /// Watches from `version` on, opening a new watch whenever the server ends one.
    async fn follow<K: Keep>(&self, keep: &K, mut version: String) -> End {
        let relist = Instant::now() + self.pace.relist;
        while Instant::now() < relist {
            let opened = Instant::now();
            let path = format!(
                "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}\
                 &resourceVersion={}",
                self.path,
                query_value(&version)
            );
            let (code, body) = match self.wire.open(get(&path), self.request).await {
                Ok(head) => head,
                Err(blind) => return End::Failed(blind),
            };
            if !code.is_success() {
                return refused(self.board, code);
            }
            keep.alive();
            let limit = opened + Duration::from_secs(WATCH_SECONDS) + GRACE;
            match timeout_at(limit, events(body, keep, &mut version)).await {
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
async fn events<K: Keep>(body: Body, keep: &K, version: &mut String) -> Result<(), End> {
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
                event(&line, keep, version)?;
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
fn event<K: Keep>(line: &[u8], keep: &K, version: &mut String) -> Result<(), End> {
    if line.trim_ascii().is_empty() {
        return Ok(());
    }
    let event: Value = serde_json::from_slice(line).map_err(|_| garbled("what is no JSON"))?;
    let Some(object) = event.get("object") else { return Err(garbled("an event of nothing")) };
    let seen = text(object, "/metadata/resourceVersion");
    match event.get("type").and_then(Value::as_str) {
        Some("ADDED" | "MODIFIED") => keep.put(object),
        Some("DELETED") => keep.gone(object),
        Some("BOOKMARK") => keep.alive(),
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
