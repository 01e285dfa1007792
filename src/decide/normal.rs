//! What a good day looks like, learned while everything is good. Recovery compares with it.

use std::collections::{BTreeMap, BTreeSet};

use crate::checks;
use crate::model::cluster::{
    Answerers, Claim, Drivers, HelmRelease, Kustomization, ObjectPath, Objects, Source, Workload,
};
use crate::model::ids::CheckId;
use crate::model::memory::{Normal, Passing};
use crate::model::object::ObjectName;
use crate::model::tick::TickInput;
use crate::model::time::{Mono, Span};
use crate::model::verdict::Target;

/// More objects than this are not remembered: the record of a site has to stay small.
const MAX_OBJECTS: usize = 300;
/// More workloads of one kind than this are not remembered either.
const MAX_WORKLOADS: usize = 500;

/// More storage drivers of one node than this are not remembered.
const MAX_DRIVERS: usize = 8;

/// What has been gone for so long on good days is not coming back: somebody took it away.
const FORGOTTEN_AFTER: Span = Span::mins(60);

/// Takes in what is there now. Of what can't be seen the last good word stays.
pub(super) fn learn(input: &TickInput, passing: &Passing, normal: &mut Normal) {
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
    let for_time = Failing { now: input.now.mono, passing };
    services(input, &for_time, normal);
    drivers(input, &for_time, normal);
    amiss(input, &for_time, normal);
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

/// For how long targets have not passed a check.
struct Failing<'a> {
    now: Mono,
    passing: &'a Passing,
}

impl Failing<'_> {
    fn has_lasted(&self, check: &CheckId, target: &Target, time: Span) -> bool {
        let since = self.passing.failing.get(check).and_then(|all| all.get(target));
        since.is_some_and(|since| self.now.since(*since) >= time)
    }
}

/// The services behind an Ingress for which somebody answers. Pods are made anew on any day, so
/// that one for which nobody does is remembered for a while.
fn services(input: &TickInput, failing: &Failing<'_>, normal: &mut Normal) {
    let cluster = &input.observation.cluster;
    let (Some(ingresses), Some(endpoints)) =
        (cluster.ingresses.any_age(), cluster.endpoints.any_age())
    else {
        return;
    };
    let behind: BTreeSet<&ObjectPath> = ingresses.values().flat_map(|it| &it.services).collect();
    let known = |service: &ObjectPath| {
        let target = Target::Object(service.of_kind(checks::SERVICE));
        normal.services.contains(service)
            && !failing.has_lasted(&checks::SERVICE_ANSWERS.id, &target, FORGOTTEN_AFTER)
    };
    let answered = |service: &ObjectPath| endpoints.get(service).is_some_and(Answerers::are_ready);
    let kept = behind.into_iter().filter(|service| answered(service) || known(service));
    let kept: BTreeSet<ObjectPath> = kept.take(MAX_OBJECTS).cloned().collect();
    normal.services = kept;
}

/// The drivers of every node of the inventory.
fn drivers(input: &TickInput, failing: &Failing<'_>, normal: &mut Normal) {
    let Some(seen) = input.observation.cluster.drivers.any_age() else { return };
    let mut kept = BTreeMap::new();
    for (name, _) in input.policy.machines.iter().filter(|(_, it)| it.role.is_node()) {
        let has = seen.get(&ObjectPath::new(name.as_str())).into_iter().flatten();
        let mut drivers: Drivers = has.take(MAX_DRIVERS).cloned().collect();
        let target = Target::Machine(name.clone());
        if !failing.has_lasted(&checks::DRIVER_REGISTERED.id, &target, FORGOTTEN_AFTER) {
            let had = normal.drivers.get(name).into_iter().flatten();
            drivers.extend(had.take(MAX_DRIVERS).cloned());
        }
        if !drivers.is_empty() {
            kept.insert(name.clone(), drivers);
        }
    }
    normal.drivers = kept;
}

/// Claims that are lost, and attachments that have hung for longer than one takes.
fn amiss(input: &TickInput, failing: &Failing<'_>, normal: &mut Normal) {
    let cluster = &input.observation.cluster;
    let (Some(claims), Some(attachments)) =
        (cluster.claims.any_age(), cluster.attachments.any_age())
    else {
        return;
    };
    let lost =
        |(path, it): (&ObjectPath, &Claim)| it.is_lost().then(|| path.of_kind(checks::CLAIM));
    let hangs = |path: &ObjectPath| {
        let name = path.of_kind(checks::ATTACHMENT);
        let target = Target::Object(name.clone());
        failing.has_lasted(&checks::VOLUME_ATTACHED.id, &target, checks::LONGHORN).then_some(name)
    };
    let all = claims.iter().filter_map(lost).chain(attachments.keys().filter_map(hangs));
    normal.amiss = Some(all.take(MAX_OBJECTS).collect());
}
