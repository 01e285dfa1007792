//! Effects in words.

use std::collections::BTreeSet;
use std::fmt;

use super::Effect;

impl fmt::Display for Effect {
    /// In the imperative: it reads as a line of a plan.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartUnit { host, unit } => write!(f, "start {unit} on {host}"),
            Self::RestartUnit { host, unit } => write!(f, "restart {unit} on {host}"),
            Self::ResetFailedUnit { host, unit } => {
                write!(f, "clear the failed state of {unit} on {host}")
            }
            Self::Cordon { node, record } => write!(f, "cordon {node} (lease {})", record.id),
            Self::Uncordon { node, id } => write!(f, "uncordon {node} (own lease {id})"),
            Self::MarkManual { node, .. } => write!(f, "mark {node} for a person"),
            Self::ClearMark { node } => write!(f, "take the mark for a person off {node}"),
            Self::WriteCanary => f.write_str("renew ananke's own Lease"),
            Self::Claim { host } => write!(f, "have the guard of {host} accept this host"),
            Self::MendHost { host, mending } => write!(f, "{mending} on {host}"),
            Self::StopUnit { host, unit } => write!(f, "stop {unit} on {host}"),
            Self::EndPods { host } => write!(f, "end the pods that still run on {host}"),
            Self::SaveDatastore { host } => write!(f, "save the datastore on {host}"),
            Self::PowerOff { host } => write!(f, "power off {host}"),
            Self::PowerOffHere { host } => write!(f, "power off this host, {host}"),
            Self::Wake { machine } => write!(f, "power on {machine}"),
            Self::SuspendFlux { object } => write!(f, "suspend {object}"),
            Self::ResumeFlux { object } => write!(f, "resume {object}"),
            Self::RequestReconcile { object, .. } => write!(f, "ask Flux to look at {object}"),
            Self::EvictPods { node, tier, namespaces, overruled } => {
                let named = |names: &BTreeSet<String>| {
                    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
                };
                write!(f, "evict {tier} from {node} ({}", named(namespaces))?;
                if !overruled.is_empty() {
                    write!(f, "; against the budgets in {}", named(overruled))?;
                }
                f.write_str(")")
            }
            Self::DeletePod { pod, .. } => write!(f, "delete the pod {pod}, to be made anew"),
            Self::Scale { object, replicas } => write!(f, "scale {object} to {replicas}"),
            Self::UnsealVault { vault } => write!(f, "unseal the vault {vault}"),
        }
    }
}
