//! From a node's JSON to the few facts that matter. Absurd input yields empty facts, never an
//! error: one broken node must not hide the others.

use serde_json::Value;

use crate::model::cordon::{
    CORDON_ANNOTATION, CordonMark, CordonRecord, HOLD_ANNOTATION, MANUAL_ANNOTATION,
};
use crate::model::facts::{NodeFacts, Ready};
use crate::model::ids::{BootId, MachineId, MachineName};

use super::wire::short;

/// The longest text of a node that is kept. A recorded tick has to stay small.
const MAX_TEXT: usize = 200;
/// How many foreign marks of one node are kept: one is enough to leave it alone.
const MAX_MARKS: usize = 8;

/// Annotations and labels by which other tools say "this node is mine for now".
const FOREIGN_KEYS: [&str; 4] = [
    "talos.dev/cordoned",
    "cke.cybozu.com/reboot",
    "weave.works/kured-reboot-in-progress",
    "draino.planet.com/conditions",
];
/// The same for taints.
const FOREIGN_TAINTS: [&str; 3] =
    ["medik8s.io/drain", "node.kubernetes.io/out-of-service", "ToBeDeletedByClusterAutoscaler"];
/// The medik8s remediators use many names under one prefix, as annotation, label and taint.
const FOREIGN_PREFIX: &str = "remediation.medik8s.io/";

/// The name and facts of a node. `None` for something without a name.
pub fn node(object: &Value) -> Option<(MachineName, NodeFacts)> {
    let name = object.pointer("/metadata/name")?.as_str().filter(|name| !name.is_empty())?;
    let (ready, ready_why) = ready(object);
    let facts = NodeFacts {
        uid: text(object, "/metadata/uid"),
        resource_version: text(object, "/metadata/resourceVersion"),
        boot_id: BootId::new(text(object, "/status/nodeInfo/bootID")),
        machine_id: MachineId::new(text(object, "/status/nodeInfo/machineID")),
        ready,
        ready_why,
        unschedulable: unschedulable(object),
        cordon: cordon(object),
        hold: annotation(object, HOLD_ANNOTATION).map(|value| short(&words(value), MAX_TEXT)),
        manual: annotation(object, MANUAL_ANNOTATION).map(manual),
        foreign: foreign(object),
        lease: None,
    };
    Some((MachineName::new(name), facts))
}

/// The value of an annotation, of whatever type.
pub(super) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    object.pointer("/metadata/annotations")?.get(key)
}

/// The reason in a manual mark, or what stands there instead.
fn manual(value: &Value) -> String {
    let text = words(value);
    let reason = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|mark| Some(mark.get("reason")?.as_str()?.to_owned()));
    short(&reason.unwrap_or(text), MAX_TEXT)
}

/// Our record. Anything under our annotation that is no record is garbled.
fn cordon(object: &Value) -> CordonMark {
    let Some(value) = annotation(object, CORDON_ANNOTATION) else { return CordonMark::None };
    match value.as_str().and_then(|text| serde_json::from_str::<CordonRecord>(text).ok()) {
        Some(record) => CordonMark::Record(record),
        None => CordonMark::Garbled,
    }
}

fn unschedulable(object: &Value) -> bool {
    match object.pointer("/spec/unschedulable") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        // Nonsense where the flag should be: the node is not to be counted on, nor to be touched.
        Some(_) => true,
    }
}

fn ready(object: &Value) -> (Ready, String) {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let condition = conditions.and_then(|all| {
        all.iter().find(|c| c.get("type").and_then(Value::as_str) == Some("Ready"))
    });
    let Some(condition) = condition else {
        return (Ready::Unknown, "the node has no Ready condition".to_owned());
    };
    let ready = match condition.get("status").and_then(Value::as_str) {
        Some("True") => return (Ready::True, String::new()),
        Some("False") => Ready::False,
        _ => Ready::Unknown,
    };
    (ready, short(&text(condition, "/message"), MAX_TEXT))
}

/// Marks of other tools, each with where it stands, in a fixed order.
fn foreign(object: &Value) -> Vec<String> {
    let mut marks = Vec::new();
    for (place, path) in [("annotation", "/metadata/annotations"), ("label", "/metadata/labels")] {
        let keys = object.pointer(path).and_then(Value::as_object);
        let keys = keys.into_iter().flat_map(|map| map.keys());
        marks.extend(
            keys.filter(|key| {
                FOREIGN_KEYS.contains(&key.as_str()) || key.starts_with(FOREIGN_PREFIX)
            })
            .map(|key| format!("{place} {key}")),
        );
    }
    let taints = object.pointer("/spec/taints").and_then(Value::as_array);
    let keys = taints.into_iter().flatten().filter_map(|taint| taint.get("key")?.as_str());
    marks.extend(
        keys.filter(|key| FOREIGN_TAINTS.contains(key) || key.starts_with(FOREIGN_PREFIX))
            .map(|key| format!("taint {key}")),
    );
    marks.sort();
    marks.dedup();
    marks.truncate(MAX_MARKS);
    marks
}

fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The string at a JSON pointer, or an empty one.
pub(super) fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_is_read_with_its_marks() {
        let record = json!({
            "id": "3-17", "owner": "atlas", "kind": "recovery", "priorUnschedulable": false,
            "acquiredAt": "2026-01-01T00:00:00Z", "expiresAt": "2026-01-01T01:00:00Z",
            "bootId": "b1"
        });
        let object = json!({
            "metadata": {"name": "n1", "uid": "u1", "resourceVersion": "7",
                "labels": {"remediation.medik8s.io/exclude-from-remediation": "true"},
                "annotations": {
                    CORDON_ANNOTATION: record.to_string(),
                    HOLD_ANNOTATION: "mine",
                    MANUAL_ANNOTATION: r#"{"reason":"disk dead","since":"2026-01-01T00:00:00Z"}"#,
                    "talos.dev/cordoned": "true"}},
            "spec": {"unschedulable": true, "taints": [
                {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
                {"key": "medik8s.io/drain", "effect": "NoSchedule"}]},
            "status": {"nodeInfo": {"bootID": "b1", "machineID": "m1"}, "conditions": [
                {"type": "EtcdIsVoter", "status": "True"},
                {"type": "Ready", "status": "False", "message": "PLEG"}]}
        });
        let (name, node) = node(&object).unwrap();
        assert_eq!((name.as_str(), node.uid.as_str()), ("n1", "u1"));
        assert_eq!((node.ready, node.ready_why.as_str()), (Ready::False, "PLEG"));
        assert!(matches!(node.cordon, CordonMark::Record(ref r) if r.id.as_str() == "3-17"));
        assert_eq!(node.hold.as_deref(), Some("mine"));
        assert_eq!(node.manual.as_deref(), Some("disk dead"));
        assert_eq!(
            node.foreign,
            [
                "annotation talos.dev/cordoned",
                "label remediation.medik8s.io/exclude-from-remediation",
                "taint medik8s.io/drain"
            ]
        );
    }

    #[test]
    fn absurd_fields_yield_empty_facts() {
        let absurd = json!({"metadata": {"name": "n", "uid": 7, "annotations": {
                CORDON_ANNOTATION: 3, HOLD_ANNOTATION: null}, "labels": []},
            "spec": {"unschedulable": "maybe", "taints": {"key": 1}},
            "status": {"nodeInfo": "none", "conditions": [7, {"type": "Ready", "status": 1}]}});
        let (_, facts) = node(&absurd).unwrap();
        assert_eq!((facts.uid.as_str(), facts.boot_id.as_str()), ("", ""));
        assert_eq!(facts.ready, Ready::Unknown);
        assert_eq!(facts.cordon, CordonMark::Garbled);
        assert!(facts.unschedulable, "a flag that makes no sense is not taken for schedulable");
        assert!(facts.hold.is_some(), "a hold without words is still a hold");
        for nameless in [json!({}), json!({"metadata": {"name": ""}}), json!([1])] {
            assert_eq!(node(&nameless), None);
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            let key = prop::sample::select(vec![
                "metadata",
                "annotations",
                "labels",
                "spec",
                "taints",
                "key",
                "status",
                "name",
                "conditions",
                "nodeInfo",
                "type",
                CORDON_ANNOTATION,
                "unschedulable",
            ]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key.prop_map(str::to_owned), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_survived_with_bounded_facts(object in any_json()) {
            if let Some((_, facts)) = node(&object) {
                prop_assert!(facts.foreign.len() <= MAX_MARKS);
                prop_assert!(facts.ready_why.chars().count() <= MAX_TEXT + 1);
            }
        }
    }
}
