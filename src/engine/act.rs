//! How one action is begun, and what becomes of its outcome.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::{info, warn};

use super::failpoint;
use crate::model::action::Action;
use crate::model::outcome::Outcome;
use crate::ports::Hands;

/// What was begun, each with what became of it as far as anybody knows.
pub(super) type Begun = Vec<(Action, Option<Outcome>)>;

/// Begins actions. What becomes of them arrives by itself.
pub(super) fn begin_all<H: Hands>(
    actions: &[&Action],
    hands: &Arc<H>,
    told: &mpsc::Sender<Outcome>,
    begun: &mut Begun,
) {
    for action in actions.iter().copied() {
        info!(action = %action.id, remedy = %action.remedy, "{}", action.effect);
        act(hands, action.clone(), told.clone());
        begun.push((action.clone(), None));
    }
}

/// Starts one action; its outcome arrives by itself.
fn act<H: Hands>(hands: &Arc<H>, action: Action, told: mpsc::Sender<Outcome>) {
    let hands = Arc::clone(hands);
    tokio::spawn(async move {
        let outcome = hands.perform(action).await;
        failpoint::reached("acted");
        if told.send(outcome).await.is_err() {
            warn!("an outcome came after the loop had ended");
        }
    });
}

/// Logs an outcome, and files it with its action.
pub(super) fn note(outcome: &Outcome, done: &mut [(Action, Option<Outcome>)]) {
    let word = outcome.result.word();
    match outcome.result.why() {
        None => info!(action = %outcome.action, "{word}"),
        Some(why) => warn!(action = %outcome.action, "{word}: {why}"),
    }
    if let Some((_, slot)) = done.iter_mut().find(|(action, _)| action.id == outcome.action) {
        *slot = Some(outcome.clone());
    }
    failpoint::reached("learned");
}
