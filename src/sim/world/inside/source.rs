//! source-controller's one GitRepository: it fetches from the git server that runs in the same
//! cluster, through the cluster's own name server.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::World;
use super::super::agenda::Event;
use super::super::rates::{SOURCE_BACK_OFF, SOURCE_BACK_OFF_MAX, SOURCE_INTERVAL};
use super::super::store::kinds::GIT_REPOSITORIES;
use super::super::store::{Key, seconds};
use super::conditions::{self, Said};
use super::flux::{Controller, handled, requested};
use super::objects::{commit, git_url, hash};
use super::{DNS, FLUX, GIT, PARTS, row};
use crate::model::ids::MachineName;
#[cfg(test)]
use crate::model::time::Span;

/// The site's source.
pub(super) fn source() -> Key {
    Key::of(&GIT_REPOSITORIES, FLUX, FLUX)
}

impl World {
    /// A run of the GitRepository.
    pub(in crate::sim::world) fn source_due(&mut self) {
        let Some(node) = self.at_work(Controller::Source, &Event::Source) else { return };
        let Some(object) = self.store.get(&source()).map(Arc::clone) else { return };
        let token = requested(&object);
        if object["spec"]["suspend"] == true {
            drop(self.store.change(&source(), |it| handled(it, token.as_ref())));
            return;
        }
        self.artifact_counts();
        let said = self.fetched(&node, &object);
        let at = self.wall();
        match said {
            Ok(revision) => {
                self.inside.flux.source_failures = 0;
                self.stores(&revision, at);
                self.flux_in(Event::Source, SOURCE_INTERVAL);
            }
            Err(why) => {
                let message = format!("failed to checkout and determine revision: {why}");
                drop(self.store.change(&source(), |it| failed(it, &message, at)));
                let failures = self.inside.flux.source_failures.min(20);
                self.inside.flux.source_failures += 1;
                let pause = SOURCE_BACK_OFF.times(1 << failures).min(SOURCE_BACK_OFF_MAX);
                self.flux_in(Event::Source, pause);
            }
        }
        drop(self.store.change(&source(), |it| handled(it, token.as_ref())));
    }

    /// An artifact that the status claims, and that no disk of the controller has, is taken back.
    fn artifact_counts(&mut self) {
        let pod = self.inside.flux.leaders.get(&Controller::Source).map(|it| it.pod);
        if self.inside.flux.stored.as_ref().map(|(pod, _)| *pod) == pod {
            return;
        }
        self.inside.flux.stored = None;
        drop(self.store.change(&source(), |it| {
            it["status"].as_object_mut().into_iter().for_each(|status| {
                status.remove("artifact");
            });
            conditions::clear(it, "ArtifactInStorage");
        }));
    }

    /// What the git server has for the branch, or why it can't be had.
    fn fetched(&self, node: &MachineName, object: &Value) -> Result<String, String> {
        let url = object["spec"]["url"].as_str().unwrap_or_default();
        let unable = |why: &str| Err(format!("unable to list remote for '{url}': {why}"));
        let island = self.island_of(node);
        let there = |name: &str| row(name).is_some_and(|it| self.answers_on(it, island));
        if !there(DNS) {
            let why = "dial tcp: lookup gitea.gitea.svc.cluster.local. on 10.43.0.10:53: read udp \
                       10.42.0.1:53: i/o timeout";
            return unable(why);
        }
        if url != git_url(&self.site.cluster) {
            return unable("dial tcp: no such host");
        }
        if !there(GIT) {
            let address = format!("10.43.{}.{}", hash(GIT) % 200 + 1, hash(GIT) % 250);
            return unable(&format!("dial tcp {address}:3000: connect: connection refused"));
        }
        // Flux' default where nothing is said.
        let branch = object["spec"]["ref"]["branch"].as_str().unwrap_or("master");
        let head = self.inside.faults.branches.get(branch);
        let missing =
            || format!("unable to clone '{url}': couldn't find remote ref \"refs/heads/{branch}\"");
        head.map(|head| format!("{branch}@sha1:{head}")).ok_or_else(missing)
    }

    /// The artifact of a revision lies in the controller's storage, and its status says so.
    pub(super) fn stores(&mut self, revision: &str, at: Timestamp) {
        let pod = self.inside.flux.leaders.get(&Controller::Source).map_or(0, |it| it.pod);
        let before = self.inside.flux.stored.replace((pod, revision.to_owned()));
        let new = before.is_none_or(|(_, before)| before != revision);
        drop(self.store.change(&source(), |it| stored(it, revision, new, at)));
        if new {
            for part in &PARTS {
                self.flux_soon(Event::Kustomization(part.name.to_owned()));
            }
        }
    }

    /// How long until the source is tried again, if it is to be.
    #[cfg(test)]
    pub(in crate::sim::world) fn source_again_in(&self) -> Option<Span> {
        self.agenda.when(&Event::Source).map(|at| self.now.until(at))
    }
}

fn stored(object: &mut Value, revision: &str, new: bool, at: Timestamp) {
    let hex = revision.rsplit(':').next().unwrap_or_default();
    let path = format!("gitrepository/{FLUX}/{FLUX}/{hex}.tar.gz");
    if new || object["status"]["artifact"].is_null() {
        let digest = format!("{}{}", commit(revision), &commit(hex)[..24]);
        object["status"]["artifact"] = json!({
            "digest": format!("sha256:{digest}"),
            "lastUpdateTime": seconds(at),
            "path": path,
            "revision": revision,
            "size": 48_120,
            "url": format!("http://source-controller.{FLUX}.svc.cluster.local./{path}"),
        });
    }
    let message = format!("stored artifact for revision '{revision}'");
    for kind in ["Ready", "ArtifactInStorage"] {
        let said = Said { kind, status: "True", reason: "Succeeded", message: &message };
        conditions::set(object, said, at);
    }
    conditions::clear(object, "FetchFailed");
    conditions::clear(object, "Reconciling");
    object["status"]["observedGeneration"] = object["metadata"]["generation"].clone();
}

/// A failure keeps the old artifact, and does not count the generation as seen.
fn failed(object: &mut Value, message: &str, at: Timestamp) {
    let reason = "GitOperationFailed";
    conditions::fails(object, reason, message, at);
    conditions::set(object, Said { kind: "FetchFailed", status: "True", reason, message }, at);
}
