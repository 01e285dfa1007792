//! What lives in the bench's cluster. A kind that the bench was not given is not served.

use std::collections::{BTreeMap, BTreeSet};

use ananke::model::action::Effect;
use ananke::model::cluster::{
    Answerers, Attachment, Claim, ClusterFacts, Drivers, HelmRelease, Ingress, Judges,
    Kustomization, ObjectPath, PodCount, Pods, Progress, Source, Suspended, Trouble, TroubledPod,
    Volumes, Workload,
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
    pub(crate) ingresses: Kind<Ingress>,
    pub(crate) deployments: Kind<Workload>,
    pub(crate) stateful_sets: Kind<Workload>,
    pub(crate) daemon_sets: Kind<Workload>,
    pub(crate) pods: Option<Pods>,
    /// A pod that is made anew gets into the same trouble.
    pub(crate) troubles_last: bool,
    /// What Flux says of these Kustomizations whenever it is asked.
    pub(crate) unwell: BTreeMap<&'static str, &'static str>,
    pub(crate) drivers: Kind<Drivers>,
    pub(crate) attachments: Kind<Attachment>,
    pub(crate) claims: Kind<Claim>,
    pub(crate) validating: Kind<Judges>,
    pub(crate) endpoints: Kind<Answerers>,
    /// How many pods may be evicted from each node, by namespace.
    pub(crate) evictable: Option<Volumes>,
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
    pub(crate) last: Option<Mono>,
}

pub(crate) fn path(text: &str) -> ObjectPath {
    ObjectPath::new(text)
}

/// One that is whole.
pub(crate) fn workload(wanted: u32) -> Workload {
    Workload { wanted, lacking: 0, outdated: 0, behind: false, left_alone: String::new() }
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
            oci_repositories: self.kind(Source::OCI, &Kind::<Source>::None, since),
            kustomizations: self.kind(Kustomization::KIND, &self.kustomizations, since),
            helm_releases: self.kind(HelmRelease::KIND, &self.releases, since),
            deployments: self.kind(Workload::DEPLOYMENT, &self.deployments, since),
            stateful_sets: self.kind(Workload::STATEFUL_SET, &self.stateful_sets, since),
            daemon_sets: self.kind(Workload::DAEMON_SET, &self.daemon_sets, since),
            pods: self.kind(Pods::KIND, &self.counted(), since),
            drivers: self.kind("CSINode", &self.drivers, since),
            attachments: self.kind("VolumeAttachment", &self.attachments, since),
            claims: self.kind("PersistentVolumeClaim", &self.claims, since),
            validating: self.kind("ValidatingWebhookConfiguration", &self.validating, since),
            ingresses: self.kind("Ingress", &self.ingresses, since),
            endpoints: self.kind("EndpointSlice", &self.endpoints, since),
            volumes: self.kind("VolumeAttachment", &self.volumes, since),
            ..ClusterFacts::bare(since)
        }
    }

    /// The pods, with those that may be evicted counted by namespace.
    fn counted(&self) -> Option<Pods> {
        let mut pods = self.pods.clone();
        for (node, here) in self.evictable.iter().flatten() {
            let all = pods.get_or_insert_default();
            all.on.entry(node.clone()).or_default().evictable.clone_from(here);
        }
        // Nodes from which everything is gone are still seen.
        if self.evictable.is_some() {
            pods.get_or_insert_default();
        }
        pods
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
        if let Effect::DeletePod { pod, uid } = effect {
            self.delete(pod, uid);
        }
        if let Effect::Scale { object, replicas } = effect {
            self.workload(object).expect("a workload of the bench").wanted = *replicas;
        }
        if let Effect::SuspendFlux { object } = effect
            && let Some(progress) = self.progress(object)
        {
            progress.suspended = Suspended::ByUs;
        }
        self.saved += usize::from(matches!(effect, Effect::SaveDatastore { .. }));
        if let Effect::EvictPods { node, namespaces, overruled, .. } = effect {
            return self.evict(node, namespaces, overruled);
        }
        ActionResult::Done
    }

    /// Lets pods go, as far as their budgets allow or are overruled.
    fn evict(
        &mut self,
        node: &MachineName,
        namespaces: &BTreeSet<String>,
        overruled: &BTreeSet<String>,
    ) -> ActionResult {
        let held = |namespace: &&String| {
            self.held.contains(namespace.as_str()) && !overruled.contains(*namespace)
        };
        let stay: Vec<String> = namespaces.iter().filter(held).cloned().collect();
        for namespace in namespaces.iter().filter(|namespace| !stay.contains(*namespace)) {
            let volumes = self.volumes.as_mut().filter(|_| !self.volumes_stick);
            for all in self.evictable.as_mut().into_iter().chain(volumes) {
                if let Some(here) = all.get_mut(node) {
                    here.remove(namespace);
                }
            }
        }
        match stay.first() {
            None => ActionResult::Done,
            Some(namespace) => ActionResult::Held {
                why: format!("0 of the pods go; held by a disruption budget: 1: {namespace}/db-0"),
            },
        }
    }

    pub(crate) fn workload(&mut self, name: &ObjectName) -> Option<&mut Workload> {
        let all = match name.kind.as_str() {
            Workload::DEPLOYMENT => &mut self.deployments,
            Workload::STATEFUL_SET => &mut self.stateful_sets,
            _ => &mut self.daemon_sets,
        };
        all.as_mut()?.get_mut(&ObjectPath::of(name))
    }

    /// A pod goes, if it is still that one, and its workload makes another.
    fn delete(&mut self, path: &ObjectPath, uid: &str) {
        let pods = self.pods.as_mut().expect("pods are served");
        if pods.troubled.get(path).is_none_or(|pod| pod.uid != uid) {
            return;
        }
        let pod = pods.troubled.remove(path).expect("just found");
        if self.troubles_last {
            let again = TroubledPod { uid: format!("{uid}+"), ..pod };
            pods.troubled.insert(ObjectPath::new(format!("{path}n")), again);
        } else if let Some(of) = &pod.of
            && let Some(it) = self.workload(of)
        {
            it.lacking = it.lacking.saturating_sub(1);
        }
    }

    /// The pods in trouble.
    pub(crate) fn troubled(&mut self) -> &mut BTreeMap<ObjectPath, TroubledPod> {
        &mut self.pods.as_mut().expect("pods are served").troubled
    }

    /// Applications with a pod each, a share of storage on every node, and pods on both nodes that
    /// were last heard of at a late version.
    pub(crate) fn with_workloads(applications: usize) -> Self {
        let names = (0..applications).map(|n| path(&format!("apps/web-{n:03}")));
        let late = PodCount { ready: 3, oldest: Some(1_000_000), ..PodCount::default() };
        let nodes = ["s-1", "a-01"].map(|node| (MachineName::new(node), late.clone()));
        Self {
            deployments: Some(names.map(|name| (name, workload(1))).collect()),
            stateful_sets: Some(BTreeMap::new()),
            daemon_sets: Some(BTreeMap::from([(path("storage/csi"), workload(2))])),
            pods: Some(Pods { on: nodes.into(), ..Pods::default() }),
            ..Self::default()
        }
    }

    /// A pod of an application gets into trouble, and its application lacks it.
    pub(crate) fn trouble(&mut self, n: usize, trouble: Trouble, why: &str) {
        let name = path(&format!("apps/web-{n:03}"));
        let of = name.of_kind(Workload::DEPLOYMENT);
        self.workload(&of).expect("an application").lacking = 1;
        let pod = TroubledPod {
            uid: format!("uid-{n}"),
            node: Some(MachineName::new("a-01")),
            of: Some(of),
            trouble,
            why: why.to_owned(),
            restarts: 9,
        };
        self.troubled().insert(path(&format!("{name}-x")), pod);
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
        let unwell = self.unwell.get(at.as_str()).copied();
        let Some(progress) = self.progress(name) else { return };
        progress.handled = token.to_owned();
        if let Some(why) = unwell {
            (progress.ready, progress.why) = (Ready::False, why.to_owned());
            return;
        }
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
