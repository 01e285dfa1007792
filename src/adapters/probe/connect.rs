//! The way to a service, and what it means when there is none.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::model::facts::{Blind, BlindKind};
use crate::model::ids::MachineName;

/// How long one address may take to accept a connection: three of them fit into one question.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a name may take to be resolved. After a power failure the name server of this host is
/// often one of the things that are down.
const RESOLVE: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// It was asked, and did not answer as it should: refused, silent, reset, somebody else.
    Nothing(String),
    /// Nobody could ask.
    Blind(Blind),
}

impl Miss {
    pub(super) fn blind(kind: BlindKind, why: impl Into<String>) -> Self {
        Self::Blind(Blind::new(kind, why))
    }
}

/// A connection of any kind.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Connections that are made by a machine.
pub trait Ways: Send + Sync + 'static {
    /// Connects to `host:port` from the machine.
    fn open(
        &self,
        machine: &MachineName,
        host: &str,
        port: u16,
    ) -> impl Future<Output = Result<Box<dyn Stream>, Miss>> + Send;
}

/// Connects from this host.
pub(super) async fn direct(host: &str, port: u16) -> Result<Box<dyn Stream>, Miss> {
    let mut last = None;
    for address in addresses(host, port).await? {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(Box::new(stream)),
            Ok(Err(error)) => last = Some(missed(address, &error)),
            Err(_) => {
                let limit = CONNECT.as_secs();
                last = Some(Miss::Nothing(format!("{address} accepts nothing within {limit}s")));
            }
        }
    }
    let nobody = || format!("the name {host} has no address here");
    Err(last.unwrap_or_else(|| Miss::blind(BlindKind::Unreachable, nobody())))
}

async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, Miss> {
    let blind = |why: &str| {
        let why = format!("the name {host} can't be resolved here: {why}");
        Miss::blind(BlindKind::Unreachable, why)
    };
    match timeout(RESOLVE, lookup_host((host, port))).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(error)) => Err(blind(&error.to_string())),
        Err(_) => Err(blind("the name server does not answer")),
    }
}

/// Only what the other side did, or left undone, is a finding about it.
fn missed(address: SocketAddr, error: &io::Error) -> Miss {
    let why = format!("{address}: {error}");
    let theirs = matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::TimedOut
    );
    if theirs { Miss::Nothing(why) } else { Miss::blind(BlindKind::Unreachable, why) }
}

/// The host and the port of `ADDRESS` or `ADDRESS:PORT`.
pub(super) fn split(at: &str, default: u16) -> (&str, u16) {
    if let Some((host, rest)) = at.strip_prefix('[').and_then(|at| at.split_once(']')) {
        let port = rest.strip_prefix(':').and_then(|port| port.parse().ok());
        return (host, port.unwrap_or(default));
    }
    match at.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, port.parse().unwrap_or(default)),
        Some(_) | None => (at, default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_carry_a_port() {
        for (at, want) in [
            ("192.0.2.1", ("192.0.2.1", 443)),
            ("192.0.2.1:8443", ("192.0.2.1", 8443)),
            ("2001:db8::1", ("2001:db8::1", 443)),
            ("[2001:db8::1]", ("2001:db8::1", 443)),
            ("[2001:db8::1]:80", ("2001:db8::1", 80)),
        ] {
            assert_eq!(split(at, 443), want, "{at}");
        }
    }

    #[test]
    fn what_our_own_side_lacks_is_no_finding() {
        let address = SocketAddr::from(([192, 0, 2, 1], 443));
        let of = |kind| missed(address, &io::Error::from(kind));
        for kind in [io::ErrorKind::ConnectionRefused, io::ErrorKind::HostUnreachable] {
            assert!(matches!(of(kind), Miss::Nothing(_)), "{kind}");
        }
        for kind in [io::ErrorKind::NetworkUnreachable, io::ErrorKind::PermissionDenied] {
            assert!(matches!(of(kind), Miss::Blind(_)), "{kind}");
        }
    }
}
