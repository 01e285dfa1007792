//! `ananke explain`: the declarations, as they stand. There is no second description to fall
//! behind.

use serde::{Serialize, Serializer};

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

/// What one unit says of itself, label by label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// The unit.
    pub name: &'static str,
    /// Each label with its text, in the order in which they are read.
    pub says: Vec<(&'static str, String)>,
}

impl Declaration {
    fn new(name: &'static str, says: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self { name, says: says.into_iter().filter(|(_, text)| !text.is_empty()).collect() }
    }

    fn text(&self) -> String {
        let mut lines = vec![self.name.to_owned()];
        let says = self.says.iter();
        lines.extend(says.map(|(label, text)| labelled(&format!("  {label}"), text)));
        lines.join("\n")
    }
}

impl Serialize for Declaration {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let says = self.says.iter().map(|(label, text)| (*label, text.as_str()));
        to.collect_map(std::iter::once(("name", self.name)).chain(says))
    }
}

/// Declarations, for people.
pub fn explain_text(declarations: &[Declaration]) -> String {
    declarations.iter().map(Declaration::text).collect::<Vec<_>>().join("\n\n")
}

/// The declaration of one unit, or those of all of a kind. `None`: there is no such unit.
pub fn explain(topic: Topic, name: Option<&str>) -> Option<Vec<Declaration>> {
    match topic {
        Topic::Gate => gates_of_both_ways(name),
        Topic::Check => one_or_all(name, checks::ALL, |check| check.id.as_str(), of_check),
        Topic::Remedy => one_or_all(name, remedies::ALL, |remedy| remedy.id.as_str(), of_remedy),
        Topic::Hold => one_or_all(
            name,
            RULES,
            |rule| rule.name,
            |rule| Declaration::new(rule.name, [("protects", rule.protects.to_owned())]),
        ),
    }
}

fn one_or_all<T: 'static>(
    name: Option<&str>,
    all: &'static [&'static T],
    id: fn(&'static T) -> &'static str,
    declared: fn(&'static T) -> Declaration,
) -> Option<Vec<Declaration>> {
    match name {
        Some(name) => all.iter().find(|unit| id(unit) == name).map(|unit| vec![declared(unit)]),
        None => Some(all.iter().map(|unit| declared(unit)).collect()),
    }
}

fn names<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    ids.collect::<Vec<_>>().join(", ")
}

fn of_gate(gate: &'static Gate) -> Declaration {
    Declaration::new(
        gate.id.as_str(),
        [
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
fn gates_of_both_ways(name: Option<&str>) -> Option<Vec<Declaration>> {
    let up = one_or_all(name, gates::ALL, |gate| gate.id.as_str(), of_gate);
    let down = one_or_all(name, down::ALL, |stage| stage.gate.id.as_str(), of_stage);
    match (up, down) {
        (Some(up), Some(down)) => Some([up, down].concat()),
        (up, down) => up.or(down),
    }
}

fn of_stage(stage: &'static Stage) -> Declaration {
    let mut declared = of_gate(&stage.gate);
    if let Some(gate) = stage.reverses {
        declared.says.push(("reverses", gate.id.to_string()));
    }
    declared.says.push(("late", format!("{:?}", stage.late).to_lowercase()));
    declared
}

const fn waits(waits: Waits) -> &'static str {
    match waits {
        Waits::ForMost => "until those are good for most: a majority of servers, and what is good",
        Waits::ForAll => "until those are open",
        Waits::ForItself => "each machine until those are done with it",
    }
}

fn of_check(check: &'static Check) -> Declaration {
    Declaration::new(
        check.id.as_str(),
        [("proves", check.title.to_owned()), ("evidence", check.evidence.to_owned())],
    )
}

fn of_remedy(remedy: &'static Remedy) -> Declaration {
    let limits = format!(
        "{} tries in an episode, {} each; {}; needs {:?}",
        remedy.budget, remedy.limit, remedy.when, remedy.needs
    );
    Declaration::new(
        remedy.id.as_str(),
        [
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
                let one = explain(topic, Some(name)).expect(name);
                let text = explain_text(&one);
                assert!(text.starts_with(name) && text.lines().count() > 1, "{text}");
                let data = serde_json::to_value(&one).expect(name);
                assert_eq!(data[0]["name"], name);
                let labels = data[0].as_object().expect(name).len();
                assert_eq!(labels, one[0].says.len() + 1, "{data:#}");
            }
        }
        assert_eq!(explain(Topic::Gate, Some("no-such-gate")), None);
    }
}
