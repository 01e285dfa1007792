//! What a check says of a target. Failed, unknown and skipped are three things.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::MachineName;
use super::object::ObjectName;
use super::power::UpsName;
use super::time::Mono;

/// What a verdict, a remedy or a mark is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Target {
    /// The cluster as a whole.
    Cluster,
    /// One machine, or the node on it.
    Machine(MachineName),
    /// A UPS.
    Ups(UpsName),
    /// An object of Kubernetes.
    Object(ObjectName),
    /// Something that is asked from outside: a service, an ingress host, an endpoint.
    Service(String),
}

/// How the whole cluster is written where a machine's name could stand.
const CLUSTER: &str = "(cluster)";
/// What stands before the name of a UPS. No machine's name has a blank in it.
const UPS: &str = "ups ";
/// What stands before the name of a service.
const SERVICE: &str = "service ";

impl Target {
    /// The machine, if the target is one.
    pub const fn machine(&self) -> Option<&MachineName> {
        match self {
            Self::Machine(name) => Some(name),
            Self::Cluster | Self::Ups(_) | Self::Object(_) | Self::Service(_) => None,
        }
    }

    /// The object of Kubernetes, if the target is one.
    pub const fn object(&self) -> Option<&ObjectName> {
        match self {
            Self::Object(name) => Some(name),
            Self::Cluster | Self::Machine(_) | Self::Ups(_) | Self::Service(_) => None,
        }
    }

    /// The name of what is asked from outside, if the target is that.
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::Service(name) => Some(name),
            Self::Cluster | Self::Machine(_) | Self::Ups(_) | Self::Object(_) => None,
        }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl From<String> for Target {
    fn from(text: String) -> Self {
        if text == CLUSTER {
            return Self::Cluster;
        }
        if let Some(service) = text.strip_prefix(SERVICE) {
            return Self::Service(service.to_owned());
        }
        let ups = text.strip_prefix(UPS).and_then(|ups| UpsName::parse(ups).ok());
        let object = || text.parse().ok();
        match ups.map(Self::Ups).or_else(|| object().map(Self::Object)) {
            Some(target) => target,
            None => Self::Machine(MachineName::new(text)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.pad(CLUSTER),
            Self::Machine(name) => name.fmt(f),
            Self::Ups(name) => f.pad(&format!("{UPS}{name}")),
            Self::Object(name) => f.pad(&name.to_string()),
            Self::Service(name) => f.pad(&format!("{SERVICE}{name}")),
        }
    }
}

/// The answer of a check for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Good, with proof that is fresh.
    Pass,
    /// Not good yet, but within the time that it may take.
    Settling {
        /// What is awaited.
        why: String,
        /// When it becomes a failure.
        until: Mono,
    },
    /// Not good.
    Fail {
        /// What is wrong.
        why: String,
    },
    /// Nobody can say. Holds every remedy for this target.
    Unknown {
        /// Why not.
        why: String,
    },
    /// Not asked, for a reason that the user reads.
    Skipped {
        /// Why not.
        why: String,
    },
}

impl Verdict {
    /// Whether a gate may open on it.
    pub const fn lets_open(&self) -> bool {
        matches!(self, Self::Pass | Self::Skipped { .. })
    }

    /// The reason, where there is one.
    pub fn why(&self) -> &str {
        match self {
            Self::Pass => "",
            Self::Settling { why, .. }
            | Self::Fail { why }
            | Self::Unknown { why }
            | Self::Skipped { why } => why,
        }
    }

    /// A failure with its reason.
    pub fn fail(why: impl Into<String>) -> Self {
        Self::Fail { why: why.into() }
    }

    /// A blindness with its reason.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into() }
    }

    /// A skipped check with its reason.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self::Skipped { why: why.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_target_is_read_back_as_what_it_was() {
        let table = [
            ("(cluster)", "Cluster"),
            ("titan-07", "Machine"),
            ("ups statera@titan-db", "Ups"),
            ("ups statera@titan-db:3494", "Ups"),
            ("Kustomization flux-system/apps", "Object"),
            ("CSINode titan-07", "Object"),
            ("service gitea.example", "Service"),
        ];
        for (text, kind) in table {
            let target = Target::from(text.to_owned());
            assert!(format!("{target:?}").starts_with(kind), "{text}: {target:?}");
            assert_eq!(target.to_string(), text);
        }
    }
}
