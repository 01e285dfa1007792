//! What is seen: each machine over SSH at its own pace, the Kubernetes API by its watches, the
//! UPSes several times a second, and the services as their users see them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::hands::reply;
use super::peers::Peers;
use super::ways::FleetWays;
use crate::adapters::guard::hygiene::hygiene_facts;
use crate::adapters::guard::{Reply, parse};
use crate::adapters::kube::KubeLink;
use crate::adapters::nut::NutLink;
use crate::adapters::probe::ProbeLink;
use crate::adapters::ssh::Fleet;
use crate::config::settings::Settings;
use crate::model::command::Command;
use crate::model::facts::{Blind, BlindKind, HostFacts, Seen};
use crate::model::hygiene::{self, ClockFacts, HygieneFacts};
use crate::model::ids::MachineName;
use crate::model::observation::{Observation, file_look, not_looked_at};
use crate::model::policy::{Needs, Policy};
use crate::model::time::Span;
use crate::ports::{Clock, Observer};

/// What was seen of the machines.
#[derive(Debug)]
struct Machines {
    hosts: BTreeMap<MachineName, Seen<HostFacts>>,
    hygiene: BTreeMap<MachineName, Seen<HygieneFacts>>,
}

type Shared = Arc<Mutex<Machines>>;

/// The observer of a real host. Ends its looks when it is dropped.
#[derive(Debug)]
pub(super) struct RealObserver {
    machines: Shared,
    looked: watch::Receiver<u64>,
    kube: Arc<KubeLink>,
    kube_changed: watch::Receiver<u64>,
    nut: NutLink,
    nut_changed: watch::Receiver<u64>,
    policy: Policy,
    probes: ProbeLink,
    probes_changed: watch::Receiver<u64>,
    peers: Peers,
    peers_changed: watch::Receiver<u64>,
    _talks: JoinSet<()>,
    _looks: JoinSet<()>,
}

impl RealObserver {
    /// Starts to look at every machine and every UPS.
    pub(super) fn start<C: Clock + Clone + 'static>(
        clock: &C,
        settings: &Settings,
        fleet: &Fleet,
        kube: Arc<KubeLink>,
        peers: Peers,
    ) -> Self {
        let (ssh, now) = (&settings.ssh, clock.now().mono);
        let machines: Shared = Arc::new(Mutex::new(Machines {
            hosts: not_looked_at(ssh.machines.keys(), now),
            hygiene: not_looked_at(ssh.machines.keys(), now),
        }));
        let (told, looked) = watch::channel(0);
        let told = Arc::new(told);
        let mut looks = JoinSet::new();
        for name in ssh.machines.keys() {
            let look = Look {
                name: name.clone(),
                clock: clock.clone(),
                fleet: fleet.clone(),
                machines: Arc::clone(&machines),
                needs: needs(&settings.policy, name),
                disks: settings.policy.hosts.disks.clone(),
                told: Arc::clone(&told),
                limit: ssh.deadlines.command,
                pause: ssh.poll,
            };
            looks.spawn(look.forever());
        }
        let kube_changed = kube.changed();
        let time = clock.clone();
        let nut = NutLink::start(settings.nut.clone(), move || time.now().mono);
        let nut_changed = nut.changed();
        let policy = settings.policy.clone();
        let ways = FleetWays(fleet.clone());
        let probes = ProbeLink::new(&settings.probes, clock.clone(), ways);
        // What the configuration names needs no cluster to be known.
        probes.ask(&policy.probes);
        let probes_changed = probes.changed();
        let (peers_changed, talks) = (peers.changed(), peers.start(clock, fleet));
        Self {
            machines,
            looked,
            kube,
            kube_changed,
            nut,
            nut_changed,
            policy,
            probes,
            probes_changed,
            peers,
            peers_changed,
            _talks: talks,
            _looks: looks,
        }
    }
}

impl Observer for RealObserver {
    fn snapshot(&self) -> Observation {
        let machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        let (hosts, hygiene) = (machines.hosts.clone(), machines.hygiene.clone());
        drop(machines);
        let cluster = self.kube.cluster();
        // Hosts that are known are asked on while the API does not say which there are.
        if cluster.ingresses.any_age().is_some() {
            self.probes.ask(&self.policy.asked(&cluster));
        }
        Observation {
            probes: self.probes.findings(),
            hosts,
            hygiene,
            upses: self.nut.facts(),
            peers: self.peers.heard(),
            api: self.kube.facts(),
            cluster,
            disk: Ok(()),
        }
    }

    async fn changed(&mut self) {
        // A sender that is gone never changes again: the timer still wakes the loop.
        tokio::select! {
            Ok(()) = self.looked.changed() => {}
            Ok(()) = self.kube_changed.changed() => {}
            Ok(()) = self.nut_changed.changed() => {}
            Ok(()) = self.probes_changed.changed() => {}
            Ok(()) = self.peers_changed.changed() => {}
            else => std::future::pending().await,
        }
    }

    fn attend(&self, unproven: BTreeSet<MachineName>) {
        self.kube.watch_leases(unproven);
    }
}

/// What the machine needs. `None` for one that is no node.
fn needs(policy: &Policy, name: &MachineName) -> Option<Needs> {
    let machine = policy.machines.get(name)?;
    policy.hosts.of(machine.role).cloned()
}

/// The looks at one machine.
struct Look<C> {
    name: MachineName,
    clock: C,
    fleet: Fleet,
    machines: Shared,
    needs: Option<Needs>,
    disks: BTreeSet<String>,
    told: Arc<watch::Sender<u64>>,
    limit: Span,
    pause: Span,
}

impl<C: Clock> Look<C> {
    async fn forever(self) {
        loop {
            let seen = self.once().await;
            let closer = match &seen {
                Ok(facts) if !self.is_due(facts) => None,
                Ok(_) => Some(self.closer().await),
                Err(blind) => Some(Err(blind.clone())),
            };
            if self.keep(seen, closer) {
                self.told.send_modify(|count| *count += 1);
            }
            self.clock.sleep_until(self.clock.now().mono + self.pause).await;
        }
    }

    async fn once(&self) -> Result<HostFacts, Blind> {
        let asked = self.clock.now();
        let reply = self.ask(&Command::Facts).await?;
        let mut facts = parse::host_facts(&reply)?;
        facts.clock = Some(ClockFacts::read(facts.wall, &asked, &self.clock.now()));
        Ok(facts)
    }

    fn is_due(&self, facts: &HostFacts) -> bool {
        let now = self.clock.now().mono;
        let machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        hygiene::is_due(machines.hygiene.get(&self.name), &facts.boot_id, now)
    }

    async fn closer(&self) -> Result<HygieneFacts, Blind> {
        let Some(needs) = &self.needs else {
            return Err(Blind::new(BlindKind::NotAsked, "no node: nothing is needed there"));
        };
        let ask = Command::Hygiene { needs: needs.clone(), disks: self.disks.clone() };
        hygiene_facts(&self.ask(&ask).await?, needs)
    }

    async fn ask(&self, command: &Command) -> Result<Reply, Blind> {
        let garbled = |why: String| Blind::new(BlindKind::Garbled, why);
        let line = command.render().map_err(|error| garbled(error.to_string()))?;
        match self.fleet.run(&self.name, &line, None, self.limit).await {
            Ok(output) => Ok(reply(output)),
            Err(error) => Err(Blind::new(error.kind(), error.to_string())),
        }
    }

    /// Files what was seen, and says whether it is news.
    fn keep(
        &self,
        seen: Result<HostFacts, Blind>,
        closer: Option<Result<HygieneFacts, Blind>>,
    ) -> bool {
        let now = self.clock.now().mono;
        let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        let news = file_look(&mut machines.hosts, &self.name, seen, now);
        closer.is_some_and(|it| file_look(&mut machines.hygiene, &self.name, it, now)) || news
    }
}
