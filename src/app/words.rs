//! Small texts of the commands.

pub(super) use crate::model::error_text::chain;

use crate::engine::Unwritten;
use crate::model::command::{ENVELOPE_FORM, GUARD_PATH, SudoUser, VERBS};

/// What is sent to the machines: the guard's verbs, and the one sudoers line.
pub(super) fn commands() -> String {
    let mut lines = vec![format!("{GUARD_PATH} VERB KEY=VALUE...   through sudo"), String::new()];
    for card in &VERBS {
        let kind = if card.changes { "changes" } else { "looks" };
        let takes =
            if card.takes.is_empty() { String::new() } else { format!(" ({})", card.takes) };
        lines.push(format!("  {:<17}{kind:<9}{}{takes}", card.verb, card.does));
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
