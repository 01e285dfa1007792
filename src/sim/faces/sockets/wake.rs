//! The network cards of machines that are off: they hear a magic packet that is for them.
//!
//! A packet goes to one port of the loopback, since nothing may leave this host; whom it is for
//! stands in it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::model::ids::MachineName;
use crate::sim::faces::Stage;

/// The bytes before the address (AMD, "Magic Packet Technology", 1995).
const LEAD: [u8; 6] = [0xff; 6];

/// How often the address stands in a packet.
const TIMES: usize = 16;

/// The longest packet that is looked at. A password of six bytes may stand behind the address.
const LONGEST: usize = 256;

/// The port at which every network card of a site listens. Dropped, nobody hears anything.
#[derive(Debug)]
pub struct WakeDoor {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl WakeDoor {
    /// Listens on a free port of the loopback. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// No port.
    pub fn open(stage: &Stage) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let address = socket.local_addr()?;
        Ok(Self { address, task: tokio::spawn(listen(socket, stage.clone())) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for WakeDoor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(socket: UdpSocket, stage: Stage) {
    let mut packet = [0; LONGEST];
    loop {
        // What can't be received is lost, as on any network.
        let Ok(length) = socket.recv(&mut packet).await else { continue };
        let meant = packet.get(..length).and_then(mac).and_then(|mac| whose(&stage, mac));
        if let Some(name) = meant {
            stage.touch(|world| world.wake(&name));
        }
    }
}

/// The address that a magic packet is for.
fn mac(packet: &[u8]) -> Option<[u8; 6]> {
    let rest = packet.strip_prefix(&LEAD)?;
    let mac: [u8; 6] = rest.get(..LEAD.len())?.try_into().ok()?;
    let all = rest.get(..TIMES * mac.len())?;
    all.chunks(mac.len()).all(|chunk| chunk == mac).then_some(mac)
}

fn whose(stage: &Stage, mac: [u8; 6]) -> Option<MachineName> {
    stage.with(|world| {
        let site = world.site();
        site.machines.keys().find(|name| site.mac(name) == Some(mac)).cloned()
    })
}

#[cfg(test)]
mod tests {
    use super::mac;

    #[test]
    fn only_a_whole_packet_wakes() {
        let address = [0x02, 0, 0, 0, 0, 7];
        let mut packet = vec![0xff; 6];
        packet.extend(std::iter::repeat_n(address, 16).flatten());
        assert_eq!(mac(&packet), Some(address));
        assert_eq!(mac(&packet[..packet.len() - 1]), None, "too short");
        let mut torn = packet.clone();
        torn[50] ^= 1;
        assert_eq!(mac(&torn), None, "not the same address all through");
        torn = packet.clone();
        torn[0] = 0;
        assert_eq!(mac(&torn), None, "no lead");
        packet.extend([1, 2, 3, 4, 5, 6]);
        assert_eq!(mac(&packet), Some(address), "with a password");
    }
}
