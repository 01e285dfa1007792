//! Watches: what changed since a revision, as it changes, with bookmarks, until the time is over.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::model::ids::MachineName;
use crate::sim::world::ApiDoor;
use crate::sim::world::store::{Became, Change, Fault, Selector, Store};

use super::Cluster;
use super::form::{Body, typed};
use super::route::{Objects, Query};
use super::table::View;

/// How long a watch lasts that does not say (kube-apiserver: 30 to 60 minutes).
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// How often a bookmark comes while nothing else does (kube-apiserver's watch cache: a minute).
const BOOKMARK: Duration = Duration::from_secs(60);
/// So long before its end a watch gets a last bookmark, so that the next one begins where it ended.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);
/// Changes that go out in one piece.
const PIECE: usize = 100;

/// What a watch is asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    what: Objects,
    view: View,
    selector: Selector,
    bookmarks: bool,
    initial: bool,
    from: Option<u64>,
    limit: Duration,
}

impl Wanted {
    /// # Errors
    /// 400 for what can't be read, 422 for options that do not go together
    pub(super) fn of(
        what: Objects,
        view: View,
        selector: Selector,
        query: &Query,
    ) -> Result<Self, Fault> {
        let bookmarks = query.flag("allowWatchBookmarks");
        let initial = query.flag("sendInitialEvents");
        let matching = query.text("resourceVersionMatch");
        if initial && (matching != "NotOlderThan" || !bookmarks) {
            return Err(Fault::list_options(
                "resourceVersionMatch",
                "sendInitialEvents needs resourceVersionMatch=NotOlderThan and \
                 allowWatchBookmarks=true",
            ));
        }
        if !initial && !matching.is_empty() {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is \
                       provided";
            return Err(Fault::list_options("resourceVersionMatch", why));
        }
        // 0 and nothing mean: from whatever there is.
        let from = query.number("resourceVersion");
        let from =
            from.map_err(|why| Fault::unclassed(why.message))?.filter(|it| *it > 0 && !initial);
        let limit = query.number("timeoutSeconds")?.filter(|it| *it > 0);
        let limit = limit.map_or(LONGEST, |it| Duration::from_secs(it).min(LONGEST));
        Ok(Self { what, view, selector, bookmarks, initial, from, limit })
    }
}

/// A watch under way.
struct Watch<C> {
    cluster: C,
    server: MachineName,
    wanted: Wanted,
    changed: watch::Receiver<u64>,
    /// The revision that its first look found, and the one up to which everything was told.
    began: u64,
    seen: u64,
    lines: VecDeque<String>,
    columns_said: bool,
    bookmark: Option<Instant>,
    end: Instant,
    over: bool,
}

/// Answers with a watch.
pub(super) fn answer<C: Cluster>(
    cluster: &C,
    server: &MachineName,
    wanted: Wanted,
) -> Response<Body> {
    let end = Instant::now() + wanted.limit;
    let mut watch = Watch {
        cluster: cluster.clone(),
        server: server.clone(),
        changed: cluster.changed(),
        began: wanted.from.unwrap_or(0),
        seen: wanted.from.unwrap_or(0),
        lines: VecDeque::new(),
        columns_said: false,
        bookmark: None,
        end,
        over: false,
        wanted,
    };
    watch.next_bookmark();
    cluster.look(|store, now| match watch.wanted.from {
        None => watch.begin(store, now),
        Some(_) => watch.catch_up(store, now),
    });
    watch.began = watch.seen;
    let body = StreamBody::new(stream::unfold(watch, |mut watch| async move {
        let piece = watch.piece().await?;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(piece))), watch))
    }));
    typed(200, "application/json", String::new()).map(|_| body.boxed_unsync())
}

impl<C: Cluster> Watch<C> {
    /// What there is already, as if it were new.
    fn begin(&mut self, store: &Store, now: Timestamp) {
        let Wanted { what, selector, .. } = &self.wanted;
        let namespace = (!what.namespace.is_empty()).then_some(what.namespace.as_str());
        let objects = store.list(what.kind, namespace).filter(|(key, object)| {
            (what.name.is_empty() || key.name == what.name) && selector.matches(object)
        });
        let objects: Vec<_> = objects.map(|(_, object)| object.clone()).collect();
        for object in objects {
            self.say("ADDED", &object, now);
        }
        self.seen = store.revision();
        if self.wanted.initial {
            let bookmark = self.wanted.view.bookmark(self.seen, true);
            self.lines.push_back(line("BOOKMARK", &bookmark));
        }
    }

    /// The next lines; `None` when the watch is over.
    async fn piece(&mut self) -> Option<String> {
        loop {
            if !self.lines.is_empty() {
                return Some(self.lines.drain(..).collect());
            }
            if self.over || Instant::now() >= self.end {
                return None;
            }
            self.changed.mark_unchanged();
            // Without its etcd a server has nothing to tell; clients ask again.
            if self.cluster.door(&self.server) != ApiDoor::Ready {
                return None;
            }
            let cluster = self.cluster.clone();
            cluster.look(|store, now| self.catch_up(store, now));
            if !self.lines.is_empty() {
                continue;
            }
            let wake = self.bookmark.map_or(self.end, |at| at.min(self.end));
            tokio::select! {
                end = self.changed.changed() => self.over |= end.is_err(),
                () = sleep_until(wake) => {}
            }
        }
    }

    fn catch_up(&mut self, store: &Store, now: Timestamp) {
        let Some(changes) = store.since(self.seen) else {
            let gone = Fault::expired(self.seen, store.revision()).status();
            self.lines.push_back(line("ERROR", &gone));
            self.over = true;
            return;
        };
        let changes: Vec<Change> = changes.take(PIECE).cloned().collect();
        for change in &changes {
            self.take(change, now);
        }
        self.seen = changes.last().map_or(self.seen, |change| change.revision);
        let due = self.bookmark.is_some_and(|at| at <= Instant::now());
        if due && changes.len() < PIECE {
            // A bookmark of what its first look found is not sent by kube-apiserver either.
            if self.seen > self.began {
                let bookmark = self.wanted.view.bookmark(self.seen, false);
                self.lines.push_back(line("BOOKMARK", &bookmark));
            }
            self.next_bookmark();
        }
    }

    /// A change of what is chosen. What comes to be chosen is new, what is no longer is gone.
    fn take(&mut self, change: &Change, now: Timestamp) {
        let Wanted { what, selector, .. } = &self.wanted;
        let key = &change.key;
        if key.kind != what.kind
            || !(what.namespace.is_empty() || key.namespace == what.namespace)
            || !(what.name.is_empty() || key.name == what.name)
        {
            return;
        }
        let is = change.what != Became::Deleted && selector.matches(&change.object);
        let was = change.before.as_ref().is_some_and(|before| selector.matches(before));
        let word = match (was, is) {
            (false, false) => return,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        // Of what is no longer chosen the last state is told that was, at the new revision.
        let mut object = change.object.clone();
        if word == "DELETED"
            && let Some(before) = &change.before
        {
            let mut last = (**before).clone();
            last["metadata"]["resourceVersion"] = change.revision.to_string().into();
            object = last.into();
        }
        self.say(word, &object, now);
    }

    fn say(&mut self, word: &str, object: &Value, now: Timestamp) {
        let object = self.wanted.view.event(object, now, !self.columns_said);
        self.columns_said = true;
        self.lines.push_back(line(word, &object));
    }

    /// One a minute, and one shortly before the end.
    fn next_bookmark(&mut self) {
        let now = Instant::now();
        let last = self.end.checked_sub(LAST_BOOKMARK).filter(|last| *last > now);
        let next = last.map(|last| last.min(now + BOOKMARK));
        self.bookmark = next.filter(|_| self.wanted.bookmarks);
    }
}

fn line(word: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": word, "object": object}))
}
