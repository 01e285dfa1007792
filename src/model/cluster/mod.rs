//! What lives in the cluster, as the API tells it: small typed facts of each kind, every kind with
//! its own age or its own reason why it can't be seen.
//!
//! What is as it should be is written short, so that a recorded tick of a whole site stays small.

mod flux;
mod path;

pub use flux::{HelmRelease, Kustomization, Progress, SUSPENDED_ANNOTATION, Source, Suspended};
pub use path::ObjectPath;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::{Blind, BlindKind, Seen};
use super::object::ObjectName;
use super::time::Mono;

/// The objects of one kind.
pub type Objects<T> = Seen<BTreeMap<ObjectPath, T>>;

/// What lives in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterFacts {
    /// Flux: git repositories.
    pub git_repositories: Objects<Source>,
    /// Flux: artifacts in registries.
    pub oci_repositories: Objects<Source>,
    /// Flux: what is applied from a source.
    pub kustomizations: Objects<Kustomization>,
    /// Flux: charts.
    pub helm_releases: Objects<HelmRelease>,
}

impl ClusterFacts {
    /// Nothing is known, for this reason.
    pub fn unknown(why: &Blind, since: Mono) -> Self {
        Self {
            git_repositories: unknown(why, since),
            oci_repositories: unknown(why, since),
            kustomizations: unknown(why, since),
            helm_releases: unknown(why, since),
        }
    }

    /// A cluster that serves nothing of this.
    pub fn bare(since: Mono) -> Self {
        Self::unknown(&Blind::new(BlindKind::NotAsked, "the cluster serves no such kind"), since)
    }

    /// A source by its name, of whichever kind, however old.
    pub fn source(&self, name: &ObjectName) -> Option<&Source> {
        let sources = match name.kind.as_str() {
            Source::GIT => &self.git_repositories,
            Source::OCI => &self.oci_repositories,
            _ => return None,
        };
        sources.any_age()?.get(&ObjectPath::of(name))
    }

    /// What an object of Flux says of itself, however long ago.
    pub fn progress(&self, name: &ObjectName) -> Option<&Progress> {
        let path = ObjectPath::of(name);
        match name.kind.as_str() {
            Source::GIT | Source::OCI => Some(&self.source(name)?.progress),
            Kustomization::KIND => Some(&self.kustomizations.any_age()?.get(&path)?.progress),
            HelmRelease::KIND => Some(&self.helm_releases.any_age()?.get(&path)?.progress),
            _ => None,
        }
    }

    /// When a kind was last seen.
    pub fn seen_at(&self, kind: &str) -> Option<Mono> {
        match kind {
            Source::GIT => at(&self.git_repositories),
            Source::OCI => at(&self.oci_repositories),
            Kustomization::KIND => at(&self.kustomizations),
            HelmRelease::KIND => at(&self.helm_releases),
            _ => None,
        }
    }
}

const fn at<T>(seen: &Seen<T>) -> Option<Mono> {
    match seen {
        Seen::Known { at, .. } => Some(*at),
        Seen::Unknown { .. } => None,
    }
}

fn unknown<T>(why: &Blind, since: Mono) -> Objects<T> {
    Seen::Unknown { why: why.clone(), since }
}

/// Whether a value is its type's own default: such a one is not written down.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
