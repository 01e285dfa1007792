//! What changed something, as Kubernetes Events: actions and their ends, episodes, and what needs
//! a person. Looks and proofs make none.

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde_json::{Value, json};

use crate::model::action::Action;
use crate::model::episode::{EndKind, Episode};
use crate::model::outcome::{ActionResult, Outcome};
use crate::model::record::TickRecord;
use crate::model::recovery_status::{GROUP, KIND, VERSION, object_name};

/// The longest note that the API server takes is 1 kB.
const NOTE: usize = 900;

/// The longest name of an object is 253 characters.
const NAME: usize = 200;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Names it for good, so that it is never written twice.
    pub id: String,
    /// One word for programs.
    pub reason: &'static str,
    /// What was being done.
    pub action: &'static str,
    /// For people.
    pub note: String,
    /// Whether somebody should look.
    pub warning: bool,
    /// The node that it is about, if it is one.
    pub node: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What happened in a tick.
pub fn events(record: &TickRecord) -> Vec<Event> {
    let before = &record.input.memory.durable;
    let after = &record.decision.memory.durable;
    let mut events = Vec::new();
    for outcome in &record.input.outcomes {
        let flight = before.in_flight.get(&outcome.action);
        let action = flight.map(|flight| &flight.action).filter(|it| !it.effect.is_proof());
        events.extend(action.map(|action| ended(record, action, outcome)));
    }
    events.extend(episode(record, before.episode.as_ref(), after.episode.as_ref()));
    let new = record.decision.alarms.iter().filter(|alarm| alarm.new);
    events.extend(new.map(|alarm| {
        let episode = after.episode.as_ref().map_or(0, |episode| episode.id.0);
        let target = &alarm.target;
        Event {
            id: format!("alarm-{}-{episode}-{}-{target}", after.life, alarm.gate),
            reason: "ManualActionRequired",
            action: "Recover",
            note: format!("{}: {target}: {}", alarm.gate, alarm.what),
            warning: true,
            node: target.machine().map(ToString::to_string),
            at: record.input.now.wall,
        }
    }));
    events
}

fn ended(record: &TickRecord, action: &Action, outcome: &Outcome) -> Event {
    let (reason, warning) = match outcome.result {
        ActionResult::Done => ("ActionDone", false),
        ActionResult::AlreadyDone => ("ActionAlreadyDone", false),
        ActionResult::Refused { .. } => ("ActionRefused", true),
        ActionResult::Held { .. } => ("ActionHeld", true),
        ActionResult::Failed { .. } => ("ActionFailed", true),
        ActionResult::Unknown { .. } => ("ActionUnknown", true),
    };
    let why = outcome.result.why().map(|why| format!(": {why}")).unwrap_or_default();
    let word = outcome.result.word();
    Event {
        id: format!("action-{}", action.id),
        reason,
        action: "Recover",
        note: format!("{} (for {}): {word}{why}", action.effect, action.remedy),
        warning,
        node: action.target.machine().map(ToString::to_string),
        at: record.input.now.wall,
    }
}

fn episode(
    record: &TickRecord,
    before: Option<&Episode>,
    after: Option<&Episode>,
) -> Option<Event> {
    let after = after?;
    let same = before.filter(|before| before.id == after.id);
    let life = &record.decision.memory.durable.life;
    let event = |what: &str, reason, note, warning| Event {
        id: format!("episode-{life}-{}-{what}", after.id),
        reason,
        action: "Recover",
        note,
        warning,
        node: None,
        at: record.input.now.wall,
    };
    match (same, &after.end) {
        (Some(before), Some(end)) if before.end.is_none() => {
            let note = format!("episode {}: {} after {} actions", after.id, end.how, end.actions);
            Some(event("closed", "EpisodeClosed", note, end.how == EndKind::Degraded))
        }
        (Some(_), _) => None,
        (None, _) => {
            let note = format!("episode {} is open: {}", after.id, after.cause);
            Some(event("opened", "EpisodeOpened", note, false))
        }
    }
}

/// The object that the API server takes (`events.k8s.io/v1`).
pub fn event_object(event: &Event, cluster: &str, host: &str, uid: &str) -> Value {
    let name = object_name(cluster);
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let id: String = event.id.chars().map(plain).take(NAME).collect();
    let zoned = event.at.to_zoned(jiff::tz::TimeZone::UTC);
    // MicroTime wants exactly six digits.
    let at = strtime::format("%Y-%m-%dT%H:%M:%S.%6fZ", &zoned).unwrap_or_default();
    let mut object = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": format!("{name}.{}", id.trim_matches('-')),
            "namespace": "default",
        },
        "eventTime": at,
        "reportingController": format!("{GROUP}/ananke"),
        "reportingInstance": host.chars().take(128).collect::<String>(),
        "action": event.action,
        "reason": event.reason,
        "type": if event.warning { "Warning" } else { "Normal" },
        "note": event.note.chars().take(NOTE).collect::<String>(),
        "regarding": {
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": KIND,
            "name": name,
            "uid": uid,
        },
    });
    if let Some(node) = &event.node {
        object["related"] = json!({ "apiVersion": "v1", "kind": "Node", "name": node });
    }
    object
}
