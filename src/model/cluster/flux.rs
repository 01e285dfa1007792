//! The objects of Flux.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::model::facts::Ready;
use crate::model::object::ObjectName;

/// Written on an object of Flux that ananke suspended: who did it. Only such a one is resumed.
pub const SUSPENDED_ANNOTATION: &str = "ananke.bstein.dev/suspended-by";

/// What every object of Flux says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Whether it is left alone by Flux, and by whose wish.
    #[serde(default, skip_serializing_if = "is_default")]
    pub suspended: Suspended,
    /// The Ready condition, which may be from before the outage.
    #[serde(default = "ready", skip_serializing_if = "is_ready")]
    pub ready: Ready,
    /// The condition's reason and message, if not ready.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Its controller has not looked at it since its spec changed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub behind: bool,
    /// The last request to reconcile that its controller has dealt with, with whatever result
    /// (`status.lastHandledReconcileAt`). A suspended object advances it as well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub handled: String,
}

/// Whether Flux leaves an object alone, and by whose wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Suspended {
    /// It does not.
    #[default]
    No,
    /// Ananke suspended it, and wrote so on it.
    ByUs,
    /// Somebody else did, or git says so.
    ByOthers,
}

const fn ready() -> Ready {
    Ready::True
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_ready(ready: &Ready) -> bool {
    *ready == Ready::True
}

/// Where Flux takes things from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// What it says of itself.
    #[serde(flatten)]
    pub progress: Progress,
    /// `spec.url`, without credentials.
    pub url: String,
    /// The branch, or the tag, that it follows; empty if it follows something else.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub branch: String,
    /// The revision of the artifact that it serves; empty if it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revision: String,
}

impl Source {
    /// The kind of a git repository.
    pub const GIT: &str = "GitRepository";
    /// The kind of a source in a registry.
    pub const OCI: &str = "OCIRepository";
}

/// What Flux applies from a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kustomization {
    /// What it says of itself.
    #[serde(flatten)]
    pub progress: Progress,
    /// Where it takes its manifests from.
    pub source: ObjectName,
    /// What must be applied before it: names of Kustomizations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<super::ObjectPath>,
    /// `status.lastAppliedRevision`, as short as the source's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub applied: String,
    /// Its health checks ask ananke's own RecoveryStatus, which would be a circle.
    #[serde(default, skip_serializing_if = "is_default")]
    pub asks_us: bool,
}

impl Kustomization {
    /// Its kind.
    pub const KIND: &str = "Kustomization";
}

/// A chart that Flux installs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelmRelease {
    /// What it says of itself.
    #[serde(flatten)]
    pub progress: Progress,
    /// What must be installed before it: names of HelmReleases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<super::ObjectPath>,
    /// It gave up: only a person, or a reset, makes it try again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stalled: bool,
}

impl HelmRelease {
    /// Its kind.
    pub const KIND: &str = "HelmRelease";
}

impl fmt::Display for Suspended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::No => "not suspended",
            Self::ByUs => "suspended by ananke",
            Self::ByOthers => "suspended by somebody else",
        })
    }
}
