//! What is done to workloads and their pods, and when it is not. Pure.

use serde_json::{Value, json};

use crate::model::action::Effect;
use crate::model::cluster::Pods;
use crate::model::object::ObjectName;

use super::cordon::Judgement;

/// A change of a workload or of a pod, as the effects describe it.
#[derive(Debug, Clone, Copy)]
pub enum LoadChange<'a> {
    /// Delete the pod of this uid. A successor of the same name is left alone.
    Delete(&'a str),
    /// Scale it from nothing to so many pods.
    Scale(u32),
}

impl<'a> LoadChange<'a> {
    /// The object that an effect changes, and how. `None` for an effect that changes none.
    pub fn of(effect: &'a Effect) -> Option<(ObjectName, Self)> {
        match effect {
            Effect::DeletePod { pod, uid } => Some((pod.of_kind(Pods::KIND), Self::Delete(uid))),
            Effect::Scale { object, replicas } => Some((object.clone(), Self::Scale(*replicas))),
            Effect::StartUnit { .. }
            | Effect::RestartUnit { .. }
            | Effect::ResetFailedUnit { .. }
            | Effect::Cordon { .. }
            | Effect::Uncordon { .. }
            | Effect::MarkManual { .. }
            | Effect::ClearMark { .. }
            | Effect::WriteCanary
            | Effect::MendHost { .. }
            | Effect::StopUnit { .. }
            | Effect::EndPods { .. }
            | Effect::SaveDatastore { .. }
            | Effect::PowerOff { .. }
            | Effect::PowerOffHere { .. }
            | Effect::Wake { .. }
            | Effect::Claim { .. }
            | Effect::SuspendFlux { .. }
            | Effect::ResumeFlux { .. }
            | Effect::RequestReconcile { .. }
            | Effect::UnsealVault { .. }
            | Effect::EvictPods { .. } => None,
        }
    }
}

/// The options of a deletion that is meant for one pod only. The grace period is the pod's own: it
/// is never forced.
pub fn delete_options(uid: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}})
}

/// What follows from a workload's scale as it is now: a merge patch of it, which fails if anybody
/// has written to the workload since. The API leaves a number of none out.
pub fn scaled(scale: &Value, replicas: u32) -> Judgement {
    let version = scale.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    let Some(version) = version.filter(|it| !it.is_empty()) else {
        return Judgement::Refuse("it has no version to rely on".to_owned());
    };
    if replicas == 0 {
        return Judgement::Refuse("nothing is scaled to zero".to_owned());
    }
    match scale.pointer("/spec/replicas") {
        None | Some(Value::Null) => {}
        Some(now) if now.as_u64() == Some(0) => {}
        Some(_) => return Judgement::Already,
    }
    Judgement::Patch(json!({
        "metadata": {"resourceVersion": version},
        "spec": {"replicas": replicas},
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cluster::ObjectPath;

    #[test]
    fn only_what_stands_at_zero_is_scaled_and_only_by_its_version() {
        let scale = |spec: Value| json!({"metadata": {"resourceVersion": "7"}, "spec": spec});
        for (object, replicas, word) in [
            (scale(json!({})), 2, "patch"),
            (scale(json!({"replicas": 0})), 2, "patch"),
            (scale(json!({"replicas": 1})), 2, "already"),
            (scale(json!({"replicas": "x"})), 2, "already"),
            (scale(json!({})), 0, "refuse"),
            (json!({"spec": {}}), 2, "refuse"),
        ] {
            let judged = match scaled(&object, replicas) {
                Judgement::Patch(patch) => {
                    assert_eq!(patch["metadata"]["resourceVersion"], "7");
                    assert_eq!(patch["spec"]["replicas"], replicas);
                    "patch"
                }
                Judgement::Refuse(_) => "refuse",
                Judgement::Already => "already",
            };
            assert_eq!(judged, word, "{object} to {replicas}");
        }
    }

    #[test]
    fn a_pod_is_deleted_by_its_uid() {
        let effect = Effect::DeletePod { pod: ObjectPath::new("apps/web-0"), uid: "u".to_owned() };
        let Some((name, LoadChange::Delete(uid))) = LoadChange::of(&effect) else {
            panic!("no deletion");
        };
        assert_eq!(name.to_string(), "Pod apps/web-0");
        let options = delete_options(uid);
        assert_eq!(options["preconditions"], json!({"uid": "u"}));
        assert_eq!(options.get("gracePeriodSeconds"), None);
    }
}
