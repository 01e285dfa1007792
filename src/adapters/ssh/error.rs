//! Why something over SSH did not work, and whether the command may have run.

use std::fmt;
use std::path::PathBuf;

use super::identity::IdentityError;
use super::known_hosts::{HostName, KnownHostsError, Verdict};
use crate::model::facts::{Blind, BlindKind};
use crate::model::time::Span;

/// The stages of a command, each with a deadline of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A free place within the fan-out.
    Place,
    /// Name lookup and TCP connect, or the channel through the jump host.
    Connect,
    /// Version exchange, key exchange, host key.
    Handshake,
    /// Authentication.
    Auth,
    /// A channel in the session.
    Channel,
    /// The command itself. From here on it may have been carried out.
    Command,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Place => "waiting for a free place",
            Self::Connect => "connecting",
            Self::Handshake => "the handshake",
            Self::Auth => "authentication",
            Self::Channel => "opening a channel",
            Self::Command => "the command",
        })
    }
}

/// Why something over SSH did not work.
///
/// A connection that is lost while a command runs is not here: that is an
/// [`Output`](super::Output) without a status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshError {
    /// No machine of this name in the inventory.
    #[error("no machine of this name in the inventory")]
    NotInInventory,
    /// The fleet was closed.
    #[error("ananke is ending its connections")]
    Closed,
    /// A private key can't be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The known_hosts file can't be used.
    #[error(transparent)]
    KnownHosts(#[from] KnownHostsError),
    /// Nothing answers, or what answered went away before it asked for anything.
    #[error("{stage}: {why}")]
    Unreachable {
        /// How far it got.
        stage: Stage,
        /// What the system said.
        why: String,
    },
    /// It answers too slowly.
    #[error("{stage} took longer than {limit}")]
    TimedOut {
        /// How far it got.
        stage: Stage,
        /// The deadline of this stage.
        limit: Span,
    },
    /// The host key is not the one that is recorded.
    #[error(transparent)]
    HostKey(Box<HostKeyError>),
    /// It offers no host key of a type that ananke uses.
    #[error("it has no ed25519 or ecdsa host key, only {offered}; on it: ssh-keygen -A")]
    NoUsableHostKey {
        /// What it offers.
        offered: String,
    },
    /// It refuses our user and keys.
    #[error("it refuses {user} with {keys}{said}")]
    Denied {
        /// The login user.
        user: String,
        /// Files and fingerprints.
        keys: String,
        /// What else it said, with a separator in front; mostly nothing.
        said: String,
    },
    /// It refuses to run the command or to open the channel. Nothing was run.
    #[error("it refuses {stage}: {why}")]
    Refused {
        /// What it refuses.
        stage: Stage,
        /// Its reason.
        why: String,
    },
    /// It does not speak SSH as it should.
    #[error("{stage}: {why}")]
    Garbled {
        /// How far it got.
        stage: Stage,
        /// What made no sense.
        why: String,
    },
    /// More output than anything that ananke asks for can have.
    #[error("more than {limit} bytes on {stream}")]
    TooMuchOutput {
        /// `stdout` or `stderr`.
        stream: &'static str,
        /// The bound.
        limit: usize,
    },
    /// Neither the jump host nor the direct way.
    #[error("through the jump host {host}: {jump}; directly: {direct}")]
    BothPaths {
        /// The jump host's address.
        host: String,
        /// Why not through it.
        jump: Box<SshError>,
        /// Why not directly.
        direct: Box<SshError>,
    },
}

impl SshError {
    /// What to do about it.
    pub fn kind(&self) -> BlindKind {
        match self {
            Self::NotInInventory => BlindKind::NotAsked,
            Self::Closed | Self::TimedOut { stage: Stage::Place, .. } => BlindKind::NotYet,
            Self::KnownHosts(_) | Self::HostKey(_) | Self::NoUsableHostKey { .. } => {
                BlindKind::Identity
            }
            Self::Identity(_) | Self::Denied { .. } | Self::Refused { .. } => BlindKind::Denied,
            // It is the kernel that refuses: the machine runs.
            Self::Unreachable { stage: Stage::Connect, why } if why.contains("refused") => {
                BlindKind::Refused
            }
            // A connect that is never answered is the usual sign of a machine without power.
            Self::Unreachable { .. } | Self::TimedOut { stage: Stage::Connect, .. } => {
                BlindKind::Unreachable
            }
            Self::TimedOut { .. } => BlindKind::TimedOut,
            Self::Garbled { .. } | Self::TooMuchOutput { .. } => BlindKind::Garbled,
            Self::BothPaths { jump, direct, .. } => worse(jump.kind(), direct.kind()),
        }
    }

    /// Whether the command may have been carried out. If not, nothing was done on the machine;
    /// if so, what became of it is unknown.
    pub fn may_have_run(&self) -> bool {
        matches!(self, Self::TimedOut { stage: Stage::Command, .. } | Self::TooMuchOutput { .. })
    }
}

/// Of two failed ways, the one that a person must mend counts; else the direct one.
fn worse(jump: BlindKind, direct: BlindKind) -> BlindKind {
    let for_a_person = |kind| matches!(kind, BlindKind::Identity | BlindKind::Denied);
    if for_a_person(jump) && !for_a_person(direct) { jump } else { direct }
}

impl From<&SshError> for Blind {
    fn from(error: &SshError) -> Self {
        Self::new(error.kind(), error.to_string())
    }
}

/// A host key that can't be trusted, with everything a person needs to judge it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct HostKeyError {
    /// How the person names it: the machine's name, or the jump host's address.
    pub name: String,
    /// As known_hosts writes it.
    pub host: HostName,
    /// The known_hosts file.
    pub file: PathBuf,
    /// The type of the key that was shown.
    pub algorithm: String,
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
    /// Unknown, changed or revoked.
    pub verdict: Verdict,
}

impl fmt::Display for HostKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, host, algorithm, fingerprint, .. } = self;
        let file = self.file.display();
        let shown = format!("{algorithm} {fingerprint}");
        match &self.verdict {
            Verdict::Unknown { unused } => {
                write!(f, "unknown host key: {host} shows {shown}, and {file} has no key for it")?;
                for line in unused {
                    write!(f, " (line {}: {})", line.line, line.why)?;
                }
                write!(f, "; compare it with the machine's own, then: ananke hosts accept {name}")
            }
            Verdict::Changed { recorded } => {
                write!(f, "changed host key: {host} shows {shown}, but {file} has")?;
                for (i, key) in recorded.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    write!(
                        f,
                        "{comma} {} {} in line {}",
                        key.algorithm, key.fingerprint, key.line
                    )?;
                }
                write!(
                    f,
                    "; if the machine was installed anew: ananke hosts scan {name}, then ananke \
                     hosts accept {name}; if not, somebody else answers there"
                )
            }
            Verdict::Revoked { line } => write!(
                f,
                "revoked host key: {host} shows {shown}, which {file} line {line} revokes; give \
                 the machine a new host key, then: ananke hosts accept {name}"
            ),
            Verdict::Known { line } => {
                write!(f, "{host} shows {shown}, known by {file} line {line}")
            }
        }
    }
}

/// What a machine said, made fit to be shown: one line, no control characters, not too long.
pub(super) fn printable(text: &str) -> String {
    /// Enough for sshd's longest message.
    const MAX_CHARS: usize = 200;
    let mut line: String =
        text.trim().chars().take(MAX_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.trim().chars().nth(MAX_CHARS).is_some() {
        line.push_str("...");
    }
    line
}
