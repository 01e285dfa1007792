//! A vault (HashiCorp Vault, OpenBao): what is asked of it, what it says of its seal, and what its
//! answer to a key means. The real adapter and the simulated site both judge here.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::probe::HttpAsk;

/// Where a vault says how it stands. It answers there whether it is open or not
/// (Vault API, `sys/seal-status`).
pub const SEAL_STATUS: &str = "/v1/sys/seal-status";

/// Where a vault takes a key (Vault API, `sys/unseal`).
pub const UNSEAL: &str = "/v1/sys/unseal";

/// One vault: a single pod or address. What opens one of several says nothing of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultAsk {
    /// `http://` or `https://`, with a host and no path.
    pub url: String,
    /// `ADDRESS` or `ADDRESS:PORT` that is called instead of what the URL's host resolves to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Whether the certificate of anybody will do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unverified: bool,
    /// Whether a person said that a key may go there although nothing proves who takes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trusted_way: bool,
}

impl VaultAsk {
    /// The question at one of its paths. Nothing but 200 is an answer to it.
    pub fn at_path(&self, path: &str) -> HttpAsk {
        HttpAsk {
            url: format!("{}{path}", self.url),
            at: self.at.clone(),
            statuses: BTreeSet::from([200]),
            body: None,
            json: None,
            redirect: None,
            challenge: None,
            or_at: Vec::new(),
            unverified: self.unverified,
        }
    }

    /// Why no key may go there. `None`: one may.
    pub fn unsafe_for_keys(&self) -> Option<&'static str> {
        if self.trusted_way {
            return None;
        }
        if !self.url.starts_with("https://") {
            return Some("its key would go there unencrypted: `https://`, or `trusted_way`");
        }
        self.unverified.then_some(
            "its key would go to whoever answers there: `verify_certificates`, or `trusted_way`",
        )
    }
}

/// What a vault says of its seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seal {
    /// It gives out secrets.
    Open,
    /// It waits for keys.
    Keys {
        /// How many it needs.
        needs: u32,
        /// How many of them it has.
        has: u32,
    },
    /// It is sealed, and what opens it is no key: a service of this kind (`awskms`, `transit`).
    Elsewhere {
        /// As the vault calls it.
        kind: String,
    },
    /// It was never initialised, or what it held is gone.
    Empty,
}

/// What a vault said at one look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealStatus {
    /// What it said.
    pub seal: Seal,
    /// When its certificate ends. `None` without TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_until: Option<Timestamp>,
}

impl Seal {
    /// What is wrong with it, for people. `None`: it is open.
    pub fn complaint(&self) -> Option<String> {
        (*self != Self::Open).then(|| format!("it is {self}"))
    }

    /// Reads a seal status.
    ///
    /// # Errors
    /// Why the answer is none, for people. Nothing of its body is repeated.
    pub fn read(status: u16, body: &[u8]) -> Result<Self, String> {
        if status != 200 {
            return Err(format!("it answers with status {status}, and says nothing of its seal"));
        }
        let said: Said = serde_json::from_slice(body)
            .map_err(|_| "it answers, and says nothing of its seal".to_owned())?;
        Ok(match said {
            Said { initialized: false, .. } => Self::Empty,
            Said { sealed: false, .. } => Self::Open,
            Said { kind, t: needs, progress: has, .. } if kind == KEYS => Self::Keys { needs, has },
            Said { kind, .. } => Self::Elsewhere { kind: one_word(&kind) },
        })
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Keys { needs, has: 0 } => write!(f, "sealed, and needs {}", keys(*needs)),
            Self::Keys { needs, has } => {
                write!(f, "sealed, and has {has} of the {} that it needs", keys(*needs))
            }
            Self::Elsewhere { kind } => write!(f, "sealed, and {kind} opens it, not a key"),
            Self::Empty => f.write_str("not initialised: it holds nothing, or has lost it"),
        }
    }
}

/// What a vault calls a seal that keys open (Shamir's secret sharing).
const KEYS: &str = "shamir";

/// The longest name of a seal that is shown. The known ones have at most a dozen letters.
const KIND_SHOWN: usize = 24;

/// What of an answer is read. Without any of these it is no vault's.
#[derive(Deserialize)]
struct Said {
    #[serde(rename = "type")]
    kind: String,
    initialized: bool,
    sealed: bool,
    #[serde(default)]
    t: u32,
    #[serde(default)]
    progress: u32,
}

/// Somebody else's word, fit to be shown.
fn one_word(text: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let word: String = text.chars().map(fit).take(KIND_SHOWN).collect();
    if word.is_empty() { "something else".to_owned() } else { word }
}

fn keys(count: u32) -> String {
    if count == 1 { "1 key".to_owned() } else { format!("{count} keys") }
}

/// What the answer to a key means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is open.
    Open,
    /// It took the key, and so many of those that it needs it has now.
    More {
        /// How many it has.
        has: u32,
    },
    /// It does not take it: this key, or one before it, is not one of its own.
    Refused,
    /// Something else came back.
    Odd(String),
}

impl Taken {
    /// Reads the answer to a key. Its words are not repeated: nobody knows what stands in them.
    pub fn read(status: u16, body: &[u8]) -> Self {
        match status {
            400 => Self::Refused,
            200 => match Seal::read(200, body) {
                Ok(Seal::Open) => Self::Open,
                Ok(Seal::Keys { has, .. }) => Self::More { has },
                Ok(other @ (Seal::Elsewhere { .. } | Seal::Empty)) => {
                    Self::Odd(format!("after a key it is {other}"))
                }
                Err(why) => Self::Odd(why),
            },
            status => Self::Odd(format!("it answers a key with status {status}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(url: &str) -> VaultAsk {
        VaultAsk { url: url.to_owned(), at: None, unverified: false, trusted_way: false }
    }

    #[test]
    fn a_seal_status_is_read_and_anything_else_is_none() {
        let said = |initialized: bool, sealed: bool, kind: &str| {
            format!(
                r#"{{"type": "{kind}", "initialized": {initialized}, "sealed": {sealed}, "t": 3,
                    "n": 5, "progress": 1, "nonce": "", "version": "1.20.4"}}"#
            )
        };
        let read = |text: &str| Seal::read(200, text.as_bytes());
        assert_eq!(read(&said(true, false, "shamir")), Ok(Seal::Open));
        assert_eq!(read(&said(true, true, "shamir")), Ok(Seal::Keys { needs: 3, has: 1 }));
        assert_eq!(read(&said(false, true, "shamir")), Ok(Seal::Empty));
        let elsewhere = Seal::Elsewhere { kind: "transit".to_owned() };
        assert_eq!(read(&said(true, true, "transit")), Ok(elsewhere));
        let Ok(Seal::Elsewhere { kind }) = read(&said(true, true, &"a b".repeat(50))) else {
            panic!("a seal of a strange kind");
        };
        assert_eq!(kind.len(), KIND_SHOWN);
        for odd in ["", "<html>", "{}", r#"{"initialized": true, "sealed": false}"#, "[1]"] {
            let why = read(odd).unwrap_err();
            assert!(why.contains("nothing of its seal"), "{odd}: {why}");
        }
        let why = Seal::read(503, b"secret").unwrap_err();
        assert_eq!(why, "it answers with status 503, and says nothing of its seal");
    }

    #[test]
    fn the_answer_to_a_key_is_told_without_its_words() {
        let body = |sealed: bool| {
            format!(
                r#"{{"type": "shamir", "initialized": true, "sealed": {sealed}, "progress": 2}}"#
            )
        };
        let read = |status: u16, text: &str| Taken::read(status, text.as_bytes());
        assert_eq!(read(200, &body(false)), Taken::Open);
        assert_eq!(read(200, &body(true)), Taken::More { has: 2 });
        assert_eq!(read(400, r#"{"errors": ["bad key c2VjcmV0"]}"#), Taken::Refused);
        for (status, text) in [(500, "c2VjcmV0"), (200, "c2VjcmV0"), (307, "")] {
            let Taken::Odd(why) = read(status, text) else { panic!("{status} {text}") };
            assert!(!why.contains("c2VjcmV0"), "{why}");
        }
    }

    #[test]
    fn a_key_goes_only_where_somebody_is_proven_or_a_person_trusts_the_way() {
        let proven = vault("https://v-0.example:8200");
        assert_eq!(proven.unsafe_for_keys(), None);
        let plain = vault("http://v-0.example:8200");
        assert!(plain.unsafe_for_keys().is_some_and(|why| why.contains("unencrypted")));
        let anybody = VaultAsk { unverified: true, ..proven };
        assert!(anybody.unsafe_for_keys().is_some_and(|why| why.contains("whoever answers")));
        for trusted in [plain, anybody] {
            let trusted = VaultAsk { trusted_way: true, ..trusted };
            assert_eq!(trusted.unsafe_for_keys(), None);
        }
    }

    #[test]
    fn a_seal_is_said_in_one_line() {
        let elsewhere = Seal::Elsewhere { kind: "awskms".to_owned() };
        for (seal, said) in [
            (Seal::Open, None),
            (Seal::Keys { needs: 1, has: 0 }, Some("it is sealed, and needs 1 key")),
            (
                Seal::Keys { needs: 3, has: 2 },
                Some("it is sealed, and has 2 of the 3 keys that it needs"),
            ),
            (elsewhere, Some("it is sealed, and awskms opens it, not a key")),
            (Seal::Empty, Some("it is not initialised: it holds nothing, or has lost it")),
        ] {
            assert_eq!(seal.complaint().as_deref(), said);
        }
    }
}
