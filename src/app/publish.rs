//! Publishes in the cluster how ananke sees it: the `RecoveryStatus` and Events.
//!
//! A task of its own. The loop hands it the newest tick and goes on; whatever the API does, the
//! loop does not notice. What comes too fast is taken together, and what says nothing new is not
//! written.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::adapters::kube::{Applied, KubeLink, Unpublished};
use crate::model::facts::Link;
use crate::model::record::TickRecord;
use crate::model::recovery_status::{Spec, Status, object_name};
use crate::model::tick::Order;
use crate::model::time::{Mono, Span};
use crate::ports::{Clock, Told};
use crate::report::{self, Anchor, Context, Event, event_object};

/// Events that wait for the API. More than that in one outage are dropped, and counted.
const EVENTS: usize = 128;
/// The pause after a write that did not succeed.
const AGAIN: Span = Span::secs(5);
/// How long the end of a run waits for the last word to be written.
const LAST_WORD: Span = Span::secs(5);

/// The newest tick, and how often the link was seen to be down before it.
#[derive(Debug, Clone)]
struct Shown {
    record: Arc<TickRecord>,
    outages: u64,
}

/// Takes ticks, and writes what is new of them.
#[derive(Debug)]
pub(super) struct Publisher {
    shown: watch::Sender<Option<Shown>>,
    events: mpsc::Sender<Event>,
    outages: u64,
    was_up: bool,
    dropped: u64,
    kube: Arc<KubeLink>,
    task: JoinHandle<()>,
}

impl Publisher {
    /// Starts the task. Wishes that it finds in the object go to `orders`.
    pub(super) fn start<C: Clock + Clone + 'static>(
        clock: C,
        kube: Arc<KubeLink>,
        orders: mpsc::Sender<Told>,
    ) -> Self {
        let (shown, seen) = watch::channel(None);
        let (events, happened) = mpsc::channel(EVENTS);
        let writer = Writer {
            clock,
            kube: Arc::clone(&kube),
            orders,
            seen,
            happened,
            crd: report::crd(),
            anchor: None,
            known: None,
            last: None,
            outages: 0,
            waiting: None,
            wish: None,
            trouble: None,
            not_before: Mono(0),
        };
        let task = tokio::spawn(writer.run());
        Self { shown, events, outages: 0, was_up: false, dropped: 0, kube, task }
    }

    /// Takes a tick. Never waits.
    pub(super) fn show(&mut self, record: &Arc<TickRecord>) {
        let up = matches!(record.input.observation.api.link, Link::Up { .. });
        if self.was_up && !up {
            self.outages += 1;
        }
        self.was_up = up;
        let decision = &record.decision;
        let acts = decision.standing.acts();
        if !record.input.policy.coordination.is_alone() {
            self.kube.share(acts.then_some(decision.memory.durable.epoch));
        }
        for event in report::events(record).into_iter().filter(|_| acts) {
            if self.events.try_send(event).is_err() {
                self.dropped += 1;
                tracing::debug!(dropped = self.dropped, "an Event finds no room and is dropped");
            }
        }
        self.shown.send_replace(Some(Shown { record: Arc::clone(record), outages: self.outages }));
    }

    /// Waits until the last tick is written, for as long as that may take.
    pub(super) async fn finish(self) {
        let Self { shown, events, mut task, .. } = self;
        drop((shown, events));
        if tokio::time::timeout(LAST_WORD.to_std(), &mut task).await.is_err() {
            task.abort();
            tracing::warn!("the cluster does not have ananke's last word");
        }
    }
}

struct Writer<C> {
    clock: C,
    kube: Arc<KubeLink>,
    orders: mpsc::Sender<Told>,
    seen: watch::Receiver<Option<Shown>>,
    happened: mpsc::Receiver<Event>,
    crd: Value,
    anchor: Option<Anchor>,
    /// The object as it was seen last. `None`: it has to be claimed first.
    known: Option<Applied>,
    /// What was written last over this link, and when.
    last: Option<(Status, Mono)>,
    outages: u64,
    /// An Event that could not be written yet.
    waiting: Option<Event>,
    /// The wish that was handed on last; `None` before the object was seen.
    wish: Option<Option<String>>,
    trouble: Option<String>,
    not_before: Mono,
}

impl<C: Clock> Writer<C> {
    async fn run(mut self) {
        let mut due = None;
        loop {
            let ended = tokio::select! {
                changed = self.seen.changed() => changed.is_err(),
                () = wait(&self.clock, due) => false,
            };
            due = self.round(ended).await;
            if ended {
                return;
            }
        }
    }

    /// Writes what is due; says when something else is.
    async fn round(&mut self, last_word: bool) -> Option<Mono> {
        let shown = self.seen.borrow_and_update().clone()?;
        if !matches!(shown.record.input.observation.api.link, Link::Up { .. }) {
            return None;
        }
        // Of several ananke hosts only the one that acts has its word in the cluster.
        if !shown.record.decision.standing.acts() {
            (self.known, self.last) = (None, None);
            return None;
        }
        if shown.outages != self.outages {
            (self.outages, self.known, self.last) = (shown.outages, None, None);
        }
        let now = self.clock.now().mono;
        if now < self.not_before && !last_word {
            return Some(self.not_before);
        }
        match self.write(&shown.record, now, last_word).await {
            Ok(due) => {
                self.trouble = None;
                due
            }
            Err(why) => {
                self.note(&why);
                self.known = None;
                self.not_before = now + AGAIN;
                Some(self.not_before)
            }
        }
    }

    async fn write(
        &mut self,
        record: &TickRecord,
        now: Mono,
        last_word: bool,
    ) -> Result<Option<Mono>, Unpublished> {
        let name = object_name(&record.input.policy.cluster);
        let known = match self.known.take() {
            Some(known) => known,
            None => self.kube.claim_status(&name, &self.crd).await?,
        };
        let known = self.known.insert(known).clone();
        self.hand_on(&known.spec, record, &name);
        let anchor = Anchor::follow(self.anchor.as_ref(), &record.input.now);
        let status = report::recovery_status(
            record,
            &Context {
                anchor: &anchor,
                generation: Some(known.generation),
                before: &known.conditions,
                again: self.last.is_some(),
            },
        );
        self.anchor = Some(anchor);
        let due = self.last.as_ref().map(|(last, at)| *at + report::pace(last, &status));
        let same = self.last.as_ref().is_some_and(|(last, _)| *last == status);
        let ripe = last_word || due.is_none_or(|due| now >= due);
        if ripe && !same {
            let applied = self.kube.apply_status(&name, &status).await?;
            self.last = Some((status, now));
            self.hand_on(&applied.spec, record, &name);
            self.known = Some(applied);
            self.post(record, &known.uid).await;
            // What was just written may have taken back an older claim only.
            return Ok(Some(now + Span::secs(2)));
        }
        self.post(record, &known.uid).await;
        Ok(due.filter(|_| !same))
    }

    /// Writes the Events that wait. One that is refused is dropped; while the API is not there
    /// they go on waiting.
    async fn post(&mut self, record: &TickRecord, uid: &str) {
        let policy = &record.input.policy;
        while let Some(event) = self.waiting.take().or_else(|| self.happened.try_recv().ok()) {
            let object = event_object(&event, &policy.cluster, &policy.owner, uid);
            match self.kube.post_event(&object).await {
                Ok(()) => {}
                Err(Unpublished::NoApi(_)) => {
                    self.waiting = Some(event);
                    return;
                }
                Err(why) => tracing::debug!("the Event {} is not written: {why}", event.id),
            }
        }
    }

    /// A wish that is new becomes an order; one that was taken away ends the pause that it made,
    /// and no other.
    fn hand_on(&mut self, spec: &Spec, record: &TickRecord, name: &str) {
        let wish = spec.pause.as_ref().map(|pause| pause.reason.clone());
        if self.wish.as_ref() == Some(&wish) {
            return;
        }
        let by = format!("recoverystatus/{name}");
        let paused = record.decision.memory.durable.paused.as_ref();
        let order = match &wish {
            Some(why) if paused.is_some_and(|pause| pause.by == by && pause.why == *why) => None,
            Some(why) => Some(Order::Pause { by, why: why.clone() }),
            None if paused.is_some_and(|pause| pause.by == by) => Some(Order::Resume { by }),
            None => None,
        };
        if let Some(order) = order {
            tracing::info!("a wish in the RecoveryStatus: {order:?}");
            let told = Told { order, taken: Box::new(|_| {}) };
            if self.orders.try_send(told).is_err() {
                // Not remembered as handed on, so that the next look tries again.
                tracing::warn!("the loop has no room for the wish; it is handed on later");
                return;
            }
        }
        self.wish = Some(wish);
    }

    /// Says each trouble once, until it is another one.
    fn note(&mut self, why: &Unpublished) {
        let text = why.to_string();
        if self.trouble.as_ref() != Some(&text) {
            tracing::warn!("the RecoveryStatus is not written: {text}");
            self.trouble = Some(text);
        }
    }
}

async fn wait<C: Clock>(clock: &C, due: Option<Mono>) {
    match due {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
