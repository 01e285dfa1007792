//! Small texts of the commands.

use serde::Serialize;

pub(super) use crate::model::error_text::chain;

use crate::engine::Unwritten;
use crate::model::command::{ENVELOPE_FORM, GUARD_PATH, SudoUser, VERBS};

/// What is sent to the machines: the guard's verbs, and the one sudoers line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Commands {
    guard: &'static str,
    verbs: Vec<Verb>,
    envelope: &'static str,
    unguarded: Vec<String>,
    sudoers: Option<String>,
    peer_sudoers: Option<String>,
}

#[derive(Debug, Serialize)]
struct Verb {
    verb: &'static str,
    does: &'static str,
    changes: bool,
    takes: &'static str,
}

impl Commands {
    pub(super) fn all() -> Self {
        let verbs = VERBS.iter().map(|card| Verb {
            verb: card.verb,
            does: card.does,
            changes: card.changes,
            takes: card.takes,
        });
        let units = crate::model::facts::Unit::ALL.into_iter();
        let unguarded = units.flat_map(|unit| {
            ["start", "stop"].map(|verb| format!("sudo -n systemctl {verb} {unit}"))
        });
        Self {
            guard: GUARD_PATH,
            verbs: verbs.collect(),
            envelope: ENVELOPE_FORM,
            unguarded: unguarded.collect(),
            sudoers: SudoUser::new("ananke").ok().map(|user| user.rule()),
            peer_sudoers: SudoUser::new("ananke").ok().map(|user| user.peer_rule()),
        }
    }

    pub(super) fn text(&self) -> String {
        let mut lines =
            vec![format!("{} VERB KEY=VALUE...   through sudo", self.guard), String::new()];
        for verb in &self.verbs {
            let kind = if verb.changes { "changes" } else { "looks" };
            let takes =
                if verb.takes.is_empty() { String::new() } else { format!(" ({})", verb.takes) };
            lines.push(format!("  {:<17}{kind:<9}{}{takes}", verb.verb, verb.does));
        }
        lines.push(String::new());
        lines.push(format!("every verb that changes something carries: {}", self.envelope));
        lines.push(String::new());
        lines.push("without a guard only these are used:".to_owned());
        lines.extend(self.unguarded.iter().map(|line| format!("  {line}")));
        lines.push(String::new());
        lines.push("the sudoers line, for ssh_user: ananke".to_owned());
        lines.extend(self.sudoers.iter().map(|rule| format!("  {rule}")));
        lines.push(String::new());
        lines.push("where there are several ananke hosts, the one on each of them".to_owned());
        lines.extend(self.peer_sudoers.iter().map(|rule| format!("  {rule}")));
        lines.join("\n")
    }
}

/// What a person must know when the disk refused to the end.
pub(super) fn unwritten(lost: &Unwritten) -> String {
    let actions: Vec<_> = lost.actions.iter().map(ToString::to_string).collect();
    let mut text = format!("THE LEDGER IS BEHIND: its disk refuses ({})", lost.why);
    if !actions.is_empty() {
        text += &format!(
            "\nwhat became of these actions is written nowhere: {}\nthe next run takes them as \
             of unknown outcome, and looks again before it does anything",
            actions.join(", ")
        );
    }
    if lost.orders > 0 {
        text += &format!("\n{} orders are written nowhere: give them again", lost.orders);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::ActionId;

    #[test]
    fn what_the_disk_refused_is_named() {
        let actions = vec![ActionId::fixed("a.1-7"), ActionId::fixed("a.1-8")];
        let text = unwritten(&Unwritten { actions, orders: 0, why: "no space".to_owned() });
        assert!(text.contains("a.1-7, a.1-8") && text.contains("no space"), "{text}");
        assert!(!text.contains("orders"), "{text}");
    }
}
