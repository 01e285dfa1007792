//! Questions that are asked of a service from outside, as its users do, and what came back. A
//! status in the datastore may be from before the outage; an answer is of now.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{GateId, MachineName};
use super::observation::Steady;
use super::time::Span;
use super::vault::{SealStatus, VaultAsk};

mod judge;

pub use judge::{BODY_MAX, HttpReply};

/// The pause between two questions of which the last one had a good answer: a service serves its
/// users, and a look at each of 500 has to be no load.
pub const EVERY: Span = Span::secs(30);

/// The pause while the answer is not good: then somebody waits for it.
pub const AGAIN: Span = Span::secs(10);

/// How long one question may take as a whole. With the pauses above no answer is older than
/// [`EVERY`] and this before the next one comes; whoever uses one allows for that.
pub const LIMIT: Span = Span::secs(10);

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
    /// How a vault stands.
    Vault(VaultAsk),
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
    /// Other addresses like `at`, tried in their order where nobody accepts a connection there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub or_at: Vec<String>,
    /// Whether the certificate of anybody will do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unverified: bool,
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
    /// What a vault says of its seal.
    Seal(SealStatus),
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

impl Steady for Finding {
    type Still = Answer;

    fn steady(&self) -> Answer {
        self.answer.clone()
    }
}

impl Answer {
    /// When the certificate of whoever answered ends. `None` without one.
    pub const fn certificate_until(&self) -> Option<Timestamp> {
        match self {
            Self::Http(answer) => answer.certificate_until,
            Self::Seal(said) => said.certificate_until,
            Self::Accepted | Self::Resolved | Self::NoSuchName | Self::Nothing { .. } => None,
        }
    }
}

impl Probe {
    /// What is wrong with an answer, for people. `None`: it is good.
    pub fn complaint(&self, answer: &Answer) -> Option<String> {
        match (&self.ask, answer) {
            (_, Answer::Nothing { why }) => Some(why.clone()),
            (Ask::Http(ask), Answer::Http(answer)) => ask.complaint(answer),
            (Ask::Dns { name, .. }, Answer::NoSuchName) => {
                Some(format!("it answers, and knows no address of {name}"))
            }
            (Ask::Vault(_), Answer::Seal(said)) => said.seal.complaint(),
            (Ask::Tcp { .. }, Answer::Accepted) | (Ask::Dns { .. }, Answer::Resolved) => None,
            // An answer of before the configuration was changed.
            (
                Ask::Http(_),
                Answer::Accepted | Answer::Resolved | Answer::NoSuchName | Answer::Seal(_),
            )
            | (
                Ask::Tcp { .. },
                Answer::Http(_) | Answer::Resolved | Answer::NoSuchName | Answer::Seal(_),
            )
            | (Ask::Dns { .. }, Answer::Http(_) | Answer::Accepted | Answer::Seal(_))
            | (
                Ask::Vault(_),
                Answer::Http(_) | Answer::Accepted | Answer::Resolved | Answer::NoSuchName,
            ) => Some("the answer is to another question".to_owned()),
        }
    }
}

impl HttpAsk {
    fn complaint(&self, answer: &HttpAnswer) -> Option<String> {
        let status = (!self.statuses.contains(&answer.status))
            .then(|| format!("it answers with status {}", answer.status));
        let said: Vec<String> = status.into_iter().chain(answer.wrong.iter().cloned()).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_good() {
        let http = HttpAsk {
            url: "https://git.example/".to_owned(),
            at: None,
            statuses: BTreeSet::from([200]),
            body: None,
            json: None,
            redirect: None,
            challenge: None,
            or_at: Vec::new(),
            unverified: false,
        };
        let got = |status, wrong: &[&str]| {
            let wrong = wrong.iter().map(|it| (*it).to_owned()).collect();
            Answer::Http(HttpAnswer { status, wrong, certificate_until: None })
        };
        let probe = |ask| Probe { gate: GateId::fixed("services"), ask, via: None };
        let http = probe(Ask::Http(http));
        let tcp = probe(Ask::Tcp { host: "db".to_owned(), port: 5432 });
        let (server, name) = ("10.43.0.10".to_owned(), "api.example".to_owned());
        let dns = probe(Ask::Dns { server, port: 53, name });
        let nothing = || Answer::Nothing { why: "refused".to_owned() };
        let table = [
            (&http, got(200, &[]), None),
            (&http, got(204, &[]), Some("it answers with status 204")),
            (&http, got(502, &["no x"]), Some("it answers with status 502; no x")),
            (&http, got(200, &["no x"]), Some("no x")),
            (&http, nothing(), Some("refused")),
            (&http, Answer::Accepted, Some("the answer is to another question")),
            (&tcp, Answer::Accepted, None),
            (&tcp, nothing(), Some("refused")),
            (&dns, Answer::Resolved, None),
            (&dns, Answer::NoSuchName, Some("it answers, and knows no address of api.example")),
        ];
        for (probe, answer, said) in table {
            assert_eq!(probe.complaint(&answer).as_deref(), said, "{answer:?}");
        }
    }
}
