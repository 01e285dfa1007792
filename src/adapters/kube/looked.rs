//! Every kind that is listed and watched, besides the nodes: one row each.

use crate::model::cluster::{HelmRelease, Kustomization, ObjectPath, Pods, Source, Workload};
use crate::model::facts::{Blind, BlindKind};

use super::shelves::{Shelf, Shelves};

/// One kind that is listed and watched.
#[derive(Debug, Clone, Copy)]
pub struct Looked {
    /// Its API group; empty for the core group.
    pub group: &'static str,
    /// Its name.
    pub kind: &'static str,
    /// Its name in paths.
    pub plural: &'static str,
    /// The versions that are understood, the best one first.
    pub versions: &'static [&'static str],
    /// Where it is kept.
    pub shelf: fn(&mut Shelves) -> &mut dyn Shelf,
}

const fn row(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    versions: &'static [&'static str],
    shelf: fn(&mut Shelves) -> &mut dyn Shelf,
) -> Looked {
    Looked { group, kind, plural, versions, shelf }
}

const SOURCE: &str = "source.toolkit.fluxcd.io";
const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io";
const HELM: &str = "helm.toolkit.fluxcd.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const STORAGE: &str = "storage.k8s.io";
const V1: &[&str] = &["v1"];

/// Every kind that is listed and watched.
pub static LOOKED: &[Looked] = &[
    row(SOURCE, Source::GIT, "gitrepositories", &["v1", "v1beta2", "v1beta1"], |it| {
        &mut it.git_repositories
    }),
    row(SOURCE, Source::OCI, "ocirepositories", &["v1", "v1beta2"], |it| &mut it.oci_repositories),
    row(KUSTOMIZE, Kustomization::KIND, "kustomizations", &["v1", "v1beta2", "v1beta1"], |it| {
        &mut it.kustomizations
    }),
    row(HELM, HelmRelease::KIND, "helmreleases", &["v2", "v2beta2", "v2beta1"], |it| {
        &mut it.helm_releases
    }),
    row("apps", Workload::DEPLOYMENT, "deployments", V1, |it| &mut it.deployments),
    row("apps", Workload::STATEFUL_SET, "statefulsets", V1, |it| &mut it.stateful_sets),
    row("apps", Workload::DAEMON_SET, "daemonsets", V1, |it| &mut it.daemon_sets),
    row("", Pods::KIND, "pods", V1, |it| &mut it.pods),
    row(STORAGE, "CSINode", "csinodes", V1, |it| &mut it.drivers),
    row(STORAGE, "VolumeAttachment", "volumeattachments", V1, |it| &mut it.attachments),
    row("", "PersistentVolumeClaim", "persistentvolumeclaims", V1, |it| &mut it.claims),
    row(ADMISSION, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", V1, |it| {
        &mut it.validating
    }),
    row(ADMISSION, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", V1, |it| {
        &mut it.mutating
    }),
    row("networking.k8s.io", "Ingress", "ingresses", V1, |it| &mut it.ingresses),
    row("discovery.k8s.io", "EndpointSlice", "endpointslices", V1, |it| &mut it.slices),
];

impl Looked {
    /// The path of the kind, by what a server says that it serves. `None`: it serves no version
    /// of the kind that is understood.
    pub fn path(&self, serves: &[String]) -> Option<String> {
        let version = self.versions.iter().find(|version| {
            let name = match self.group {
                "" => format!("{version}/{}", self.kind),
                group => format!("{group}/{version}/{}", self.kind),
            };
            serves.contains(&name)
        })?;
        Some(match self.group {
            "" => format!("/api/{version}/{}", self.plural),
            group => format!("/apis/{group}/{version}/{}", self.plural),
        })
    }

    /// The path of one object of the kind.
    pub fn object_path(&self, serves: &[String], object: &ObjectPath) -> Option<String> {
        let path = self.path(serves)?;
        Some(match object.as_str().split_once('/') {
            Some((namespace, name)) => {
                let base = path.strip_suffix(self.plural)?;
                format!("{base}namespaces/{namespace}/{}/{name}", self.plural)
            }
            None => format!("{path}/{object}"),
        })
    }

    /// The kind of that name.
    pub fn find(kind: &str) -> Option<&'static Self> {
        LOOKED.iter().find(|looked| looked.kind == kind)
    }
}

/// The reason for which a kind is not there.
pub fn not_served(looked: &Looked) -> Blind {
    Blind::new(BlindKind::NotAsked, format!("the cluster serves no {}", looked.kind))
}
