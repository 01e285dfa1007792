//! helm-controller's one HelmRelease.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::World;
use super::super::agenda::Event;
use super::super::rates::{FLUX_INTERVAL, REQUEUE_DEPENDENCY, shown};
use super::super::store::kinds::HELM_RELEASES;
use super::super::store::{Key, seconds};
use super::conditions::{self, Said};
use super::flux::{Controller, handled, requested};
use super::objects::{FINALIZER, commit};
use super::source::source;
use super::{FLUX, RELEASE, WORKLOADS, row};

const VERSION: &str = "8.5.1";

fn key() -> Key {
    Key::of(&HELM_RELEASES, RELEASE.0, RELEASE.1)
}

impl World {
    /// The release, as it stands in git.
    pub(super) fn make_release(&mut self) {
        let at = self.wall();
        let source = json!({"kind": "GitRepository", "name": FLUX, "namespace": FLUX});
        let chart = json!({"spec": {"chart": "./charts/grafana", "version": VERSION,
            "reconcileStrategy": "ChartVersion", "sourceRef": source}});
        let spec = json!({"interval": shown(FLUX_INTERVAL), "chart": chart,
            "install": {"strategy": {"name": "RetryOnFailure"}}});
        let object = json!({"metadata": {"finalizers": [FINALIZER]}, "spec": spec});
        drop(self.store.create(key(), object, at).map(drop));
    }

    /// A run of the release. Helm corrects no drift unless it is told to: an installed release
    /// stays as it is.
    pub(in crate::sim::world) fn release_due(&mut self) {
        if self.at_work(Controller::Helm, &Event::Release).is_none() {
            return;
        }
        let Some(object) = self.store.get(&key()).map(Arc::clone) else { return };
        let token = requested(&object);
        if object["spec"]["suspend"] == true {
            drop(self.store.change(&key(), |it| handled(it, token.as_ref())));
            return;
        }
        let at = self.wall();
        let artifact = self.store.get(&source()).map(|it| &it["status"]["artifact"]);
        if artifact.is_none_or(Value::is_null) {
            let message =
                format!("HelmChart '{FLUX}/{}-{}' is not ready: no artifact", RELEASE.0, RELEASE.1);
            drop(self.store.change(&key(), |it| {
                conditions::fails(it, "SourceNotReady", &message, at);
                handled(it, token.as_ref());
            }));
            self.flux_in(Event::Release, REQUEUE_DEPENDENCY);
            return;
        }
        self.install();
        drop(self.store.change(&key(), |it| {
            installed(it, at);
            handled(it, token.as_ref());
        }));
        self.flux_in(Event::Release, FLUX_INTERVAL);
    }

    /// The objects of a release that was never installed.
    pub(super) fn install(&mut self) {
        let fresh = self.store.get(&key()).is_some_and(|it| it["status"]["history"].is_null());
        let Some(row) = row(RELEASE.1).map(|at| &WORKLOADS[at]).filter(|_| fresh) else { return };
        let (cluster, at) = (self.site.cluster.clone(), self.wall());
        let own = Key::of(row.kind(), row.namespace, row.name);
        drop(self.store.create(own, row.object(&cluster), at).map(drop));
        for (company, object) in row.company(&cluster) {
            drop(self.store.create(company, object, at).map(drop));
        }
        drop(self.store.change(&key(), |it| installed(it, at)));
        self.controllers_look();
    }
}

fn installed(object: &mut Value, at: Timestamp) {
    let (namespace, name) = RELEASE;
    let message = format!(
        "Helm install succeeded for release {namespace}/{name}.v1 with chart {name}@{VERSION}"
    );
    for kind in ["Ready", "Released"] {
        let said = Said { kind, status: "True", reason: "InstallSucceeded", message: &message };
        conditions::set(object, said, at);
    }
    conditions::clear(object, "Reconciling");
    let status = &mut object["status"];
    if status["history"].is_null() {
        let digest = format!("sha256:{}{}", commit(name), &commit(namespace)[..24]);
        status["history"] = json!([{"name": name, "namespace": namespace, "version": 1,
            "status": "deployed", "chartName": name, "chartVersion": VERSION,
            "appVersion": "12.1.0", "configDigest": digest, "digest": digest,
            "firstDeployed": seconds(at), "lastDeployed": seconds(at)}]);
        status["lastAttemptedConfigDigest"] = digest.into();
    }
    status["helmChart"] = format!("{FLUX}/{namespace}-{name}").into();
    status["lastAttemptedReleaseAction"] = "install".into();
    status["lastAttemptedRevision"] = VERSION.into();
    status["storageNamespace"] = namespace.into();
    for field in ["lastAttemptedGeneration", "observedGeneration"] {
        object["status"][field] = object["metadata"]["generation"].clone();
    }
}
