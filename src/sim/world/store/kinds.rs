//! The kinds that the simulated API serves: those that ananke looks at, and those that a person
//! looks at while ananke works.

use super::Kind;

/// Where the leases of the nodes lie.
pub const NODE_LEASES: &str = "kube-node-lease";

impl Kind {
    /// A kind of the core group, without anything that a row below does not say.
    const fn core(plural: &'static str, kind: &'static str) -> Self {
        Self {
            group: "",
            version: "v1",
            plural,
            kind,
            short: &[],
            namespaced: true,
            categories: &[],
            status: false,
            generation: false,
            blind_put: true,
        }
    }

    const fn of_group(self, group: &'static str, version: &'static str) -> Self {
        Self { group, version, ..self }
    }

    const fn short(self, short: &'static [&'static str]) -> Self {
        Self { short, ..self }
    }

    const fn in_category(self, categories: &'static [&'static str]) -> Self {
        Self { categories, ..self }
    }

    const fn in_all(self) -> Self {
        self.in_category(&["all"])
    }

    const fn global(self) -> Self {
        Self { namespaced: false, ..self }
    }

    const fn with_status(self) -> Self {
        Self { status: true, ..self }
    }

    const fn counted(self) -> Self {
        Self { generation: true, ..self }
    }

    const fn never_blind(self) -> Self {
        Self { blind_put: false, ..self }
    }

    const fn webhooks(plural: &'static str, kind: &'static str) -> Self {
        Self::core(plural, kind)
            .of_group("admissionregistration.k8s.io", "v1")
            .in_category(&["api-extensions"])
            .global()
            .counted()
            .never_blind()
    }

    /// As a CustomResourceDefinition with a status subresource is served.
    const fn custom(plural: &'static str, kind: &'static str) -> Self {
        Self::core(plural, kind).with_status().counted().never_blind()
    }
}

/// Machines of the cluster.
pub static NODES: Kind = Kind::core("nodes", "Node").short(&["no"]).global().with_status();
/// Namespaces.
pub static NAMESPACES: Kind =
    Kind::core("namespaces", "Namespace").short(&["ns"]).global().with_status();
/// Pods.
pub static PODS: Kind = Kind::core("pods", "Pod").short(&["po"]).in_all().with_status().counted();
/// Events of the core group.
pub static EVENTS: Kind = Kind::core("events", "Event").short(&["ev"]);
/// Services.
pub static SERVICES: Kind =
    Kind::core("services", "Service").short(&["svc"]).in_all().with_status();
/// Who asks for a volume.
pub static PVCS: Kind =
    Kind::core("persistentvolumeclaims", "PersistentVolumeClaim").short(&["pvc"]).with_status();
/// Volumes.
pub static PVS: Kind =
    Kind::core("persistentvolumes", "PersistentVolume").short(&["pv"]).global().with_status();
/// Secrets.
pub static SECRETS: Kind = Kind::core("secrets", "Secret");
/// ConfigMaps.
pub static CONFIGMAPS: Kind = Kind::core("configmaps", "ConfigMap").short(&["cm"]);
/// Heartbeats of nodes, and ananke's own.
pub static LEASES: Kind =
    Kind::core("leases", "Lease").of_group("coordination.k8s.io", "v1").never_blind();
/// Deployments.
pub static DEPLOYMENTS: Kind = Kind::core("deployments", "Deployment")
    .of_group("apps", "v1")
    .short(&["deploy"])
    .in_all()
    .with_status()
    .counted();
/// StatefulSets.
pub static STATEFULSETS: Kind = Kind::core("statefulsets", "StatefulSet")
    .of_group("apps", "v1")
    .short(&["sts"])
    .in_all()
    .with_status()
    .counted();
/// ReplicaSets, which stand between a Deployment and its pods.
pub static REPLICASETS: Kind = Kind::core("replicasets", "ReplicaSet")
    .of_group("apps", "v1")
    .short(&["rs"])
    .in_all()
    .with_status()
    .counted();
/// DaemonSets.
pub static DAEMONSETS: Kind = Kind::core("daemonsets", "DaemonSet")
    .of_group("apps", "v1")
    .short(&["ds"])
    .in_all()
    .with_status()
    .counted();
/// What an eviction has to leave standing.
pub static PDBS: Kind = Kind::core("poddisruptionbudgets", "PodDisruptionBudget")
    .of_group("policy", "v1")
    .short(&["pdb"])
    .with_status()
    .counted()
    .never_blind();
/// Which volume hangs on which node.
pub static VOLUME_ATTACHMENTS: Kind = Kind::core("volumeattachments", "VolumeAttachment")
    .of_group("storage.k8s.io", "v1")
    .global()
    .with_status()
    .never_blind();
/// Which storage drivers a node has.
pub static CSI_NODES: Kind =
    Kind::core("csinodes", "CSINode").of_group("storage.k8s.io", "v1").global().never_blind();
/// Who answers for a Service.
pub static ENDPOINT_SLICES: Kind =
    Kind::core("endpointslices", "EndpointSlice").of_group("discovery.k8s.io", "v1").counted();
/// Definitions of custom kinds. Making one serves no new kind here.
pub static CRDS: Kind = Kind::core("customresourcedefinitions", "CustomResourceDefinition")
    .of_group("apiextensions.k8s.io", "v1")
    .short(&["crd", "crds"])
    .in_category(&["api-extensions"])
    .global()
    .with_status()
    .counted()
    .never_blind();
/// Ingresses.
pub static INGRESSES: Kind = Kind::core("ingresses", "Ingress")
    .of_group("networking.k8s.io", "v1")
    .short(&["ing"])
    .with_status()
    .counted();
/// Flux: what is applied.
pub static KUSTOMIZATIONS: Kind = Kind::custom("kustomizations", "Kustomization")
    .of_group("kustomize.toolkit.fluxcd.io", "v1")
    .short(&["ks"]);
/// Flux: where it comes from.
pub static GIT_REPOSITORIES: Kind = Kind::custom("gitrepositories", "GitRepository")
    .of_group("source.toolkit.fluxcd.io", "v1")
    .short(&["gitrepo"]);
/// Flux: charts.
pub static HELM_RELEASES: Kind = Kind::custom("helmreleases", "HelmRelease")
    .of_group("helm.toolkit.fluxcd.io", "v2")
    .short(&["hr"]);
/// What ananke publishes.
pub static RECOVERY_STATUSES: Kind = Kind::custom("recoverystatuses", "RecoveryStatus")
    .of_group("ananke.bstein.dev", "v1alpha1")
    .short(&["recovery"])
    .in_category(&["ananke"])
    .global();
/// Who is asked before an object is taken.
pub static VALIDATING_WEBHOOKS: Kind =
    Kind::webhooks("validatingwebhookconfigurations", "ValidatingWebhookConfiguration");
/// Who may change an object before it is taken.
pub static MUTATING_WEBHOOKS: Kind =
    Kind::webhooks("mutatingwebhookconfigurations", "MutatingWebhookConfiguration");
/// Events of the newer group. A real API server keeps both in one place; here they are two.
pub static EVENTS_BY_NOTE: Kind = Kind::core("events", "Event").of_group("events.k8s.io", "v1");

/// Every kind that is served; a group's kinds stand together.
pub static ALL: [&Kind; 27] = [
    &NODES,
    &NAMESPACES,
    &PODS,
    &EVENTS,
    &SERVICES,
    &PVCS,
    &PVS,
    &SECRETS,
    &CONFIGMAPS,
    &LEASES,
    &DEPLOYMENTS,
    &STATEFULSETS,
    &REPLICASETS,
    &DAEMONSETS,
    &PDBS,
    &VOLUME_ATTACHMENTS,
    &CSI_NODES,
    &ENDPOINT_SLICES,
    &CRDS,
    &INGRESSES,
    &KUSTOMIZATIONS,
    &GIT_REPOSITORIES,
    &HELM_RELEASES,
    &RECOVERY_STATUSES,
    &VALIDATING_WEBHOOKS,
    &MUTATING_WEBHOOKS,
    &EVENTS_BY_NOTE,
];

/// The kind behind a path of the API.
pub fn find(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    let same =
        |kind: &Kind| kind.group == group && kind.version == version && kind.plural == plural;
    ALL.into_iter().find(|kind| same(kind))
}
