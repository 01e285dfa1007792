//! Host names and the patterns that match them.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_key::known_hosts::HostPatterns;
use sha1::Sha1;

/// The port without which known_hosts writes a host's name.
const DEFAULT_PORT: u16 = 22;

/// A host as known_hosts writes it: `name`, or `[name]:port` for a port of its own. Lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName {
    text: String,
    plain: String,
}

impl HostName {
    /// The name for an address and a port.
    pub fn new(address: &str, port: u16) -> Self {
        let plain = address.to_ascii_lowercase();
        let text = if port == DEFAULT_PORT { plain.clone() } else { format!("[{plain}]:{port}") };
        Self { text, plain }
    }

    /// As it is written in the file.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names to look under, in order: with the port, then without it.
    pub(super) fn forms(&self) -> impl Iterator<Item = &str> {
        let plain = (self.plain != self.text).then_some(self.plain.as_str());
        std::iter::once(self.text.as_str()).chain(plain)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// The hosts of one line.
#[derive(Debug, Clone)]
pub(super) enum Hosts {
    Patterns(Vec<Pattern>),
    Hashed { salt: Vec<u8>, hash: [u8; 20] },
}

#[derive(Debug, Clone)]
pub(super) struct Pattern {
    negated: bool,
    text: String,
}

impl Pattern {
    fn new(written: &str) -> Self {
        let lower = written.to_ascii_lowercase();
        match lower.strip_prefix('!') {
            Some(rest) => Self { negated: true, text: rest.to_owned() },
            None => Self { negated: false, text: lower },
        }
    }

    /// Whether it names exactly this host, without wildcards.
    pub(super) fn is_literally(&self, host: &str) -> bool {
        !self.negated && !self.text.contains(['*', '?']) && self.text == host
    }
}

impl From<HostPatterns> for Hosts {
    fn from(read: HostPatterns) -> Self {
        match read {
            HostPatterns::Patterns(list) => {
                Self::Patterns(list.iter().map(|text| Pattern::new(text)).collect())
            }
            HostPatterns::HashedName { salt, hash } => Self::Hashed { salt, hash },
        }
    }
}

impl Hosts {
    /// Whether the line is about `host`. One negated pattern that matches rules the line out.
    pub(super) fn contain(&self, host: &str) -> bool {
        match self {
            Self::Patterns(list) => {
                let mut hits =
                    list.iter().filter(|p| glob(p.text.as_bytes(), host.as_bytes())).peekable();
                hits.peek().is_some() && hits.all(|pattern| !pattern.negated)
            }
            Self::Hashed { salt, hash } => hashed(salt, host) == Some(*hash),
        }
    }

    /// Whether the line names `host` itself, not through a wildcard.
    pub(super) fn name(&self, host: &str) -> bool {
        match self {
            Self::Patterns(list) => list.iter().any(|pattern| pattern.is_literally(host)),
            Self::Hashed { .. } => self.contain(host),
        }
    }
}

/// HMAC-SHA1 of the host under the salt: how `HashKnownHosts` hides names.
fn hashed(salt: &[u8], host: &str) -> Option<[u8; 20]> {
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).ok()?;
    mac.update(host.as_bytes());
    Some(mac.finalize().into_bytes().into())
}

/// Shell-like match with `*` and `?` only, in time linear in `pattern × text` at worst.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last star does not match here.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star.as_mut() {
                Some((at, from)) => {
                    *from += 1;
                    p = *at + 1;
                    t = *from;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}
