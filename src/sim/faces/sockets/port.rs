//! A port of the loopback that is open or refuses, and stays ours all the while.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: u32 = 128;

/// A port that stays ours whether somebody listens on it or not.
#[derive(Debug)]
pub(in crate::sim::faces::sockets) struct Port {
    address: SocketAddr,
    /// Bound and never listening: while there is no listener the kernel refuses, and nobody else
    /// gets the port.
    _held: TcpSocket,
    listener: Option<TcpListener>,
}

impl Port {
    pub(in crate::sim::faces::sockets) fn of(listener: std::net::TcpListener) -> io::Result<Self> {
        rustix::net::sockopt::set_socket_reuseport(&listener, true)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let held = unbound(address)?;
        held.bind(address)?;
        Ok(Self { address, _held: held, listener: Some(TcpListener::from_std(listener)?) })
    }

    pub(in crate::sim::faces::sockets) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens, if it does not.
    pub(in crate::sim::faces::sockets) fn open(&mut self) -> io::Result<()> {
        if self.listener.is_none() {
            let socket = unbound(self.address)?;
            // So that nobody has to wait for its old connections when the port is given back. The
            // held one has no such option, or others could take the port while it is closed.
            socket.set_reuseaddr(true)?;
            socket.bind(self.address)?;
            self.listener = Some(socket.listen(BACKLOG)?);
        }
        Ok(())
    }

    /// Connections are refused from now on.
    pub(in crate::sim::faces::sockets) fn close(&mut self) {
        self.listener = None;
    }

    /// The next connection; never comes while the port is closed.
    pub(in crate::sim::faces::sockets) async fn accept(&self) -> io::Result<TcpStream> {
        match &self.listener {
            Some(listener) => listener.accept().await.map(|(stream, _)| stream),
            None => std::future::pending().await,
        }
    }
}

fn unbound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseport(true)?;
    Ok(socket)
}
