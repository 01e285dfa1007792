//! What is kept of each kind, with an age that tells the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::model::cluster::{
    Answerers, Attachment, Claim, ClusterFacts, Drivers, HelmRelease, Ingress, Judges,
    Kustomization, ObjectPath, Objects, Pods, Source, Trouble, Volumes, Workload,
};
use crate::model::facts::{Blind, BlindKind, Seen};
use crate::model::time::Mono;

use super::looked::LOOKED;
use super::read;

/// More objects of one kind than this are not kept: ten times the largest site that is meant.
const MAX_OBJECTS: usize = 10_000;

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

    fn known(&self) -> Option<&BTreeMap<ObjectPath, T>> {
        self.seen.any_age()
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
    pub(super) git_repositories: Shelved<Source>,
    pub(super) oci_repositories: Shelved<Source>,
    pub(super) kustomizations: Shelved<Kustomization>,
    pub(super) helm_releases: Shelved<HelmRelease>,
    pub(super) deployments: Shelved<Workload>,
    pub(super) stateful_sets: Shelved<Workload>,
    pub(super) daemon_sets: Shelved<Workload>,
    pub(super) pods: Shelved<read::Pod>,
    pub(super) drivers: Shelved<Drivers>,
    pub(super) attachments: Shelved<read::Attached>,
    pub(super) claims: Shelved<Claim>,
    pub(super) validating: Shelved<Judges>,
    pub(super) mutating: Shelved<Judges>,
    pub(super) ingresses: Shelved<Ingress>,
    pub(super) slices: Shelved<(ObjectPath, Answerers)>,
}

impl Shelves {
    /// Nothing was looked at yet.
    pub fn new(since: Mono) -> Self {
        Self {
            git_repositories: Shelved::new(since, |it| Some(read::source(it))),
            oci_repositories: Shelved::new(since, |it| Some(read::source(it))),
            kustomizations: Shelved::new(since, |it| Some(read::kustomization(it))),
            helm_releases: Shelved::new(since, |it| Some(read::helm_release(it))),
            deployments: Shelved::new(since, |it| Some(read::replicated(it))),
            stateful_sets: Shelved::new(since, |it| Some(read::replicated(it))),
            daemon_sets: Shelved::new(since, |it| Some(read::daemon_set(it))),
            pods: Shelved::new(since, |it| Some(read::pod(it))),
            drivers: Shelved::new(since, |it| Some(read::drivers(it))),
            attachments: Shelved::new(since, |it| Some(read::attached(it))),
            claims: Shelved::new(since, |it| Some(read::claim(it))),
            validating: Shelved::new(since, read::judges),
            mutating: Shelved::new(since, read::judges),
            ingresses: Shelved::new(since, |it| Some(read::ingress(it))),
            slices: Shelved::new(since, read::endpoints),
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
            deployments: self.deployments.facts(),
            stateful_sets: self.stateful_sets.facts(),
            daemon_sets: self.daemon_sets.facts(),
            pods: summed(&self.pods.seen, pods),
            drivers: self.drivers.facts(),
            attachments: summed(&self.attachments.seen, troubled),
            volumes: summed(&self.attachments.seen, |all| volumes(all, self.claims.known())),
            claims: summed(&self.claims.seen, unbound),
            validating: self.validating.facts(),
            mutating: self.mutating.facts(),
            ingresses: self.ingresses.facts(),
            endpoints: summed(&self.slices.seen, |slices| endpoints(slices, &self.asked())),
        }
    }

    /// The services whose endpoints somebody asks for.
    fn asked(&self) -> BTreeSet<&ObjectPath> {
        let judges = [&self.validating, &self.mutating].into_iter().filter_map(|it| it.known());
        let judges = judges.flat_map(BTreeMap::values).flat_map(BTreeMap::keys);
        let ingresses = self.ingresses.known().into_iter().flat_map(BTreeMap::values);
        judges.chain(ingresses.flat_map(|it| &it.services)).collect()
    }
}

/// More pods in trouble than this are counted, not named.
const MAX_TROUBLED: usize = 24;
/// In which order they are named.
const NAMED_FIRST: [&[Trouble]; 3] = [
    &[Trouble::BacksOff, Trouble::NoImage],
    &[Trouble::Waits, Trouble::NotReady],
    &[Trouble::LeftOver],
];

/// The sum over all objects of a kind, as old as they are.
fn summed<T, S>(seen: &Objects<T>, sum: impl FnOnce(&BTreeMap<ObjectPath, T>) -> S) -> Seen<S> {
    match seen {
        Seen::Known { value, at } => Seen::Known { value: sum(value), at: *at },
        Seen::Unknown { why, since } => Seen::Unknown { why: why.clone(), since: *since },
    }
}

fn pods(all: &BTreeMap<ObjectPath, read::Pod>) -> Pods {
    let mut pods = Pods::default();
    for (path, pod) in all {
        if let (Some(node), Some(version)) = (&pod.node, pod.ready) {
            let count = pods.on.entry(node.clone()).or_default();
            count.oldest = match (count.ready, count.oldest, version) {
                (0, _, version) => version,
                (_, Some(old), Some(version)) => Some(old.min(version)),
                (_, _, _) => None,
            };
            count.ready += 1;
        }
        if let (Some(node), Some(namespace), true) = (&pod.node, path.namespace(), pod.evictable) {
            let count = pods.on.entry(node.clone()).or_default();
            *count.evictable.entry(namespace.to_owned()).or_default() += 1;
        }
    }
    // What waits in a back-off can be helped; what is only left over comes last.
    for kinds in NAMED_FIRST {
        let troubled = all.iter().filter_map(|(path, pod)| Some((path, pod.trouble.as_ref()?)));
        for (path, trouble) in troubled.filter(|(_, it)| kinds.contains(&it.trouble)) {
            if pods.troubled.len() < MAX_TROUBLED {
                pods.troubled.insert(path.clone(), trouble.clone());
            } else {
                pods.more += 1;
            }
        }
    }
    pods
}

/// The volumes that do not hang where they should.
fn troubled(all: &BTreeMap<ObjectPath, read::Attached>) -> BTreeMap<ObjectPath, Attachment> {
    let troubled = all.iter().filter_map(|(path, it)| Some((path.clone(), it.trouble.clone()?)));
    troubled.collect()
}

/// The claims without a volume.
fn unbound(all: &BTreeMap<ObjectPath, Claim>) -> BTreeMap<ObjectPath, Claim> {
    let unbound = all.iter().filter(|(_, claim)| claim.phase != "Bound");
    unbound.map(|(path, claim)| (path.clone(), claim.clone())).collect()
}

/// What hangs where, by the namespaces of the claims.
fn volumes(
    all: &BTreeMap<ObjectPath, read::Attached>,
    claims: Option<&BTreeMap<ObjectPath, Claim>>,
) -> Volumes {
    let claims = claims.into_iter().flatten();
    let of: BTreeMap<&str, &str> = claims
        .filter_map(|(path, claim)| Some((claim.volume.as_str(), path.namespace()?)))
        .collect();
    let mut volumes = Volumes::new();
    for it in all.values() {
        let namespace = of.get(it.volume.as_str()).copied().unwrap_or_default();
        let on = volumes.entry(it.node.clone()).or_default();
        *on.entry(namespace.to_owned()).or_default() += 1;
    }
    volumes
}

/// Who answers for the services that are asked for. One without a slice has nobody.
fn endpoints(
    slices: &BTreeMap<ObjectPath, (ObjectPath, Answerers)>,
    asked: &BTreeSet<&ObjectPath>,
) -> BTreeMap<ObjectPath, Answerers> {
    let nobody = |service: &&ObjectPath| ((*service).clone(), Answerers::default());
    let mut all: BTreeMap<_, _> = asked.iter().map(nobody).collect();
    for (service, answerers) in slices.values() {
        if let Some(sum) = all.get_mut(service) {
            sum.add(answerers);
        }
    }
    all
}
