//! What lives in the bench's cluster. A kind that the bench was not given is not served.

use std::collections::{BTreeMap, BTreeSet};

use ananke::model::action::Effect;
use ananke::model::cluster::{
    ClusterFacts, HelmRelease, Kustomization, ObjectPath, PodCount, Pods, Progress, Source,
    Suspended, Volumes,
};
use ananke::model::facts::{Blind, BlindKind, Ready, Seen};
use ananke::model::ids::MachineName;
use ananke::model::object::ObjectName;
use ananke::model::outcome::ActionResult;
use ananke::model::time::Mono;

/// The objects of one kind; `None` where the cluster does not serve it.
type Kind<T> = Option<BTreeMap<ObjectPath, T>>;

#[derive(Debug, Clone, Default)]
pub(crate) struct Cluster {
    pub(crate) sources: Kind<Source>,
    pub(crate) kustomizations: Kind<Kustomization>,
    pub(crate) releases: Kind<HelmRelease>,
    /// How many pods may be evicted from each node, by namespace.
    pub(crate) pods: Option<Volumes>,
    /// Namespaces whose pods are all held by a disruption budget.
    pub(crate) held: BTreeSet<&'static str>,
    /// What hangs on each node, by namespace. It comes off with the pods, unless it sticks.
    pub(crate) volumes: Option<Volumes>,
    pub(crate) volumes_stick: bool,
    /// How often the datastore was saved.
    pub(crate) saved: usize,
    /// Flux's controllers do not run: what they said stays as it was.
    pub(crate) flux_dead: bool,
    /// What the git server would give; `None` while it is down.
    pub(crate) head: Option<String>,
    /// Kinds that may not be seen, with the server's words.
    pub(crate) denied: BTreeMap<&'static str, &'static str>,
    last: Option<Mono>,
}

pub(crate) fn path(text: &str) -> ObjectPath {
    ObjectPath::new(text)
}

pub(crate) fn progress() -> Progress {
    Progress {
        suspended: Suspended::No,
        ready: Ready::True,
        why: String::new(),
        behind: false,
        handled: String::new(),
    }
}

fn counted(evictable: &Volumes) -> Pods {
    let count = |evictable: &BTreeMap<String, u32>| PodCount {
        evictable: evictable.clone(),
        ..PodCount::default()
    };
    let on = evictable.iter().map(|(node, here)| (node.clone(), count(here))).collect();
    Pods { on, ..Pods::default() }
}

impl Cluster {
    /// A root source, a root Kustomization, and two that come one after the other.
    pub(crate) fn with_flux() -> Self {
        let source = Source {
            progress: progress(),
            url: "ssh://git@git.example/ops.git".to_owned(),
            branch: "main".to_owned(),
            revision: "main@sha1:aaaa".to_owned(),
        };
        let name = ObjectName::in_namespace(Source::GIT, "flux-system", "flux-system");
        let applied = |after: &[&str]| Kustomization {
            progress: progress(),
            source: name.clone(),
            after: after.iter().map(|it| path(it)).collect(),
            applied: source.revision.clone(),
            asks_us: false,
        };
        Self {
            head: Some(source.revision.clone()),
            kustomizations: Some(BTreeMap::from([
                (path("flux-system/flux-system"), applied(&[])),
                (path("flux-system/infra"), applied(&[])),
                (path("flux-system/apps"), applied(&["flux-system/infra"])),
            ])),
            sources: Some(BTreeMap::from([(path("flux-system/flux-system"), source)])),
            ..Self::default()
        }
    }

    /// The same, until there are so many: the sources take turns, and every tenth Kustomization is
    /// waited for by the nine that follow it.
    pub(crate) fn with_many(kustomizations: usize, sources: usize) -> Self {
        let mut cluster = Self::with_flux();
        let source = cluster.source().clone();
        let all = cluster.sources.get_or_insert_default();
        for n in all.len()..sources {
            all.insert(path(&format!("flux-system/repository-{n:02}")), source.clone());
        }
        let from: Vec<_> = all.keys().map(|at| at.of_kind(Source::GIT)).collect();
        let pattern = cluster.kustomization("flux-system/infra").clone();
        let all = cluster.kustomizations.get_or_insert_default();
        for (n, source) in (all.len()..kustomizations).zip(from.iter().cycle()) {
            let tenth = path(&format!("flux-system/application-{:02}", n / 10 * 10));
            let after = if all.contains_key(&tenth) { vec![tenth] } else { Vec::new() };
            let it = Kustomization { source: source.clone(), after, ..pattern.clone() };
            all.insert(path(&format!("flux-system/application-{n:02}")), it);
        }
        cluster
    }

    pub(crate) fn kustomization(&mut self, name: &str) -> &mut Kustomization {
        let all = self.kustomizations.as_mut().expect("Kustomizations are served");
        all.get_mut(&path(name)).expect("a Kustomization of the bench")
    }

    pub(crate) fn source(&mut self) -> &mut Source {
        let all = self.sources.as_mut().expect("sources are served");
        all.values_mut().next().expect("a source of the bench")
    }

    /// `now` is `None` while the API can't be reached: facts grow old.
    pub(crate) fn facts(&mut self, now: Option<Mono>, since: Mono) -> ClusterFacts {
        self.last = now.or(self.last);
        ClusterFacts {
            git_repositories: self.kind(Source::GIT, &self.sources, since),
            oci_repositories: self.kind(Source::OCI, &None, since),
            kustomizations: self.kind(Kustomization::KIND, &self.kustomizations, since),
            helm_releases: self.kind(HelmRelease::KIND, &self.releases, since),
            pods: self.kind(Pods::KIND, &self.pods.as_ref().map(counted), since),
            volumes: self.kind("VolumeAttachment", &self.volumes, since),
            ..ClusterFacts::bare(since)
        }
    }

    fn kind<T: Clone>(&self, kind: &'static str, held: &Option<T>, since: Mono) -> Seen<T> {
        let unknown = |kind, why: &str| Seen::Unknown { why: Blind::new(kind, why), since };
        match (self.denied.get(kind), held, self.last) {
            (Some(why), ..) => unknown(BlindKind::Denied, why),
            (None, None, _) => unknown(BlindKind::NotAsked, "the cluster serves no such kind"),
            (None, Some(_), None) => unknown(BlindKind::Unreachable, "connection refused"),
            (None, Some(value), Some(at)) => Seen::Known { value: value.clone(), at },
        }
    }

    /// Carries out an effect on an object, as the API and its controllers would.
    pub(crate) fn perform(&mut self, effect: &Effect) -> ActionResult {
        if let Effect::RequestReconcile { object, token } = effect
            && !self.flux_dead
        {
            self.reconcile(object, token);
        }
        if let Effect::ResumeFlux { object } = effect
            && let Some(progress) = self.progress(object)
        {
            progress.suspended = Suspended::No;
        }
        if let Effect::SuspendFlux { object } = effect
            && let Some(progress) = self.progress(object)
        {
            progress.suspended = Suspended::ByUs;
        }
        self.saved += usize::from(matches!(effect, Effect::SaveDatastore { .. }));
        if let Effect::EvictPods { node, namespaces, .. } = effect {
            return self.evict(node, namespaces);
        }
        ActionResult::Done
    }

    /// Lets pods go, as far as their budgets allow.
    fn evict(&mut self, node: &MachineName, namespaces: &BTreeSet<String>) -> ActionResult {
        let held = |namespace: &&String| self.held.contains(namespace.as_str());
        let stay: Vec<String> = namespaces.iter().filter(held).cloned().collect();
        for namespace in namespaces.iter().filter(|namespace| !stay.contains(*namespace)) {
            let volumes = self.volumes.as_mut().filter(|_| !self.volumes_stick);
            for all in self.pods.as_mut().into_iter().chain(volumes) {
                if let Some(here) = all.get_mut(node) {
                    here.remove(namespace);
                }
            }
        }
        match stay.first() {
            None => ActionResult::Done,
            Some(namespace) => ActionResult::Failed {
                why: format!("0 of the pods go; held by a disruption budget: 1: {namespace}/db-0"),
            },
        }
    }

    fn progress(&mut self, name: &ObjectName) -> Option<&mut Progress> {
        let at = ObjectPath::of(name);
        Some(match name.kind.as_str() {
            Source::GIT => &mut self.sources.as_mut()?.get_mut(&at)?.progress,
            Kustomization::KIND => &mut self.kustomizations.as_mut()?.get_mut(&at)?.progress,
            _ => &mut self.releases.as_mut()?.get_mut(&at)?.progress,
        })
    }

    /// What its controller does when it is asked; it answers whatever comes of it.
    fn reconcile(&mut self, name: &ObjectName, token: &str) {
        let (head, at) = (self.head.clone(), ObjectPath::of(name));
        let revision = self.sources.as_ref().and_then(|all| all.values().next());
        let revision = revision.map(|source| source.revision.clone()).unwrap_or_default();
        let Some(progress) = self.progress(name) else { return };
        progress.handled = token.to_owned();
        if name.kind == Source::GIT {
            let up = head.is_some();
            progress.ready = if up { Ready::True } else { Ready::False };
            progress.why = if up { "" } else { "GitOperationFailed: refused" }.to_owned();
            if let (Some(head), Some(all)) = (head, self.sources.as_mut())
                && let Some(source) = all.get_mut(&at)
            {
                source.revision = head;
            }
        } else if let Some(it) = self.kustomizations.as_mut().and_then(|all| all.get_mut(&at)) {
            it.applied = revision;
            (it.progress.ready, it.progress.why) = (Ready::True, String::new());
        }
    }
}
