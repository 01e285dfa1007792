//! OpenSSH's known_hosts, read strictly (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
//!
//! Where OpenSSH passes over what it can't read, this does so only where the loss makes a machine
//! unknown. A `@revoked` line that can't be read is an error: passing it over would trust a key
//! that somebody meant to shut out.

mod accept;
mod file;
mod pattern;

use std::path::PathBuf;
use std::str::FromStr;

use russh::keys::ssh_key::known_hosts::HostPatterns;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};

pub use accept::{Accepted, accept};
pub(super) use file::Trust;
pub use pattern::HostName;
use pattern::Hosts;

/// The host key algorithms that ananke uses, best first. RSA is off (RUSTSEC-2023-0071).
pub const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
];

/// The SHA-256 fingerprint of a key, as `ssh-keygen -l` shows it.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Why a known_hosts file can't be used or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KnownHostsError {
    /// Missing or unreadable. Not the same as a host that is unknown.
    #[error(
        "{} can't be read ({why}); `ananke hosts scan` shows the machines' keys and \
         `ananke hosts accept` writes the file", file.display()
    )]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A line whose loss would trust too much.
    #[error("{} line {line}: {why}; mend or remove this line", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Somebody asked to accept a key that the file revokes.
    #[error("line {line} revokes the key {fingerprint}: it can't be accepted")]
    Revoked {
        /// Counted from 1.
        line: usize,
        /// The key.
        fingerprint: String,
    },
    /// What was written would still not be trusted.
    #[error("the key {fingerprint} would still not be trusted; look at the lines for {host}")]
    NotEffective {
        /// The host.
        host: HostName,
        /// The key.
        fingerprint: String,
    },
    /// The new file could not be put in place. The old one is untouched.
    #[error("{} can't be written ({why}); nothing was changed", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        why: String,
    },
}

/// What the file says about a key that a host shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The host has this key.
    Known {
        /// Where it says so.
        line: usize,
    },
    /// The file has no key of this host that ananke could use.
    Unknown {
        /// Lines of this host that ananke does not use, and why.
        unused: Vec<Unused>,
    },
    /// The file has other keys of this host.
    Changed {
        /// All of them.
        recorded: Vec<Recorded>,
    },
    /// The file says never to trust this key.
    Revoked {
        /// Where it says so.
        line: usize,
    },
}

/// A key that the file has for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Counted from 1.
    pub line: usize,
    /// `ssh-ed25519`, for example.
    pub algorithm: String,
    /// SHA-256.
    pub fingerprint: String,
}

/// A line for a host that ananke does not use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// Counted from 1.
    pub line: usize,
    /// Why not.
    pub why: &'static str,
}

/// One file, read.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
    unread: Vec<Unused>,
}

#[derive(Debug, Clone)]
struct Entry {
    line: usize,
    marker: Option<Marker>,
    hosts: Hosts,
    key: PublicKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    CertAuthority,
    Revoked,
}

impl KnownHosts {
    /// Reads a file's content.
    ///
    /// # Errors
    /// The line (counted from 1) and what is wrong with it, if passing it over would trust a key
    /// that the file shuts out: a `@revoked` line or one with an unknown marker.
    pub fn parse(content: &[u8]) -> Result<Self, Unused> {
        let mut known = Self::default();
        for (index, bytes) in content.split(|b| *b == b'\n').enumerate() {
            let line = index + 1;
            match entry(line, bytes) {
                Ok(Some(entry)) => known.entries.push(entry),
                Ok(None) => {}
                Err(why) if bytes.trim_ascii_start().starts_with(b"@") => {
                    return Err(Unused { line, why });
                }
                Err(why) => known.unread.push(Unused { line, why }),
            }
        }
        Ok(known)
    }

    /// Lines that could not be read. A host that only they name is unknown.
    pub fn unread(&self) -> &[Unused] {
        &self.unread
    }

    /// What the file says about `key`, shown by `host`.
    ///
    /// As with OpenSSH, a host on a port of its own is looked up as `[host]:port` first; only if
    /// nothing is recorded under that name, the plain `host` may vouch for the same key.
    pub fn judge(&self, host: &HostName, key: &PublicKey) -> Verdict {
        let same = |entry: &&Entry| entry.key.key_data() == key.key_data();
        let revoked = host.forms().find_map(|form| {
            self.of(form).filter(|e| e.marker == Some(Marker::Revoked)).find(same)
        });
        if let Some(entry) = revoked {
            return Verdict::Revoked { line: entry.line };
        }
        if let Some(entry) = self.usable(host.as_str()).find(same) {
            return Verdict::Known { line: entry.line };
        }
        let recorded: Vec<_> = self.usable(host.as_str()).map(recorded).collect();
        if !recorded.is_empty() {
            return Verdict::Changed { recorded };
        }
        if let Some(entry) = host.forms().skip(1).find_map(|form| self.usable(form).find(same)) {
            return Verdict::Known { line: entry.line };
        }
        Verdict::Unknown { unused: self.unused(host) }
    }

    /// [`ALGORITHMS`] with those that the file has for `host` first, so that a server with several
    /// host keys shows the one that is recorded.
    pub fn algorithms(&self, host: &HostName) -> Vec<Algorithm> {
        let form = host.forms().find(|form| self.usable(form).next().is_some());
        let has = |wanted: &Algorithm| {
            form.is_some_and(|form| self.usable(form).any(|e| e.key.algorithm() == *wanted))
        };
        let (mut first, rest): (Vec<_>, Vec<_>) = ALGORITHMS.into_iter().partition(has);
        first.extend(rest);
        first
    }

    fn of<'a>(&'a self, form: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.hosts.contain(form))
    }

    fn usable<'a>(&'a self, form: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.of(form).filter(|e| e.marker.is_none() && ALGORITHMS.contains(&e.key.algorithm()))
    }

    fn unused(&self, host: &HostName) -> Vec<Unused> {
        let why = |entry: &Entry| match entry.marker {
            Some(Marker::CertAuthority) => Some("certificate authorities are not used"),
            Some(Marker::Revoked) => None,
            None if ALGORITHMS.contains(&entry.key.algorithm()) => None,
            None => Some("keys of this type are not used"),
        };
        self.of(host.as_str())
            .filter_map(|entry| why(entry).map(|why| Unused { line: entry.line, why }))
            .collect()
    }
}

fn recorded(entry: &Entry) -> Recorded {
    Recorded {
        line: entry.line,
        algorithm: entry.key.algorithm().to_string(),
        fingerprint: fingerprint(&entry.key),
    }
}

/// One line; `None` for an empty one or a comment.
fn entry(line: usize, bytes: &[u8]) -> Result<Option<Entry>, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    let mut words = text.split([' ', '\t', '\r']).filter(|word| !word.is_empty()).peekable();
    if words.peek().is_none_or(|word| word.starts_with('#')) {
        return Ok(None);
    }
    let marker = match words.peek() {
        Some(&"@revoked") => Some(Marker::Revoked),
        Some(&"@cert-authority") => Some(Marker::CertAuthority),
        Some(word) if word.starts_with('@') => return Err("it has an unknown marker"),
        _ => None,
    };
    if marker.is_some() {
        words.next();
    }
    let (Some(hosts), Some(algorithm), Some(base64)) = (words.next(), words.next(), words.next())
    else {
        return Err("it needs hosts, key type and key");
    };
    let hosts = HostPatterns::from_str(hosts).map_err(|_| "its hosts can't be read")?;
    let key = PublicKey::from_openssh(&format!("{algorithm} {base64}"))
        .map_err(|_| "its key can't be read")?;
    Ok(Some(Entry { line, marker, hosts: Hosts::from(hosts), key }))
}

#[cfg(test)]
mod tests;
