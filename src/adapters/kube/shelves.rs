//! What is kept of each kind, with an age that tells the truth.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::model::cluster::{
    ClusterFacts, HelmRelease, Kustomization, ObjectPath, Objects, Source,
};
use crate::model::facts::{Blind, BlindKind, Seen};
use crate::model::time::Mono;

use super::read;

/// More objects of one kind than this are not kept: ten times the largest site that is meant.
const MAX_OBJECTS: usize = 10_000;

/// One kind that is listed and watched.
#[derive(Debug, Clone, Copy)]
pub struct Looked {
    /// Its API group; empty for the core group.
    pub group: &'static str,
    /// Its name.
    pub kind: &'static str,
    /// Its name in paths.
    pub plural: &'static str,
    /// The versions that are understood, the best one first.
    pub versions: &'static [&'static str],
    /// Where it is kept.
    pub shelf: fn(&mut Shelves) -> &mut dyn Shelf,
}

/// Every kind that is listed and watched, besides the nodes.
pub static LOOKED: &[Looked] = &[
    Looked {
        group: "source.toolkit.fluxcd.io",
        kind: Source::GIT,
        plural: "gitrepositories",
        versions: &["v1", "v1beta2", "v1beta1"],
        shelf: |shelves| &mut shelves.git_repositories,
    },
    Looked {
        group: "source.toolkit.fluxcd.io",
        kind: Source::OCI,
        plural: "ocirepositories",
        versions: &["v1", "v1beta2"],
        shelf: |shelves| &mut shelves.oci_repositories,
    },
    Looked {
        group: "kustomize.toolkit.fluxcd.io",
        kind: Kustomization::KIND,
        plural: "kustomizations",
        versions: &["v1", "v1beta2", "v1beta1"],
        shelf: |shelves| &mut shelves.kustomizations,
    },
    Looked {
        group: "helm.toolkit.fluxcd.io",
        kind: HelmRelease::KIND,
        plural: "helmreleases",
        versions: &["v2", "v2beta2", "v2beta1"],
        shelf: |shelves| &mut shelves.helm_releases,
    },
];

impl Looked {
    /// The path of the kind, by what a server says that it serves. `None`: it serves no version
    /// of the kind that is understood.
    pub fn path(&self, serves: &[String]) -> Option<String> {
        let version = self.versions.iter().find(|version| {
            let name = match self.group {
                "" => format!("{version}/{}", self.kind),
                group => format!("{group}/{version}/{}", self.kind),
            };
            serves.contains(&name)
        })?;
        Some(match self.group {
            "" => format!("/api/{version}/{}", self.plural),
            group => format!("/apis/{group}/{version}/{}", self.plural),
        })
    }

    /// The path of one object of the kind.
    pub fn object_path(&self, serves: &[String], object: &ObjectPath) -> Option<String> {
        let path = self.path(serves)?;
        Some(match object.as_str().split_once('/') {
            Some((namespace, name)) => {
                let base = path.strip_suffix(self.plural)?;
                format!("{base}namespaces/{namespace}/{}/{name}", self.plural)
            }
            None => format!("{path}/{object}"),
        })
    }

    /// The kind of that name.
    pub fn find(kind: &str) -> Option<&'static Self> {
        LOOKED.iter().find(|looked| looked.kind == kind)
    }
}

/// What is kept of one kind. Whatever changes it says whether that is news: an age alone is none.
pub trait Shelf: Send {
    /// A list begins.
    fn begin(&mut self);

    /// A page of it.
    ///
    /// # Errors
    /// [`Blind`]: there are more objects than are kept.
    fn page(&mut self, items: &[Value]) -> Result<(), Blind>;

    /// The list is whole.
    fn listed(&mut self, now: Mono) -> bool;

    /// An object is there, or has changed.
    fn put(&mut self, object: &Value, now: Mono) -> bool;

    /// An object is gone.
    fn gone(&mut self, path: &ObjectPath, now: Mono) -> bool;

    /// The watch proved that it is alive: what is known is as fresh as now.
    fn alive(&mut self, now: Mono);

    /// It can't be seen. What was seen stays and grows old.
    fn blind(&mut self, why: &Blind) -> bool;

    /// The cluster does not serve it: there is nothing to see, and nothing of before stays.
    fn not_served(&mut self, why: &Blind, now: Mono) -> bool;
}

/// The objects of one kind.
pub(super) struct Shelved<T> {
    seen: Objects<T>,
    coming: BTreeMap<ObjectPath, T>,
    /// What is kept of an object; `None` for one that is as it should be, where only trouble is.
    read: fn(&Value) -> Option<T>,
}

impl<T> fmt::Debug for Shelved<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelved").finish_non_exhaustive()
    }
}

impl<T: Clone> Shelved<T> {
    fn new(since: Mono, read: fn(&Value) -> Option<T>) -> Self {
        let why = Blind::new(BlindKind::NotYet, "not looked at yet");
        Self { seen: Seen::Unknown { why, since }, coming: BTreeMap::new(), read }
    }

    fn facts(&self) -> Objects<T> {
        self.seen.clone()
    }
}

impl<T: PartialEq + Send> Shelf for Shelved<T> {
    fn begin(&mut self) {
        self.coming.clear();
    }

    fn page(&mut self, items: &[Value]) -> Result<(), Blind> {
        let read = self.read;
        let facts = items.iter().filter_map(|object| Some((read::path(object)?, read(object)?)));
        self.coming.extend(facts);
        if self.coming.len() > MAX_OBJECTS {
            let why = format!("more than {MAX_OBJECTS} of them are not looked at");
            return Err(Blind::new(BlindKind::Garbled, why));
        }
        Ok(())
    }

    fn listed(&mut self, now: Mono) -> bool {
        let value = std::mem::take(&mut self.coming);
        let news = self.seen.any_age() != Some(&value);
        self.seen = Seen::Known { value, at: now };
        news
    }

    fn put(&mut self, object: &Value, now: Mono) -> bool {
        let Seen::Known { value, at } = &mut self.seen else { return false };
        *at = now;
        let Some(path) = read::path(object) else { return false };
        match (self.read)(object) {
            Some(fact) if value.get(&path) == Some(&fact) => false,
            // A watch on a site that grows beyond the limit keeps what it has.
            Some(_) if value.len() >= MAX_OBJECTS && !value.contains_key(&path) => false,
            Some(fact) => {
                value.insert(path, fact);
                true
            }
            None => value.remove(&path).is_some(),
        }
    }

    fn gone(&mut self, path: &ObjectPath, now: Mono) -> bool {
        let Seen::Known { value, at } = &mut self.seen else { return false };
        *at = now;
        value.remove(path).is_some()
    }

    fn alive(&mut self, now: Mono) {
        if let Seen::Known { at, .. } = &mut self.seen {
            *at = now;
        }
    }

    fn blind(&mut self, why: &Blind) -> bool {
        match &mut self.seen {
            Seen::Unknown { why: old, .. } if old != why => {
                *old = why.clone();
                true
            }
            Seen::Unknown { .. } | Seen::Known { .. } => false,
        }
    }

    fn not_served(&mut self, why: &Blind, now: Mono) -> bool {
        match &self.seen {
            Seen::Unknown { why: old, .. } if old == why => false,
            Seen::Unknown { .. } | Seen::Known { .. } => {
                self.seen = Seen::Unknown { why: why.clone(), since: now };
                true
            }
        }
    }
}

/// Everything that is kept, besides the nodes.
#[derive(Debug)]
pub struct Shelves {
    git_repositories: Shelved<Source>,
    oci_repositories: Shelved<Source>,
    kustomizations: Shelved<Kustomization>,
    helm_releases: Shelved<HelmRelease>,
}

impl Shelves {
    /// Nothing was looked at yet.
    pub fn new(since: Mono) -> Self {
        Self {
            git_repositories: Shelved::new(since, |it| Some(read::source(it))),
            oci_repositories: Shelved::new(since, |it| Some(read::source(it))),
            kustomizations: Shelved::new(since, |it| Some(read::kustomization(it))),
            helm_releases: Shelved::new(since, |it| Some(read::helm_release(it))),
        }
    }

    /// What was never seen has a new reason: the way to the API is down.
    pub fn down(&mut self, why: &Blind) -> bool {
        let mut news = false;
        for looked in LOOKED {
            news |= (looked.shelf)(self).blind(why);
        }
        news
    }

    /// The newest facts.
    pub fn facts(&self) -> ClusterFacts {
        ClusterFacts {
            git_repositories: self.git_repositories.facts(),
            oci_repositories: self.oci_repositories.facts(),
            kustomizations: self.kustomizations.facts(),
            helm_releases: self.helm_releases.facts(),
        }
    }
}

/// The reason for which a kind is not there.
pub fn not_served(looked: &Looked) -> Blind {
    Blind::new(BlindKind::NotAsked, format!("the cluster serves no {}", looked.kind))
}
