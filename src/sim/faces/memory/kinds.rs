//! The kinds that are watched besides the nodes, read straight from the simulated store by the
//! functions of the real adapter.

use std::collections::BTreeMap;
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
    /// Whether each kind was listed since the link came up.
    listed: bool,
}

impl Kinds {
    pub(super) fn new(now: Mono) -> Self {
        let known = LOOKED.iter().map(|_| BTreeMap::new()).collect();
        Self { shelves: Shelves::new(now), known, listed: false }
    }

    pub(super) fn facts(&self) -> ClusterFacts {
        self.shelves.facts()
    }

    /// The link came up: everything is listed anew.
    pub(super) const fn rise(&mut self) {
        self.listed = false;
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
        for (looked, known) in LOOKED.iter().zip(&mut self.known) {
            let shelf = (looked.shelf)(&mut self.shelves);
            let Some(kind) = served(looked) else {
                news |= shelf.not_served(&not_served(looked), now);
                continue;
            };
            let held: BTreeMap<ObjectPath, Arc<Value>> = world
                .store()
                .list(kind, None)
                .filter_map(|(_, object)| Some((object_path(object)?, Arc::clone(object))))
                .collect();
            if self.listed {
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
        self.listed = true;
        news
    }
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
