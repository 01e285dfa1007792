//! Why upsd gave no answer, or not the one that was asked for.

use std::io;

use crate::model::error_text::chain;
use crate::model::facts::{Blind, BlindKind};

use super::line::LineError;

/// The longest text of others that is repeated, in characters.
const LONGEST: usize = 200;

/// Why there is no answer. The variant says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum NutError {
    /// Nothing answers there: look at the host, its network, whether nut-server runs.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// Something does not answer in time: it hangs, or the network swallows.
    #[error("no {what} within its time")]
    Late {
        /// What was awaited.
        what: &'static str,
    },
    /// The connection ended: make a new one. upsd drops clients that are idle for a minute.
    #[error("the connection ended")]
    Closed,
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    /// upsd says no. The connection is good.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// This is not how upsd talks: another service, or a broken one.
    #[error("the answer makes no sense: {0}")]
    Garbled(String),
    /// The command can't be put into a line.
    #[error("the command can't be sent")]
    Command(#[from] LineError),
    /// upsd takes no STARTTLS, and plain text is not wanted: set up its certificate
    /// (CERTPATH and CERTIDENT, or CERTFILE), or say that plain text is wanted.
    #[error("it has no TLS (it says {word}), and its certificate is to be verified")]
    NoTls {
        /// upsd's word.
        word: String,
    },
    /// The server shows another certificate than the pinned one. Somebody stands in between, or
    /// it was renewed: compare the fingerprint on the server.
    #[error("it shows a certificate that is not in {file}; SHA-256 of the one shown: {shown}")]
    Stranger {
        /// Where the pinned ones stand.
        file: String,
        /// The fingerprint of the one that was shown.
        shown: String,
    },
    /// The TLS handshake failed for another reason.
    #[error("TLS failed")]
    Tls(#[source] io::Error),
    /// The file with the pinned certificates is of no use.
    #[error("the pinned certificate {file} can't be used: {why}")]
    Pin {
        /// Which.
        file: String,
        /// Why not.
        why: String,
    },
}

/// An `ERR` of upsd (NUT developer guide, "Error responses").
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `DATA-STALE`: the driver is connected and silent. The UPS is unknown until it speaks.
    #[error("upsd has had no word from the UPS for too long (DATA-STALE)")]
    DataStale,
    /// `DRIVER-NOT-CONNECTED`: start the driver.
    #[error("the driver of the UPS does not run (DRIVER-NOT-CONNECTED)")]
    DriverNotConnected,
    /// `UNKNOWN-UPS`: a wrong name, here or in ups.conf.
    #[error("upsd knows no UPS of this name (UNKNOWN-UPS)")]
    UnknownUps,
    /// `VAR-NOT-SUPPORTED`: this UPS does not report that.
    #[error("the UPS does not report that (VAR-NOT-SUPPORTED)")]
    VarNotSupported,
    /// `ACCESS-DENIED`: LISTEN and hosts.allow, or user and password.
    #[error("upsd denies access (ACCESS-DENIED)")]
    AccessDenied,
    /// Any other word.
    #[error("upsd refuses: {0}")]
    Other(String),
}

impl Refusal {
    /// Reads what follows `ERR`.
    pub fn of(words: &[String]) -> Self {
        match words.first().map(String::as_str) {
            Some("DATA-STALE") => Self::DataStale,
            Some("DRIVER-NOT-CONNECTED") => Self::DriverNotConnected,
            Some("UNKNOWN-UPS") => Self::UnknownUps,
            Some("VAR-NOT-SUPPORTED") => Self::VarNotSupported,
            Some("ACCESS-DENIED") => Self::AccessDenied,
            Some(_) | None => Self::Other(short(&words.join(" "))),
        }
    }
}

impl NutError {
    /// Whether the connection can be used further.
    pub const fn keeps_connection(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Command(_))
    }

    /// The reason as a fact.
    pub fn blind(&self) -> Blind {
        let kind = match self {
            Self::Connect(_)
            | Self::Closed
            | Self::Broken(_)
            | Self::Refused(Refusal::DriverNotConnected) => BlindKind::Unreachable,
            Self::Refused(Refusal::DataStale) => BlindKind::Stale,
            Self::Late { .. } => BlindKind::TimedOut,
            Self::Refused(Refusal::AccessDenied) => BlindKind::Denied,
            Self::Refused(Refusal::UnknownUps)
            | Self::NoTls { .. }
            | Self::Stranger { .. }
            | Self::Tls(_)
            | Self::Pin { .. } => BlindKind::Identity,
            Self::Refused(Refusal::VarNotSupported | Refusal::Other(_))
            | Self::Garbled(_)
            | Self::Command(_) => BlindKind::Garbled,
        };
        Blind::new(kind, chain(self))
    }
}

/// A text of others, printable and not too long.
pub(super) fn short(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { '?' } else { c });
    printable.take(LONGEST).collect()
}
