//! `ananke explain`: the declarations, as text. There is no second description to fall behind.

use super::text::labelled;
use crate::checks::{self, Check};
use crate::decide::RULES;
use crate::gates::down::{self, Stage};
use crate::gates::{self, Gate, Waits};
use crate::remedies::{self, Remedy};

/// What can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// The way up.
    Gate,
    /// What the gates ask.
    Check,
    /// What may be done.
    Remedy,
    /// Why something may be held back.
    Hold,
}

/// The declaration of one unit, or the list of all of a kind. `None`: there is no such unit.
pub fn explain(topic: Topic, name: Option<&str>) -> Option<String> {
    match topic {
        Topic::Gate => gates_text(name),
        Topic::Check => one_or_all(name, checks::ALL, |check| check.id.as_str(), check_text),
        Topic::Remedy => one_or_all(name, remedies::ALL, |remedy| remedy.id.as_str(), remedy_text),
        Topic::Hold => one_or_all(
            name,
            RULES,
            |rule| rule.name,
            |rule| labelled_pairs(rule.name, &[("protects", rule.protects.to_owned())]),
        ),
    }
}

fn one_or_all<T: 'static>(
    name: Option<&str>,
    all: &'static [&'static T],
    id: fn(&'static T) -> &'static str,
    text: fn(&'static T) -> String,
) -> Option<String> {
    match name {
        Some(name) => all.iter().find(|unit| id(unit) == name).map(|unit| text(unit)),
        None => Some(all.iter().map(|unit| text(unit)).collect::<Vec<_>>().join("\n\n")),
    }
}

fn labelled_pairs(title: &str, pairs: &[(&str, String)]) -> String {
    let mut lines = vec![title.to_owned()];
    let filled = pairs.iter().filter(|(_, text)| !text.is_empty());
    lines.extend(filled.map(|(label, text)| labelled(&format!("  {label}"), text)));
    lines.join("\n")
}

fn names<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    ids.collect::<Vec<_>>().join(", ")
}

fn gate_text(gate: &'static Gate) -> String {
    labelled_pairs(
        gate.id.as_str(),
        &[
            ("proves", gate.title.to_owned()),
            ("after", names(gate.after.iter().map(|gate| gate.id.as_str()))),
            ("waits", waits(gate.waits).to_owned()),
            ("asks", names(gate.checks.iter().map(|check| check.id.as_str()))),
            ("tries", names(gate.ladder.iter().map(|remedy| remedy.id.as_str()))),
            ("opens", format!("{:?}", gate.opens).to_lowercase()),
        ],
    )
}

/// The gates of the way up, then the stages of the way down.
fn gates_text(name: Option<&str>) -> Option<String> {
    let up = one_or_all(name, gates::ALL, |gate| gate.id.as_str(), gate_text);
    let down = one_or_all(name, down::ALL, |stage| stage.gate.id.as_str(), stage_text);
    match (up, down) {
        (Some(up), Some(down)) => Some(format!("{up}\n\n{down}")),
        (up, down) => up.or(down),
    }
}

fn stage_text(stage: &'static Stage) -> String {
    let more = [
        ("reverses", stage.reverses.map(|gate| gate.id.to_string()).unwrap_or_default()),
        ("late", format!("{:?}", stage.late).to_lowercase()),
    ];
    let more = more.iter().map(|(label, text)| labelled(&format!("  {label}"), text));
    let lines: Vec<_> = std::iter::once(gate_text(&stage.gate)).chain(more).collect();
    lines.join("\n")
}

const fn waits(waits: Waits) -> &'static str {
    match waits {
        Waits::ForMost => "until those are good for most: a majority of servers, and what is good",
        Waits::ForAll => "until those are open",
        Waits::ForItself => "each machine until those are done with it",
    }
}

fn check_text(check: &'static Check) -> String {
    labelled_pairs(
        check.id.as_str(),
        &[("proves", check.title.to_owned()), ("evidence", check.evidence.to_owned())],
    )
}

fn remedy_text(remedy: &'static Remedy) -> String {
    let limits = format!(
        "{} tries in an episode, {} each; {}; needs {:?}",
        remedy.budget, remedy.limit, remedy.when, remedy.needs
    );
    labelled_pairs(
        remedy.id.as_str(),
        &[
            ("does", remedy.title.to_owned()),
            ("cures", names(remedy.cures.iter().map(|check| check.id.as_str()))),
            ("helps", remedy.helps.to_owned()),
            ("harms", remedy.harms.to_owned()),
            ("undo", remedy.undo.to_owned()),
            ("limits", limits),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_can_be_explained_by_name() {
        for (topic, names) in [
            (Topic::Gate, gates::ALL.iter().map(|gate| gate.id.as_str()).collect::<Vec<_>>()),
            (Topic::Gate, down::ALL.iter().map(|stage| stage.gate.id.as_str()).collect()),
            (Topic::Check, checks::ALL.iter().map(|check| check.id.as_str()).collect()),
            (Topic::Remedy, remedies::ALL.iter().map(|remedy| remedy.id.as_str()).collect()),
            (Topic::Hold, RULES.iter().map(|rule| rule.name).collect()),
        ] {
            for name in names {
                let text = explain(topic, Some(name)).expect(name);
                assert!(text.starts_with(name) && text.lines().count() > 1, "{text}");
            }
        }
        assert_eq!(explain(Topic::Gate, Some("no-such-gate")), None);
    }
}
