//! The kinds of objects that the world itself makes.

use super::store::Kind;

/// `v1 Node`
pub static NODE: Kind = Kind {
    group: "",
    version: "v1",
    plural: "nodes",
    kind: "Node",
    short: &["no"],
    namespaced: false,
};

/// `v1 Namespace`
pub static NAMESPACE: Kind = Kind {
    group: "",
    version: "v1",
    plural: "namespaces",
    kind: "Namespace",
    short: &["ns"],
    namespaced: false,
};

/// `v1 Pod`
pub static POD: Kind = Kind {
    group: "",
    version: "v1",
    plural: "pods",
    kind: "Pod",
    short: &["po"],
    namespaced: true,
};

/// `coordination.k8s.io/v1 Lease`
pub static LEASE: Kind = Kind {
    group: "coordination.k8s.io",
    version: "v1",
    plural: "leases",
    kind: "Lease",
    short: &[],
    namespaced: true,
};

/// `apps/v1 DaemonSet`
pub static DAEMON_SET: Kind = Kind {
    group: "apps",
    version: "v1",
    plural: "daemonsets",
    kind: "DaemonSet",
    short: &["ds"],
    namespaced: true,
};

/// `apps/v1 Deployment`
pub static DEPLOYMENT: Kind = Kind {
    group: "apps",
    version: "v1",
    plural: "deployments",
    kind: "Deployment",
    short: &["deploy"],
    namespaced: true,
};

/// Where the leases of the nodes lie.
pub const NODE_LEASES: &str = "kube-node-lease";
