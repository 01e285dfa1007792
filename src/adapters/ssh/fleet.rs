//! All machines: who is connected, over which way, and how many at once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tracing::{info, warn};

use super::error::{SshError, Stage};
use super::exec::{self, Failure, Output};
use super::identity::{Identity, IdentityError};
use super::known_hosts::{HostName, Trust};
use super::scan::{HostKey, scan_over};
use super::session::{Endpoint, Session, within};
use super::tunnel;
use crate::config::settings::{SshDeadlines, SshSettings, SshTarget};
use crate::model::ids::MachineName;
use crate::model::time::Span;

/// How long a jump host that failed is left alone, so that not every look pays for it.
const JUMP_REST: Duration = Duration::from_secs(30);

/// How long a kept-open session may take to open a channel before a new connection is tried. A
/// machine that lost its power leaves such sessions behind.
const REOPEN: Span = Span::secs(2);

/// How long a jump host may take to prove that it lives.
const JUMP_PING: Duration = Duration::from_secs(1);

/// Commands at once on one machine. sshd allows 10 (`MaxSessions`, sshd_config(5)); the rest is
/// for people.
const COMMANDS: usize = 4;

/// How long saying goodbye to all machines may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// All machines of the inventory. Cheap to clone; all clones share the connections.
///
/// At most `fan_out` machines that answered last time are talked to at once, and as many of those
/// that did not: machines that hang wait for each other, never the healthy for them. In the first
/// round nobody knows which those are, so with a fan-out smaller than the number of machines that
/// hang, the others wait up to one deadline for each time the fan-out fits into that number.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    machines: BTreeMap<MachineName, Slot>,
    jump: Option<Slot>,
    trust: Trust,
    deadlines: SshDeadlines,
    answering: Semaphore,
    silent: Semaphore,
    closed: AtomicBool,
}

/// One machine, and what is known about reaching it.
struct Slot {
    end: Endpoint,
    line: tokio::sync::Mutex<Line>,
    /// Attempts to connect that came to an end.
    attempts: AtomicU64,
    commands: Semaphore,
    silent: AtomicBool,
    /// Where its name led last time, for when the cluster's own DNS is down.
    resolved: Mutex<Vec<std::net::SocketAddr>>,
}

#[derive(Default)]
struct Line {
    session: Option<Arc<Session>>,
    failed: Option<(Instant, SshError)>,
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fleet").field(&self.0.machines.len()).finish()
    }
}

impl Slot {
    fn new(
        name: &str,
        target: &SshTarget,
        keys: &BTreeMap<PathBuf, Identity>,
    ) -> Result<Self, SshError> {
        let identities: Vec<_> =
            target.identities.iter().filter_map(|file| keys.get(file).cloned()).collect();
        if identities.is_empty() {
            return Err(IdentityError::Missing { machine: name.to_owned() }.into());
        }
        let host = HostName::new(&target.address, target.port);
        let end = Endpoint { name: name.to_owned(), target: target.clone(), identities, host };
        Ok(Self {
            end,
            line: tokio::sync::Mutex::default(),
            attempts: AtomicU64::new(0),
            commands: Semaphore::new(COMMANDS),
            silent: AtomicBool::new(false),
            resolved: Mutex::default(),
        })
    }

    /// TCP, by an address that worked before if the name can't be looked up.
    async fn connect(&self, limit: Span) -> Result<TcpStream, SshError> {
        within(Stage::Connect, limit, async {
            let unreachable = |why: String| SshError::Unreachable { stage: Stage::Connect, why };
            let addresses = self.resolve(limit).await.map_err(unreachable)?;
            let stream = TcpStream::connect(addresses.as_slice()).await;
            let stream = stream.map_err(|e| unreachable(e.to_string()))?;
            // Only costs speed if it fails.
            drop(stream.set_nodelay(true));
            Ok(stream)
        })
        .await
    }

    async fn resolve(&self, limit: Span) -> Result<Vec<std::net::SocketAddr>, String> {
        let SshTarget { address, port, .. } = &self.end.target;
        let lookup = tokio::net::lookup_host((address.as_str(), *port));
        // Half of the time, so that an address from last time still has the other half.
        let why = match tokio::time::timeout(limit.to_std() / 2, lookup).await {
            Ok(Ok(found)) => {
                let found: Vec<_> = found.collect();
                self.resolved.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&found);
                return Ok(found);
            }
            Ok(Err(e)) => format!("looking up {address}: {e}"),
            Err(_) => format!("looking up {address}: no answer"),
        };
        let last = self.resolved.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if last.is_empty() { Err(why) } else { Ok(last) }
    }
}

impl Fleet {
    /// Reads keys and known_hosts; connects to nobody yet.
    ///
    /// # Errors
    /// [`SshError::Identity`] for a key file that is missing, encrypted, of another type, or
    /// readable by others; [`SshError::KnownHosts`] for a known_hosts file that can't be used.
    pub fn new(settings: &SshSettings) -> Result<Self, SshError> {
        let targets = settings.machines.values().chain(&settings.jump);
        let mut keys = BTreeMap::new();
        for file in targets.flat_map(|target| &target.identities) {
            if !keys.contains_key(file) {
                keys.insert(file.clone(), Identity::load(file)?);
            }
        }
        let machines = settings
            .machines
            .iter()
            .map(|(name, target)| Ok((name.clone(), Slot::new(name.as_str(), target, &keys)?)));
        let machines = machines.collect::<Result<_, SshError>>()?;
        let jump = settings.jump.as_ref().map(|target| {
            let target = SshTarget { via_jump: false, ..target.clone() };
            Slot::new(&target.address, &target, &keys)
        });
        let jump = jump.transpose()?;
        let places = settings.fan_out.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self(Arc::new(Inner {
            machines,
            jump,
            trust: Trust::open(&settings.known_hosts)?,
            deadlines: settings.deadlines.clone(),
            answering: Semaphore::new(places),
            silent: Semaphore::new(places),
            closed: AtomicBool::new(false),
        })))
    }

    /// Runs a command with the login user's shell. `limit` is for the command itself; connecting,
    /// if that is needed, has the deadlines of the settings on top.
    ///
    /// The command is sent once at most. If a kept-open session turns out to be dead before
    /// anything was sent, one new connection is tried.
    ///
    /// # Errors
    /// [`SshError`]. If [`may_have_run`](SshError::may_have_run), what became of the command is
    /// unknown, and it may still be running: a limit here does not end it on the machine. A
    /// connection lost in the middle is no error but an [`Output`] without a status.
    pub async fn run(
        &self,
        machine: &MachineName,
        command: &str,
        stdin: Option<Vec<u8>>,
        limit: Span,
    ) -> Result<Output, SshError> {
        let inner = &*self.0;
        let slot = inner.slot(machine)?;
        let _turn = inner.wait(&slot.commands, limit).await?;
        for last in [false, true] {
            let (session, kept) = inner.session(slot).await?;
            let _place = inner.place(slot, limit).await?;
            let channel = match session.open(inner.open_limit(kept)).await {
                Ok(channel) => channel,
                Err(refused @ SshError::Refused { .. }) => return Err(refused),
                Err(error) => {
                    session.retire();
                    if kept && !last {
                        continue;
                    }
                    slot.silent.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            };
            match exec::run(channel, command, stdin.as_deref(), limit).await {
                Ok(output) => {
                    slot.silent.store(false, Ordering::Relaxed);
                    return Ok(output);
                }
                Err(Failure::NotSent) if kept && !last => session.retire(),
                Err(Failure::NotSent) => {
                    session.retire();
                    let why = "the session was lost".to_owned();
                    return Err(SshError::Unreachable { stage: Stage::Channel, why });
                }
                Err(Failure::Error(error)) => {
                    session.retire();
                    slot.silent.store(error.may_have_run(), Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Err(SshError::Closed)
    }

    /// Connects to `host:port` from the machine, for probes that only make sense from there. The
    /// stream ends when the session does, or when its bytes are left unread for 5 s.
    ///
    /// # Errors
    /// [`SshError`]; nothing listens there is [`SshError::Unreachable`] at [`Stage::Channel`].
    pub async fn forward(
        &self,
        machine: &MachineName,
        host: &str,
        port: u16,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<>, SshError> {
        let inner = &*self.0;
        let slot = inner.slot(machine)?;
        let (session, kept) = inner.session(slot).await?;
        let limit = inner.deadlines.connect;
        let opened = session.forward(host, port, limit).await;
        let (channel, session) = match opened {
            Ok(channel) => (channel, session),
            // Nothing was sent through it yet: a session that died meanwhile may be replaced.
            Err(_) if kept && !session.answers(REOPEN.to_std()).await => {
                session.retire();
                let (session, _) = inner.session(slot).await?;
                (session.forward(host, port, limit).await?, session)
            }
            Err(error) => return Err(error),
        };
        Ok(tunnel::join(channel, session))
    }

    /// The host keys that a machine offers, over the way that commands would take.
    ///
    /// # Errors
    /// [`SshError`] if it offers none or can't be reached.
    pub async fn scan(&self, machine: &MachineName) -> Result<Vec<HostKey>, SshError> {
        let inner = &*self.0;
        let slot = inner.slot(machine)?;
        let limit = inner.deadlines.handshake;
        scan_over(&slot.end.host, limit, || async {
            match inner.way(slot).await?.0 {
                Way::Direct(stream) => Ok(Box::new(stream) as Box<dyn Stream>),
                Way::Jump(channel, via) => Ok(Box::new(tunnel::join(channel, via)) as _),
            }
        })
        .await
    }

    /// Ends all connections. Commands that run now may lose theirs; new ones are refused.
    pub async fn close(&self) {
        let inner = &*self.0;
        inner.closed.store(true, Ordering::Release);
        let farewells = inner.machines.values().chain(&inner.jump).map(|slot| async {
            // Whoever holds the line is connecting, and sees afterwards that all is closed.
            if let Ok(mut line) = slot.line.try_lock()
                && let Some(session) = line.session.take()
            {
                session.goodbye().await;
            }
        });
        let all = futures::future::join_all(farewells);
        drop(tokio::time::timeout(GOODBYE, all).await);
    }
}

/// A stream of any kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection to a machine on which no SSH is spoken yet.
enum Way {
    Direct(TcpStream),
    Jump(russh::Channel<russh::client::Msg>, Arc<Session>),
}

impl Inner {
    fn slot(&self, machine: &MachineName) -> Result<&Slot, SshError> {
        self.machines.get(machine).ok_or(SshError::NotInInventory)
    }

    fn open_limit(&self, kept: bool) -> Span {
        if kept { REOPEN.min(self.deadlines.connect) } else { self.deadlines.connect }
    }

    /// A place in the fan-out. The wait is bounded by what those in front may take.
    async fn place(&self, slot: &Slot, limit: Span) -> Result<SemaphorePermit<'_>, SshError> {
        let silent = slot.silent.load(Ordering::Relaxed);
        self.wait(if silent { &self.silent } else { &self.answering }, limit).await
    }

    async fn wait<'a>(
        &self,
        places: &'a Semaphore,
        limit: Span,
    ) -> Result<SemaphorePermit<'a>, SshError> {
        /// Rounds of machines that may be in front before this is called too long.
        const ROUNDS: u64 = 8;
        let SshDeadlines { connect, handshake, auth, command } = self.deadlines;
        let limit = (connect + handshake + auth + command.max(limit)).times(ROUNDS);
        within(Stage::Place, limit, async { places.acquire().await.map_err(|_| SshError::Closed) })
            .await
    }

    /// The session with a machine, and whether it was there already. All who ask while a
    /// connection is being tried share its outcome, so that a machine that hangs costs each of
    /// them one deadline and not one after the other.
    async fn session(&self, slot: &Slot) -> Result<(Arc<Session>, bool), SshError> {
        let arrived = slot.attempts.load(Ordering::Acquire);
        let mut line = slot.line.lock().await;
        if self.closed.load(Ordering::Acquire) {
            return Err(SshError::Closed);
        }
        if let Some(session) = &line.session {
            if session.usable(&self.trust).await {
                return Ok((Arc::clone(session), true));
            }
            line.session = None;
        }
        if let Some((_, error)) = &line.failed
            && slot.attempts.load(Ordering::Acquire) > arrived
        {
            return Err(error.clone());
        }
        let connected = {
            // The jump host is connected to on behalf of a machine that has a place already.
            let is_jump = self.jump.as_ref().is_some_and(|jump| std::ptr::eq(jump, slot));
            let _place = if is_jump { None } else { Some(self.place(slot, Span::ZERO).await?) };
            self.connect(slot).await
        };
        slot.attempts.fetch_add(1, Ordering::AcqRel);
        slot.silent.store(connected.is_err(), Ordering::Relaxed);
        match connected {
            Ok(session) => {
                let session = Arc::new(session);
                line.session = Some(Arc::clone(&session));
                line.failed = None;
                Ok((session, false))
            }
            Err(error) => {
                line.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn connect(&self, slot: &Slot) -> Result<Session, SshError> {
        let (way, jump_error) = self.way(slot).await?;
        let established = match way {
            Way::Direct(stream) => {
                Session::establish(stream, &slot.end, &self.trust, &self.deadlines, None).await
            }
            Way::Jump(channel, via) => {
                let stream = channel.into_stream();
                Session::establish(stream, &slot.end, &self.trust, &self.deadlines, Some(via)).await
            }
        };
        established.map_err(|direct| self.both(jump_error, direct))
    }

    /// Through the jump host where that is asked for; directly if the jump host is no use. With
    /// the direct way goes the reason why the other one failed.
    async fn way(&self, slot: &Slot) -> Result<(Way, Option<SshError>), SshError> {
        let mut jump_error = None;
        if let Some(jump) = self.jump.as_ref().filter(|_| slot.end.target.via_jump) {
            match self.jump_way(jump, &slot.end.target).await {
                Ok(way) => return Ok((way, None)),
                Err(Detour::Dead(error)) => return Err(error),
                Err(Detour::Direct(error)) => jump_error = Some(error),
            }
        }
        match slot.connect(self.deadlines.connect).await {
            Ok(stream) => Ok((Way::Direct(stream), jump_error)),
            Err(direct) => Err(self.both(jump_error, direct)),
        }
    }

    fn both(&self, jump: Option<SshError>, direct: SshError) -> SshError {
        match (jump, &self.jump) {
            (Some(jump), Some(slot)) => SshError::BothPaths {
                host: slot.end.target.address.clone(),
                jump: Box::new(jump),
                direct: Box::new(direct),
            },
            _ => direct,
        }
    }

    async fn jump_way(&self, jump: &Slot, target: &SshTarget) -> Result<Way, Detour> {
        let (session, _) = self.jump_session(jump).await.map_err(Detour::Direct)?;
        let limit = self.deadlines.connect;
        match session.forward(&target.address, target.port, limit).await {
            Ok(channel) => Ok(Way::Jump(channel, session)),
            // The jump host may have died with the session open.
            Err(error) if !session.answers(JUMP_PING).await => {
                session.retire();
                self.rest(jump, &error).await;
                Err(Detour::Direct(error))
            }
            Err(error @ SshError::Refused { .. }) => Err(Detour::Direct(error)),
            Err(SshError::TimedOut { limit, .. }) => {
                Err(Detour::Dead(SshError::TimedOut { stage: Stage::Connect, limit }))
            }
            Err(SshError::Unreachable { .. }) => Err(Detour::Dead(SshError::Unreachable {
                stage: Stage::Connect,
                why: format!("the jump host {} can't reach it", jump.end.target.address),
            })),
            Err(error) => Err(Detour::Dead(error)),
        }
    }

    /// The jump host's session, unless it failed a short while ago.
    async fn jump_session(&self, jump: &Slot) -> Result<(Arc<Session>, bool), SshError> {
        {
            let line = jump.line.lock().await;
            if let Some((at, error)) = &line.failed
                && at.elapsed() < JUMP_REST
            {
                return Err(error.clone());
            }
        }
        let was_silent = jump.silent.load(Ordering::Relaxed);
        let session = Box::pin(self.session(jump)).await;
        let host = &jump.end.target.address;
        match &session {
            Err(error) if !was_silent => {
                warn!(host, %error, "jump host fails; machines are tried directly");
            }
            Ok(_) if was_silent => info!(host, "jump host answers again"),
            _ => {}
        }
        session
    }

    async fn rest(&self, jump: &Slot, error: &SshError) {
        let mut line = jump.line.lock().await;
        line.session = None;
        line.failed = Some((Instant::now(), error.clone()));
        jump.silent.store(true, Ordering::Relaxed);
    }
}

/// Why a machine is not reached through the jump host.
enum Detour {
    /// The jump host is no use: try directly.
    Direct(SshError),
    /// The jump host works, and the machine does not answer it.
    Dead(SshError),
}
