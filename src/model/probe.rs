//! Questions that are asked of a service from outside, as its users do, and what came back. A
//! status in the datastore may be from before the outage; an answer is of now.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{GateId, MachineName};
use super::time::Span;

mod judge;

pub use judge::{BODY_MAX, HttpReply};

/// The name of a probe: of its entry in the configuration, or the host of an ingress.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProbeName(String);

impl ProbeName {
    /// A name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProbeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What is asked, and what a good answer is. Nothing of it has a default that could make a bad
/// answer a good one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The gate that waits for a good answer.
    pub gate: GateId,
    /// What is asked.
    pub ask: Ask,
    /// Through which machine, by SSH port forwarding. `None`: straight from ananke's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<MachineName>,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// `GET URL`
    Http(HttpAsk),
    /// Whether a port accepts a connection.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// An A record, over TCP (RFC 7766), so that the question can go through a port forwarding.
    Dns {
        /// Address of the server.
        server: String,
        /// Its port.
        port: u16,
        /// The name that must have an address.
        name: String,
    },
}

/// A question over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpAsk {
    /// `http://` or `https://`, with a host.
    pub url: String,
    /// `ADDRESS` or `ADDRESS:PORT` that is called instead of what the URL's host resolves to. The
    /// name in the request and in TLS stays that of the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The statuses that are good.
    pub statuses: BTreeSet<u16>,
    /// Text that the body must have in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What must stand at a JSON pointer (RFC 6901) of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<JsonWish>,
    /// How the address must begin to which the answer sends its reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// How `WWW-Authenticate` must begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
}

/// What must stand where in a JSON body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonWish {
    /// RFC 6901.
    pub pointer: String,
    /// The value, as JSON.
    pub value: serde_json::Value,
}

/// What came back from one question that could be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// An HTTP answer.
    Http(HttpAnswer),
    /// A connection was accepted.
    Accepted,
    /// The name has an address.
    Resolved,
    /// There is a server, and it has no such name.
    NoSuchName,
    /// Whoever should answer did not: refused, silent, reset. It was asked, so this is a finding
    /// about the service. That nobody could ask is not: see [`Blind`](super::facts::Blind).
    Nothing {
        /// The reason, for people.
        why: String,
    },
}

/// An HTTP answer, already held against what was asked for: bodies are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpAnswer {
    /// Its status.
    pub status: u16,
    /// What of it is not as asked for besides the status, for people; empty if nothing is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<String>,
    /// When its certificate ends. `None` without TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_until: Option<Timestamp>,
}

/// What was found at one look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What came back.
    pub answer: Answer,
    /// How long it took.
    pub took: Span,
}
