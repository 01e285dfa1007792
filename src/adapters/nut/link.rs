//! One watcher for each UPS, and what they saw.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::config::settings::{Encryption, NutSettings};
use crate::model::facts::{Blind, BlindKind, Seen};
use crate::model::power::{StatusToken, UpsFacts, UpsName};
use crate::model::time::Mono;

use super::client::Upsd;
use super::error::{NutError, Refusal, short};
use super::vars;

/// The longest pause before a new connection. It doubles from the poll's own, but on battery it
/// does not: then each second counts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Watches UPSes. Dropped, it stops and closes all connections.
pub struct NutLink {
    board: Arc<Board>,
    watchers: JoinSet<()>,
}

impl fmt::Debug for NutLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NutLink").field("watchers", &self.watchers.len()).finish_non_exhaustive()
    }
}

impl NutLink {
    /// Starts to look. Returns at once; must be called within a tokio runtime. `now` is the
    /// monotonic clock that dates every fact.
    pub fn start(settings: NutSettings, now: impl Fn() -> Mono + Send + Sync + 'static) -> Self {
        let board = Arc::new(Board::new(settings.upses.keys(), now));
        let mut watchers = JoinSet::new();
        let settings = Arc::new(settings);
        for (name, encryption) in &settings.upses {
            let watcher = Watcher {
                name: name.clone(),
                encryption: encryption.clone(),
                settings: Arc::clone(&settings),
                board: Arc::clone(&board),
            };
            watchers.spawn(watcher.run());
        }
        Self { board, watchers }
    }

    /// The newest look at each UPS. Never waits.
    pub fn facts(&self) -> BTreeMap<UpsName, Seen<UpsFacts>> {
        self.board.lock().clone()
    }

    /// Wakes when something changed that matters: the words, being heard or not and why, the alarm,
    /// and on battery also charge and runtime. Carries no data.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.board.version.subscribe()
    }
}

struct Board {
    clock: Box<dyn Fn() -> Mono + Send + Sync>,
    seen: Mutex<BTreeMap<UpsName, Seen<UpsFacts>>>,
    version: watch::Sender<u64>,
}

impl Board {
    fn new<'a>(
        names: impl Iterator<Item = &'a UpsName>,
        clock: impl Fn() -> Mono + Send + Sync + 'static,
    ) -> Self {
        let why = Blind::new(BlindKind::NotYet, "not asked yet");
        let unseen = Seen::Unknown { why, since: clock() };
        let seen = names.map(|name| (name.clone(), unseen.clone())).collect();
        Self { clock: Box::new(clock), seen: Mutex::new(seen), version: watch::Sender::new(0) }
    }

    fn put(&self, name: &UpsName, look: Result<UpsFacts, Blind>) {
        let now = (self.clock)();
        let mut seen = self.lock();
        let Some(old) = seen.get_mut(name) else { return };
        let new = match (look, &*old) {
            (Ok(value), _) => Seen::Known { value, at: now },
            (Err(why), Seen::Unknown { since, .. }) => Seen::Unknown { why, since: *since },
            (Err(why), Seen::Known { .. }) => Seen::Unknown { why, since: now },
        };
        let matters = matters(old, &new);
        *old = new;
        drop(seen);
        if matters {
            self.version.send_modify(|version| *version += 1);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<UpsName, Seen<UpsFacts>>> {
        // Plain data: a panic while the lock was held leaves nothing half done.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether somebody should look. On mains, charge and volts move all day.
fn matters(old: &Seen<UpsFacts>, new: &Seen<UpsFacts>) -> bool {
    match (old, new) {
        (Seen::Known { value: old, .. }, Seen::Known { value: new, .. }) => {
            let drains = new.status.has(&StatusToken::OnBattery);
            (&old.status, &old.alarm) != (&new.status, &new.alarm)
                || drains && (old.charge, old.runtime) != (new.charge, new.runtime)
        }
        (Seen::Unknown { why: old, .. }, Seen::Unknown { why: new, .. }) => old.kind != new.kind,
        (Seen::Known { .. }, Seen::Unknown { .. }) | (Seen::Unknown { .. }, Seen::Known { .. }) => {
            true
        }
    }
}

struct Watcher {
    name: UpsName,
    encryption: Encryption,
    settings: Arc<NutSettings>,
    board: Arc<Board>,
}

impl Watcher {
    /// Asks for ever, over one connection for as long as it is good.
    async fn run(self) {
        let poll = self.settings.poll.to_std().max(Duration::from_millis(1));
        let mut pause = poll;
        let mut on_battery = false;
        loop {
            match self.connected().await {
                Ok(mut upsd) => {
                    let error = self.ask(&mut upsd, poll, &mut pause, &mut on_battery).await;
                    tracing::info!(ups = %self.name, why = %error.blind(), "upsd is asked anew");
                    self.board.put(&self.name, Err(error.blind()));
                }
                Err(error) => self.board.put(&self.name, Err(error.blind())),
            }
            sleep(pause).await;
            pause = if on_battery { poll } else { (pause * 2).min(LONGEST_PAUSE.max(poll)) };
        }
    }

    async fn connected(&self) -> Result<Upsd, NutError> {
        let Watcher { name, encryption, settings, .. } = self;
        let (connect, answer) = (settings.connect, settings.answer);
        Upsd::connect(name.host(), name.port(), encryption, connect, answer).await
    }

    /// Asks over one connection until it is of no use any more.
    async fn ask(
        &self,
        upsd: &mut Upsd,
        poll: Duration,
        pause: &mut Duration,
        on_battery: &mut bool,
    ) -> NutError {
        loop {
            let next = Instant::now() + poll;
            match upsd.list_var(self.name.ups()).await {
                Ok(vars) => {
                    let facts = vars::facts(&vars, upsd.server(), upsd.encrypted());
                    *on_battery = facts.status.has(&StatusToken::OnBattery);
                    *pause = poll;
                    self.board.put(&self.name, Ok(facts));
                }
                Err(error) if error.keeps_connection() => {
                    let mut why = error.blind();
                    if matches!(error, NutError::Refused(Refusal::UnknownUps))
                        && let Ok(known) = upsd.list_ups().await
                    {
                        let known: Vec<_> = known.into_keys().collect();
                        why.detail = short(&format!("{why}; it knows: {}", known.join(", ")));
                    }
                    self.board.put(&self.name, Err(why));
                }
                Err(error) => return error,
            }
            sleep_until(next).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::power::{Reading, UpsStatus};

    #[test]
    fn only_what_matters_wakes() {
        let vars = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            vars::facts(&pairs.collect(), "upsd", false)
        };
        let name = UpsName::parse("a@localhost").unwrap();
        let board = Board::new([&name].into_iter(), || Mono(5));
        let wakes = |look| {
            let before = *board.version.borrow();
            board.put(&name, look);
            *board.version.borrow() != before
        };
        let blind = |kind, words: &str| Err(Blind::new(kind, words));
        assert!(wakes(blind(BlindKind::Unreachable, "refused")));
        assert!(!wakes(blind(BlindKind::Unreachable, "refused again")));
        assert!(wakes(blind(BlindKind::TimedOut, "late")));
        assert!(wakes(Ok(vars(&[("ups.status", "OL"), ("battery.charge", "99")]))));
        assert!(!wakes(Ok(vars(&[("ups.status", "OL"), ("battery.charge", "98")]))));
        assert!(wakes(Ok(vars(&[("ups.status", "OB"), ("battery.charge", "98")]))));
        assert!(wakes(Ok(vars(&[("ups.status", "OB"), ("battery.charge", "97")]))));
        assert!(wakes(blind(BlindKind::Stale, "stale")));
        let seen = board.lock().get(&name).cloned();
        assert!(matches!(seen, Some(Seen::Unknown { since: Mono(5), .. })));
        let facts = vars(&[]);
        assert_eq!((facts.status, facts.charge), (UpsStatus::default(), Reading::Absent));
    }
}
