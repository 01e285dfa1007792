//! One task for each probe, and what they found.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::connect::Ways;
use super::look::Asker;
use crate::config::settings::ProbeSettings;
use crate::model::facts::{Blind, BlindKind, Seen};
use crate::model::observation::file_look;
use crate::model::probe::{AGAIN, Answer, EVERY, Finding, Probe, ProbeName};
use crate::model::time::Mono;
use crate::ports::Clock;

/// Questions at once to who answered last time: 500 of them are through in some seconds.
const ANSWERING: usize = 16;

/// Questions at once to who did not, each of which may take its whole limit: 500 of them are
/// through before anything that is known of them is too old. They wait for each other, never the
/// others for them.
const SILENT: usize = 128;

/// Asks what it is told to, for as long as it is not dropped.
pub struct ProbeLink {
    begin: Box<dyn Fn(ProbeName, Probe) -> JoinHandle<()> + Send + Sync>,
    now: Box<dyn Fn() -> Mono + Send + Sync>,
    board: Arc<Board>,
    watchers: Mutex<BTreeMap<ProbeName, Watcher>>,
}

impl fmt::Debug for ProbeLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeLink").finish_non_exhaustive()
    }
}

impl ProbeLink {
    /// Asks nobody yet. `clock` sets the pace, dates every finding, and says whether dates of
    /// certificates mean anything; `ways` opens the connections that machines make.
    pub fn new<W: Ways>(settings: &ProbeSettings, clock: impl Clock + 'static, ways: W) -> Self {
        let board = Arc::new(Board {
            seen: Mutex::default(),
            version: watch::Sender::new(0),
            answering: Semaphore::new(ANSWERING),
            silent: Semaphore::new(SILENT),
        });
        let asker = Arc::new(Asker::new(settings.authorities.as_deref(), clock, ways));
        let (clocked, shown) = (Arc::clone(&asker), Arc::clone(&board));
        Self {
            begin: Box::new(move |name, probe| {
                tokio::spawn(watch(name, probe, Arc::clone(&asker), Arc::clone(&shown)))
            }),
            now: Box::new(move || clocked.clock.now().mono),
            board,
            watchers: Mutex::default(),
        }
    }

    /// From now on asks these and no others. Who is asked already goes on. Must be called within a
    /// tokio runtime.
    pub fn ask(&self, wanted: &BTreeMap<ProbeName, Probe>) {
        let mut watchers = lock(&self.watchers);
        let same = watchers.len() == wanted.len()
            && watchers
                .iter()
                .zip(wanted)
                .all(|((old, watcher), (new, probe))| (old, &watcher.probe) == (new, probe));
        if same {
            return;
        }
        watchers.retain(|name, watcher| wanted.get(name) == Some(&watcher.probe));
        let why = Blind::new(BlindKind::NotYet, "not asked yet");
        let unseen = Seen::Unknown { why, since: (self.now)() };
        let new = wanted.iter().filter(|(name, _)| !watchers.contains_key(*name));
        let new: Vec<_> = new.map(|(name, probe)| (name.clone(), probe.clone())).collect();
        let mut seen = lock(&self.board.seen);
        seen.retain(|name, _| wanted.contains_key(name));
        seen.extend(new.iter().map(|(name, _)| (name.clone(), unseen.clone())));
        drop(seen);
        for (name, probe) in new {
            let task = (self.begin)(name.clone(), probe.clone());
            watchers.insert(name, Watcher { probe, task });
        }
        drop(watchers);
        self.board.version.send_modify(|version| *version += 1);
    }

    /// What was found last. Never waits.
    pub fn findings(&self) -> BTreeMap<ProbeName, Seen<Finding>> {
        lock(&self.board.seen).clone()
    }

    /// Wakes when an answer, or the reason why there is none, is another one. Carries no data.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.board.version.subscribe()
    }
}

/// Plain data: a panic while the lock was held leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Watcher {
    probe: Probe,
    task: JoinHandle<()>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Board {
    seen: Mutex<BTreeMap<ProbeName, Seen<Finding>>>,
    version: watch::Sender<u64>,
    answering: Semaphore,
    silent: Semaphore,
}

impl Board {
    fn put(&self, name: &ProbeName, look: Result<Finding, Blind>, now: Mono) {
        let mut seen = lock(&self.seen);
        // Nobody wants to know any more.
        if !seen.contains_key(name) {
            return;
        }
        let news = file_look(&mut seen, name, look, now);
        drop(seen);
        if news {
            self.version.send_modify(|version| *version += 1);
        }
    }
}

/// Asks for ever.
async fn watch<W: Ways, C: Clock>(
    name: ProbeName,
    probe: Probe,
    asker: Arc<Asker<W, C>>,
    board: Arc<Board>,
) {
    // Nobody knows of a new one whether it answers.
    let mut is_silent = true;
    loop {
        let places = if is_silent { &board.silent } else { &board.answering };
        let place = places.acquire().await;
        let look = asker.look(&probe).await;
        drop(place);
        is_silent = !matches!(&look, Ok(it) if !matches!(it.answer, Answer::Nothing { .. }));
        let is_good = matches!(&look, Ok(it) if probe.complaint(&it.answer).is_none());
        let now = asker.clock.now().mono;
        board.put(&name, look, now);
        asker.clock.sleep_until(now + if is_good { EVERY } else { AGAIN }).await;
    }
}
