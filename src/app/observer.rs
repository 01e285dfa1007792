//! What is seen: each machine over SSH at its own pace, and the Kubernetes API by its watches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::hands::reply;
use crate::adapters::guard::parse;
use crate::adapters::kube::KubeLink;
use crate::adapters::ssh::Fleet;
use crate::config::settings::SshSettings;
use crate::model::command::Command;
use crate::model::facts::{Blind, BlindKind, HostFacts, Seen};
use crate::model::ids::MachineName;
use crate::model::observation::{Observation, file_look, not_looked_at};
use crate::model::time::Span;
use crate::ports::{Clock, Observer};

type Hosts = Arc<Mutex<BTreeMap<MachineName, Seen<HostFacts>>>>;

/// The observer of a real host. Ends its looks when it is dropped.
#[derive(Debug)]
pub(super) struct RealObserver {
    hosts: Hosts,
    looked: watch::Receiver<u64>,
    kube: Arc<KubeLink>,
    kube_changed: watch::Receiver<u64>,
    _looks: JoinSet<()>,
}

impl RealObserver {
    /// Starts to look at every machine.
    pub(super) fn start<C: Clock + Clone + 'static>(
        clock: &C,
        ssh: &SshSettings,
        fleet: &Fleet,
        kube: Arc<KubeLink>,
    ) -> Self {
        let hosts = not_looked_at(ssh.machines.keys(), clock.now().mono);
        let hosts: Hosts = Arc::new(Mutex::new(hosts));
        let (told, looked) = watch::channel(0);
        let told = Arc::new(told);
        let mut looks = JoinSet::new();
        for name in ssh.machines.keys() {
            let look = Look {
                name: name.clone(),
                clock: clock.clone(),
                fleet: fleet.clone(),
                hosts: Arc::clone(&hosts),
                told: Arc::clone(&told),
                limit: ssh.deadlines.command,
                pause: ssh.poll,
            };
            looks.spawn(look.forever());
        }
        let kube_changed = kube.changed();
        Self { hosts, looked, kube, kube_changed, _looks: looks }
    }
}

impl Observer for RealObserver {
    fn snapshot(&self) -> Observation {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Observation {
            hosts,
            upses: BTreeMap::new(),
            api: self.kube.facts(),
            cluster: self.kube.cluster(),
            disk: Ok(()),
        }
    }

    async fn changed(&mut self) {
        // A sender that is gone never changes again: the timer still wakes the loop.
        tokio::select! {
            Ok(()) = self.looked.changed() => {}
            Ok(()) = self.kube_changed.changed() => {}
            else => std::future::pending().await,
        }
    }

    fn attend(&self, unproven: BTreeSet<MachineName>) {
        self.kube.watch_leases(unproven);
    }
}

/// The looks at one machine.
struct Look<C> {
    name: MachineName,
    clock: C,
    fleet: Fleet,
    hosts: Hosts,
    told: Arc<watch::Sender<u64>>,
    limit: Span,
    pause: Span,
}

impl<C: Clock> Look<C> {
    async fn forever(self) {
        loop {
            let seen = self.once().await;
            let changed = self.keep(seen);
            if changed {
                self.told.send_modify(|count| *count += 1);
            }
            self.clock.sleep_until(self.clock.now().mono + self.pause).await;
        }
    }

    async fn once(&self) -> Result<HostFacts, Blind> {
        let garbled = |why: String| Blind::new(BlindKind::Garbled, why);
        let line = Command::Facts.render().map_err(|error| garbled(error.to_string()))?;
        match self.fleet.run(&self.name, &line, None, self.limit).await {
            Ok(output) => parse::host_facts(&reply(output)),
            Err(error) => Err(Blind::new(error.kind(), error.to_string())),
        }
    }

    /// Files what was seen, and says whether it is news.
    fn keep(&self, seen: Result<HostFacts, Blind>) -> bool {
        let now = self.clock.now().mono;
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        file_look(&mut hosts, &self.name, seen, now)
    }
}
