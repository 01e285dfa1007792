//! One authenticated connection to one machine.

use std::borrow::Cow;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use russh::client::{self, AuthResult, DisconnectReason};
use russh::keys::{PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelOpenFailure, Disconnect, Preferred, SshId, kex};
use tokio::io::{AsyncRead, AsyncWrite};

use super::cut::{CutOnDrop, severable};
use super::error::{HostKeyError, SshError, Stage, printable};
use super::identity::Identity;
use super::known_hosts::{HostName, KnownHosts, Trust, Verdict, fingerprint};
use crate::config::settings::{SshDeadlines, SshTarget};
use crate::model::time::Span;

/// Nothing heard for this long: ask whether the other side still lives.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// After so many unanswered questions the connection is dead: 40 s in all. Boards whose SD card
/// is busy are known to stall for half of that.
const KEEPALIVES: usize = 3;

/// Elliptic curves first: 0.1 ms of CPU against 1 ms for the post-quantum hybrid, which is still
/// offered for servers that take nothing else. What is read from nodes (unit states, boot ids) is
/// worth nothing to somebody who breaks the recording in twenty years.
const KEX: &[kex::Name] = &[
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::MLKEM768X25519_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// A machine or a jump host, with everything that is needed to log in.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// How the person names it.
    pub(super) name: String,
    pub(super) target: SshTarget,
    pub(super) identities: Vec<Identity>,
    pub(super) host: HostName,
}

/// An authenticated connection. Dropping it cuts the connection.
pub(super) struct Session {
    handle: client::Handle<Verifier>,
    key: PublicKey,
    host: HostName,
    /// What last said that the key is this host's. To ask again costs a pass over every line, with
    /// a hash for each of those that are hashed.
    vouched: Mutex<Arc<KnownHosts>>,
    retired: AtomicBool,
    said: Arc<OnceLock<String>>,
    /// The connection through which this one goes. It must live as long.
    _via: Option<Arc<Session>>,
    _cut: CutOnDrop,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Runs one stage within its deadline.
pub(super) async fn within<T>(
    stage: Stage,
    limit: Span,
    work: impl Future<Output = Result<T, SshError>>,
) -> Result<T, SshError> {
    match tokio::time::timeout(limit.to_std(), work).await {
        Ok(done) => done,
        Err(_) => Err(SshError::TimedOut { stage, limit }),
    }
}

/// The client's side of a handshake. `host_keys` are the algorithms to ask for, best first.
pub(super) fn client_config(host_keys: Vec<russh::keys::Algorithm>) -> Arc<client::Config> {
    let preferred =
        Preferred { kex: Cow::Borrowed(KEX), key: Cow::Owned(host_keys), ..Preferred::DEFAULT };
    Arc::new(client::Config {
        client_id: SshId::Standard(Cow::Borrowed("SSH-2.0-ananke")),
        preferred,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: KEEPALIVES,
        nodelay: true,
        ..Default::default()
    })
}

impl Session {
    /// Handshake and authentication over a stream that is connected already.
    pub(super) async fn establish<S>(
        stream: S,
        end: &Endpoint,
        trust: &Trust,
        deadlines: &SshDeadlines,
        via: Option<Arc<Self>>,
    ) -> Result<Self, SshError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let known = trust.current().await;
        let config = client_config(known.algorithms(&end.host));
        let seen = Arc::new(Mutex::new(None));
        let said = Arc::new(OnceLock::new());
        let verifier = Verifier {
            known: Arc::clone(&known),
            file: trust.file().to_owned(),
            name: end.name.clone(),
            host: end.host.clone(),
            seen: Arc::clone(&seen),
            said: Arc::clone(&said),
        };
        let (stream, cut) = severable(stream);
        let shaken = within(Stage::Handshake, deadlines.handshake, async {
            client::connect_stream(config, stream, verifier).await.map_err(SshError::from)
        });
        let mut handle = shaken.await?;
        let proof = authenticate(&mut handle, end, &said);
        within(Stage::Auth, deadlines.auth, proof).await?;
        let key = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(key) = key else {
            let why = "it never showed a host key".to_owned();
            return Err(SshError::Garbled { stage: Stage::Handshake, why });
        };
        let host = end.host.clone();
        let (vouched, retired) = (Mutex::new(known), AtomicBool::new(false));
        Ok(Self { handle, key, host, vouched, retired, said, _via: via, _cut: cut })
    }

    /// Whether a new command may use it: alive, not given up, and still trusted.
    pub(super) async fn usable(&self, trust: &Trust) -> bool {
        if self.handle.is_closed() || self.retired.load(Ordering::Acquire) {
            return false;
        }
        let known = trust.current().await;
        let mut vouched = self.vouched.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&known, &vouched) {
            return true;
        }
        let trusted = matches!(known.judge(&self.host, &self.key), Verdict::Known { .. });
        if trusted {
            *vouched = known;
        }
        trusted
    }

    /// No new command uses it from now on. Those that use it now may end.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// A channel for one command. That it opens proves that the other side lives.
    pub(super) async fn open(&self, limit: Span) -> Result<Channel<client::Msg>, SshError> {
        within(Stage::Channel, limit, async {
            self.handle.channel_open_session().await.map_err(|e| self.channel_error(&e))
        })
        .await
    }

    /// A TCP connection from the machine to `host:port`.
    pub(super) async fn forward(
        &self,
        host: &str,
        port: u16,
        limit: Span,
    ) -> Result<Channel<client::Msg>, SshError> {
        within(Stage::Channel, limit, async {
            // The originator is for the server's log only (RFC 4254 section 7.2).
            let open = self.handle.channel_open_direct_tcpip(host, port.into(), "127.0.0.1", 0);
            open.await.map_err(|e| self.channel_error(&e))
        })
        .await
    }

    /// Whether the other side answers at all.
    pub(super) async fn answers(&self, limit: Duration) -> bool {
        let pong = tokio::time::timeout(limit, self.handle.send_ping()).await;
        matches!(pong, Ok(Ok(()))) && !self.handle.is_closed()
    }

    /// Says goodbye. The connection ends with the last command that uses it.
    pub(super) async fn goodbye(&self) {
        self.retire();
        // Nothing depends on whether it is heard.
        drop(self.handle.disconnect(Disconnect::ByApplication, "", "").await);
    }

    fn channel_error(&self, error: &russh::Error) -> SshError {
        let stage = Stage::Channel;
        if let russh::Error::ChannelOpenFailure(reason) = error {
            let why = match reason {
                ChannelOpenFailure::ConnectFailed => {
                    let why = "the connection from there failed".to_owned();
                    return SshError::Unreachable { stage, why };
                }
                ChannelOpenFailure::AdministrativelyProhibited => "it is not allowed",
                ChannelOpenFailure::UnknownChannelType => "it does not know this kind of channel",
                ChannelOpenFailure::ResourceShortage => "it has no room for more channels",
                ChannelOpenFailure::Other { reason, .. } => &printable(reason),
            };
            return SshError::Refused { stage, why: why.to_owned() };
        }
        let why = self.said.get().cloned().unwrap_or_else(|| "the session was lost".to_owned());
        SshError::Unreachable { stage, why }
    }
}

async fn authenticate(
    handle: &mut client::Handle<Verifier>,
    end: &Endpoint,
    said: &OnceLock<String>,
) -> Result<(), SshError> {
    let denied = |said: String| {
        let keys = end.identities.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        SshError::Denied { user: end.target.user.clone(), keys, said }
    };
    for identity in &end.identities {
        let key = PrivateKeyWithHashAlg::new(Arc::clone(&identity.key), None);
        let answer = handle.authenticate_publickey(&end.target.user, key).await;
        match answer {
            Ok(AuthResult::Success) => return Ok(()),
            Ok(AuthResult::Failure { partial_success: true, .. }) => {
                return Err(denied("; it takes the key and asks for more than a key".to_owned()));
            }
            // A lost connection looks like a refusal with nothing left to try.
            Ok(AuthResult::Failure { .. }) if !handle.is_closed() => {}
            Ok(AuthResult::Failure { .. }) | Err(_) => {
                return Err(match said.get() {
                    Some(reason) => denied(format!("; it said: {reason}")),
                    None => SshError::Unreachable {
                        stage: Stage::Auth,
                        why: "it closed the connection".to_owned(),
                    },
                });
            }
        }
    }
    Err(denied(String::new()))
}

/// Judges the host key. Nothing is sent to the machine before it has said yes.
#[derive(Debug)]
pub(super) struct Verifier {
    known: Arc<KnownHosts>,
    file: PathBuf,
    name: String,
    host: HostName,
    seen: Arc<Mutex<Option<PublicKey>>>,
    said: Arc<OnceLock<String>>,
}

/// Why a connection ended, before the stage is known.
#[derive(Debug)]
pub(super) enum Ended {
    HostKey(Box<HostKeyError>),
    Wire(russh::Error),
}

impl From<russh::Error> for Ended {
    fn from(error: russh::Error) -> Self {
        Self::Wire(error)
    }
}

impl From<Ended> for SshError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::HostKey(error) => Self::HostKey(error),
            Ended::Wire(error) => handshake_error(&error),
        }
    }
}

/// What an error of the library means while keys are being agreed.
pub(super) fn handshake_error(error: &russh::Error) -> SshError {
    use russh::Error as E;
    let stage = Stage::Handshake;
    if let E::NoCommonAlgo { kind: russh::AlgorithmKind::Key, theirs, .. } = error {
        return SshError::NoUsableHostKey { offered: printable(&theirs.join(", ")) };
    }
    if let E::IO(io) = error {
        let closed = io.kind() == std::io::ErrorKind::UnexpectedEof;
        let why = if closed { "it closed the connection".to_owned() } else { io.to_string() };
        return SshError::Unreachable { stage, why };
    }
    if matches!(error, E::HUP | E::Disconnect | E::SendError | E::RecvError) {
        return SshError::Unreachable { stage, why: "it closed the connection".to_owned() };
    }
    SshError::Garbled { stage, why: printable(&error.to_string()) }
}

impl client::Handler for Verifier {
    type Error = Ended;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Ended> {
        // Certificates are never asked for, so a server that sends one does not keep the protocol.
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
            return Ok(false);
        };
        let verdict = self.known.judge(&self.host, key);
        if let Verdict::Known { .. } = verdict {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
            return Ok(true);
        }
        Err(Ended::HostKey(Box::new(HostKeyError {
            name: self.name.clone(),
            host: self.host.clone(),
            file: self.file.clone(),
            algorithm: key.algorithm().to_string(),
            fingerprint: fingerprint(key),
            verdict,
        })))
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Ended>) -> Result<(), Ended> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                // The first reason is the one that counts.
                drop(self.said.set(printable(&info.message)));
                Ok(())
            }
            DisconnectReason::Error(error) => Err(error),
        }
    }
}
