//! What ananke does, in the words of a scenario.

use super::ast::{Act, Doing};
use crate::model::action::Effect;

/// A repair in the words of a scenario. A proof and the end of a mark are none.
pub(super) fn act(effect: &Effect) -> Option<Act> {
    let (doing, on) = match effect {
        Effect::StartUnit { host, unit } => (Doing::Start(*unit), host),
        Effect::RestartUnit { host, unit } => (Doing::Restart(*unit), host),
        Effect::ResetFailedUnit { host, unit } => (Doing::Clear(*unit), host),
        Effect::Cordon { node, .. } => (Doing::Cordon, node),
        Effect::Uncordon { node, .. } => (Doing::Uncordon, node),
        Effect::MarkManual { node, .. } => (Doing::Mark, node),
        Effect::MendHost { host, .. } => (Doing::Mend, host),
        Effect::PowerOff { host } | Effect::PowerOffHere { host } => (Doing::PowerOff, host),
        Effect::Wake { machine } => (Doing::Wake, machine),
        Effect::Claim { .. }
        | Effect::ClearMark { .. }
        | Effect::WriteCanary
        | Effect::StopUnit { .. }
        | Effect::EndPods { .. }
        | Effect::SaveDatastore { .. }
        | Effect::SuspendFlux { .. }
        | Effect::ResumeFlux { .. }
        | Effect::RequestReconcile { .. }
        | Effect::DeletePod { .. }
        | Effect::Scale { .. }
        | Effect::UnsealVault { .. }
        | Effect::EvictPods { .. } => return None,
    };
    Some(Act { doing, on: on.clone() })
}
