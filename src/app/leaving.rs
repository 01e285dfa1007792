//! Whether somebody switches this host off, or restarts it, past ananke: written down and told
//! before the host is gone.

use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::words;
use crate::adapters::host::inhibit::{InhibitError, Inhibitor, Word};
use crate::model::tick::Order;
use crate::model::time::Span;
use crate::ports::Told;

/// How long the host is kept waiting at the most. logind itself waits for 5 s unless somebody
/// changed that (`InhibitDelayMaxSec`), and a synced record takes a fraction of a second.
const HELD: Span = Span::secs(4);

/// The pause before the lock is taken again: after it ended at once, and after the host was let
/// go, while logind gives no new one.
const AGAIN: Span = Span::secs(30);

/// Holds the lock, one child after the other, and hands on what logind says. Ends with the loop
/// that takes its orders; dropped, it gives the lock back.
pub(super) async fn watch(inhibitor: Inhibitor, told: mpsc::Sender<Told>) {
    let mut said = String::new();
    while !told.is_closed() {
        let began = tokio::time::Instant::now();
        match held(&inhibitor, &told).await {
            // A child whose life is over is followed by the next one at once.
            Some(_) if began.elapsed() > AGAIN.to_std() => continue,
            Some(why) if why != said => {
                tracing::warn!("a shutdown of this host would not be noticed: {why}");
                said = why;
            }
            Some(_) | None => {}
        }
        sleep(AGAIN.to_std()).await;
    }
}

/// Holds the lock until the host is let go. Gives the reason if it was lost before.
async fn held(inhibitor: &Inhibitor, told: &mpsc::Sender<Told>) -> Option<String> {
    let ended = |error: InhibitError| Some(words::chain(&error));
    let mut lock = match inhibitor.take() {
        Ok(lock) => lock,
        Err(error) => return ended(error),
    };
    loop {
        let word = match lock.next().await {
            Ok(word) => word,
            Err(error) => return ended(error),
        };
        let stops = word == Word::Stops;
        if timeout(HELD.to_std(), tell(told, stops)).await.is_err() {
            tracing::error!("the host is not kept waiting any longer for the ledger");
        }
        if stops {
            return None;
        }
    }
}

/// Returns when the ledger has it, or can't take it.
async fn tell(told: &mpsc::Sender<Told>, stops: bool) {
    let (taken, heard) = oneshot::channel();
    let taken = Box::new(move |tick| {
        // Who waited may have given up.
        let _ = taken.send(tick);
    });
    let order = Order::HostStops { stops };
    if told.send(Told { order, taken }).await.is_err() || heard.await.is_err() {
        tracing::error!("that this host is stopped could not be written down");
    }
}
