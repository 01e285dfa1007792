//! What may be written to a node, judged on the node as it was just read. Pure.
//!
//! Cordon and record go into one JSON patch whose `test` operations pin uid and version: the
//! server applies all of it to the node that was judged, or nothing.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::model::action::{Effect, Expect};
use crate::model::cordon::{
    CORDON_ANNOTATION, CordonKind, CordonMark, CordonRecord, MANUAL_ANNOTATION,
};
use crate::model::facts::NodeFacts;
use crate::model::ids::{BootId, CordonId, MachineId, MachineName};

use super::nodes::{annotation, node};

/// What to do with a node.
#[derive(Debug, PartialEq)]
pub enum Judgement {
    /// It is so already.
    Already,
    /// It must not be touched, for this reason.
    Refuse(String),
    /// Send this JSON patch (RFC 6902).
    Patch(Value),
}

/// A change of a node, as the effects describe it.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// Take it out, with this record.
    Cordon(&'a CordonRecord),
    /// Give this cordon back.
    Uncordon(&'a CordonId),
    /// Mark it for a person.
    Mark {
        /// What the person reads.
        reason: &'a str,
        /// Since when, for people.
        since: Timestamp,
        /// The cordon that is left to the person with it.
        cordon: Option<&'a CordonId>,
    },
    /// Take the mark of this ananke host off.
    Unmark {
        /// The host.
        owner: &'a str,
    },
}

impl<'a> Change<'a> {
    /// The node that an effect changes, and how. `None` for an effect that changes no node.
    pub fn of(effect: &'a Effect, owner: &'a str) -> Option<(&'a MachineName, Self)> {
        Some(match effect {
            Effect::Cordon { node, record } => (node, Self::Cordon(record)),
            Effect::Uncordon { node, id } => (node, Self::Uncordon(id)),
            Effect::MarkManual { node, reason, since, cordon } => {
                (node, Self::Mark { reason, since: *since, cordon: cordon.as_ref() })
            }
            Effect::ClearMark { node } => (node, Self::Unmark { owner }),
            Effect::StartUnit { .. }
            | Effect::RestartUnit { .. }
            | Effect::ResetFailedUnit { .. }
            | Effect::WriteCanary
            | Effect::StopUnit { .. }
            | Effect::EndPods { .. }
            | Effect::MendHost { .. }
            | Effect::SaveDatastore { .. }
            | Effect::PowerOff { .. }
            | Effect::PowerOffHere { .. }
            | Effect::Wake { .. }
            | Effect::Claim { .. }
            | Effect::SuspendFlux { .. }
            | Effect::ResumeFlux { .. }
            | Effect::RequestReconcile { .. }
            | Effect::DeletePod { .. }
            | Effect::Scale { .. }
            | Effect::UnsealVault { .. }
            | Effect::EvictPods { .. } => return None,
        })
    }
}

/// Judges a change on the node as it is now.
pub fn judge(object: &Value, change: Change<'_>, expect: &Expect) -> Judgement {
    let Some((_, facts)) = node(object) else {
        return Judgement::Refuse("what the API calls this node has no name".to_owned());
    };
    if facts.uid.is_empty() || facts.resource_version.is_empty() {
        return Judgement::Refuse("the node has no uid or version to rely on".to_owned());
    }
    if let Some(why) = other_object(&facts, expect) {
        return Judgement::Refuse(why);
    }
    let edits = match change {
        Change::Cordon(record) => cordon(&facts, record),
        Change::Uncordon(id) => uncordon(&facts, id),
        Change::Mark { reason, since, cordon } => mark(object, &facts, reason, since, cordon),
        Change::Unmark { owner } => unmark(object, &facts, owner),
    };
    match edits {
        Err(judgement) => judgement,
        Ok(_) if stale(&facts, expect) => Judgement::Refuse(format!(
            "the node changed since it was observed (version {} is now {})",
            expect.resource_version.as_deref().unwrap_or_default(),
            facts.resource_version
        )),
        Ok(edits) => Judgement::Patch(patch(object, &facts, edits)),
    }
}

/// Something that holds for another machine, boot or object must not be done to this one.
fn other_object(facts: &NodeFacts, expect: &Expect) -> Option<String> {
    let pairs = [
        ("uid", expect.uid.as_deref(), facts.uid.as_str()),
        ("boot", expect.boot_id.as_ref().map(BootId::as_str), facts.boot_id.as_str()),
        ("machine", expect.machine_id.as_ref().map(MachineId::as_str), facts.machine_id.as_str()),
    ];
    pairs.into_iter().find_map(|(what, expected, is)| {
        let expected = expected?;
        (expected != is).then(|| format!("it is not the observed node: {what} {is:?} now"))
    })
}

fn stale(facts: &NodeFacts, expect: &Expect) -> bool {
    expect.resource_version.as_ref().is_some_and(|version| *version != facts.resource_version)
}

/// One change below `spec` or `metadata/annotations`.
enum Edit {
    Unschedulable(bool),
    Set(&'static str, String),
    Remove(&'static str),
}

fn refuse(why: impl Into<String>) -> Judgement {
    Judgement::Refuse(why.into())
}

/// A person's hold is final, and another tool's mark means that the cordon serves two masters.
fn left_alone(facts: &NodeFacts) -> Result<(), Judgement> {
    if let Some(hold) = &facts.hold {
        return Err(refuse(format!("a person holds the node: {hold:?}")));
    }
    if !facts.foreign.is_empty() {
        return Err(refuse(format!("marked by another tool: {}", facts.foreign.join(", "))));
    }
    Ok(())
}

fn cordon(facts: &NodeFacts, record: &CordonRecord) -> Result<Vec<Edit>, Judgement> {
    match &facts.cordon {
        CordonMark::Garbled => return Err(refuse("a cordon record that can't be read is on it")),
        CordonMark::Record(old) if old.id == record.id && facts.unschedulable => {
            return Err(match old.kind {
                CordonKind::Recovery | CordonKind::Shutdown => Judgement::Already,
                CordonKind::Manual => refuse("this cordon was left to a person since"),
            });
        }
        // Somebody uncordoned it by hand, or another host holds it: not to be taken again.
        CordonMark::Record(old) => {
            return Err(refuse(format!("it carries cordon {} of {}", old.id, old.owner)));
        }
        CordonMark::None if facts.unschedulable => {
            return Err(refuse("somebody else cordoned it"));
        }
        CordonMark::None => {}
    }
    left_alone(facts)?;
    Ok(vec![Edit::Unschedulable(true), Edit::Set(CORDON_ANNOTATION, render(record)?)])
}

fn uncordon(facts: &NodeFacts, id: &CordonId) -> Result<Vec<Edit>, Judgement> {
    match &facts.cordon {
        CordonMark::None if facts.unschedulable => {
            return Err(refuse("it carries no record of ours: somebody else cordoned it"));
        }
        CordonMark::None => return Err(Judgement::Already),
        CordonMark::Garbled => return Err(refuse("a cordon record that can't be read is on it")),
        CordonMark::Record(record) if record.id != *id => {
            return Err(refuse(format!("it carries cordon {} of {}", record.id, record.owner)));
        }
        CordonMark::Record(record) if record.kind == CordonKind::Manual => {
            return Err(refuse("this cordon was left to a person"));
        }
        CordonMark::Record(_) => {}
    }
    left_alone(facts)?;
    let mut edits = vec![Edit::Remove(CORDON_ANNOTATION)];
    if facts.unschedulable {
        edits.push(Edit::Unschedulable(false));
    }
    Ok(edits)
}

/// A mark changes nothing about how the node runs and a person must learn of it: it is set under a
/// hold and beside foreign marks too. Only a record that is exactly ours is converted.
fn mark(
    object: &Value,
    facts: &NodeFacts,
    reason: &str,
    since: Timestamp,
    cordon: Option<&CordonId>,
) -> Result<Vec<Edit>, Judgement> {
    let text = json!({ "reason": reason, "since": since.to_string() }).to_string();
    let mut edits = Vec::new();
    if annotation(object, MANUAL_ANNOTATION).and_then(Value::as_str) != Some(&text) {
        edits.push(Edit::Set(MANUAL_ANNOTATION, text));
    }
    if let (CordonMark::Record(record), Some(id)) = (&facts.cordon, cordon)
        && record.id == *id
        && record.kind != CordonKind::Manual
    {
        let record = CordonRecord { kind: CordonKind::Manual, ..record.clone() };
        edits.push(Edit::Set(CORDON_ANNOTATION, render(&record)?));
    }
    if edits.is_empty() { Err(Judgement::Already) } else { Ok(edits) }
}

/// A person answered the mark. A cordon that was left to the person is ours again.
fn unmark(object: &Value, facts: &NodeFacts, owner: &str) -> Result<Vec<Edit>, Judgement> {
    if annotation(object, MANUAL_ANNOTATION).is_none() {
        return Err(Judgement::Already);
    }
    let mut edits = vec![Edit::Remove(MANUAL_ANNOTATION)];
    if let CordonMark::Record(record) = &facts.cordon
        && record.kind == CordonKind::Manual
        && record.owner == owner
    {
        let record = CordonRecord { kind: CordonKind::Recovery, ..record.clone() };
        edits.push(Edit::Set(CORDON_ANNOTATION, render(&record)?));
    }
    Ok(edits)
}

fn render(record: &CordonRecord) -> Result<String, Judgement> {
    serde_json::to_string(record).map_err(|e| refuse(format!("the record can't be written: {e}")))
}

fn patch(object: &Value, facts: &NodeFacts, edits: Vec<Edit>) -> Value {
    let mut operations = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": facts.uid}),
        json!({"op": "test", "path": "/metadata/resourceVersion",
            "value": facts.resource_version}),
    ];
    let sets = edits.iter().any(|edit| matches!(edit, Edit::Set(..)));
    if sets && !object.pointer("/metadata/annotations").is_some_and(Value::is_object) {
        operations.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    operations.extend(edits.into_iter().map(|edit| match edit {
        Edit::Unschedulable(true) => {
            json!({"op": "add", "path": "/spec/unschedulable", "value": true})
        }
        Edit::Unschedulable(false) => json!({"op": "remove", "path": "/spec/unschedulable"}),
        Edit::Set(key, value) => json!({"op": "add", "path": path(key), "value": value}),
        Edit::Remove(key) => json!({"op": "remove", "path": path(key)}),
    }));
    Value::Array(operations)
}

/// The JSON pointer of an annotation (RFC 6901: `~` and `/` within a name are escaped).
fn path(key: &str) -> String {
    format!("/metadata/annotations/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests;
