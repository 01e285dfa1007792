//! What this adapter must be allowed to do, from which the RBAC manifest is made.
//!
//! `/readyz`, `/version` and discovery need no entry: Kubernetes' own roles
//! `system:public-info-viewer` and `system:discovery` give them to every account.

use std::fmt::Write as _;

use crate::model::recovery_status::{GROUP, PLURAL};

/// The namespace of the account and of its token: the default of `kube.namespace`, and one that
/// nothing can have removed. With another one the manifest is edited.
pub(super) const NAMESPACE: &str = "kube-system";
/// The account.
pub(super) const ACCOUNT: &str = "ananke";

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
    let why = "ask Flux to look at it now, suspend it on the way down, and resume what was so";
    Need { group, resource, verbs: &["get", "patch"], scope: Scope::Cluster, names: &[], why }
}

/// The right to read and write the number of pods of a kind of workloads, and nothing else of it.
const fn scale(resource: &'static str) -> Need {
    let why = "give what stands at zero after an outage the number of pods back that it had";
    let verbs = &["get", "patch"];
    Need { group: "apps", resource, verbs, scope: Scope::Cluster, names: &[], why }
}

const SOURCE: &str = "source.toolkit.fluxcd.io";
const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io";
const HELM: &str = "helm.toolkit.fluxcd.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

/// Everything that the Kubernetes adapter asks for, and nothing more.
pub const RBAC_NEEDS: [Need; 31] = [
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
    scale("deployments/scale"),
    scale("statefulsets/scale"),
    Need {
        group: "",
        resource: "pods",
        verbs: &["delete"],
        scope: Scope::Cluster,
        names: &[],
        why: "delete a pod by its uid: one whose back-off outlives its cause, one that is left \
              over, one that a budget holds on the way down (shutdown.against_budgets)",
    },
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
        group: "",
        resource: "pods/eviction",
        verbs: &["create"],
        scope: Scope::Cluster,
        names: &[],
        why: "evict pods from nodes that go down, as far as disruption budgets let them go",
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
    Need {
        group: GROUP,
        resource: PLURAL,
        verbs: &["create", "get", "patch"],
        scope: Scope::Cluster,
        names: &[],
        why: "make the one RecoveryStatus, and read what a person wishes through it",
    },
    Need {
        group: GROUP,
        resource: "recoverystatuses/status",
        verbs: &["patch"],
        scope: Scope::Cluster,
        names: &[],
        why: "publish how ananke sees the cluster",
    },
    Need {
        group: "events.k8s.io",
        resource: "events",
        verbs: &["create"],
        scope: Scope::Namespace("default"),
        names: &[],
        why: "say what was done; Events about an object of the cluster lie in this namespace",
    },
];

/// The manifest: ananke's account with a token that does not expire, and exactly
/// the rights of [`RBAC_NEEDS`], each with its reason.
pub fn rbac_yaml() -> String {
    let mut text = format!(
        "# Made by `ananke crd --rbac`; the gate fails if it differs.\n\
         apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {ACCOUNT}\n  \
         namespace: {NAMESPACE}\nautomountServiceAccountToken: false\n\
         ---\n# ananke works outside of the cluster, and after outages of any length: its token \
         may not expire.\n\
         apiVersion: v1\nkind: Secret\nmetadata:\n  name: {ACCOUNT}-token\n  namespace: \
         {NAMESPACE}\n  annotations:\n    kubernetes.io/service-account.name: {ACCOUNT}\n\
         type: kubernetes.io/service-account-token\n"
    );
    let mut scopes: Vec<Scope> = Vec::new();
    for need in &RBAC_NEEDS {
        if !scopes.contains(&need.scope) {
            scopes.push(need.scope);
        }
    }
    for scope in scopes {
        text += &role(scope);
    }
    text
}

/// A role and its binding.
fn role(scope: Scope) -> String {
    let (prefix, home) = match scope {
        Scope::Cluster => ("Cluster", String::new()),
        Scope::Namespace(name) => ("", format!("\n  namespace: {name}")),
        Scope::Own => ("", format!("\n  namespace: {NAMESPACE}")),
    };
    let api = "rbac.authorization.k8s.io";
    let mut text = format!(
        "---\napiVersion: {api}/v1\nkind: {prefix}Role\nmetadata:\n  \
         name: {ACCOUNT}{home}\nrules:\n"
    );
    for need in RBAC_NEEDS.iter().filter(|need| need.scope == scope) {
        let list = |words: &[&str]| format!("[{}]", words.join(", "));
        let group = if need.group.is_empty() { "\"\"" } else { need.group };
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "  # {}\n  - apiGroups: [{group}]\n    resources: [{}]\n    verbs: {}\n",
            need.why,
            need.resource,
            list(need.verbs)
        );
        if !need.names.is_empty() {
            let _ = writeln!(text, "    resourceNames: {}", list(need.names));
        }
    }
    text + &format!(
        "---\napiVersion: {api}/v1\nkind: {prefix}RoleBinding\nmetadata:\n  name: {ACCOUNT}{home}\n\
         roleRef:\n  apiGroup: {api}\n  kind: {prefix}Role\n  name: {ACCOUNT}\nsubjects:\n  \
         - kind: ServiceAccount\n    name: {ACCOUNT}\n    namespace: {NAMESPACE}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::kube::LOOKED;

    #[test]
    fn the_manifest_in_the_repository_is_up_to_date() {
        let path = "manifests/rbac.yaml";
        let kept = include_str!("../../../manifests/rbac.yaml");
        let now = rbac_yaml();
        assert!(kept == now, "{path} is not up to date: ananke crd --rbac > {path}\n{now}");
    }

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
