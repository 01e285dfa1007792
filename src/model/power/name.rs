//! A UPS as operators write it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// upsd's port (IANA: nut, 3493/tcp).
pub const NUT_PORT: u16 = 3493;

/// The longest name of a UPS that is taken. A command to upsd must stay below its buffer of 512
/// bytes, with a variable's name beside it.
const LONGEST_UPS: usize = 127;

/// The longest name of a host (RFC 1035).
const LONGEST_HOST: usize = 253;

/// A UPS of an upsd: `name@host` or `name@host:port`. An IPv6 address stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct UpsName {
    ups: String,
    host: String,
    port: u16,
}

impl UpsName {
    /// Reads `name@host[:port]`.
    ///
    /// # Errors
    /// [`UpsNameError`]: what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, UpsNameError> {
        let (ups, place) = text.split_once('@').ok_or(UpsNameError::NoHost)?;
        if ups.is_empty() || ups.len() > LONGEST_UPS || !ups.chars().all(is_plain) {
            return Err(UpsNameError::BadName);
        }
        let (host, port) = split_port(place)?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let good = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
            }
        };
        if !good || host.len() > LONGEST_HOST {
            return Err(UpsNameError::BadHost);
        }
        let host = bare.unwrap_or(host).to_ascii_lowercase();
        Ok(Self { ups: ups.to_owned(), host, port })
    }

    /// The name that upsd knows, as it was written.
    pub fn ups(&self) -> &str {
        &self.ups
    }

    /// Host name or address of upsd, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port of upsd.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether both mean the same UPS: upsd compares names without case.
    pub fn is_same(&self, other: &Self) -> bool {
        self.ups.eq_ignore_ascii_case(&other.ups)
            && (&self.host, self.port) == (&other.host, other.port)
    }
}

/// What stands in a section name of ups.conf and needs no quotes on the wire.
const fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn split_port(place: &str) -> Result<(&str, u16), UpsNameError> {
    // The colons of a bracketed address are no port.
    let behind = place.rfind(']').map_or(0, |at| at + 1);
    match place[behind..].split_once(':') {
        None => Ok((place, NUT_PORT)),
        Some((host, port)) => match port.parse() {
            Ok(port @ 1..) => Ok((&place[..behind + host.len()], port)),
            Ok(0) | Err(_) => Err(UpsNameError::BadPort),
        },
    }
}

/// What is wrong with the name of a UPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpsNameError {
    /// No `@`.
    #[error("there is no host: write name@host, for example rack@localhost")]
    NoHost,
    /// What stands before the `@`.
    #[error("the name before the @ must be letters, digits, `-`, `_` and `.`, at most 127")]
    BadName,
    /// What stands behind it.
    #[error("the host behind the @ must be a name, an IPv4 address or an IPv6 address in brackets")]
    BadHost,
    /// What stands behind the colon.
    #[error("the port must be a number from 1 to 65535")]
    BadPort,
}

impl fmt::Display for UpsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port {
            NUT_PORT => f.pad(&format!("{}@{host}", self.ups)),
            port => f.pad(&format!("{}@{host}:{port}", self.ups)),
        }
    }
}

impl From<UpsName> for String {
    fn from(name: UpsName) -> Self {
        name.to_string()
    }
}

impl TryFrom<String> for UpsName {
    type Error = UpsNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_back() {
        let table = [
            ("rack@localhost", "rack", "localhost", 3493, "rack@localhost"),
            ("rack@Host.Example:3493", "rack", "host.example", 3493, "rack@host.example"),
            ("a-b_c.d@192.0.2.1:34930", "a-b_c.d", "192.0.2.1", 34930, "a-b_c.d@192.0.2.1:34930"),
            ("u@[fd00::1]", "u", "fd00::1", 3493, "u@[fd00::1]"),
            ("u@[fd00::1]:1", "u", "fd00::1", 1, "u@[fd00::1]:1"),
        ];
        for (text, ups, host, port, back) in table {
            let name = UpsName::parse(text).unwrap();
            assert_eq!((name.ups(), name.host(), name.port()), (ups, host, port), "{text}");
            assert_eq!(name.to_string(), back);
            let json = serde_json::to_string(&name).unwrap();
            assert_eq!(serde_json::from_str::<UpsName>(&json).unwrap(), name);
        }
    }

    #[test]
    fn what_is_no_name_says_why() {
        let long = format!("{}@h", "x".repeat(128));
        let table = [
            ("rack", UpsNameError::NoHost),
            ("", UpsNameError::NoHost),
            ("@host", UpsNameError::BadName),
            ("a b@host", UpsNameError::BadName),
            ("a\nFSD@host", UpsNameError::BadName),
            ("\"a@host", UpsNameError::BadName),
            (&long, UpsNameError::BadName),
            ("a@", UpsNameError::BadHost),
            ("a@:1", UpsNameError::BadHost),
            ("a@b@c", UpsNameError::BadHost),
            ("a@fd00::1", UpsNameError::BadPort),
            ("a@[fd00::1", UpsNameError::BadPort),
            ("a@[zz]", UpsNameError::BadHost),
            ("a@h:0", UpsNameError::BadPort),
            ("a@h:65536", UpsNameError::BadPort),
            ("a@h:", UpsNameError::BadPort),
        ];
        for (text, error) in table {
            assert_eq!(UpsName::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn upsd_compares_names_without_case() {
        let name = |text| UpsName::parse(text).unwrap();
        assert!(name("Rack@H").is_same(&name("rack@h:3493")));
        assert!(!name("rack@h").is_same(&name("rack@h:1")));
    }
}
