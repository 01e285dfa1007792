//! One value as text: is it a duration, a user, an address, a path? Pure functions, no places.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::nearest::quoted;
use crate::model::time::Span;

/// Why a text is no such value, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// Whether the text may hold a secret and must not be shown.
    pub(super) secret: bool,
}

impl Bad {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, secret: false }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The units of a duration, from the longest, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// What [`duration`] accepts, as a regular expression for the schema.
pub(super) const DURATION_PATTERN: &str = "^[0-9]{1,12}(ms|s|m|h|d)( ?[0-9]{1,12}(ms|s|m|h|d))*$";

/// A duration: `30s`, `1h`, `1m 30s`, `500ms`.
pub(super) fn duration(text: &str) -> Result<Span, Bad> {
    let bad = || {
        Bad::new(format!("{} is not a duration", quoted(text)))
            .help("write a number with its unit: `500ms`, `30s`, `10m`, `1h`, `1m 30s`")
    };
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let help = format!("did you mean `{text}s`? The units are ms, s, m, h, d");
        return Err(Bad::new(format!("{} has no unit", quoted(text))).help(help));
    }
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let (number, unit) = (&rest[..digits], &rest[digits..digits + letters]);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        if number.is_empty() || number.len() > 12 {
            return Err(bad());
        }
        let number: u64 = number.parse().map_err(|_| bad())?;
        total = total.saturating_add(number.saturating_mul(*factor));
        let tail = &rest[digits + letters..];
        rest = match tail.strip_prefix(' ') {
            Some("") => return Err(bad()),
            Some(more) => more,
            None => tail,
        };
    }
    if text.is_empty() { Err(bad()) } else { Ok(Span::millis(total)) }
}

/// A duration as the file writes it, without rounding.
pub(super) fn exact(span: Span) -> String {
    let ms = span.as_millis();
    let (unit, factor) =
        UNITS.into_iter().find(|(_, f)| ms.is_multiple_of(*f)).unwrap_or(("ms", 1));
    if ms == 0 { "0s".to_owned() } else { format!("{}{unit}", ms / factor) }
}

/// A name as Kubernetes gives to nodes (RFC 1123 subdomain, at most 253 characters).
pub(super) fn machine(text: &str) -> Result<String, Bad> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let label = |l: &str| {
        l.len() <= 63
            && l.bytes().all(|b| inner(b) || b == b'-')
            && l.bytes().next().is_some_and(inner)
            && l.bytes().last().is_some_and(inner)
    };
    if text.len() <= 253 && text.split('.').all(label) {
        return Ok(text.to_owned());
    }
    let bad = Bad::new(format!("{} can't be the name of a machine", quoted(text)));
    let lower = text.to_ascii_lowercase().replace('_', "-");
    if lower != text && lower.len() <= 253 && lower.split('.').all(label) {
        return Err(bad.help(format!("did you mean `{lower}`? Node names are lower case")));
    }
    Err(bad.help("use the node's name in Kubernetes: lower-case letters, digits, `-` and `.`"))
}

/// The name of something that is asked, which may be the host of an ingress.
pub(super) fn service(text: &str) -> Result<String, Bad> {
    machine(text).map_err(|_| {
        let bad = Bad::new(format!("{} can't be the name of a service or host", quoted(text)));
        bad.help("lower-case letters, digits, `-` and `.`")
    })
}

/// A login name, as useradd(8) allows it in practice.
pub(super) fn user(text: &str) -> Result<String, Bad> {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let rest = |c: char| first(c) || c == '-' || c == '.';
    if text.len() <= 32 && text.starts_with(first) && text.chars().all(rest) {
        return Ok(text.to_owned());
    }
    let bad = Bad::new(format!("{} can't be a login name", quoted(text)));
    Err(if text.contains('@') { bad.help("only the name, without `@host`") } else { bad })
}

/// An IP address or a host name, without a port.
pub(super) fn address(text: &str) -> Result<String, Bad> {
    if text.parse::<Ipv4Addr>().is_ok() || is_v6(text) {
        return Ok(text.to_owned());
    }
    let bad = Bad::new(format!("{} is not an address", quoted(text)));
    if text.contains('@') {
        return Err(bad.help("the user goes into `ssh_user`, `ssh_node_users` or `ssh_jump_user`"));
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'))
        && is_v6(inner)
    {
        return Err(bad.help(format!("did you mean `{inner}`?")));
    }
    if let Some((host, port)) = text.rsplit_once(':')
        && port.parse::<u16>().is_ok()
        && (is_host(host) || host.starts_with('['))
    {
        return Err(bad.help("the port goes into `ssh_port` or `ssh_node_ports`"));
    }
    let numbers = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if is_host(text) && !numbers {
        return Ok(text.to_owned());
    }
    Err(bad.help("write an IPv4 or IPv6 address, or a host name"))
}

fn is_v6(text: &str) -> bool {
    // A zone (`fe80::1%eth0`) belongs to a link-local address.
    let (ip, zone) = text.split_once('%').unwrap_or((text, "x"));
    let zone_ok = !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_alphanumeric());
    ip.parse::<Ipv6Addr>().is_ok() && zone_ok
}

fn is_host(text: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// A host with an optional port: `name`, `name:22`, `192.0.2.1:22`, `[2001:db8::1]:22`.
pub(super) fn host_and_port(text: &str) -> Result<(String, Option<u16>), Bad> {
    let port = |text: &str, port: &str| match port.parse::<u16>() {
        Ok(number) if number > 0 => Ok(number),
        Ok(_) | Err(_) => {
            let message = format!("{} is not a port, in {}", quoted(port), quoted(text));
            Err(Bad::new(message).help("a port is a number from 1 to 65535"))
        }
    };
    if let Some((inner, after)) = text.strip_prefix('[').and_then(|t| t.split_once(']'))
        && is_v6(inner)
    {
        return match after.strip_prefix(':') {
            Some(number) => Ok((inner.to_owned(), Some(port(text, number)?))),
            None if after.is_empty() => Ok((inner.to_owned(), None)),
            None => Err(Bad::new(format!("{} is not an address", quoted(text)))),
        };
    }
    match text.split_once(':') {
        Some((host, number)) if !number.contains(':') => {
            Ok((address(host)?, Some(port(text, number)?)))
        }
        Some(_) | None => Ok((address(text)?, None)),
    }
}

/// Joins what [`host_and_port`] splits.
pub(super) fn joined(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The Kubernetes API's address: `https://host:6443`, nothing behind it.
pub(super) fn endpoint(text: &str) -> Result<String, Bad> {
    url(text)?;
    let bad = || Bad::new(format!("{} is not an API address", quoted(text)));
    let help = "write it as `https://192.0.2.11:6443`";
    let rest = match text.strip_prefix("https://") {
        Some(rest) => rest.strip_suffix('/').unwrap_or(rest),
        None => return Err(bad().help(format!("{help}; only https is used"))),
    };
    if rest.contains(['/', '?', '#']) {
        return Err(bad().help(format!("{help}, without a path")));
    }
    match host_and_port(rest) {
        Ok(_) if !is_v6(rest) => Ok(format!("https://{rest}")),
        Ok(_) | Err(_) => Err(bad().help(help)),
    }
}

/// A URL without a password in it.
pub(super) fn url(text: &str) -> Result<String, Bad> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(Bad::new(format!("{} is not a URL", quoted(text))));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    if user.contains(':') {
        let bad = Bad::new("there is a password in this URL");
        return Err(Bad {
            secret: true,
            ..bad.help("secrets are given as files, never as values")
        });
    }
    if scheme.is_empty() || authority.is_empty() || text.contains(char::is_whitespace) {
        return Err(Bad::new(format!("{} is not a URL", quoted(text))));
    }
    Ok(text.to_owned())
}

/// A path from the root, or from the home of who runs ananke.
pub(super) fn path(text: &str) -> Result<String, Bad> {
    if text.starts_with('/') || text.starts_with("~/") {
        return Ok(text.to_owned());
    }
    let bad = Bad::new(format!("{} is not an absolute path", quoted(text)));
    Err(if text.contains('$') {
        bad.help("variables of the environment are not replaced: write the whole path")
    } else {
        bad.help("write it from `/`: the daemon and you run in different folders")
    })
}

/// Text on one line.
pub(super) fn line(text: &str) -> Result<String, Bad> {
    if text.trim().is_empty() {
        Err(Bad::new("this text is empty"))
    } else if text.contains(char::is_control) {
        Err(Bad::new("this text has a line break or another control character"))
    } else {
        Ok(text.to_owned())
    }
}

/// The name of a package, a program, a module or a unit: one word of a command line.
pub(super) fn host_name(text: &str) -> Result<String, Bad> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"@._+-".contains(&b);
    let first = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if first && text.len() <= 64 && text.bytes().all(inner) {
        return Ok(text.to_owned());
    }
    let bad = Bad::new(format!("{} is no name of something on a host", quoted(text)));
    Err(bad.help("letters, digits and @ . _ + -, at most 64"))
}

/// The name of an object of Kubernetes: an RFC 1123 label.
pub(super) fn label(text: &str) -> Result<String, Bad> {
    match machine(text) {
        Ok(name) if name.len() <= 63 && !name.contains('.') => Ok(name),
        Ok(_) | Err(_) => {
            let bad = Bad::new(format!("{} is not a Kubernetes name", quoted(text)));
            Err(bad.help("lower-case letters, digits and `-`, at most 63"))
        }
    }
}

/// `NAMESPACE/NAME` of an object in Kubernetes.
pub(super) fn object(text: &str) -> Result<String, Bad> {
    let (namespace, name) = text.split_once('/').unwrap_or(("", text));
    match (label(namespace), machine(name)) {
        (Ok(_), Ok(_)) => Ok(text.to_owned()),
        (_, _) => {
            let bad = Bad::new(format!("{} is not a namespace and a name", quoted(text)));
            Err(bad.help("write NAMESPACE/NAME, both in lower case"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        let table = [
            ("500ms", 500),
            ("30s", 30_000),
            ("1m 30s", 90_000),
            ("1h5m", 3_900_000),
            ("2d", 172_800_000),
            ("999999999999d", u64::MAX),
        ];
        for (text, ms) in table {
            assert_eq!(duration(text).map(Span::as_millis), Ok(ms), "{text}");
        }
        for text in ["", "90", "s", "-5s", "1.5h", "5 min", "1h ", " 1h", "1h  5m", "1w", "1S"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(
            duration("90").unwrap_err().help.as_deref(),
            Some("did you mean `90s`? The units are ms, s, m, h, d")
        );
    }

    #[test]
    fn addresses_have_no_port_no_user_no_scheme() {
        let good =
            ["192.0.2.1", "2001:db8::1", "fe80::1%eth0", "titan-01", "nas.example.org", "a_b"];
        for text in good {
            assert!(address(text).is_ok(), "{text}");
        }
        let bad = [
            "192.0.2",
            "192.0.2.256",
            "192.0.2.1:22",
            "[2001:db8::1]",
            "root@n1",
            "ssh://n1",
            "",
            "-n1",
            "n1 n2",
            "n1..x",
            "1",
        ];
        for text in bad {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_jump_host_may_carry_a_port() {
        let table = [
            ("192.0.2.1:22", ("192.0.2.1", Some(22))),
            ("192.0.2.1", ("192.0.2.1", None)),
            ("[2001:db8::1]:2277", ("2001:db8::1", Some(2277))),
            ("2001:db8::1", ("2001:db8::1", None)),
            ("bastion:22", ("bastion", Some(22))),
        ];
        for (text, (host, port)) in table {
            assert_eq!(host_and_port(text), Ok((host.to_owned(), port)), "{text}");
        }
        for text in ["bastion:", "bastion:0", "bastion:65536", "me@bastion", "[::1", "[::1]x"] {
            assert!(host_and_port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_api_is_reached_by_https_only() {
        assert_eq!(endpoint("https://192.0.2.1:6443/"), Ok("https://192.0.2.1:6443".to_owned()));
        assert_eq!(endpoint("https://[::1]:6443"), Ok("https://[::1]:6443".to_owned()));
        for text in ["http://a:1", "a:6443", "https://a/b", "https://", "https://::1"] {
            assert!(endpoint(text).is_err(), "{text}");
        }
        assert!(endpoint("https://me:secret@a:6443").unwrap_err().secret);
    }
}
