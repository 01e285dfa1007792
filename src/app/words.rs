//! Small texts of the commands.

pub(super) use crate::model::error_text::chain;

use crate::model::command::{ENVELOPE_FORM, GUARD_PATH, SudoUser, VERBS};

/// What is sent to the machines: the guard's verbs, and the one sudoers line.
pub(super) fn commands() -> String {
    let mut lines = vec![format!("{GUARD_PATH} VERB KEY=VALUE...   through sudo"), String::new()];
    for card in &VERBS {
        let kind = if card.changes { "changes" } else { "looks" };
        lines.push(format!("  {:<14}{kind:<9}{}", card.verb, card.does));
    }
    lines.push(String::new());
    lines.push(format!("every verb that changes something carries: {ENVELOPE_FORM}"));
    lines.push(String::new());
    lines.push("without a guard only these are used:".to_owned());
    for unit in crate::model::facts::Unit::ALL {
        lines.push(format!("  sudo -n systemctl start {unit}, sudo -n systemctl stop {unit}"));
    }
    lines.push(String::new());
    lines.push("the sudoers line, for ssh_user: ananke".to_owned());
    if let Ok(user) = SudoUser::new("ananke") {
        lines.push(format!("  {}", user.rule()));
    }
    lines.join("\n")
}
