//! What becomes of a change, for each state in which a node can be.

use super::*;

fn record(id: &'static str, kind: CordonKind) -> CordonRecord {
    let at = |second| Timestamp::from_second(second).unwrap();
    CordonRecord {
        id: CordonId::fixed(id),
        owner: "atlas".to_owned(),
        kind,
        prior_unschedulable: false,
        acquired_at: at(1_700_000_000),
        expires_at: at(1_700_003_600),
        boot_id: BootId::fixed("b1"),
    }
}

/// A node: whether it is cordoned, and the texts under annotations.
fn object(unschedulable: bool, annotations: &[(&str, &str)]) -> Value {
    let mut object = json!({"metadata": {"name": "n", "uid": "u", "resourceVersion": "5"},
        "spec": {}, "status": {"nodeInfo": {"bootID": "b1", "machineID": "m1"}}});
    if unschedulable {
        object["spec"]["unschedulable"] = json!(true);
    }
    for (key, value) in annotations {
        object["metadata"]["annotations"][*key] = json!(value);
    }
    object
}

fn word(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Already => "already".to_owned(),
        Judgement::Refuse(why) => format!("refuse: {why}"),
        Judgement::Patch(patch) => {
            let ops = patch.as_array().unwrap();
            assert_eq!(ops[0], json!({"op": "test", "path": "/metadata/uid", "value": "u"}));
            assert_eq!(
                ops[1],
                json!({"op": "test", "path": "/metadata/resourceVersion", "value": "5"})
            );
            let rest = ops[2..].iter().map(|op| {
                format!("{} {}", op["op"].as_str().unwrap(), op["path"].as_str().unwrap())
            });
            rest.collect::<Vec<_>>().join(", ")
        }
    }
}

const RECORD: &str = "/metadata/annotations/ananke.bstein.dev~1cordon";
const MANUAL: &str = "/metadata/annotations/ananke.bstein.dev~1manual-action";

#[test]
fn a_cordon_is_taken_only_from_a_node_that_is_nobodys() {
    let new = record("7", CordonKind::Recovery);
    let ours = serde_json::to_string(&new).unwrap();
    let left = serde_json::to_string(&record("7", CordonKind::Manual)).unwrap();
    let other = serde_json::to_string(&record("8", CordonKind::Recovery)).unwrap();
    let table = [
        (
            object(false, &[]),
            format!("add /metadata/annotations, add /spec/unschedulable, add {RECORD}"),
        ),
        (object(false, &[("a", "b")]), format!("add /spec/unschedulable, add {RECORD}")),
        (object(true, &[(CORDON_ANNOTATION, &ours)]), "already".into()),
        (object(false, &[(CORDON_ANNOTATION, &ours)]), "refuse: it carries cordon 7".into()),
        (object(true, &[(CORDON_ANNOTATION, &other)]), "refuse: it carries cordon 8".into()),
        (object(true, &[(CORDON_ANNOTATION, &left)]), "refuse: this cordon was left".into()),
        (object(true, &[(CORDON_ANNOTATION, "{}")]), "refuse: a cordon record".into()),
        (object(true, &[]), "refuse: somebody else cordoned it".into()),
        (object(false, &[("ananke.bstein.dev/hold", "")]), "refuse: a person holds".into()),
        (object(false, &[("talos.dev/cordoned", "true")]), "refuse: marked by another".into()),
        (json!({"metadata": {"name": "n"}}), "refuse: the node has no uid".into()),
    ];
    for (object, expected) in table {
        let said = word(&judge(&object, Change::Cordon(&new), &Expect::default()));
        assert!(said.starts_with(&expected), "{object}: {said}");
    }
}

#[test]
fn only_our_own_cordon_is_given_back() {
    let ours = serde_json::to_string(&record("7", CordonKind::Recovery)).unwrap();
    let left = serde_json::to_string(&record("7", CordonKind::Manual)).unwrap();
    let other = serde_json::to_string(&record("8", CordonKind::Recovery)).unwrap();
    let ours = (CORDON_ANNOTATION, ours.as_str());
    let table = [
        (object(true, &[ours]), format!("remove {RECORD}, remove /spec/unschedulable")),
        // A person uncordoned it: the record is dropped, nothing else.
        (object(false, &[ours]), format!("remove {RECORD}")),
        (object(false, &[]), "already".into()),
        (object(true, &[]), "refuse: it carries no record of ours".into()),
        (object(true, &[(CORDON_ANNOTATION, &other)]), "refuse: it carries cordon 8".into()),
        (object(true, &[(CORDON_ANNOTATION, &left)]), "refuse: this cordon was left".into()),
        (object(true, &[(CORDON_ANNOTATION, "x")]), "refuse: a cordon record".into()),
        (object(true, &[ours, ("ananke.bstein.dev/hold", "no")]), "refuse: a person".into()),
        (object(true, &[ours, ("cke.cybozu.com/reboot", "")]), "refuse: marked by".into()),
    ];
    for (object, expected) in table {
        let id = CordonId::fixed("7");
        let said = word(&judge(&object, Change::Uncordon(&id), &Expect::default()));
        assert!(said.starts_with(&expected), "{object}: {said}");
    }
}

#[test]
fn a_mark_turns_exactly_our_record_into_a_manual_one() {
    let id = CordonId::fixed("7");
    let since = Timestamp::from_second(1_700_000_000).unwrap();
    let change = Change::Mark { reason: "disk", since, cordon: Some(&id) };
    let ours = serde_json::to_string(&record("7", CordonKind::Recovery)).unwrap();
    let other = serde_json::to_string(&record("8", CordonKind::Recovery)).unwrap();
    let marked = json!({"reason": "disk", "since": since.to_string()}).to_string();
    let table = [
        (object(true, &[(CORDON_ANNOTATION, &ours)]), format!("add {MANUAL}, add {RECORD}")),
        (object(true, &[(CORDON_ANNOTATION, &other)]), format!("add {MANUAL}")),
        (object(true, &[(CORDON_ANNOTATION, "x")]), format!("add {MANUAL}")),
        (object(false, &[]), format!("add /metadata/annotations, add {MANUAL}")),
        (object(false, &[("ananke.bstein.dev/hold", "x")]), format!("add {MANUAL}")),
        (object(false, &[(MANUAL_ANNOTATION, &marked)]), "already".into()),
    ];
    for (object, expected) in table {
        assert_eq!(word(&judge(&object, change, &Expect::default())), expected, "{object}");
    }
    let Judgement::Patch(patch) =
        judge(&object(true, &[(CORDON_ANNOTATION, &ours)]), change, &Expect::default())
    else {
        panic!("no patch")
    };
    let text = patch.pointer("/3/value").and_then(Value::as_str).unwrap();
    let written: CordonRecord = serde_json::from_str(text).unwrap();
    assert_eq!(written, record("7", CordonKind::Manual));
}

#[test]
fn every_precondition_that_is_named_is_checked() {
    let new = record("7", CordonKind::Recovery);
    let ours = serde_json::to_string(&new).unwrap();
    let expect = |field: &str, value: &str| -> Expect {
        serde_json::from_value(json!({ field: value })).unwrap()
    };
    for (good, field) in
        [("u", "uid"), ("5", "resource_version"), ("b1", "boot_id"), ("m1", "machine_id")]
    {
        let fresh = object(false, &[]);
        let said = judge(&fresh, Change::Cordon(&new), &expect(field, good));
        assert!(matches!(said, Judgement::Patch(_)), "{field}: {said:?}");
        let said = judge(&fresh, Change::Cordon(&new), &expect(field, "other"));
        assert!(matches!(said, Judgement::Refuse(_)), "{field}: {said:?}");
    }
    // What is done is done, at whatever version; but not on another object.
    let done = object(true, &[(CORDON_ANNOTATION, &ours)]);
    let said = judge(&done, Change::Cordon(&new), &expect("resource_version", "4"));
    assert_eq!(said, Judgement::Already);
    let said = judge(&done, Change::Cordon(&new), &expect("uid", "other"));
    assert!(matches!(said, Judgement::Refuse(_)));
}
