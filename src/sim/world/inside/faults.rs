//! What is wrong inside the cluster, by a deed: and what people do to it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::World;
use super::super::agenda::Event;
use super::super::doors::Unfit;
use super::super::store::kinds::{GIT_REPOSITORIES, KUSTOMIZATIONS};
use super::super::store::{Key, seconds};
use super::objects::{BRANCH, commit};
use super::{FLUX, PARTS, VAULT, WORKLOADS, row};

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sim::world) struct Faults {
    /// These workloads run and answer nobody.
    pub(super) mute: BTreeSet<usize>,
    /// The ingress knows no routes, until its pods are made anew.
    pub(super) routeless: BTreeSet<u32>,
    /// What stands in git for these can't be built.
    pub(super) unbuildable: BTreeSet<String>,
    /// What git has: branches, with their commits.
    pub(super) branches: BTreeMap<String, String>,
    /// The vault waits for its keys after each start.
    pub(super) sealing: bool,
    /// Those that it has, while it needs more.
    pub(super) given: BTreeSet<String>,
    /// Its keys are others than those of its first day.
    pub(super) rekeyed: bool,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            mute: BTreeSet::new(),
            routeless: BTreeSet::new(),
            unbuildable: BTreeSet::new(),
            branches: BTreeMap::from([(BRANCH.to_owned(), commit(BRANCH))]),
            sealing: false,
            given: BTreeSet::new(),
            rekeyed: false,
        }
    }
}

impl World {
    /// The workload of a name.
    pub(in crate::sim::world) fn workload(name: &str) -> Result<usize, Unfit> {
        row(name).ok_or_else(|| Unfit::Workload(name.to_owned()))
    }

    /// The Kustomization of a name.
    pub(in crate::sim::world) fn part(name: &str) -> Result<&'static str, Unfit> {
        let found = PARTS.iter().find(|part| part.name == name);
        found.map(|part| part.name).ok_or_else(|| Unfit::Kustomization(name.to_owned()))
    }

    /// A workload answers nobody, though it runs; or it does again.
    pub(in crate::sim::world) fn mute(&mut self, workload: usize, mute: bool) {
        let faults = &mut self.inside.faults;
        if mute {
            faults.mute.insert(workload);
        } else {
            faults.mute.remove(&workload);
        }
        self.readiness_changes(workload);
    }

    /// Nobody has a workload's image any more but the registry.
    pub(in crate::sim::world) fn images_gone(&mut self, workload: usize) {
        for images in self.inside.images.values_mut() {
            images.remove(&workload);
        }
    }

    /// What stands in git for a Kustomization can't be built, or can.
    pub(in crate::sim::world) fn break_part(&mut self, part: &str, broken: bool) {
        if broken {
            self.inside.faults.unbuildable.insert(part.to_owned());
        } else {
            self.inside.faults.unbuildable.remove(part);
        }
        self.flux_soon(Event::Kustomization(part.to_owned()));
    }

    /// Somebody put Flux' source on another branch, which exists and holds something else.
    pub(in crate::sim::world) fn follow_branch(&mut self, branch: &str) {
        let head = commit(branch);
        self.inside.faults.branches.insert(branch.to_owned(), head);
        let key = Key::of(&GIT_REPOSITORIES, FLUX, FLUX);
        self.wish_for(&key, |object| object["spec"]["ref"]["branch"] = branch.into());
    }

    /// Somebody suspends Flux, source and root, or resumes it.
    pub(in crate::sim::world) fn suspend_flux(&mut self, suspended: bool) {
        for kind in [&GIT_REPOSITORIES, &KUSTOMIZATIONS] {
            self.wish_for(&Key::of(kind, FLUX, FLUX), |object| match suspended {
                true => object["spec"]["suspend"] = true.into(),
                false => {
                    object["spec"].as_object_mut().into_iter().for_each(|spec| {
                        spec.remove("suspend");
                    });
                }
            });
        }
    }

    /// Somebody scales a workload.
    pub(in crate::sim::world) fn scale(&mut self, workload: usize, replicas: u32) {
        let row = &WORKLOADS[workload];
        let key = Key::of(row.kind(), row.namespace, row.name);
        self.wish_for(&key, |object| object["spec"]["replicas"] = replicas.into());
    }

    /// Somebody deletes the pods of a workload; new ones are made.
    pub(in crate::sim::world) fn delete_pods(&mut self, workload: usize) {
        let at = seconds(self.wall());
        let of = self.pods.values().filter(|pod| pod.workload == workload);
        for key in of.map(|pod| pod.key.clone()).collect::<Vec<_>>() {
            let edit = |pod: &mut Value| {
                pod["metadata"]["deletionTimestamp"] = at.clone().into();
            };
            drop(self.store.change(&key, edit));
        }
        self.controllers_look();
    }

    /// The ingress forgets its routes: Ready, and 404 for everybody.
    pub(in crate::sim::world) fn forget_routes(&mut self) {
        let of = self.pods.iter().filter(|(_, pod)| WORKLOADS[pod.workload].name == super::INGRESS);
        self.inside.faults.routeless = of.map(|(id, _)| *id).collect();
    }

    /// The vault waits for its key after each start from now on, or opens by itself.
    pub(in crate::sim::world) fn vault_seals(&mut self, sealing: bool) {
        self.inside.faults.sealing = sealing;
        if !sealing {
            self.unseal();
        }
    }

    /// Somebody gave the vault other keys, and ananke's host still has the old ones.
    pub(in crate::sim::world) fn rekey_vault(&mut self) {
        self.inside.faults.rekeyed = true;
    }

    /// Somebody gives the vault its key. Whether there was a vault that could take it.
    pub fn unseal(&mut self) -> bool {
        let mut taken = false;
        let Some(vault) = row(VAULT) else { return false };
        let running: Vec<u32> = self
            .pods
            .iter()
            .filter(|(_, pod)| pod.workload == vault && self.works(pod))
            .map(|(id, _)| *id)
            .collect();
        for id in running {
            if let Some(pod) = self.pods.get_mut(&id) {
                pod.sealed = false;
                taken = true;
            }
        }
        self.readiness_changes(vault);
        taken
    }

    /// An edit of what a person wishes, as with kubectl. It counts the generation.
    fn wish_for(&mut self, key: &Key, edit: impl FnOnce(&mut Value)) {
        let changed = self.store.change(key, |object| {
            let before = object["spec"].clone();
            edit(object);
            if object["spec"] != before {
                let generation = object["metadata"]["generation"].as_u64().unwrap_or(1);
                object["metadata"]["generation"] = (generation + 1).into();
            }
        });
        drop(changed);
        self.controllers_look();
    }
}
