//! kustomize-controller: four runs at once, each of which fetches, applies, and holds its worker
//! while it waits for what it applied to be well.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::super::World;
use super::super::agenda::Event;
use super::super::rates::{
    FETCH_TRIES, FETCH_WAIT, FETCH_WAIT_MAX, FLUX_INTERVAL, HEALTH_POLL, HEALTH_TIMEOUT,
    KUSTOMIZATION_APPLIES, KUSTOMIZATION_RETRY, KUSTOMIZE_WORKERS, REQUEUE_DEPENDENCY, shown,
};
use super::super::store::Key;
use super::super::store::kinds::{HELM_RELEASES, KUSTOMIZATIONS};
use super::conditions::{self, Said};
use super::flux::{Controller, Run, handled, requested};
use super::objects::git_repository;
use super::source::source;
use super::{DNS, FLUX, Keeper, PARTS, Part, RELEASE, Workload, row};
use crate::model::time::Span;

/// Why a run came to nothing, and when the next one is.
struct Miss {
    reason: &'static str,
    message: String,
    again: Span,
}

/// A Kustomization.
pub(super) fn key(name: &str) -> Key {
    Key::of(&KUSTOMIZATIONS, FLUX, name)
}

fn part(name: &str) -> Option<&'static Part> {
    PARTS.iter().find(|part| part.name == name)
}

impl World {
    /// A run of a Kustomization begins, if a worker is free.
    pub(in crate::sim::world) fn kustomization_due(&mut self, name: &str) {
        let what = Event::Kustomization(name.to_owned());
        if self.at_work(Controller::Kustomize, &what).is_none() {
            return;
        }
        let flux = &mut self.inside.flux;
        if flux.runs.contains_key(name) || flux.runs.len() >= KUSTOMIZE_WORKERS {
            if !flux.queue.iter().any(|it| it == name) {
                flux.queue.push_back(name.to_owned());
            }
            return;
        }
        let Some(object) = self.store.get(&key(name)).map(Arc::clone) else { return };
        let token = requested(&object);
        if object["spec"]["suspend"] == true {
            drop(self.store.change(&key(name), |it| handled(it, token.as_ref())));
            return;
        }
        match self.may_begin(&object) {
            Ok(revision) => {
                let at = self.wall();
                let message = format!(
                    "Fetching manifests for revision {revision} with a timeout of {}",
                    shown(HEALTH_TIMEOUT)
                );
                drop(self.store.change(&key(name), |it| progresses(it, &message, at)));
                let run = Run { token, revision, since: self.now, tries: 0 };
                self.inside.flux.runs.insert(name.to_owned(), run);
                self.flux_in(Event::Applied(name.to_owned()), KUSTOMIZATION_APPLIES);
            }
            Err(miss) => self.missed(name, &miss, token.as_ref()),
        }
    }

    /// The revision to apply, or what is missing before anything is done.
    fn may_begin(&self, object: &Value) -> Result<String, Miss> {
        let miss = |reason, message: String| Miss { reason, message, again: REQUEUE_DEPENDENCY };
        let artifact = self.store.get(&source()).map(|it| &it["status"]["artifact"]["revision"]);
        let revision = artifact.and_then(Value::as_str).ok_or_else(|| {
            let again = shown(REQUEUE_DEPENDENCY);
            miss("ArtifactFailed", format!("Source artifact not found, retrying in {again}"))
        })?;
        let needs = object["spec"]["dependsOn"].as_array();
        for need in needs.into_iter().flatten().filter_map(|it| it["name"].as_str()) {
            let named = format!("dependency '{FLUX}/{need}'");
            let Some(other) = self.store.get(&key(need)) else {
                return Err(miss("DependencyNotReady", format!("{named} not found")));
            };
            let seen = other["status"]["observedGeneration"] == other["metadata"]["generation"];
            if !seen || !conditions::is_true(other, "Ready") {
                return Err(miss("DependencyNotReady", format!("{named} is not ready")));
            }
            if other["status"]["lastAppliedRevision"] != revision {
                let message = format!("{named} revision is not up to date");
                return Err(miss("DependencyNotReady", message));
            }
        }
        Ok(revision.to_owned())
    }

    /// Everything that a run does before it waits: fetch, build, apply.
    pub(in crate::sim::world) fn kustomization_applied(&mut self, name: &str) {
        let Some((run, part)) = self.running(name, &Event::Applied(name.to_owned())) else {
            return;
        };
        match self.artifact_served(&run.revision) {
            Some(true) => {}
            None if run.tries + 1 < FETCH_TRIES => {
                let pause = FETCH_WAIT.times(1 << run.tries.min(8)).min(FETCH_WAIT_MAX);
                if let Some(run) = self.inside.flux.runs.get_mut(name) {
                    run.tries += 1;
                }
                self.flux_in(Event::Applied(name.to_owned()), pause);
                return;
            }
            None => {
                let message = format!(
                    "failed to download archive: GET http://source-controller.{FLUX}.svc.cluster\
                     .local./ giving up after {FETCH_TRIES} attempt(s)"
                );
                let again = KUSTOMIZATION_RETRY;
                self.ends(name, &run, Some(Miss { reason: "ArtifactFailed", message, again }));
                return;
            }
            Some(false) => {
                let again = REQUEUE_DEPENDENCY;
                let message = format!(
                    "Source is not ready, artifact not found, retrying in {}",
                    shown(again)
                );
                self.ends(name, &run, Some(Miss { reason: "ArtifactFailed", message, again }));
                return;
            }
        }
        let attempted = run.revision.clone();
        drop(self.store.change(&key(name), |it| {
            it["status"]["lastAttemptedRevision"] = attempted.into();
        }));
        if self.inside.faults.unbuildable.contains(name) {
            let message = "kustomize build failed: accumulating resources: accumulation err='\
                           accumulating resources from 'gone.yaml': file not found'"
                .to_owned();
            let again = KUSTOMIZATION_RETRY;
            self.ends(name, &run, Some(Miss { reason: "BuildFailed", message, again }));
            return;
        }
        self.apply(part);
        if self.store.get(&key(name)).is_some_and(|it| it["spec"]["wait"] == true) {
            let at = self.wall();
            let message = format!(
                "Running health checks for revision {} with a timeout of {}",
                run.revision,
                shown(HEALTH_TIMEOUT)
            );
            drop(self.store.change(&key(name), |it| {
                progresses(it, &message, at);
                let said = Said {
                    kind: "Healthy",
                    status: "Unknown",
                    reason: "Progressing",
                    message: &message,
                };
                conditions::set(it, said, at);
            }));
            self.kustomization_health(name);
        } else {
            self.ends(name, &run, None);
        }
    }

    /// A run that is under way, if its process still is.
    fn running(&mut self, name: &str, what: &Event) -> Option<(Run, &'static Part)> {
        self.inside.flux.runs.get(name)?;
        self.at_work(Controller::Kustomize, what)?;
        let run = self.inside.flux.runs.get(name)?.clone();
        Some((run, part(name)?))
    }

    /// Whether the source-controller hands out the artifact; `None` if nobody answers.
    fn artifact_served(&self, revision: &str) -> Option<bool> {
        let from = self.leading(Controller::Kustomize)?;
        let island = self.island_of(&from);
        let to = self.leading(Controller::Source)?;
        let dns = row(DNS).is_some_and(|it| self.answers_on(it, island));
        if !dns || self.island_of(&to) != island {
            return None;
        }
        let pod = self.inside.flux.leaders.get(&Controller::Source).map(|it| it.pod);
        let stored = self.inside.flux.stored.as_ref();
        Some(stored.is_some_and(|(at, it)| Some(*at) == pod && it == revision))
    }

    /// What stands in git is so in the cluster: what is missing is made, replicas are as written.
    pub(super) fn apply(&mut self, part: &Part) {
        let (cluster, at) = (self.site.cluster.clone(), self.wall());
        for (_, row) in part.rows() {
            let own = Key::of(row.kind(), row.namespace, row.name);
            if self.store.get(&own).is_none() {
                drop(self.store.create(own, row.object(&cluster), at).map(drop));
            } else {
                self.replicas_as_written(row, &own);
            }
            for (company, object) in row.company(&cluster) {
                drop(self.store.create(company, object, at).map(drop));
            }
        }
        if part.name == FLUX {
            for part in &PARTS {
                drop(self.store.create(key(part.name), part.object(&cluster), at).map(drop));
            }
            drop(self.store.create(source(), git_repository(&cluster), at).map(drop));
        }
        if part.name == RELEASE.0 {
            self.make_release();
        }
        self.controllers_look();
    }

    fn replicas_as_written(&mut self, row: &Workload, own: &Key) {
        if row.keeper == Keeper::DaemonSet {
            return;
        }
        drop(self.store.change(own, |object| {
            // The break-glass annotation: kustomize-controller leaves the object alone.
            let left = &object["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/reconcile"];
            if *left != "disabled" && object["spec"]["replicas"] != row.wanted() {
                object["spec"]["replicas"] = row.wanted().into();
                let generation = object["metadata"]["generation"].as_u64().unwrap_or(1);
                object["metadata"]["generation"] = (generation + 1).into();
            }
        }));
    }

    /// One look at what was applied.
    pub(in crate::sim::world) fn kustomization_health(&mut self, name: &str) {
        let Some((run, part)) = self.running(name, &Event::Health(name.to_owned())) else { return };
        let unwell = self.unwell(part);
        let took = self.now.since(run.since);
        if unwell.is_empty() {
            let at = self.wall();
            let message = format!("Health check passed in {}ms", took.as_millis());
            let said =
                Said { kind: "Healthy", status: "True", reason: "Succeeded", message: &message };
            drop(self.store.change(&key(name), |it| conditions::set(it, said, at)));
            self.ends(name, &run, None);
        } else if took >= HEALTH_TIMEOUT {
            let why = format!("timeout waiting for: [{}]", unwell.join(", "));
            let at = self.wall();
            let reason = "HealthCheckFailed";
            let said = Said { kind: "Healthy", status: "False", reason, message: &why };
            drop(self.store.change(&key(name), |it| conditions::set(it, said, at)));
            let message = format!("health check failed after {}: {why}", shown(took));
            self.ends(name, &run, Some(Miss { reason, message, again: KUSTOMIZATION_RETRY }));
        } else {
            self.flux_in(Event::Health(name.to_owned()), HEALTH_POLL);
        }
    }

    /// What kstatus does not call Current, as the message names it.
    fn unwell(&self, part: &Part) -> Vec<String> {
        let named = |key: &Key, status: &str| {
            format!("{}/{}/{} status: '{status}'", key.kind.kind, key.namespace, key.name)
        };
        let mut unwell = Vec::new();
        for (_, row) in part.rows() {
            let key = Key::of(row.kind(), row.namespace, row.name);
            match self.store.get(&key) {
                None => unwell.push(named(&key, "NotFound")),
                Some(object) if !is_current(row, object) => unwell.push(named(&key, "InProgress")),
                Some(_) => {}
            }
        }
        if part.name == RELEASE.0 {
            let key = Key::of(&HELM_RELEASES, RELEASE.0, RELEASE.1);
            if !self.store.get(&key).is_some_and(|it| conditions::is_true(it, "Ready")) {
                unwell.push(named(&key, "InProgress"));
            }
        }
        unwell
    }

    /// A run is over, and its worker takes the next.
    fn ends(&mut self, name: &str, run: &Run, miss: Option<Miss>) {
        self.inside.flux.runs.remove(name);
        if let Some(miss) = miss {
            self.missed(name, &miss, run.token.as_ref());
        } else {
            self.succeeded(name, &run.revision, run.token.as_ref());
            self.flux_in(Event::Kustomization(name.to_owned()), FLUX_INTERVAL);
        }
        if let Some(next) = self.inside.flux.queue.pop_front() {
            self.flux_soon(Event::Kustomization(next));
        }
    }

    pub(super) fn succeeded(&mut self, name: &str, revision: &str, token: Option<&String>) {
        let at = self.wall();
        let Some(part) = part(name) else { return };
        let inventory = part.inventory(&self.site.cluster);
        drop(self.store.change(&key(name), |it| {
            let message = format!("Applied revision: {revision}");
            let reason = "ReconciliationSucceeded";
            let said = Said { kind: "Ready", status: "True", reason, message: &message };
            conditions::set(it, said, at);
            conditions::clear(it, "Reconciling");
            it["status"]["inventory"] = inventory;
            for field in ["lastAppliedRevision", "lastAttemptedRevision"] {
                it["status"][field] = revision.into();
            }
            it["status"]["observedGeneration"] = it["metadata"]["generation"].clone();
            handled(it, token);
        }));
    }

    /// It came to nothing: the generation does not count as seen.
    fn missed(&mut self, name: &str, miss: &Miss, token: Option<&String>) {
        let at = self.wall();
        drop(self.store.change(&key(name), |it| {
            let Miss { reason, message, .. } = miss;
            conditions::set(it, Said { kind: "Ready", status: "False", reason, message }, at);
            conditions::retries(it);
            handled(it, token);
        }));
        self.flux_in(Event::Kustomization(name.to_owned()), miss.again);
    }
}

fn progresses(object: &mut Value, message: &str, at: Timestamp) {
    let reason = "Progressing";
    let ready =
        Said { kind: "Ready", status: "Unknown", reason, message: "Reconciliation in progress" };
    conditions::set(object, ready, at);
    conditions::set(object, Said { kind: "Reconciling", status: "True", reason, message }, at);
}

/// kstatus' word on a workload (cli-utils pkg/kstatus): from its status, however old that is.
fn is_current(row: &Workload, object: &Value) -> bool {
    let status = &object["status"];
    let number = |field: &str| status[field].as_u64().unwrap_or_default();
    let seen = status["observedGeneration"] == object["metadata"]["generation"];
    let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
    let enough = |fields: &[&str], wanted: u64| fields.iter().all(|it| number(it) >= wanted);
    seen && match row.keeper {
        Keeper::Deployment(_) => {
            number("replicas") == wanted
                && enough(&["updatedReplicas", "readyReplicas", "availableReplicas"], wanted)
        }
        Keeper::StatefulSet => number("replicas") == wanted && enough(&["readyReplicas"], wanted),
        Keeper::DaemonSet => {
            let wanted = number("desiredNumberScheduled");
            let fields = [
                "currentNumberScheduled",
                "updatedNumberScheduled",
                "numberAvailable",
                "numberReady",
            ];
            enough(&fields, wanted)
        }
    }
}
