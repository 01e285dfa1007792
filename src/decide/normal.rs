//! What a good day looks like, learned while everything is good. Recovery compares with it.

use std::collections::BTreeSet;

use crate::model::cluster::{HelmRelease, Kustomization, Objects, Source};
use crate::model::memory::Normal;
use crate::model::object::ObjectName;
use crate::model::tick::TickInput;

/// More objects than this are not remembered: the record of a site has to stay small.
const MAX_OBJECTS: usize = 300;

/// Takes in what is there now. Of what can't be seen the last good word stays.
pub(super) fn learn(input: &TickInput, normal: &mut Normal) {
    let cluster = &input.observation.cluster;
    let mut flux = BTreeSet::new();
    let all = names(Source::GIT, &cluster.git_repositories, normal, &mut flux)
        & names(Source::OCI, &cluster.oci_repositories, normal, &mut flux)
        & names(Kustomization::KIND, &cluster.kustomizations, normal, &mut flux)
        & names(HelmRelease::KIND, &cluster.helm_releases, normal, &mut flux);
    if all && flux.len() <= MAX_OBJECTS {
        normal.flux = flux;
    }
}

/// Adds the names of a kind. `false` if what was known of it must stay.
fn names<T>(
    kind: &str,
    seen: &Objects<T>,
    normal: &Normal,
    into: &mut BTreeSet<ObjectName>,
) -> bool {
    match seen.any_age() {
        Some(objects) => {
            into.extend(objects.keys().map(|path| path.of_kind(kind)));
            true
        }
        None => !normal.flux.iter().any(|name| name.kind == kind),
    }
}
