//! What lives in the cluster, as the API tells it: small typed facts of each kind, every kind with
//! its own age or its own reason why it can't be seen.
//!
//! What is as it should be is written short, so that a recorded tick of a whole site stays small.

mod access;
mod flux;
mod path;
mod storage;
mod workload;

pub use access::{Answerers, Grip, Ingress, Judges};
pub use flux::{HelmRelease, Kustomization, Progress, SUSPENDED_ANNOTATION, Source, Suspended};
pub use path::ObjectPath;
pub use storage::{Attachment, Claim, Drivers, Volumes};
pub use workload::{PodCount, Pods, Trouble, TroubledPod, Workload};

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
    /// Workloads with a number of pods.
    pub deployments: Objects<Workload>,
    /// Workloads whose pods keep their names and volumes.
    pub stateful_sets: Objects<Workload>,
    /// Workloads with a pod on every node.
    pub daemon_sets: Objects<Workload>,
    /// The pods.
    pub pods: Seen<Pods>,
    /// The storage drivers that are registered, by node.
    pub drivers: Objects<Drivers>,
    /// Volumes that do not hang where they should.
    pub attachments: Objects<Attachment>,
    /// What hangs where.
    #[serde(default = "volumes_unknown")]
    pub volumes: Seen<Volumes>,
    /// Claims without a volume.
    pub claims: Objects<Claim>,
    /// Webhooks that refuse objects which they do not like.
    pub validating: Objects<Judges>,
    /// Webhooks that change objects first.
    pub mutating: Objects<Judges>,
    /// What is reachable from outside.
    pub ingresses: Objects<Ingress>,
    /// Who answers for each service that one of the above names.
    pub endpoints: Objects<Answerers>,
}

impl ClusterFacts {
    /// Nothing is known, for this reason.
    pub fn unknown(why: &Blind, since: Mono) -> Self {
        Self {
            git_repositories: unknown(why, since),
            oci_repositories: unknown(why, since),
            kustomizations: unknown(why, since),
            helm_releases: unknown(why, since),
            deployments: unknown(why, since),
            stateful_sets: unknown(why, since),
            daemon_sets: unknown(why, since),
            pods: Seen::Unknown { why: why.clone(), since },
            drivers: unknown(why, since),
            attachments: unknown(why, since),
            volumes: Seen::Unknown { why: why.clone(), since },
            claims: unknown(why, since),
            validating: unknown(why, since),
            mutating: unknown(why, since),
            ingresses: unknown(why, since),
            endpoints: unknown(why, since),
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

    /// The workloads of a kind.
    pub fn workloads(&self, kind: &str) -> Option<&Objects<Workload>> {
        match kind {
            Workload::DEPLOYMENT => Some(&self.deployments),
            Workload::STATEFUL_SET => Some(&self.stateful_sets),
            Workload::DAEMON_SET => Some(&self.daemon_sets),
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
            Workload::DEPLOYMENT => at(&self.deployments),
            Workload::STATEFUL_SET => at(&self.stateful_sets),
            Workload::DAEMON_SET => at(&self.daemon_sets),
            Pods::KIND => at(&self.pods),
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

/// What is said of a tick that was recorded before anybody counted volumes.
fn volumes_unknown() -> Seen<Volumes> {
    let why = Blind::new(BlindKind::NotYet, "nobody counted them");
    Seen::Unknown { why, since: Mono(0) }
}

fn unknown<T>(why: &Blind, since: Mono) -> Objects<T> {
    Seen::Unknown { why: why.clone(), since }
}

/// Whether a value is its type's own default: such a one is not written down.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
