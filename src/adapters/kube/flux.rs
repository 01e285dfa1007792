//! What is written on an object of Flux, and when it is not.

use serde_json::{Value, json};

use crate::model::action::Effect;
use crate::model::cluster::SUSPENDED_ANNOTATION;
use crate::model::object::ObjectName;

use super::cordon::Judgement;
use super::nodes::annotation;

/// The annotation by which Flux is asked to look at an object now.
const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";

/// A change of an object of Flux, as the effects describe it.
#[derive(Debug, Clone, Copy)]
pub enum FluxChange<'a> {
    /// Look at it now, and answer with this token.
    Ask(&'a str),
    /// Go on.
    Resume,
    /// Stop changing anything.
    Suspend {
        /// The ananke host that wants it, for people.
        owner: &'a str,
    },
}

impl<'a> FluxChange<'a> {
    /// The object that an effect changes, and how. `None` for an effect that changes none.
    pub const fn of(effect: &'a Effect, owner: &'a str) -> Option<(&'a ObjectName, Self)> {
        match effect {
            Effect::RequestReconcile { object, token } => Some((object, Self::Ask(token.as_str()))),
            Effect::ResumeFlux { object } => Some((object, Self::Resume)),
            Effect::SuspendFlux { object } => Some((object, Self::Suspend { owner })),
            Effect::StartUnit { .. }
            | Effect::RestartUnit { .. }
            | Effect::ResetFailedUnit { .. }
            | Effect::Cordon { .. }
            | Effect::Uncordon { .. }
            | Effect::MarkManual { .. }
            | Effect::ClearMark { .. }
            | Effect::WriteCanary
            | Effect::StopUnit { .. }
            | Effect::EndPods { .. }
            | Effect::SaveDatastore { .. }
            | Effect::PowerOff { .. }
            | Effect::PowerOffHere { .. }
            | Effect::Wake { .. }
            | Effect::Claim { .. }
            | Effect::MendHost { .. }
            | Effect::DeletePod { .. }
            | Effect::Scale { .. }
            | Effect::UnsealVault { .. }
            | Effect::EvictPods { .. } => None,
        }
    }

    /// What follows from the object as it is now: a merge patch.
    pub fn judge(self, object: &Value) -> Judgement {
        let suspended = object.pointer("/spec/suspend").is_some_and(|it| *it == Value::Bool(true));
        let ours = annotation(object, SUSPENDED_ANNOTATION).is_some();
        match self {
            // A suspended object answers as well, and does nothing.
            Self::Ask(_) if suspended => {
                Judgement::Refuse("it is suspended: asking it moves nothing".to_owned())
            }
            // Without a version: its controller writes to it all the time, and asking harms nobody.
            Self::Ask(token) => {
                Judgement::Patch(json!({"metadata": {"annotations": {REQUESTED_AT: token}}}))
            }
            Self::Resume if ours => Judgement::Patch(json!({
                "metadata": {
                    "annotations": {SUSPENDED_ANNOTATION: null},
                    "resourceVersion": object.pointer("/metadata/resourceVersion"),
                },
                "spec": {"suspend": null},
            })),
            Self::Resume if suspended => Judgement::Refuse("somebody else suspended it".to_owned()),
            Self::Resume => Judgement::Already,
            Self::Suspend { .. } if suspended && ours => Judgement::Already,
            Self::Suspend { .. } if suspended => {
                Judgement::Refuse("somebody else suspended it: kept".to_owned())
            }
            Self::Suspend { owner } => Judgement::Patch(json!({
                "metadata": {
                    "annotations": {SUSPENDED_ANNOTATION: owner},
                    "resourceVersion": object.pointer("/metadata/resourceVersion"),
                },
                "spec": {"suspend": true},
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ananke_suspended_is_resumed_and_only_what_runs_is_asked() {
        let name = ObjectName::in_namespace("Kustomization", "flux-system", "apps");
        let resume = Effect::ResumeFlux { object: name.clone() };
        let suspend = Effect::SuspendFlux { object: name.clone() };
        let ask = Effect::RequestReconcile { object: name.clone(), token: "x.1-2".to_owned() };
        let object = |suspend: bool, ours: bool| {
            let marks = if ours { json!({SUSPENDED_ANNOTATION: "atlas"}) } else { json!({}) };
            json!({"metadata": {"annotations": marks, "resourceVersion": "7"},
                "spec": {"suspend": suspend}})
        };
        for (effect, is, ours, word) in [
            (&suspend, false, false, "patch"),
            (&suspend, true, true, "already"),
            (&suspend, true, false, "refuse"),
            (&resume, true, true, "patch"),
            (&resume, true, false, "refuse"),
            (&resume, false, false, "already"),
            (&resume, false, true, "patch"),
            (&ask, true, true, "refuse"),
            (&ask, true, false, "refuse"),
            (&ask, false, false, "patch"),
        ] {
            let (about, change) = FluxChange::of(effect, "atlas").unwrap();
            assert_eq!(*about, name);
            let judged = match change.judge(&object(is, ours)) {
                Judgement::Patch(_) => "patch",
                Judgement::Refuse(_) => "refuse",
                Judgement::Already => "already",
            };
            assert_eq!(judged, word, "{effect} suspended {is} ours {ours}");
        }
    }
}
