//! The difference between two values, path by path, for people.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// So many changes are shown; a decision that differs in more differs as a whole.
const CHANGES_MAX: usize = 40;

/// So many characters of a value are shown.
const VALUE_MAX: usize = 160;

/// Where two values differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// In the order of their paths.
    pub changes: Vec<Change>,
    /// How many more there are.
    pub more: usize,
}

/// One place at which they differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// As jq writes it: `.plan.steps[0].effect`.
    pub path: String,
    /// What was recorded, shortened. `None`: nothing was there.
    pub recorded: Option<String>,
    /// What it is now, shortened. `None`: nothing is there.
    pub now: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, change) in self.changes.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}: ", change.path)?;
            match (&change.recorded, &change.now) {
                (Some(old), Some(new)) => write!(f, "recorded {old}, now {new}")?,
                (Some(old), None) => write!(f, "recorded {old}, now missing")?,
                (None, Some(new)) => write!(f, "not recorded, now {new}")?,
                (None, None) => {}
            }
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

/// Compares what two values are as JSON.
pub fn compare<T: Serialize>(recorded: &T, now: &T) -> Difference {
    let mut difference = Difference { changes: Vec::new(), more: 0 };
    match (serde_json::to_value(recorded), serde_json::to_value(now)) {
        (Ok(recorded), Ok(now)) => walk("", Some(&recorded), Some(&now), &mut difference),
        (Err(error), _) | (_, Err(error)) => {
            let note = Some(format!("({error})"));
            let change = Change { path: ".".to_owned(), recorded: note.clone(), now: note };
            difference.changes.push(change);
        }
    }
    difference
}

fn walk(path: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Difference) {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let only_new = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(only_new) {
                walk(&format!("{path}{}", step(key)), old.get(key), new.get(key), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                walk(&format!("{path}[{index}]"), old.get(index), new.get(index), found);
            }
        }
        _ if old == new => {}
        _ if found.changes.len() == CHANGES_MAX => found.more += 1,
        _ => found.changes.push(Change {
            path: if path.is_empty() { ".".to_owned() } else { path.to_owned() },
            recorded: old.map(shorten),
            now: new.map(shorten),
        }),
    }
}

/// A key as jq takes it: names of machines have dashes.
fn step(key: &str) -> String {
    let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !key.starts_with(|c: char| c.is_ascii_digit());
    if plain && !key.is_empty() { format!(".{key}") } else { format!("[{key:?}]") }
}

fn shorten(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_reads_path_by_path() {
        let old = json!({"phase": "looking", "plan": {"steps": [{"id": "1-1"}]}, "w-1": 1});
        let new = json!({"phase": "blocked", "plan": {"steps": []}, "w-1": 2, "x": null});
        let lines = compare(&old, &new).to_string();
        let expected = "\
.phase: recorded \"looking\", now \"blocked\"
.plan.steps[0]: recorded {\"id\":\"1-1\"}, now missing
[\"w-1\"]: recorded 1, now 2
.x: not recorded, now null";
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_difference_stays_readable_however_much_differs() {
        let old: Vec<String> = (0..1_000).map(|_| "a".repeat(1_000)).collect();
        let difference = compare(&old, &Vec::new());
        assert_eq!((difference.changes.len(), difference.more), (CHANGES_MAX, 960));
        assert!(difference.to_string().len() < CHANGES_MAX * (VALUE_MAX + 60));
    }

    #[test]
    fn equal_values_have_no_difference() {
        let value = json!({"a": [1, {"b": null}]});
        assert_eq!(compare(&value, &value), Difference { changes: Vec::new(), more: 0 });
    }
}
