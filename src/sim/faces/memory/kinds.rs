//! The kinds that are watched besides the nodes, read straight from the simulated store by the
//! functions of the real adapter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::adapters::kube::{LOOKED, Looked, Shelves, not_served, object_path};
use crate::model::cluster::{ClusterFacts, ObjectPath};
use crate::model::facts::Blind;
use crate::model::time::Mono;
use crate::sim::world::World;
use crate::sim::world::store::{Kind, kinds};

/// What was seen of each kind.
#[derive(Debug)]
pub(super) struct Kinds {
    shelves: Shelves,
    /// What the last look found, to see what changed since.
    known: Vec<BTreeMap<ObjectPath, Arc<Value>>>,
    /// Up to which change of the store it is known, since the link came up.
    revision: Option<u64>,
}

impl Kinds {
    pub(super) fn new(now: Mono) -> Self {
        let known = LOOKED.iter().map(|_| BTreeMap::new()).collect();
        Self { shelves: Shelves::new(now), known, revision: None }
    }

    pub(super) fn facts(&self) -> ClusterFacts {
        self.shelves.facts()
    }

    /// The link came up: everything is listed anew.
    pub(super) const fn rise(&mut self) {
        self.revision = None;
    }

    /// The link is down.
    pub(super) fn fall(&mut self, why: &Blind) {
        self.shelves.down(why);
    }

    /// The watches are alive.
    pub(super) fn alive(&mut self, now: Mono) {
        for looked in LOOKED {
            (looked.shelf)(&mut self.shelves).alive(now);
        }
    }

    /// Takes in what the store holds now, and says whether there is news.
    pub(super) fn look(&mut self, world: &World, now: Mono) -> bool {
        let mut news = false;
        let listed = self.revision;
        let changed = listed.and_then(|known| changed(world, known));
        for (looked, known) in LOOKED.iter().zip(&mut self.known) {
            let shelf = (looked.shelf)(&mut self.shelves);
            let Some(kind) = served(looked) else {
                news |= shelf.not_served(&not_served(looked), now);
                continue;
            };
            if changed.as_ref().is_some_and(|all| !all.contains(kind)) {
                continue;
            }
            let held: BTreeMap<ObjectPath, Arc<Value>> = world
                .store()
                .list(kind, None)
                .filter_map(|(_, object)| Some((object_path(object)?, Arc::clone(object))))
                .collect();
            if listed.is_some() {
                for (path, object) in &held {
                    let same = known.get(path).is_some_and(|old| Arc::ptr_eq(old, object));
                    news |= !same && shelf.put(object, now);
                }
                for path in known.keys().filter(|path| !held.contains_key(*path)) {
                    news |= shelf.gone(path, now);
                }
            } else {
                shelf.begin();
                let objects: Vec<Value> = held.values().map(|it| it.as_ref().clone()).collect();
                news |= match shelf.page(&objects) {
                    Ok(()) => shelf.listed(now),
                    Err(why) => shelf.blind(&why),
                };
            }
            *known = held;
        }
        self.revision = Some(world.store().revision());
        news
    }
}

/// The kinds of what changed since; `None` if nobody can say any more.
fn changed(world: &World, since: u64) -> Option<BTreeSet<&'static Kind>> {
    Some(world.store().since(since)?.map(|change| change.key.kind).collect())
}

/// The kind of the simulated API, if it serves a version that is understood.
pub(super) fn served(looked: &Looked) -> Option<&'static Kind> {
    kinds::ALL.into_iter().find(|kind| {
        (kind.group, kind.kind) == (looked.group, looked.kind)
            && looked.versions.contains(&kind.version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_serves_what_is_looked_at_but_one_kind_that_it_has_not() {
        let lacking: Vec<&str> =
            LOOKED.iter().filter(|it| served(it).is_none()).map(|it| it.kind).collect();
        assert_eq!(lacking, ["OCIRepository"]);
    }
}
