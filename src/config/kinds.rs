//! The types that a key may have: how a node is read, and how the schema says it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde_json::{Value, json};

use super::nearest::quoted;
use super::problem::{Code, Fault};
use super::scalar::{self, Bad, DURATION_PATTERN};
use super::text::Text;
use super::tree::{At, Body, Node};
use crate::model::time::Span;

/// What reading a node needs and where it puts what is wrong.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    /// What `~/` stands for.
    pub(super) home: Option<&'a Path>,
    pub(super) faults: &'a mut Vec<Fault>,
}

/// A type of values.
pub(super) trait Kind: fmt::Debug + Sync {
    /// What a value becomes.
    type Out;

    /// Reads a node. What is wrong with it is put among the faults; of a list or a map the good
    /// part is returned, so that it can be looked at as well.
    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<Self::Out>;

    /// The JSON schema of a value.
    fn schema(&self) -> Value;

    /// The default as the file would write it, if there is one.
    fn default(&self) -> Option<String> {
        None
    }
}

/// A duration within bounds.
#[derive(Debug)]
pub(super) struct Length {
    pub(super) min: Span,
    pub(super) max: Span,
}

/// A whole number within bounds.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) min: u64,
    pub(super) max: u64,
}

/// A number within bounds, with a fraction.
#[derive(Debug)]
pub(super) struct Number {
    pub(super) min: f64,
    pub(super) max: f64,
}

/// `true` or `false`, nothing else.
#[derive(Debug)]
pub(super) struct Flag;

/// A list.
#[derive(Debug)]
pub(super) struct List<K>(pub(super) K);

/// A map from names to values. The names are checked like a text.
#[derive(Debug)]
pub(super) struct Map<K> {
    pub(super) names: Text,
    pub(super) values: K,
}

/// A value with a default.
#[derive(Debug)]
pub(super) struct Or<K, D>(pub(super) K, pub(super) D);

/// A default as the file would write it.
pub(super) trait Written: fmt::Debug + Sync {
    fn written(&self) -> String;
}

impl Written for u64 {
    fn written(&self) -> String {
        self.to_string()
    }
}

impl Written for bool {
    fn written(&self) -> String {
        self.to_string()
    }
}

impl Written for Span {
    fn written(&self) -> String {
        scalar::exact(*self)
    }
}

impl Written for &'static str {
    fn written(&self) -> String {
        (*self).to_owned()
    }
}

impl<K: Kind, D: Written> Kind for Or<K, D> {
    type Out = K::Out;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<K::Out> {
        self.0.read(node, to)
    }

    fn schema(&self) -> Value {
        let mut schema = self.0.schema();
        let text = self.1.written();
        // Numbers and booleans are written as in JSON; everything else is a string.
        let default = match serde_json::from_str(&text) {
            Ok(value @ (Value::Bool(_) | Value::Number(_))) => value,
            Ok(_) | Err(_) => Value::String(text),
        };
        schema["default"] = default;
        schema
    }

    fn default(&self) -> Option<String> {
        Some(self.1.written())
    }
}

/// The text of a scalar. `wanted` names the type: "a number".
pub(super) fn scalar<'n>(
    node: &'n Node,
    wanted: &str,
    to: &mut Reading<'_>,
) -> Option<(&'n str, bool)> {
    let found = match &node.body {
        Body::Scalar { text, plain } => return Some((text, *plain)),
        Body::Null => {
            let help = "give it a value, or remove the key";
            let fault = Fault::error(Code::NoValue, format!("{wanted} is missing here"));
            to.faults.push(fault.at(node.at).help(help));
            return None;
        }
        Body::List(_) => "a list",
        Body::Map(_) => "a map",
    };
    wrong_type(node, wanted, found, None, to);
    None
}

pub(super) fn wrong_type(
    node: &Node,
    want: &str,
    found: &str,
    help: Option<String>,
    to: &mut Reading<'_>,
) {
    let fault = Fault::error(Code::WrongType, format!("{want} belongs here, not {found}"));
    let fault = fault.at(node.at);
    to.faults.push(match help {
        Some(help) => fault.help(help),
        None => fault,
    });
}

fn out_of_range(node: &Node, text: &str, min: &str, max: &str, to: &mut Reading<'_>) {
    let message = format!("{} is out of range", quoted(text));
    let fault = Fault::error(Code::OutOfRange, message).at(node.at);
    to.faults.push(fault.help(format!("it must lie between {min} and {max}")));
}

pub(super) fn bad_value(node: &Node, bad: Bad, to: &mut Reading<'_>) {
    let mut fault = Fault::error(Code::BadValue, bad.message).at(node.at);
    if let Some(help) = bad.help {
        fault = fault.help(help);
    }
    to.faults.push(if bad.secret { fault.hidden() } else { fault });
}

impl Kind for Length {
    type Out = Span;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<Span> {
        let (text, _) = scalar(node, "a duration", to)?;
        match scalar::duration(text) {
            Ok(span) if (self.min..=self.max).contains(&span) => Some(span),
            Ok(_) => {
                let (min, max) = (scalar::exact(self.min), scalar::exact(self.max));
                out_of_range(node, text, &min, &max, to);
                None
            }
            Err(bad) => {
                bad_value(node, bad, to);
                None
            }
        }
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "pattern": DURATION_PATTERN })
    }
}

/// Whether the text is a number in YAML, and so needs quotes to be text.
pub(super) fn is_number(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_digit() || b"+-.".contains(&b))
        && text.parse::<f64>().is_ok()
}

/// A number that is known to be written as one. Too large for its type is out of range too.
fn in_range<T: FromStr + PartialOrd + fmt::Display>(
    node: &Node,
    text: &str,
    min: &T,
    max: &T,
    to: &mut Reading<'_>,
) -> Option<T> {
    let number = text.parse().ok().filter(|number| (min..=max).contains(&number));
    if number.is_none() {
        out_of_range(node, text, &min.to_string(), &max.to_string(), to);
    }
    number
}

impl Kind for Count {
    type Out = u64;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<u64> {
        let (text, plain) = scalar(node, "a whole number", to)?;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let octal = text.len() > 1 && text.starts_with('0');
        if !plain && digits {
            let help = format!("write {text} without the quotes");
            wrong_type(node, "a whole number", "a text", Some(help), to);
            return None;
        }
        if !plain || !digits || octal {
            wrong_type(node, "a whole number", &quoted(text), None, to);
            return None;
        }
        in_range(node, text, &self.min, &self.max, to)
    }

    fn schema(&self) -> Value {
        json!({ "type": "integer", "minimum": self.min, "maximum": self.max })
    }
}

impl Kind for Number {
    type Out = f64;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<f64> {
        let (text, plain) = scalar(node, "a number", to)?;
        if !plain || !is_number(text) {
            wrong_type(node, "a number", &quoted(text), None, to);
            return None;
        }
        in_range(node, text, &self.min, &self.max, to)
    }

    fn schema(&self) -> Value {
        json!({ "type": "number", "minimum": self.min, "maximum": self.max })
    }
}

impl Kind for Flag {
    type Out = bool;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<bool> {
        let (text, plain) = scalar(node, "`true` or `false`", to)?;
        let meant = match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" | "1" => Some(true),
            "false" | "no" | "off" | "n" | "0" => Some(false),
            _ => None,
        };
        match (plain, text) {
            (true, "true") => Some(true),
            (true, "false") => Some(false),
            (_, _) => {
                let help = meant.map(|meant| format!("did you mean `{meant}`?"));
                wrong_type(node, "`true` or `false`", &quoted(text), help, to);
                None
            }
        }
    }

    fn schema(&self) -> Value {
        json!({ "type": "boolean" })
    }
}

impl<K: Kind> Kind for List<K> {
    type Out = Vec<At<K::Out>>;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<Self::Out> {
        let items = match &node.body {
            Body::List(items) => items,
            Body::Null => {
                let fault = Fault::error(Code::NoValue, "a list is missing here").at(node.at);
                to.faults.push(fault.help("write `[]` for an empty list, or remove the key"));
                return None;
            }
            Body::Scalar { text, .. } => {
                let words: Vec<&str> = text.split([' ', ',']).filter(|w| !w.is_empty()).collect();
                let list = quoted(&format!("[{}]", words.join(", ")));
                let help = format!("did you mean {list}?");
                wrong_type(node, "a list", "one value", Some(help), to);
                return None;
            }
            Body::Map(_) => {
                wrong_type(node, "a list", "a map", None, to);
                return None;
            }
        };
        let read = |item: &Node| self.0.read(item, to).map(|value| At { at: item.at, value });
        Some(items.iter().filter_map(read).collect())
    }

    fn schema(&self) -> Value {
        json!({ "type": "array", "items": self.0.schema() })
    }
}

impl<K: Kind> Kind for Map<K> {
    type Out = BTreeMap<String, At<(super::tree::Place, K::Out)>>;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<Self::Out> {
        let pairs = match &node.body {
            Body::Map(pairs) => pairs,
            // All lines below the key are comments.
            Body::Null => return Some(BTreeMap::new()),
            Body::Scalar { .. } => {
                wrong_type(node, "a map (`name: value`)", "one value", None, to);
                return None;
            }
            Body::List(_) => {
                wrong_type(node, "a map (`name: value`)", "a list", None, to);
                return None;
            }
        };
        let mut map = BTreeMap::new();
        for pair in pairs {
            let name = self.names.check(&pair.key.value, None);
            let name = name.map_err(|bad| {
                let key = Node { at: pair.key.at, body: Body::Null };
                bad_value(&key, bad, to);
            });
            let value = self.values.read(&pair.value, to);
            if let (Ok(name), Some(value)) = (name, value) {
                map.insert(name, At { at: pair.key.at, value: (pair.value.at, value) });
            }
        }
        Some(map)
    }

    fn schema(&self) -> Value {
        json!({ "type": ["object", "null"], "additionalProperties": self.values.schema() })
    }
}
