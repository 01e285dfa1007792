//! What the notify command reads on stdin: one JSON object, then a line break.
//!
//! ```json
//! {"version":1,"kind":"alarm","host":"outpost","cluster":"home","at":"2026-11-21T03:12:00Z",
//!  "at_trusted":true,
//!  "alarms":[{"gate":"workers","check":"agent-active","target":"titan-07","what":"...",
//!             "for_seconds":840,
//!             "tried":[{"remedy":"restart-agent","attempts":3,"last":"failed: ..."}],
//!             "by_hand":["ssh titan-07 journalctl -u k3s-agent"]}],
//!  "alarms_left_out":0,"body":"...","body_cut":false}
//! ```
//!
//! Fields are only ever added. `version` changes when one changes its meaning or goes away.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Notice;
use crate::model::alarm::{Alarm, Tried};
use crate::model::ids::{CheckId, GateId, RemedyId};
use crate::model::time::Mono;
use crate::model::verdict::Target;

/// The version of the document.
pub const VERSION: u32 = 1;

/// How long the JSON may be, in bytes. Mail and chat gateways refuse more.
pub const DOCUMENT_LIMIT: usize = 256 * 1_024;

/// How long the body may be, in bytes, so that alarms have the larger part.
const BODY_LIMIT: usize = 64 * 1_024;

/// The whole document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// [`VERSION`]
    pub version: u32,
    /// `alarm`: the only kind so far.
    pub kind: String,
    /// The ananke host that says it.
    pub host: String,
    /// The cluster it is about.
    pub cluster: String,
    /// Wall-clock time of the decision.
    pub at: Timestamp,
    /// Whether that clock was synchronised.
    pub at_trusted: bool,
    /// What a person is needed for.
    pub alarms: Vec<DocumentAlarm>,
    /// How many alarms did not fit.
    pub alarms_left_out: usize,
    /// The same in full sentences.
    pub body: String,
    /// Whether the body did not fit and was cut.
    pub body_cut: bool,
}

/// One alarm in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentAlarm {
    /// The gate that stays closed, or opens without the target.
    pub gate: GateId,
    /// The check that fails.
    pub check: CheckId,
    /// For what: a machine's name, or `(cluster)`.
    pub target: Target,
    /// What is wrong.
    pub what: String,
    /// For how long it has been wrong, in seconds.
    pub for_seconds: u64,
    /// What was tried.
    pub tried: Vec<DocumentTried>,
    /// What a person must do.
    pub by_hand: Vec<String>,
}

/// One remedy that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentTried {
    /// Which.
    pub remedy: RemedyId,
    /// How often.
    pub attempts: u32,
    /// How the last attempt ended.
    pub last: String,
}

impl Document {
    /// The document for a notice. Its body is cut to its limit.
    pub fn of(notice: &Notice) -> Self {
        let end = notice.body.floor_char_boundary(BODY_LIMIT);
        Self {
            version: VERSION,
            kind: "alarm".to_owned(),
            host: notice.host.clone(),
            cluster: notice.cluster.clone(),
            at: notice.now.wall,
            at_trusted: notice.now.wall_trusted,
            alarms: notice.alarms.iter().map(|a| DocumentAlarm::of(a, notice.now.mono)).collect(),
            alarms_left_out: 0,
            body: notice.body.get(..end).unwrap_or_default().to_owned(),
            body_cut: end < notice.body.len(),
        }
    }

    /// One line of JSON within [`DOCUMENT_LIMIT`]. Alarms that do not fit are left out from the
    /// end and counted.
    ///
    /// # Errors
    /// None that is known: every field is plain data.
    pub fn to_json(mut self) -> Result<Vec<u8>, serde_json::Error> {
        loop {
            let mut json = serde_json::to_vec(&self)?;
            json.push(b'\n');
            if json.len() <= DOCUMENT_LIMIT || self.alarms.is_empty() {
                return Ok(json);
            }
            // Half at a time: a handful of rounds for any number.
            let keep = self.alarms.len() / 2;
            self.alarms_left_out += self.alarms.len() - keep;
            self.alarms.truncate(keep);
        }
    }
}

impl DocumentAlarm {
    fn of(alarm: &Alarm, now: Mono) -> Self {
        Self {
            gate: alarm.gate.clone(),
            check: alarm.check.clone(),
            target: alarm.target.clone(),
            what: alarm.what.clone(),
            for_seconds: now.since(alarm.since).as_secs(),
            tried: alarm.tried.iter().map(DocumentTried::of).collect(),
            by_hand: alarm.by_hand.clone(),
        }
    }
}

impl DocumentTried {
    fn of(tried: &Tried) -> Self {
        Self { remedy: tried.remedy.clone(), attempts: tried.attempts, last: tried.last.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::BootId;
    use crate::model::time::Moment;

    fn notice(alarms: usize, what: usize, body: usize) -> Notice {
        let alarm = Alarm {
            gate: GateId::fixed("workers"),
            check: CheckId::fixed("agent-active"),
            target: Target::Cluster,
            what: "ä\n".repeat(what),
            new: true,
            since: Mono(1_000),
            tried: Vec::new(),
            by_hand: Vec::new(),
        };
        let now = Moment {
            boot: BootId::fixed("b"),
            mono: Mono(91_500),
            wall: Timestamp::UNIX_EPOCH,
            wall_trusted: false,
        };
        Notice {
            now,
            host: "outpost".to_owned(),
            cluster: "home".to_owned(),
            alarms: vec![alarm; alarms],
            body: "ü".repeat(body),
        }
    }

    #[test]
    fn a_document_is_one_bounded_line_that_says_what_it_left_out() {
        // (alarms, length of what, length of body)
        for (alarms, what, body) in [(0, 0, 0), (3, 10, 100), (400, 200, 40_000), (1, 200_000, 1)] {
            let json = Document::of(&notice(alarms, what, body)).to_json().unwrap();
            assert!(json.len() <= DOCUMENT_LIMIT, "{alarms} {what} {body}: {}", json.len());
            assert_eq!(json.iter().filter(|byte| **byte == b'\n').count(), 1);
            let read: Document = serde_json::from_slice(&json).unwrap();
            assert_eq!(read.alarms.len() + read.alarms_left_out, alarms);
            assert_eq!(read.body_cut, body * 2 > BODY_LIMIT);
            assert!(read.alarms.iter().all(|alarm| alarm.for_seconds == 90));
            assert_eq!(read.alarms_left_out > 0, alarms * what > 50_000, "{alarms} {what}");
        }
    }
}
