//! Which objects of a list or a watch are meant: label and field selectors.

use serde_json::Value;

use super::{Fault, Kind};

/// One condition on one label or field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Demand {
    /// The value is one of these.
    In(Vec<String>),
    /// The value is none of these, or there is none.
    NotIn(Vec<String>),
    /// There is one.
    Exists,
    /// There is none.
    Absent,
}

impl Demand {
    fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Self::In(values) => value.is_some_and(|it| values.iter().any(|v| v == it)),
            Self::NotIn(values) => value.is_none_or(|it| !values.iter().any(|v| v == it)),
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
        }
    }
}

/// Chooses objects. The default one chooses all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    labels: Vec<(String, Demand)>,
    fields: Vec<(String, Demand)>,
}

/// Fields by which kube-apiserver lets objects be chosen, besides name and namespace.
const FIELDS: &[(&str, &[&str])] = &[
    ("nodes", &["spec.unschedulable"]),
    ("namespaces", &["status.phase"]),
    (
        "pods",
        &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
    ),
    (
        "events",
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
    ),
    ("secrets", &["type"]),
    ("services", &["spec.clusterIP", "spec.type"]),
];

impl Selector {
    /// Reads both selectors of a request; empty ones choose all.
    ///
    /// # Errors
    /// 400 for one that can't be read, and for a field that the kind can't be chosen by.
    pub fn parse(kind: &Kind, labels: &str, fields: &str) -> Result<Self, Fault> {
        let known =
            FIELDS.iter().find(|(plural, _)| *plural == kind.plural && kind.group.is_empty());
        let known = known.map_or(&[][..], |(_, fields)| fields);
        let mut selector = Self::default();
        for part in split(fields) {
            let (key, demand) = equality(part).ok_or_else(|| {
                Fault::bad_request(format!("invalid selector: '{part}'; can't understand '{part}'"))
            })?;
            let global = key == "metadata.name" || (key == "metadata.namespace" && kind.namespaced);
            if !global && !known.contains(&key.as_str()) {
                let why = format!("field label not supported: {key}");
                return Err(Fault::bad_request(why));
            }
            selector.fields.push((key, demand));
        }
        for part in split(labels) {
            let demand = label_demand(part).ok_or_else(|| {
                Fault::bad_request(format!("unable to parse requirement: {part:?}"))
            })?;
            selector.labels.push(demand);
        }
        Ok(selector)
    }

    /// Reads a `LabelSelector` object, as a disruption budget has one.
    pub fn of_object(selector: &Value) -> Self {
        let mut labels = Vec::new();
        for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
            labels.push((key.clone(), Demand::In(vec![words(value).unwrap_or_default()])));
        }
        for rule in selector["matchExpressions"].as_array().into_iter().flatten() {
            let values = rule["values"].as_array().into_iter().flatten();
            let values: Vec<String> = values.filter_map(words).collect();
            let demand = match rule["operator"].as_str() {
                Some("In") => Demand::In(values),
                Some("NotIn") => Demand::NotIn(values),
                Some("DoesNotExist") => Demand::Absent,
                _ => Demand::Exists,
            };
            labels.push((words(&rule["key"]).unwrap_or_default(), demand));
        }
        Self { labels, fields: Vec::new() }
    }

    /// Whether an object is meant.
    pub fn matches(&self, object: &Value) -> bool {
        let label = |key: &str| object["metadata"]["labels"][key].as_str();
        self.labels.iter().all(|(key, demand)| demand.holds(label(key)))
            && self.fields.iter().all(|(key, demand)| {
                let value = field(object, key);
                demand.holds(Some(value.as_str()))
            })
    }
}

/// A field that is absent is the zero value of its type, as in Go.
fn field(object: &Value, path: &str) -> String {
    let value = path.split('.').fold(object, |object, part| &object[part]);
    match (path, words(value)) {
        ("spec.unschedulable" | "spec.hostNetwork", None) => "false".to_owned(),
        ("source", None) => words(&object["source"]["component"]).unwrap_or_default(),
        (_, value) => value.unwrap_or_default(),
    }
}

fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The parts between commas that stand in no parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    let parts = text.split(move |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

/// `a=b`, `a==b` or `a!=b`.
fn equality(part: &str) -> Option<(String, Demand)> {
    let (key, value, same) = if let Some((key, value)) = part.split_once("!=") {
        (key, value, false)
    } else if let Some((key, value)) = part.split_once("==") {
        (key, value, true)
    } else {
        let (key, value) = part.split_once('=')?;
        (key, value, true)
    };
    let (key, values) = (key.trim().to_owned(), vec![value.trim().to_owned()]);
    let demand = if same { Demand::In(values) } else { Demand::NotIn(values) };
    (!key.is_empty()).then_some((key, demand))
}

/// Besides equality: `a`, `!a`, `a in (b,c)`, `a notin (b,c)`.
fn label_demand(part: &str) -> Option<(String, Demand)> {
    if let Some((head, rest)) = part.split_once('(') {
        let values = rest.strip_suffix(')')?.split(',').map(|it| it.trim().to_owned()).collect();
        let (key, word) = head.trim().rsplit_once(char::is_whitespace)?;
        let demand = match word {
            "in" => Demand::In(values),
            "notin" => Demand::NotIn(values),
            _ => return None,
        };
        return is_key(key.trim()).then(|| (key.trim().to_owned(), demand));
    }
    let (key, demand) = match part.strip_prefix('!') {
        Some(key) if !key.contains('=') => (key.trim().to_owned(), Demand::Absent),
        _ if part.contains('=') => equality(part)?,
        _ => (part.to_owned(), Demand::Exists),
    };
    is_key(&key).then_some((key, demand))
}

fn is_key(key: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    !key.is_empty() && key.chars().all(fine)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::kinds::{NODES, PODS};
    use super::*;

    #[test]
    fn selectors_choose_as_kubernetes_does() {
        let pod = json!({"metadata": {"name": "p", "labels": {"app": "web", "tier": "front"}},
            "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}});
        let table = [
            ("", "", true),
            ("app=web", "", true),
            ("app==web,tier!=back", "", true),
            ("app in (web, api),tier", "", true),
            ("app notin (web)", "", false),
            ("!app", "", false),
            ("!gone", "", true),
            ("gone!=x", "", true),
            ("", "spec.nodeName=n1,metadata.name=p", true),
            ("", "status.phase!=Running", false),
            ("app=web", "spec.nodeName=n2", false),
        ];
        for (labels, fields, meant) in table {
            let selector = Selector::parse(&PODS, labels, fields).expect("readable");
            assert_eq!(selector.matches(&pod), meant, "{labels:?} {fields:?}");
        }
    }

    #[test]
    fn what_can_not_be_read_or_chosen_by_is_a_bad_request() {
        for (labels, fields) in [
            ("a b", ""),
            ("a in b", ""),
            ("=x", ""),
            ("a like (b)", ""),
            ("", "x"),
            ("", "spec.x=y"),
        ] {
            let fault = Selector::parse(&NODES, labels, fields).expect_err("nonsense");
            assert_eq!(fault.code, 400, "{labels:?} {fields:?}");
        }
        let schedulable = Selector::parse(&NODES, "", "spec.unschedulable=false").expect("known");
        assert!(schedulable.matches(&json!({"spec": {}})), "absent is false");
    }
}
