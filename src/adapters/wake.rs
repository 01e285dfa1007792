//! Switches machines on: by a magic packet (Wake-on-LAN), or by a program of the site.
//!
//! Neither says whether the machine starts. Its next boot id does.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::process::{ChildSpec, End, ProcessError, run};
use crate::config::settings::MagicPacket;
use crate::model::time::Span;

/// How often a packet is sent from each address. Nobody confirms one, and a switch that has just
/// got its power back loses some.
const TIMES: usize = 3;

/// The pause between two of them.
const PAUSE: Span = Span::millis(300);

/// How much is kept of what a command prints, in bytes: enough for one message.
const OUTPUT: usize = 2_048;

/// How much of it is repeated, in characters.
const SHOWN: usize = 200;

/// Why nobody was asked to start.
#[derive(Debug, thiserror::Error)]
pub enum WakeError {
    /// The packet left this host from none of the addresses: look at its network.
    #[error("the magic packet could not be sent from {from}")]
    Send {
        /// The last address that was tried.
        from: IpAddr,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// There is no program to call.
    #[error("the command line is empty")]
    Empty,
    /// The program could not be started, or its end was lost.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It did not end in time and was killed. What it began may go on.
    #[error("{program} was killed after {limit}")]
    Deadline {
        /// Its name.
        program: String,
        /// How long it had.
        limit: Span,
    },
    /// It said that it failed.
    #[error("{program} ended with {how}: {output}")]
    Status {
        /// Its name.
        program: String,
        /// Its status or its signal.
        how: String,
        /// The end of what it printed.
        output: String,
    },
}

impl WakeError {
    /// Whether the machine may have been asked all the same.
    pub const fn may_have_run(&self) -> bool {
        matches!(self, Self::Deadline { .. } | Self::Process(ProcessError::Lost { .. }))
    }
}

/// The bytes of a magic packet: six of 0xff, and sixteen times the hardware address.
pub fn magic(mac: [u8; 6]) -> [u8; 102] {
    let mut bytes = [0xff; 102];
    for (at, byte) in bytes.iter_mut().enumerate().skip(mac.len()) {
        if let Some(of_mac) = mac.get(at % mac.len()) {
            *byte = *of_mac;
        }
    }
    bytes
}

/// Sends a packet, several times, from each address of this host that is named. One address from
/// which it left is enough: a network card that is down must not keep the others silent.
///
/// # Errors
/// [`WakeError::Send`], if it left from none.
pub async fn send(packet: &MagicPacket) -> Result<(), WakeError> {
    let bytes = magic(packet.mac);
    let any: IpAddr = match packet.to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let from = if packet.from.is_empty() { vec![any] } else { packet.from.clone() };
    let (mut sent, mut failed) = (false, None);
    for round in 0..TIMES {
        if round > 0 {
            sleep(PAUSE.to_std()).await;
        }
        for from in &from {
            match send_once(&bytes, *from, packet.to).await {
                Ok(()) => sent = true,
                Err(source) => failed = Some(WakeError::Send { from: *from, source }),
            }
        }
    }
    match failed {
        Some(error) if !sent => Err(error),
        Some(error) => {
            tracing::warn!(%error, "a magic packet left from some addresses only");
            Ok(())
        }
        None => Ok(()),
    }
}

async fn send_once(bytes: &[u8], from: IpAddr, to: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind((from, 0)).await?;
    socket.set_broadcast(true)?;
    socket.send_to(bytes, to).await.map(drop)
}

/// Runs a program of the site, which may take `limit`, all told.
///
/// # Errors
/// [`WakeError`]. Only status 0 is a success.
pub async fn command(line: &[String], limit: Span) -> Result<(), WakeError> {
    let (program, args) = line.split_first().ok_or(WakeError::Empty)?;
    let spec = ChildSpec::new(program, limit).args(args).output_limit(OUTPUT);
    let finished = run(spec).await?;
    let how = match finished.end {
        End::Exited(0) => return Ok(()),
        End::Deadline => return Err(WakeError::Deadline { program: program.clone(), limit }),
        End::Exited(status) => format!("status {status}"),
        End::Signalled(signal) => format!("signal {signal}"),
    };
    let output = [finished.stderr.text(), finished.stdout.text()];
    let output = output.iter().map(|text| text.trim()).find(|text| !text.is_empty());
    let output = output.unwrap_or("it printed nothing").chars();
    let output = output.map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect();
    Err(WakeError::Status { program: program.clone(), how, output })
}

#[cfg(test)]
mod tests {
    use super::magic;

    #[test]
    fn a_magic_packet_is_six_bytes_of_ones_and_sixteen_times_the_address() {
        let mac = [0x52, 0x54, 0, 0x12, 0x34, 0xab];
        let bytes = magic(mac);
        assert_eq!(bytes.len(), 6 + 16 * 6);
        assert_eq!(bytes[..6], [0xff; 6]);
        assert!(bytes[6..].chunks(6).all(|chunk| chunk == mac));
    }
}
