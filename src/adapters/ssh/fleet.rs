//! All machines: who is connected, over which way, and how many at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::error::{SshError, Stage};
use super::exec::{self, Failure, Output};
use super::identity::Identity;
use super::known_hosts::Trust;
use super::scan::{Doorway, HostKey, offered};
use super::session::{Session, within};
use super::slot::Slot;
use super::tunnel;
use super::way::Way;
use crate::config::settings::{SshDeadlines, SshSettings, SshTarget};
use crate::model::ids::MachineName;
use crate::model::time::Span;

/// How long a kept-open session may take to open a channel before a new connection is tried. A
/// machine that lost its power leaves such sessions behind.
const REOPEN: Span = Span::secs(2);

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

pub(super) struct Inner {
    machines: BTreeMap<MachineName, Slot>,
    pub(super) jump: Option<Slot>,
    pub(super) trust: Trust,
    pub(super) deadlines: SshDeadlines,
    answering: Semaphore,
    silent: Semaphore,
    closed: AtomicBool,
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fleet").field(&self.0.machines.len()).finish()
    }
}

impl Fleet {
    /// Reads keys and known_hosts; connects to nobody yet.
    ///
    /// # Errors
    /// [`SshError::Identity`] for a key file that is missing, encrypted, of another type, or
    /// readable by others; [`SshError::KnownHosts`] for a known_hosts file that can't be used.
    pub fn new(settings: &SshSettings) -> Result<Self, SshError> {
        Self::trusting(settings, Trust::open(&settings.known_hosts)?)
    }

    /// The same for who accepts the first keys: a known_hosts file that is missing is empty.
    ///
    /// # Errors
    /// As [`new`](Self::new), but for that.
    pub fn on_day_one(settings: &SshSettings) -> Result<Self, SshError> {
        Self::trusting(settings, Trust::open_or_empty(&settings.known_hosts)?)
    }

    fn trusting(settings: &SshSettings, trust: Trust) -> Result<Self, SshError> {
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
            trust,
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
        let stdin = stdin.as_deref();
        match inner.attempt(slot, command, stdin, limit).await {
            Err(Failure::NotSent(_)) => inner.attempt(slot, command, stdin, limit).await,
            done => done,
        }
        .map_err(|(Failure::NotSent(error) | Failure::Error(error))| error)
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

    /// The host keys that a machine, or the jump host, offers, ed25519 first. Nothing is logged in
    /// to but the jump host, where the way leads through it.
    ///
    /// # Errors
    /// [`SshError`] if it offers no key that ananke uses, or can't be reached.
    pub async fn scan(&self, whose: Doorway<'_>) -> Result<Vec<HostKey>, SshError> {
        let inner = &*self.0;
        let slot = match whose {
            Doorway::Machine(machine) => inner.slot(machine)?,
            Doorway::JumpHost => inner.jump.as_ref().ok_or(SshError::NotInInventory)?,
        };
        let limit = inner.deadlines.handshake;
        let _place = inner.place(slot, limit).await?;
        offered(&slot.end.host, limit, || async {
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

impl Inner {
    fn slot(&self, machine: &MachineName) -> Result<&Slot, SshError> {
        self.machines.get(machine).ok_or(SshError::NotInInventory)
    }

    /// Sends the command once at most, over a session that is there or a new one.
    async fn attempt(
        &self,
        slot: &Slot,
        command: &str,
        stdin: Option<&[u8]>,
        limit: Span,
    ) -> Result<Output, Failure> {
        let (session, kept) = self.session(slot).await.map_err(Failure::Error)?;
        let _place = self.place(slot, limit).await.map_err(Failure::Error)?;
        let connect = self.deadlines.connect;
        let open = session.open(if kept { REOPEN.min(connect) } else { connect });
        let done = match open.await {
            Ok(channel) => exec::run(channel, command, stdin, limit).await,
            Err(refused @ SshError::Refused { .. }) => Err(Failure::Error(refused)),
            Err(error) => Err(Failure::NotSent(error)),
        };
        if done.is_err() {
            session.retire();
        }
        match done {
            // A session that was there already may have died long ago: worth a new one.
            Err(Failure::NotSent(error)) if !kept => {
                slot.silent.store(true, Ordering::Relaxed);
                Err(Failure::Error(error))
            }
            Err(Failure::Error(error)) => {
                slot.silent.store(error.may_have_run(), Ordering::Relaxed);
                Err(Failure::Error(error))
            }
            done => done,
        }
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
        const ROUNDS: u64 = 4;
        let SshDeadlines { connect, handshake, auth, command } = self.deadlines;
        let limit = (connect + handshake + auth + command.max(limit)).times(ROUNDS);
        within(Stage::Place, limit, async { places.acquire().await.map_err(|_| SshError::Closed) })
            .await
    }

    /// The session with a machine, and whether it was there already. All who ask while a
    /// connection is being tried share its outcome, so that a machine that hangs costs each of
    /// them one deadline and not one after the other.
    pub(super) async fn session(&self, slot: &Slot) -> Result<(Arc<Session>, bool), SshError> {
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
            Ok(_) if self.closed.load(Ordering::Acquire) => Err(SshError::Closed),
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
}
