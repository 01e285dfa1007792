//! What is seen of a world in memory, at the pace of the real observers and with their patience.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::company::{Company, Ears};
use super::fuse::Fuse;
use super::link::Link;
use super::looks::Looks;
use super::power::Gauges;
use super::questions::Questions;
use crate::config::settings::Settings;
use crate::model::ids::MachineName;
use crate::model::observation::Observation;
use crate::model::time::Mono;
use crate::ports::{Clock, Observer};
use crate::sim::faces::Stage;

/// What observer and hands share: the connection to the API belongs to both.
#[derive(Debug, Clone)]
pub(super) struct Eyes {
    stage: Stage,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    looks: Looks,
    gauges: Gauges,
    questions: Questions,
    ears: Ears,
    link: Link,
    news: bool,
}

impl Eyes {
    pub(super) fn open(stage: &Stage, settings: &Settings, company: Company) -> Self {
        let now = stage.clock().mono();
        let link = stage.with(|world| Link::new(world, now));
        let state = State {
            looks: Looks::new(&settings.ssh, now),
            gauges: Gauges::new(&settings.nut, now),
            questions: Questions::new(&settings.policy, settings.ssh.deadlines.connect, now),
            ears: Ears::open(company, &settings.policy.coordination.peers, now),
            link,
            news: false,
        };
        Self { stage: stage.clone(), state: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses the link to the API.
    pub(super) fn link<T>(&self, with: impl FnOnce(&mut Link) -> T) -> T {
        with(&mut self.lock().link)
    }

    /// Looks at all that is due; says when something is due again.
    fn step(&self) -> Mono {
        let mut state = self.lock();
        let State { looks, gauges, questions, ears, link, news } = &mut *state;
        self.stage.with(|world| {
            let now = world.now();
            *news |= looks.step(world, now);
            *news |= gauges.step(world, now);
            *news |= ears.step(now);
            *news |= link.step(world, now);
            *news |= questions.step(world, || link.cluster(), now);
            let due = looks.due().map_or(link.due(), |due| due.min(link.due()));
            let due = due.min(gauges.due()).min(questions.due());
            let due = ears.due().map_or(due, |talk| due.min(talk));
            if link.watches() { due.min(world.next()) } else { due }
        })
    }
}

/// The observer of a world in memory. It has no tasks: it looks when it is asked, at all that was
/// due until then, so that the same run looks in the same order each time.
#[derive(Debug)]
pub struct MemoryObserver {
    eyes: Eyes,
    changed: watch::Receiver<u64>,
    fuse: Fuse,
}

impl MemoryObserver {
    /// Looks at the world from now on.
    pub fn start(stage: &Stage, settings: &Settings) -> Self {
        Self::with(Eyes::open(stage, settings, Company::default()), Fuse::never())
    }

    pub(super) fn with(eyes: Eyes, fuse: Fuse) -> Self {
        let changed = eyes.stage.changed();
        Self { eyes, changed, fuse }
    }
}

impl Observer for MemoryObserver {
    fn snapshot(&self) -> Observation {
        self.eyes.step();
        let mut state = self.eyes.lock();
        state.news = false;
        Observation {
            hosts: state.looks.seen().clone(),
            hygiene: state.looks.hygiene().clone(),
            upses: state.gauges.seen().clone(),
            peers: state.ears.heard().clone(),
            probes: state.questions.seen().clone(),
            api: state.link.facts(),
            cluster: state.link.cluster(),
            disk: Ok(()),
        }
    }

    async fn changed(&mut self) {
        while !self.fuse.is_burnt() {
            let due = self.eyes.step();
            if std::mem::take(&mut self.eyes.lock().news) {
                return;
            }
            tokio::select! {
                biased;
                Ok(()) = self.changed.changed() => {}
                () = self.eyes.stage.clock().sleep_until(due) => {}
            }
        }
        std::future::pending::<()>().await;
    }

    fn attend(&self, unproven: BTreeSet<MachineName>) {
        let now = self.eyes.stage.clock().mono();
        self.eyes.link(|link| link.attend(unproven, now));
    }
}
