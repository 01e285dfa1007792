//! `ananke history`: the episodes of the ledger, and what was ordered and done in each.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::summary::{ActionLine, action_line};
use super::text::{count, paragraph};
use crate::model::action::Action;
use crate::model::episode::EndKind;
use crate::model::ids::ActionId;
use crate::model::intent::Desired;
use crate::model::outcome::Outcome;
use crate::model::record::LedgerRecord;
use crate::model::tick::Order;

/// What the ledger tells. Additive changes only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// The version of this form.
    pub schema: u32,
    /// How far back the ledger reaches; what is older was taken out of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Stretches of time, oldest first.
    pub chapters: Vec<Chapter>,
}

/// An episode, or the quiet time between two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chapter {
    /// The episode's number; none in quiet times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episode: Option<u64>,
    /// What opened it.
    pub cause: String,
    /// When it began, or when the first of its entries was written.
    pub began: Timestamp,
    /// When it ended, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// What was ordered and done, in order.
    pub entries: Vec<Entry>,
}

/// One thing that was ordered or done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What a person said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// What was done, and what became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionLine>,
    /// How long the action took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

/// The history of a ledger. Writes that only prove something are left out.
pub fn history(records: &[LedgerRecord]) -> History {
    let outcomes: BTreeMap<&ActionId, &Outcome> = records
        .iter()
        .flat_map(|record| &record.outcomes)
        .map(|outcome| (&outcome.action, outcome))
        .collect();
    let mut chapters: Vec<Chapter> = Vec::new();
    for record in records {
        let episode = record.memory.episode.as_ref();
        // What ends an episode is still of it.
        let open = episode.filter(|episode| {
            let known = chapters
                .last()
                .is_some_and(|last| last.episode == Some(episode.id.0) && last.ended.is_none());
            episode.end.is_none() || known
        });
        let id = open.map(|episode| episode.id.0);
        let entries = entries(record, &outcomes);
        if chapters.last().is_none_or(|last| last.episode != id) {
            if entries.is_empty() && id.is_none() {
                continue;
            }
            // One that another takes the place of has its end in that very record.
            if let (Some(last), Some(_)) = (chapters.last_mut(), open)
                && last.episode.is_some()
                && last.ended.is_none()
            {
                last.ended = Some(record.at.wall);
                last.end = Some(EndKind::Overtaken.to_string());
            }
            chapters.push(Chapter {
                episode: id,
                cause: open.map_or_else(|| "quiet".to_owned(), |it| it.cause.to_string()),
                began: open.map_or(record.at.wall, |episode| episode.opened_wall),
                ended: None,
                end: None,
                entries: Vec::new(),
            });
        }
        let Some(chapter) = chapters.last_mut() else { continue };
        chapter.entries.extend(entries);
        if let Some(end) = open.and_then(|episode| episode.end.as_ref()) {
            (chapter.ended, chapter.end) = (Some(end.wall), Some(end.how.to_string()));
        }
    }
    History { schema: 1, since: records.first().map(|record| record.at.wall), chapters }
}

fn entries(record: &LedgerRecord, outcomes: &BTreeMap<&ActionId, &Outcome>) -> Vec<Entry> {
    let at = record.at.wall;
    let orders = record.orders.iter().map(|order| Entry {
        at,
        order: Some(order_text(order)),
        action: None,
        took_ms: None,
    });
    let repairs = record.begin.iter().filter(|action: &&Action| !action.effect.is_proof());
    let actions = repairs.map(|action| {
        let outcome = outcomes.get(&action.id).copied();
        Entry {
            at,
            order: None,
            action: Some(action_line(action, outcome, "no outcome yet")),
            took_ms: outcome.map(|outcome| outcome.ended.since(outcome.began).as_millis()),
        }
    });
    orders.chain(actions).collect()
}

fn order_text(order: &Order) -> String {
    match order {
        Order::Startup { by } => format!("startup, by {by}"),
        Order::Shutdown { by, why, to, host_stays, .. } => {
            let mode = match to {
                Desired::Up | Desired::DownClusterOnly => "cluster-only",
                Desired::DownPoweroff => "poweroff",
            };
            let stays = host_stays.as_ref().map(|why| format!(" (this host stays on: {why})"));
            format!("shutdown ({mode}), by {by}: {why}{}", stays.unwrap_or_default())
        }
        Order::Converge { by } => format!("converge, by {by}"),
        Order::Pause { by, why } => format!("pause, by {by}: {why}"),
        Order::Resume { by } => format!("resume, by {by}"),
        Order::AllowOnBattery { by } => format!("a start on battery is allowed, by {by}"),
        Order::AllowPeer { by, only_if_silent } => match only_if_silent {
            true => format!("a peer may stand in for a silent coordinator, by {by}"),
            false => format!("a peer may start the cluster, by {by}"),
        },
        Order::ClearIntent { by } => format!("intent clear, by {by}"),
        Order::Ack { by, name } => format!("ack {name}, by {by}"),
        Order::HostStops { stops: true } => "this host is to go off or to restart".to_owned(),
        Order::HostStops { stops: false } => "this host stays on after all".to_owned(),
    }
}

/// The newest chapters, for people.
pub fn history_text(history: &History, most: usize) -> String {
    let Some(since) = history.since else {
        return "the ledger is empty: nothing was ordered or done yet".to_owned();
    };
    let skip = history.chapters.len().saturating_sub(most);
    let mut lines = vec![format!("the ledger reaches back to {}", seconds(since))];
    if skip > 0 {
        lines.push(format!("{} before are not shown (--last)", count(skip, "stretch")));
    }
    for chapter in history.chapters.iter().skip(skip) {
        lines.push(String::new());
        lines.push(title(chapter));
        lines.extend(chapter.entries.iter().map(line));
        if chapter.entries.is_empty() {
            lines.push("  nothing was ordered or done".to_owned());
        }
    }
    lines.join("\n")
}

fn title(chapter: &Chapter) -> String {
    let name = match chapter.episode {
        Some(id) => format!("episode {id} ({})", chapter.cause),
        None => "between episodes".to_owned(),
    };
    let end = match (&chapter.end, chapter.ended) {
        (Some(end), Some(at)) => {
            let took = at.duration_since(chapter.began).as_secs().max(0).unsigned_abs();
            format!(", {end} after {}", crate::model::time::Span::secs(took))
        }
        (Some(_) | None, _) if chapter.episode.is_some() => ", open".to_owned(),
        (Some(_) | None, _) => String::new(),
    };
    format!("{}  {name}{end}", seconds(chapter.began))
}

fn line(entry: &Entry) -> String {
    let clock = seconds(entry.at);
    let clock = clock.get(11..19).unwrap_or(&clock);
    let first = format!("  {clock}  ");
    let text = match (&entry.order, &entry.action) {
        (Some(order), _) => format!("a person said: {order}"),
        (None, Some(action)) => {
            let span = entry.took_ms.map(crate::model::time::Span::millis);
            let took = span.map(|span| format!(" in {span}")).unwrap_or_default();
            let why = action.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("{} (for {}): {}{took}{why}", action.text, action.remedy, action.result)
        }
        (None, None) => String::new(),
    };
    paragraph(&first, &" ".repeat(first.len()), &text)
}

fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}
