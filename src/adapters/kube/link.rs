//! The supervisor: probes the endpoints, keeps the link to one of them, and owns the watches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::settings::KubeSettings;
use crate::model::facts::{Blind, BlindKind, Seen};
use crate::model::time::{Mono, Span};

use super::board::Board;
use super::connect::{Connect, KubeconfigSource};
use super::wire::{Answer, NoAnswer, Wire, get};
use super::{discovery, leases, watch};

/// The pause between two rounds of probes while the link is up.
const UP_PAUSE: Duration = Duration::from_secs(5);
/// The pause while it is down or in doubt.
const DOUBT_PAUSE: Duration = Duration::from_secs(1);
/// `/readyz` of a healthy server takes milliseconds.
const PROBE_LIMIT: Duration = Duration::from_secs(3);
/// One failed probe may be a hiccup. The second one ends the link.
const STRIKES: u32 = 2;
/// A server answers 401 and 403 before its authenticators and RBAC roles are loaded. After this
/// long it means what it says.
const WARM_UP: Span = Span::secs(15);
/// The least time between two readings of the kubeconfig while there is no progress: over SSH it
/// costs a command on a server.
const RELOAD: Span = Span::secs(10);
/// A kubeconfig that is fetched over SSH comes after a connection through a jump host.
const SOURCE_LIMIT: Duration = Duration::from_secs(30);

/// What one endpoint's `/readyz` said.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Probe {
    /// 200.
    Ready,
    /// It answers, but is not ready.
    NotReady(Blind),
    /// It answers and refuses our credentials; 401 when `renew`, where new ones may help.
    Refused { why: Blind, renew: bool },
    /// Nothing that counts as an answer.
    Silent(Blind),
}

impl Probe {
    fn of(answer: Result<Answer, NoAnswer>) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(none) => return Self::Silent(none.blind()),
        };
        match answer.code.as_u16() {
            200 => Self::Ready,
            code @ (401 | 403) => {
                let why = format!("it answers but refuses our credentials ({})", answer.words());
                Self::Refused { why: Blind::new(BlindKind::Denied, why), renew: code == 401 }
            }
            429 | 500..=599 => {
                let why = format!("it is not ready ({})", answer.words());
                Self::NotReady(Blind::new(BlindKind::NotYet, why))
            }
            _ => {
                let why = format!("it is no Kubernetes API ({})", answer.words());
                Self::Silent(Blind::new(BlindKind::Garbled, why))
            }
        }
    }

    fn why(&self) -> Option<&Blind> {
        match self {
            Self::Ready => None,
            Self::NotReady(why) | Self::Refused { why, .. } | Self::Silent(why) => Some(why),
        }
    }

    fn seen(&self, at: Mono) -> Seen<bool> {
        match self {
            Self::Ready => Seen::Known { value: true, at },
            Self::NotReady(_) => Seen::Known { value: false, at },
            Self::Refused { why, .. } | Self::Silent(why) => {
                Seen::Unknown { why: why.clone(), since: at }
            }
        }
    }
}

type Probes = BTreeMap<String, Probe>;

/// What to do after a round of probes.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The endpoint in use is good.
    Stay,
    /// It failed, but not often enough.
    Doubt,
    /// Use this endpoint from now on.
    Use(String),
    /// There is none.
    Fall(Blind),
}

/// Chooses: the endpoint in use as long as it is good, else the first good one in the order of the
/// settings.
fn step(current: Option<&str>, strikes: u32, order: &[String], probes: &Probes) -> Step {
    let ready = |name: &str| probes.get(name) == Some(&Probe::Ready);
    match current {
        Some(name) if ready(name) => Step::Stay,
        Some(_) if strikes < STRIKES => Step::Doubt,
        Some(_) | None => match order.iter().find(|name| ready(name)) {
            Some(name) => Step::Use(name.clone()),
            None => Step::Fall(verdict(probes)),
        },
    }
}

/// One reason for all endpoints: the kind is the one that a person can do most about, the words
/// are everybody's.
fn verdict(probes: &Probes) -> Blind {
    const ORDER: [BlindKind; 6] = [
        BlindKind::Denied,
        BlindKind::Identity,
        BlindKind::NotYet,
        BlindKind::Garbled,
        BlindKind::TimedOut,
        BlindKind::Unreachable,
    ];
    let reasons: Vec<_> =
        probes.iter().filter_map(|(name, probe)| Some((name, probe.why()?))).collect();
    let kinds = || reasons.iter().map(|(_, why)| why.kind);
    let kind = ORDER.into_iter().find(|kind| kinds().any(|k| k == *kind));
    let words: Vec<_> = reasons.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    Blind::new(kind.unwrap_or(BlindKind::Unreachable), super::wire::short(&words.join("; "), 600))
}

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
        tasks.spawn(async move { discovery::discover(w, &b, request).await });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn probes(list: &[(&str, Probe)]) -> Probes {
        list.iter().map(|(name, probe)| ((*name).to_owned(), probe.clone())).collect()
    }

    #[test]
    fn the_endpoint_in_use_is_kept_until_its_second_strike() {
        let dead = || Probe::Silent(Blind::new(BlindKind::TimedOut, "no answer"));
        let order = ["b".to_owned(), "a".to_owned()];
        let both = probes(&[("a", Probe::Ready), ("b", Probe::Ready)]);
        let only_a = probes(&[("a", Probe::Ready), ("b", dead())]);
        let none = probes(&[("a", dead()), ("b", dead())]);
        let table = [
            (None, 0, &both, Step::Use("b".into())),
            (None, 0, &only_a, Step::Use("a".into())),
            (Some("a"), 0, &both, Step::Stay),
            (Some("b"), 1, &only_a, Step::Doubt),
            (Some("b"), 2, &only_a, Step::Use("a".into())),
            (Some("b"), 1, &none, Step::Doubt),
        ];
        for (current, strikes, probes, expected) in table {
            assert_eq!(step(current, strikes, &order, probes), expected, "{current:?} {strikes}");
        }
        assert!(matches!(step(Some("b"), 2, &order, &none), Step::Fall(_)));
    }

    #[test]
    fn of_several_reasons_the_most_useful_kind_is_named_with_all_words() {
        let blind = |kind, text: &str| Blind::new(kind, text);
        let why = verdict(&probes(&[
            ("a", Probe::Silent(blind(BlindKind::Unreachable, "connection refused"))),
            ("b", Probe::Refused { why: blind(BlindKind::Denied, "no"), renew: true }),
            ("c", Probe::NotReady(blind(BlindKind::NotYet, "etcd"))),
        ]));
        assert_eq!(why.kind, BlindKind::Denied);
        assert_eq!(why.detail, "a: connection refused; b: no; c: etcd");
    }
}
