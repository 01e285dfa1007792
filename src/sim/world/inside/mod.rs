//! What runs inside the cluster: its own storage, database, git server, registry, secrets and Flux,
//! and the applications. One row a workload; who keeps them is in the files beside.

mod asked;
mod budgets;
mod conditions;
mod endpoints;
mod faults;
mod flux;
mod images;
mod keepers;
mod kustomize;
mod lost;
mod objects;
mod populate;
mod release;
mod source;
mod status;
mod vault;
mod volumes;
mod web;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};

pub use self::asked::Reached;
pub(super) use self::faults::Faults;
pub(super) use self::flux::{Controller, Flux};
pub use self::vault::VAULT_KEYS;
pub(super) use self::volumes::Volume;
pub use self::web::Web;

use super::store::Kind;
use super::store::kinds::{DAEMONSETS, DEPLOYMENTS, STATEFULSETS};
use crate::model::ids::MachineName;

/// What the inside of the cluster knows besides the objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Inside {
    pub(super) flux: Flux,
    pub(super) faults: Faults,
    /// The images that a node has, by workload. They lie on its disk.
    pub(super) images: BTreeMap<MachineName, BTreeSet<usize>>,
    /// Each workload's volume, for those that have one.
    pub(super) volumes: BTreeMap<usize, Volume>,
    /// Something changed that the controllers have not seen.
    pub(super) unseen: bool,
    /// The revision up to which the controllers saw what clients wrote.
    pub(super) heard: u64,
}

/// Who keeps a workload's pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeper {
    /// So many pods with names of chance.
    Deployment(usize),
    /// One pod whose name stays; it is made anew only when the one before is gone.
    StatefulSet,
    /// One pod on every node.
    DaemonSet,
}

/// Where a workload's image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Image {
    /// k3s brings it: every node has it in `agent/images`, whatever happens.
    Brought,
    /// The site's own registry has it, and nobody else.
    Registry,
}

/// One workload.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    pub(super) keeper: Keeper,
    pub(super) image: Image,
    /// The Kustomization that applies it. None: k3s brings it, or Helm.
    pub(super) part: Option<&'static str>,
    /// Its container ends unless these answer when it starts.
    pub(super) needs: &'static [&'static str],
    /// It has a volume, which one node at a time can have.
    pub(super) volume: bool,
    /// Its Service and port.
    pub(super) service: Option<(&'static str, u16)>,
    /// The first label of its host name behind the ingress.
    pub(super) host: Option<&'static str>,
    /// How many of its pods a disruption budget keeps standing.
    pub(super) budget: Option<usize>,
}

impl Workload {
    const fn new(namespace: &'static str, name: &'static str, keeper: Keeper) -> Self {
        Self {
            namespace,
            name,
            keeper,
            image: Image::Registry,
            part: None,
            needs: &[],
            volume: false,
            service: None,
            host: None,
            budget: None,
        }
    }

    const fn brought(self) -> Self {
        Self { image: Image::Brought, ..self }
    }

    const fn part(self, part: &'static str) -> Self {
        Self { part: Some(part), ..self }
    }

    const fn needs(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }

    const fn volume(self) -> Self {
        Self { volume: true, ..self }
    }

    const fn service(self, name: &'static str, port: u16) -> Self {
        Self { service: Some((name, port)), ..self }
    }

    const fn host(self, host: &'static str) -> Self {
        Self { host: Some(host), ..self }
    }

    const fn budget(self, keeps: usize) -> Self {
        Self { budget: Some(keeps), ..self }
    }

    pub(super) const fn kind(&self) -> &'static Kind {
        match self.keeper {
            Keeper::Deployment(_) => &DEPLOYMENTS,
            Keeper::StatefulSet => &STATEFULSETS,
            Keeper::DaemonSet => &DAEMONSETS,
        }
    }
}

/// The name server.
pub(super) const DNS: &str = "coredns";
/// What answers for the hosts of ingresses.
pub(super) const INGRESS: &str = "traefik";
/// What registers the storage driver with its node's kubelet.
pub(super) const CSI_PLUGIN: &str = "longhorn-csi-plugin";
/// What attaches volumes to nodes.
pub(super) const CSI_ATTACHER: &str = "csi-attacher";
/// The git server.
pub(super) const GIT: &str = "gitea";
/// What images are pulled from.
pub(super) const REGISTRY: &str = "harbor-registry";
/// What keeps the secrets.
pub(super) const VAULT: &str = "vault";

/// Where Flux lives.
pub(super) const FLUX: &str = "flux-system";

/// All of them: 22 pods and one more on every node. A container asks for what it needs once, when
/// it starts; what needs anything needs the name server for it.
pub(super) const WORKLOADS: [Workload; 21] = {
    use Keeper::{DaemonSet, Deployment, StatefulSet};
    [
        Workload::new("kube-system", DNS, Deployment(1)).brought().service("kube-dns", 53),
        Workload::new("kube-system", INGRESS, Deployment(2)).brought().service("traefik", 80),
        Workload::new("longhorn-system", CSI_PLUGIN, DaemonSet).part("storage"),
        Workload::new("longhorn-system", CSI_ATTACHER, Deployment(1)).part("storage"),
        Workload::new(FLUX, "source-controller", Deployment(1))
            .part(FLUX)
            .service("source-controller", 80),
        Workload::new(FLUX, "kustomize-controller", Deployment(1)).part(FLUX),
        Workload::new(FLUX, "helm-controller", Deployment(1)).part(FLUX),
        Workload::new("vault", VAULT, StatefulSet)
            .part("secrets")
            .volume()
            .service("vault", 8200)
            .host("vault"),
        Workload::new("database", "postgres", StatefulSet)
            .part("database")
            .volume()
            .service("postgres", 5432)
            .budget(1),
        Workload::new("gitea", GIT, Deployment(1))
            .part("git")
            .needs(&[DNS, "postgres"])
            .volume()
            .service("gitea", 3000)
            .host("git"),
        Workload::new("harbor", "harbor-redis", StatefulSet)
            .part("registry")
            .volume()
            .service("harbor-redis", 6379),
        Workload::new("harbor", REGISTRY, Deployment(1))
            .part("registry")
            .needs(&[DNS, "harbor-redis"])
            .volume()
            .service("harbor-registry", 5000),
        Workload::new("harbor", "harbor-core", Deployment(1))
            .part("registry")
            .needs(&[DNS, "postgres", "harbor-redis"])
            .service("harbor-core", 80)
            .host("harbor"),
        Workload::new("monitoring", "prometheus", StatefulSet)
            .part("monitoring")
            .volume()
            .service("prometheus", 9090),
        Workload::new("monitoring", "grafana", Deployment(1))
            .service("grafana", 80)
            .host("grafana"),
        Workload::new("default", "backend", Deployment(2))
            .part("shop")
            .needs(&[DNS])
            .service("backend", 8080)
            .budget(1),
        Workload::new("default", "web", Deployment(2))
            .part("shop")
            .needs(&[DNS, "backend"])
            .service("web", 80)
            .host("www"),
        Workload::new("media", "jellyfin", Deployment(1))
            .part("media")
            .volume()
            .service("jellyfin", 8096)
            .host("media"),
        Workload::new("wiki", "wiki", Deployment(1))
            .part("wiki")
            .needs(&[DNS, "postgres"])
            .service("wiki", 3000)
            .host("wiki"),
        Workload::new("chat", "matrix", Deployment(1))
            .part("chat")
            .needs(&[DNS, "postgres"])
            .service("matrix", 8008)
            .host("chat"),
        Workload::new("home", "homeassistant", Deployment(1))
            .part("home")
            .service("homeassistant", 8123)
            .host("home"),
    ]
};

/// A Kustomization.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) depends_on: &'static [&'static str],
}

/// All Kustomizations. The first applies the others, and Flux itself.
pub(super) const PARTS: [Part; 12] = [
    Part { name: FLUX, depends_on: &[] },
    Part { name: "storage", depends_on: &[] },
    Part { name: "secrets", depends_on: &["storage"] },
    Part { name: "database", depends_on: &["storage"] },
    Part { name: "registry", depends_on: &["database"] },
    Part { name: "git", depends_on: &["database"] },
    Part { name: "monitoring", depends_on: &["storage"] },
    Part { name: "shop", depends_on: &["registry"] },
    Part { name: "media", depends_on: &["storage"] },
    Part { name: "wiki", depends_on: &["database", "secrets"] },
    Part { name: "chat", depends_on: &["database", "secrets"] },
    Part { name: "home", depends_on: &["storage"] },
];

/// What the HelmRelease of the site brings.
pub(super) const RELEASE: (&str, &str) = ("monitoring", "grafana");

/// The row of a workload.
pub(super) fn row(name: &str) -> Option<usize> {
    WORKLOADS.iter().position(|it| it.name == name)
}

#[cfg(test)]
mod tests;
