//! The guard's one line and exit status, and what plain systemctl gives in their place.

use super::super::reply;
use crate::adapters::guard::{PROTOCOL, Reply};
use crate::model::facts::Unit;
use crate::sim::world::GuardAnswer;

/// What the script knows of the change by the time it answers.
#[derive(Debug, Default)]
pub(in super::super) struct Subject {
    pub(in super::super) verb: String,
    pub(in super::super) unit: Option<Unit>,
    pub(in super::super) action: Option<String>,
}

/// The answer of a change through the guard; `None` while there is none.
pub(in super::super) fn guarded(said: GuardAnswer, subject: &Subject) -> Option<Reply> {
    Some(match said {
        GuardAnswer::Done => line(0, "done", "", "", subject),
        GuardAnswer::AlreadyDone { code } => {
            let was = if code == 0 { "done" } else { "failed" };
            line(10, "already", &format!("was={was} code={code}"), "", subject)
        }
        GuardAnswer::Refused { words } => refused(&words, subject),
        GuardAnswer::Denied { says } => reply(1, String::new(), &says),
        GuardAnswer::Failed { code, says } => {
            line(12, "failed", &format!("code={code}"), &says, subject)
        }
        GuardAnswer::Hangs => return None,
    })
}

/// The answer of plain systemctl through sudo; `None` while it waits for its unit.
pub(in super::super) fn plain(said: GuardAnswer) -> Option<Reply> {
    Some(match said {
        GuardAnswer::Done | GuardAnswer::AlreadyDone { .. } => reply(0, String::new(), ""),
        GuardAnswer::Refused { words } => reply(1, String::new(), &words),
        GuardAnswer::Denied { says } => reply(1, String::new(), &says),
        GuardAnswer::Failed { code, says } => reply(code, String::new(), &says),
        GuardAnswer::Hangs => return None,
    })
}

/// Nothing was changed.
pub(in super::super) fn refused(words: &str, subject: &Subject) -> Reply {
    line(11, "refused", words, "", subject)
}

fn line(status: u32, class: &str, words: &str, stderr: &str, subject: &Subject) -> Reply {
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let gap = if words.is_empty() { "" } else { " " };
    let text = format!(
        "ananke-guard {PROTOCOL} {class}{gap}{words} action={} verb={} unit={} disk=ok\n",
        or_dash(subject.action.as_deref().unwrap_or_default()),
        or_dash(&subject.verb),
        subject.unit.map_or("-", Unit::as_str),
    );
    reply(status, text, stderr)
}
