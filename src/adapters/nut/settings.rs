//! How upsd is reached.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::power::UpsName;
use crate::model::time::Span;

/// How the UPSes are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NutSettings {
    /// The UPSes, each with the way to its upsd.
    pub upses: BTreeMap<UpsName, Encryption>,
    /// The pause between two questions. upsd answers from memory, so a short one costs little.
    pub poll: Span,
    /// TCP connect with the name look-up, and the TLS handshake: each so long.
    pub connect: Span,
    /// A whole answer, however many lines it has.
    pub answer: Span,
}

impl NutSettings {
    /// The pause by default: a loss of mains is seen after half of it in the mean, and upsd shows
    /// it within a second or two of the driver.
    pub const POLL: Span = Span::millis(250);

    /// The deadline of a connection by default.
    pub const CONNECT: Span = Span::secs(3);

    /// The deadline of an answer by default. upsd on a busy single-board computer takes
    /// milliseconds.
    pub const ANSWER: Span = Span::secs(2);
}

/// Whether the way to an upsd is encrypted. There is no "if possible": whoever stands in between
/// would make it impossible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// Plain text: for an upsd on this host, or on a network that is trusted as a whole.
    Off,
    /// STARTTLS, and the server must show a certificate that stands in this file, byte for byte.
    Pinned {
        /// PEM, one certificate or several (for the time of a change).
        file: PathBuf,
    },
}
