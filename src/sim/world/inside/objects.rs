//! The objects of workloads, as a person or Flux applies them and as their controllers make them.

use serde_json::{Value, json};

use super::super::objects::{NOT_READY, UNREACHABLE};
use super::super::rates::{EVICTION, FLUX_INTERVAL, HEALTH_TIMEOUT, KUSTOMIZATION_RETRY};
use super::super::rates::{SOURCE_INTERVAL, shown};
use super::super::store::kinds::{
    DEPLOYMENTS, GIT_REPOSITORIES, INGRESSES, PDBS, PVCS, PVS, SERVICES,
};
use super::super::store::{Key, Kind};
use super::{DNS, FLUX, Image, Keeper, Part, WORKLOADS, Workload};
use crate::model::ids::MachineName;

/// The storage driver of the site.
pub(in crate::sim::world) const DRIVER: &str = "driver.longhorn.io";

/// Where the cluster's name server is asked (k3s server, `--cluster-dns`).
const DNS_ADDRESS: &str = "10.43.0.10";

/// Characters of names that controllers make up (k8s.io/apimachinery, util/rand: no vowels, so
/// that no word comes out).
const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// So many characters made of a number.
pub(super) fn letters(number: u64, count: usize) -> String {
    let mut left = number;
    let mut out = String::new();
    for _ in 0..count {
        let at = usize::try_from(left % 27).unwrap_or(0);
        out.push(char::from(LETTERS[at]));
        left /= 27;
    }
    out
}

/// A number made of a text: what controllers hash, they hash here with FNV-1a.
pub(super) fn hash(text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    text.bytes()
        .fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// 40 hexadecimal digits made of a text: a commit.
pub(super) fn commit(text: &str) -> String {
    let (a, b, c) = (hash(text), hash(&format!("{text}/")), hash(&format!("{text}.")));
    format!("{a:016x}{b:016x}{:08x}", c >> 32)
}

impl Workload {
    pub(super) fn image_name(&self, cluster: &str) -> String {
        match self.image {
            Image::Brought => format!("docker.io/rancher/mirrored-{}:1", self.name),
            Image::Registry => format!("harbor.{cluster}.example/library/{}:1", self.name),
        }
    }

    /// The ReplicaSet of its one revision.
    pub(super) fn replica_set(&self) -> String {
        format!("{}-{}", self.name, self.hash())
    }

    fn hash(&self) -> String {
        letters(hash(self.name), 10)
    }

    /// The one revision that it ever had, as the StatefulSet and DaemonSet controllers name it.
    pub(super) fn revision(&self) -> String {
        format!("{}-{}", self.name, self.hash())
    }

    pub(super) fn claim(&self) -> Option<String> {
        self.volume.then(|| match self.keeper {
            Keeper::StatefulSet => format!("data-{}-0", self.name),
            Keeper::Deployment(_) | Keeper::DaemonSet => format!("{}-data", self.name),
        })
    }

    /// The name of its PersistentVolume.
    pub(super) fn pv(&self) -> String {
        let number = hash(self.name);
        let (first, last) = (number >> 32, number & 0xffff_ffff_ffff);
        format!("pvc-{first:08x}-0000-4000-8000-{last:012x}")
    }

    fn labels(&self) -> Value {
        json!({"app": self.name})
    }

    /// The labels of what Flux applied say so.
    fn owned(&self) -> Value {
        let mut labels = self.labels();
        if let Some(part) = self.part {
            labels["kustomize.toolkit.fluxcd.io/name"] = part.into();
            labels["kustomize.toolkit.fluxcd.io/namespace"] = FLUX.into();
        }
        labels
    }

    fn template(&self, cluster: &str) -> Value {
        let mut container = json!({"name": self.name, "image": self.image_name(cluster),
            "imagePullPolicy": "IfNotPresent"});
        if let Some((_, port)) = self.service {
            container["ports"] = json!([{"containerPort": port, "protocol": "TCP"}]);
        }
        let mut spec = json!({"containers": [container], "restartPolicy": "Always"});
        if let Some(claim) = self.claim() {
            spec["volumes"] =
                json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
            // Their data lies on the disks of the PCs.
            spec["nodeSelector"] = json!({"kubernetes.io/arch": "amd64"});
        }
        json!({"metadata": {"labels": self.labels()}, "spec": spec})
    }

    pub(super) const fn wanted(&self) -> usize {
        match self.keeper {
            Keeper::Deployment(count) => count,
            Keeper::StatefulSet | Keeper::DaemonSet => 1,
        }
    }

    /// The workload itself, as it stands in git.
    pub(super) fn object(&self, cluster: &str) -> Value {
        let mut spec = json!({"selector": {"matchLabels": self.labels()},
            "template": self.template(cluster)});
        match self.keeper {
            Keeper::Deployment(count) => {
                spec["replicas"] = count.into();
                let kind = if self.volume { "Recreate" } else { "RollingUpdate" };
                spec["strategy"] = json!({"type": kind});
            }
            Keeper::StatefulSet => {
                spec["replicas"] = 1.into();
                spec["serviceName"] = self.name.into();
                spec["podManagementPolicy"] = "OrderedReady".into();
                spec["updateStrategy"] = json!({"type": "RollingUpdate"});
            }
            Keeper::DaemonSet => spec["updateStrategy"] = json!({"type": "RollingUpdate"}),
        }
        json!({"metadata": {"labels": self.owned()}, "spec": spec, "status": {}})
    }

    /// What a Deployment's controller makes of it.
    pub(super) fn replica_set_object(&self, cluster: &str, owner_uid: &str) -> Value {
        let mut labels = self.labels();
        labels["pod-template-hash"] = self.hash().into();
        let mut template = self.template(cluster);
        template["metadata"]["labels"] = labels.clone();
        json!({
            "metadata": {"labels": labels, "ownerReferences": [owner("apps/v1", "Deployment",
                self.name, owner_uid)]},
            "spec": {"replicas": self.wanted(), "selector": {"matchLabels": labels},
                "template": template},
            "status": {},
        })
    }

    /// One of its pods, bound to a node.
    pub(super) fn pod(&self, cluster: &str, node: &MachineName, owner_uid: &str) -> Value {
        let for_ever = self.keeper == Keeper::DaemonSet;
        let toleration = |key: &str| match for_ever {
            true => json!({"key": key, "operator": "Exists", "effect": "NoExecute"}),
            false => json!({"key": key, "operator": "Exists", "effect": "NoExecute",
                "tolerationSeconds": EVICTION.as_secs()}),
        };
        let tolerations: Vec<Value> =
            [NOT_READY, UNREACHABLE].into_iter().map(toleration).collect();
        let mut labels = self.labels();
        let owner = match self.keeper {
            Keeper::Deployment(_) => {
                labels["pod-template-hash"] = self.hash().into();
                owner("apps/v1", "ReplicaSet", &self.replica_set(), owner_uid)
            }
            Keeper::StatefulSet | Keeper::DaemonSet => {
                labels["controller-revision-hash"] = self.revision().into();
                owner("apps/v1", self.kind().kind, self.name, owner_uid)
            }
        };
        let mut spec = self.template(cluster)["spec"].clone();
        spec["nodeName"] = node.as_str().into();
        spec["tolerations"] = tolerations.into();
        json!({
            "metadata": {"labels": labels, "ownerReferences": [owner]},
            "spec": spec,
            "status": {"phase": "Pending", "qosClass": "BestEffort"},
        })
    }

    /// Everything besides the workload itself that stands in git: its Service, its claim, its
    /// ingress, its budget.
    pub(super) fn company(&self, cluster: &str) -> Vec<(Key, Value)> {
        let at = |kind: &'static Kind, name: &str| Key::of(kind, self.namespace, name);
        let labels = json!({"labels": self.owned()});
        let mut all = Vec::new();
        if let Some((name, port)) = self.service {
            let address = match self.name {
                DNS => DNS_ADDRESS.to_owned(),
                _ => format!("10.43.{}.{}", hash(name) % 200 + 1, hash(self.namespace) % 250),
            };
            let spec = json!({"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address],
                "selector": self.labels(), "ports": [{"port": port, "targetPort": port,
                "protocol": "TCP"}]});
            all.push((at(&SERVICES, name), json!({"metadata": labels, "spec": spec})));
        }
        if let Some(claim) = self.claim() {
            let size = json!({"storage": "10Gi"});
            let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "longhorn",
                "volumeMode": "Filesystem", "volumeName": self.pv(),
                "resources": {"requests": size}});
            let status =
                json!({"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": size});
            let object = json!({"metadata": labels, "spec": spec, "status": status});
            all.push((at(&PVCS, &claim), object));
            all.push((Key::global(&PVS, &self.pv()), self.volume_object(&claim)));
        }
        if let (Some(host), Some((service, port))) = (self.host, self.service) {
            let host = format!("{host}.{cluster}.example");
            let backend = json!({"service": {"name": service, "port": {"number": port}}});
            let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
            let spec = json!({"ingressClassName": "traefik",
                "rules": [{"host": host, "http": {"paths": [path]}}]});
            all.push((at(&INGRESSES, self.name), json!({"metadata": labels, "spec": spec})));
        }
        if let Some(keeps) = self.budget {
            let spec = json!({"minAvailable": keeps, "selector": {"matchLabels": self.labels()}});
            all.push((at(&PDBS, self.name), json!({"metadata": labels, "spec": spec})));
        }
        all
    }

    fn volume_object(&self, claim: &str) -> Value {
        json!({
            "metadata": {"annotations": {"pv.kubernetes.io/provisioned-by": DRIVER}},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "10Gi"},
                "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                    "name": claim, "namespace": self.namespace},
                "csi": {"driver": DRIVER, "fsType": "ext4", "volumeHandle": self.pv()},
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "longhorn",
                "volumeMode": "Filesystem",
            },
            "status": {"phase": "Bound"},
        })
    }
}

fn owner(api: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!({"apiVersion": api, "kind": kind, "name": name, "uid": uid, "controller": true,
        "blockOwnerDeletion": true})
}

/// Where Flux fetches from.
pub(super) fn git_url(cluster: &str) -> String {
    format!("http://gitea.gitea.svc.cluster.local:3000/ops/{cluster}.git")
}

/// What Flux' controllers put on every object of theirs.
pub(super) const FINALIZER: &str = "finalizers.fluxcd.io";

/// The branch that the site follows.
pub(super) const BRANCH: &str = "main";

/// The GitRepository, as it stands in git.
pub(super) fn git_repository(cluster: &str) -> Value {
    json!({"metadata": {"finalizers": [FINALIZER]},
        "spec": {"interval": shown(SOURCE_INTERVAL), "ref": {"branch": BRANCH},
        "secretRef": {"name": FLUX}, "timeout": "60s", "url": git_url(cluster)}})
}

impl Part {
    /// The Kustomization, as it stands in git.
    pub(super) fn object(&self, cluster: &str) -> Value {
        let root = self.name == FLUX;
        let path = match root {
            true => format!("./clusters/{cluster}"),
            false => format!("./parts/{}", self.name),
        };
        let mut spec = json!({"interval": shown(FLUX_INTERVAL), "path": path, "prune": true,
            "sourceRef": {"kind": GIT_REPOSITORIES.kind, "name": FLUX}});
        if !root {
            spec["retryInterval"] = shown(KUSTOMIZATION_RETRY).into();
            spec["timeout"] = shown(HEALTH_TIMEOUT).into();
            spec["wait"] = true.into();
        }
        if !self.depends_on.is_empty() {
            let all: Vec<Value> = self.depends_on.iter().map(|it| json!({"name": it})).collect();
            spec["dependsOn"] = all.into();
        }
        json!({"metadata": {"finalizers": [FINALIZER]}, "spec": spec})
    }

    /// Its workloads, by row.
    pub(super) fn rows(&self) -> impl Iterator<Item = (usize, &'static Workload)> {
        let name = self.name;
        WORKLOADS.iter().enumerate().filter(move |(_, it)| it.part == Some(name))
    }

    /// What it applied, as its status shows it.
    pub(super) fn inventory(&self, cluster: &str) -> Value {
        let entry = |key: &Key| {
            let (group, kind) = (key.kind.group, key.kind.kind);
            json!({"id": format!("{}_{}_{group}_{kind}", key.namespace, key.name),
                "v": key.kind.version})
        };
        let mut entries = Vec::new();
        for (_, row) in self.rows() {
            entries.push(entry(&Key::of(row.kind(), row.namespace, row.name)));
            // The volume itself is made by the provisioner, not by Flux.
            let company = row.company(cluster).into_iter().map(|(key, _)| key);
            entries.extend(company.filter(|key| key.kind != &PVS).map(|key| entry(&key)));
        }
        entries.sort_by_key(|entry| entry["id"].as_str().map(str::to_owned));
        json!({"entries": entries})
    }
}

/// The ReplicaSet's or the workload's own key: whose the pods are.
pub(super) fn owner_key(workload: &Workload) -> Key {
    match workload.kind() == &DEPLOYMENTS {
        true => Key::of(
            &super::super::store::kinds::REPLICASETS,
            workload.namespace,
            &workload.replica_set(),
        ),
        false => Key::of(workload.kind(), workload.namespace, workload.name),
    }
}
