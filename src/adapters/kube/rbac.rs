//! What this adapter must be allowed to do, from which the RBAC manifest is made.
//!
//! `/readyz`, `/version` and discovery need no entry: Kubernetes' own roles
//! `system:public-info-viewer` and `system:discovery` give them to every account.

/// Where a right is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// On a resource without namespace, or in every namespace: a ClusterRole.
    Cluster,
    /// In one fixed namespace: a Role there.
    Namespace(&'static str),
    /// In ananke's own namespace, the one of the settings: a Role there.
    Own,
}

/// One right and the reason for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Plural name of the resource.
    pub resource: &'static str,
    /// Verbs, as RBAC names them.
    pub verbs: &'static [&'static str],
    /// Where.
    pub scope: Scope,
    /// The objects to which the right is confined; empty for all.
    pub names: &'static [&'static str],
    /// Why ananke needs it, for the person who reviews the manifest.
    pub why: &'static str,
}

/// The right to look at a kind in the whole cluster.
const fn look(group: &'static str, resource: &'static str, why: &'static str) -> Need {
    Need { group, resource, verbs: &["list", "watch"], scope: Scope::Cluster, names: &[], why }
}

/// The right to ask an object of Flux to go on: to read it, and to write a note on it.
const fn ask(group: &'static str, resource: &'static str) -> Need {
    let why = "ask Flux to look at it now, and let it go on when ananke itself suspended it";
    Need { group, resource, verbs: &["get", "patch"], scope: Scope::Cluster, names: &[], why }
}

const SOURCE: &str = "source.toolkit.fluxcd.io";
const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io";
const HELM: &str = "helm.toolkit.fluxcd.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

/// Everything that the Kubernetes adapter asks for, and nothing more.
pub const RBAC_NEEDS: [Need; 24] = [
    look(SOURCE, "gitrepositories", "see whether Flux has fetched what it should apply"),
    look(SOURCE, "ocirepositories", "see whether Flux has fetched what it should apply"),
    look(KUSTOMIZE, "kustomizations", "see whether what is in git was applied"),
    look(HELM, "helmreleases", "see whether charts are installed"),
    look("apps", "deployments", "see whether what should run does"),
    look("apps", "statefulsets", "see whether what should run does"),
    look("apps", "daemonsets", "see whether what should run does"),
    look("", "pods", "see which pods are in trouble, and whether their state is of this boot"),
    look("storage.k8s.io", "csinodes", "see whether storage drivers are back on each node"),
    look("storage.k8s.io", "volumeattachments", "see which volumes do not hang where they should"),
    look("", "persistentvolumeclaims", "see which claims have no volume"),
    look(ADMISSION, "validatingwebhookconfigurations", "see whether a webhook blocks itself"),
    look(ADMISSION, "mutatingwebhookconfigurations", "see whether a webhook blocks itself"),
    look("networking.k8s.io", "ingresses", "see what has to answer from outside"),
    look("discovery.k8s.io", "endpointslices", "see whether anything is behind those services"),
    ask(SOURCE, "gitrepositories"),
    ask(SOURCE, "ocirepositories"),
    ask(KUSTOMIZE, "kustomizations"),
    ask(HELM, "helmreleases"),
    Need {
        group: "",
        resource: "nodes",
        verbs: &["get", "list", "watch"],
        scope: Scope::Cluster,
        names: &[],
        why: "see whether nodes are Ready, since which boot, and who cordoned them",
    },
    Need {
        group: "",
        resource: "nodes",
        verbs: &["patch"],
        scope: Scope::Cluster,
        names: &[],
        why: "cordon, uncordon and mark nodes, together with the record of it",
    },
    Need {
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &["list"],
        scope: Scope::Namespace("kube-node-lease"),
        names: &[],
        why: "see that a kubelet's heartbeat moves, until it is proven after a boot",
    },
    Need {
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &["create"],
        scope: Scope::Own,
        names: &[],
        why: "make ananke's own Lease (RBAC can't confine a create to a name)",
    },
    Need {
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &["get", "patch"],
        scope: Scope::Own,
        names: &[super::write::LEASE_NAME],
        why: "renew ananke's own Lease: proof that the API takes writes",
    },
];

#[cfg(test)]
mod tests {
    use super::RBAC_NEEDS;
    use crate::adapters::kube::LOOKED;

    #[test]
    fn every_kind_that_is_looked_at_may_be_looked_at() {
        for looked in LOOKED {
            let found = RBAC_NEEDS.iter().find(|need| {
                (need.group, need.resource) == (looked.group, looked.plural)
                    && need.verbs.contains(&"list")
                    && need.verbs.contains(&"watch")
            });
            assert!(found.is_some(), "{}", looked.kind);
        }
    }
}
