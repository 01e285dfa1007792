//! The supervisor: probes the endpoints, keeps the link to one of them, and owns the watches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::settings::KubeSettings;
use crate::model::facts::{Blind, BlindKind};
use crate::model::time::{Mono, Span};

use super::board::Board;
use super::connect::{Connect, KubeconfigSource};
use super::looked::LOOKED;
use super::probe::{Probe, Probes, Step, step, verdict};
use super::wire::{Wire, get};
use super::{acting, discovery, leases, watch};

/// The pause between two rounds of probes while the link is up.
const UP_PAUSE: Duration = Duration::from_secs(5);
/// The pause while it is down or in doubt.
const DOUBT_PAUSE: Duration = Duration::from_secs(1);
/// `/readyz` of a healthy server takes milliseconds.
const PROBE_LIMIT: Duration = Duration::from_secs(3);
/// A server answers 401 and 403 before its authenticators and RBAC roles are loaded. After this
/// long it means what it says.
const WARM_UP: Span = Span::secs(15);
/// The least time between two readings of the kubeconfig while there is no progress: over SSH it
/// costs a command on a server.
const RELOAD: Span = Span::secs(10);
/// A kubeconfig that is fetched over SSH comes after a connection through a jump host.
const SOURCE_LIMIT: Duration = Duration::from_secs(30);

/// The watches of one connection. Dropped, they end.
struct Session {
    endpoint: String,
    tasks: JoinSet<()>,
}

/// Owns the link.
pub(super) struct Supervisor<S, C> {
    board: Arc<Board>,
    settings: KubeSettings,
    source: S,
    connect: C,
    wires: Vec<Wire>,
    session: Option<Session>,
    strikes: u32,
    loaded: Option<Mono>,
    reload: bool,
    answering: BTreeMap<String, Mono>,
}

impl<S: KubeconfigSource, C: Connect> Supervisor<S, C> {
    pub(super) fn new(board: Arc<Board>, settings: KubeSettings, source: S, connect: C) -> Self {
        Self {
            board,
            settings,
            source,
            connect,
            wires: Vec::new(),
            session: None,
            strikes: 0,
            loaded: None,
            reload: false,
            answering: BTreeMap::new(),
        }
    }

    /// Probes until it is told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let board = Arc::clone(&self.board);
        let rounds = async {
            loop {
                let pause = self.round().await;
                // A watch that fails asks for a look at once; the watches pause by themselves.
                tokio::select! {
                    () = sleep(pause) => {}
                    () = board.nudge.notified() => {}
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = rounds => {}
        }
    }

    /// One round: perhaps a new kubeconfig, a probe of every endpoint, and what follows from it.
    async fn round(&mut self) -> Duration {
        self.reload |= self.board.take_refused();
        let mut fresh = false;
        if (self.wires.is_empty() || self.reload) && self.may_load() {
            match self.load().await {
                Ok(()) => fresh = true,
                Err(why) if self.wires.is_empty() => {
                    self.fall(why);
                    return DOUBT_PAUSE;
                }
                Err(why) => tracing::warn!(%why, "the kubeconfig in use is kept"),
            }
        }
        if self.wires.is_empty() {
            return DOUBT_PAUSE;
        }
        let probes = self.probe().await;
        let current = self.session.as_ref().map(|session| session.endpoint.clone());
        let good = current.as_ref().is_some_and(|name| probes.get(name) == Some(&Probe::Ready));
        self.strikes = if good { 0 } else { self.strikes.saturating_add(1) };
        if !good {
            let renew = |probe: &Probe| matches!(probe, Probe::Refused { renew: true, .. });
            self.reload |= probes.values().any(renew);
        }
        let order: Vec<_> = self.wires.iter().map(|wire| wire.endpoint().to_owned()).collect();
        match step(current.as_deref(), self.strikes, &order, &probes) {
            Step::Stay => {
                let broken = self.session.as_mut().is_some_and(Session::broken);
                if let Some(name) = current.filter(|_| fresh || broken) {
                    self.rise(&name);
                }
                UP_PAUSE
            }
            Step::Doubt => DOUBT_PAUSE,
            Step::Use(name) => self.take(&name, fresh).await,
            Step::Fall(why) => {
                self.fall(why);
                DOUBT_PAUSE
            }
        }
    }

    fn may_load(&self) -> bool {
        self.loaded.is_none_or(|at| self.board.now().since(at) >= RELOAD)
    }

    /// Reads the kubeconfig and makes new clients of it.
    async fn load(&mut self) -> Result<(), Blind> {
        self.loaded = Some(self.board.now());
        let wires = async {
            let text = self.source.read().await?;
            self.connect.connect(text, &self.settings.endpoints).await
        };
        let late = || Blind::new(BlindKind::TimedOut, "the kubeconfig did not come in time");
        self.wires = timeout(SOURCE_LIMIT, wires).await.unwrap_or_else(|_| Err(late()))?;
        self.reload = false;
        Ok(())
    }

    /// Asks every endpoint at once.
    async fn probe(&mut self) -> Probes {
        let limit = PROBE_LIMIT.min(self.settings.request.to_std());
        let answers = self.wires.iter().map(|wire| async move {
            let answer = wire.call(get("/readyz"), limit).await;
            (wire.endpoint().to_owned(), Probe::of(answer))
        });
        let answers = join_all(answers).await;
        let now = self.board.now();
        let probes: Probes = answers
            .into_iter()
            .map(|(name, probe)| {
                let probe = self.warmed_up(&name, probe, now);
                (name, probe)
            })
            .collect();
        self.board.endpoints(probes.iter().map(|(n, p)| (n.clone(), p.seen(now))).collect());
        probes
    }

    /// Takes a refusal of a server that just began to answer for "not ready yet".
    fn warmed_up(&mut self, name: &str, probe: Probe, now: Mono) -> Probe {
        match &probe {
            Probe::Silent(_) | Probe::NotReady(_) => {
                self.answering.remove(name);
                probe
            }
            Probe::Ready => {
                // It is warm: a refusal from now on means what it says.
                self.answering.insert(name.to_owned(), Mono(0));
                probe
            }
            Probe::Refused { why, .. } => {
                let since = *self.answering.entry(name.to_owned()).or_insert(now);
                if now.since(since) >= WARM_UP {
                    return probe;
                }
                let why = format!("{why}; that can be so for seconds after its start");
                Probe::Refused {
                    why: Blind::new(BlindKind::NotYet, why),
                    renew: matches!(probe, Probe::Refused { renew: true, .. }),
                }
            }
        }
    }

    /// Moves the link to an endpoint: with a client made of the kubeconfig as it is now.
    async fn take(&mut self, name: &str, fresh: bool) -> Duration {
        if !fresh {
            match self.load().await {
                Ok(()) => {
                    let probes = self.probe().await;
                    if probes.get(name) != Some(&Probe::Ready) {
                        self.fall(verdict(&probes));
                        return DOUBT_PAUSE;
                    }
                }
                // An API that takes the old credentials is better than none.
                Err(why) => tracing::warn!(%why, "the kubeconfig in use is kept"),
            }
        }
        self.rise(name);
        UP_PAUSE
    }

    /// The link is up: starts the watches anew.
    fn rise(&mut self, name: &str) {
        let Some(wire) = self.wires.iter().find(|wire| wire.endpoint() == name) else { return };
        self.strikes = 0;
        self.session = Some(Session::start(wire, &self.board, self.settings.request.to_std()));
        self.board.up(wire.clone());
        tracing::info!(endpoint = name, "the link to the Kubernetes API is up");
    }

    /// The link is down: ends the watches.
    fn fall(&mut self, why: Blind) {
        if self.session.take().is_some() {
            tracing::warn!(%why, "the link to the Kubernetes API is down");
        }
        self.board.down(why);
    }
}

impl Session {
    fn start(wire: &Wire, board: &Arc<Board>, request: Duration) -> Self {
        let mut tasks = JoinSet::new();
        let parts = || (wire.clone(), Arc::clone(board));
        let (w, b) = parts();
        tasks.spawn(async move { watch::nodes(w, &b, request).await });
        let (w, b) = parts();
        tasks.spawn(async move { leases::poll(w, &b, request).await });
        let (w, b) = parts();
        tasks.spawn(async move { acting::keep(w, &b, request).await });
        let (w, b) = parts();
        tasks.spawn(async move { discovery::discover(w, &b, request).await });
        let lists = Arc::new(Semaphore::new(watch::LISTS_AT_ONCE));
        for looked in LOOKED {
            let ((w, b), lists) = (parts(), Arc::clone(&lists));
            tasks.spawn(async move { watch::kind(w, &b, looked, request, &lists).await });
        }
        Self { endpoint: wire.endpoint().to_owned(), tasks }
    }

    /// Whether a task died of a panic, so that what it looked after would only grow old.
    fn broken(&mut self) -> bool {
        let mut broken = false;
        while let Some(end) = self.tasks.try_join_next() {
            broken |= end.is_err();
        }
        broken
    }
}
