//! What a good day looks like, learned while everything is good. Recovery compares with it.

use std::collections::BTreeSet;

use crate::model::cluster::{HelmRelease, Kustomization, Objects, Source, Workload};
use crate::model::memory::Normal;
use crate::model::object::ObjectName;
use crate::model::tick::TickInput;

/// More objects than this are not remembered: the record of a site has to stay small.
const MAX_OBJECTS: usize = 300;
/// More workloads of one kind than this are not remembered either.
const MAX_WORKLOADS: usize = 500;

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
    for kind in [Workload::DEPLOYMENT, Workload::STATEFUL_SET] {
        replicas(kind, input, normal);
    }
}

/// How many pods each workload of a kind has. What a person scaled on a quiet day is what is
/// normal from then on; what somebody else scales all the time is not ours to remember.
fn replicas(kind: &str, input: &TickInput, normal: &mut Normal) {
    let seen = input.observation.cluster.workloads(kind);
    let Some(all) = seen.and_then(Objects::any_age) else { return };
    let now = || all.iter().filter(|(_, it)| is_kept(it)).map(|(path, it)| (path, &it.wanted));
    let known = normal.replicas.get(kind).into_iter().flatten();
    if now().count() <= MAX_WORKLOADS && !known.eq(now()) {
        let now = now().map(|(path, wanted)| (path.clone(), *wanted));
        normal.replicas.insert(kind.to_owned(), now.collect());
    }
}

fn is_kept(it: &Workload) -> bool {
    it.wanted > 0 && it.left_alone.is_empty()
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
