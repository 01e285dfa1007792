//! A port on the loopback that is open, refuses, or swallows what comes, as a machine's does.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::sim::world::Door;

/// Connections that wait for a server that is busy (listen(2)).
const BACKLOG: u32 = 64;

/// How long it may take to fill a queue of one on the loopback.
const FILL: Duration = Duration::from_millis(200);

/// How long to wait after an accept that failed, for want of descriptors most of all.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A port that is ours for as long as this lives, whatever it does.
#[derive(Debug)]
pub(super) struct Post {
    /// Bound and never listening: keeps the number. A connection to it alone is refused.
    _reserved: TcpSocket,
    address: SocketAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    Refused,
    /// The queue of a listener that nobody serves is full: the kernel drops what else comes, and
    /// who connects hears nothing, as from a machine without power (listen(2), tcp(7)).
    Silent {
        _queue: TcpListener,
        _filling: Option<TcpStream>,
    },
    Open(TcpListener),
}

impl Post {
    /// Takes a free port. It refuses at first.
    pub(super) fn take() -> io::Result<Self> {
        let reserved = socket(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into())?;
        let address = reserved.local_addr()?;
        Ok(Self { _reserved: reserved, address, state: State::Refused })
    }

    pub(super) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Makes the port what the door is.
    pub(super) async fn turn(&mut self, door: Door) -> io::Result<()> {
        let is_so = matches!(
            (&self.state, door),
            (State::Refused, Door::Refused)
                | (State::Silent { .. }, Door::Silent)
                | (State::Open(_), Door::Open)
        );
        if is_so {
            return Ok(());
        }
        // The old listener first: two of them would share what comes.
        self.state = State::Refused;
        self.state = match door {
            Door::Refused => State::Refused,
            Door::Open => State::Open(socket(self.address)?.listen(BACKLOG)?),
            Door::Silent => {
                let queue = socket(self.address)?.listen(0)?;
                let filling = tokio::time::timeout(FILL, TcpStream::connect(self.address)).await;
                State::Silent { _queue: queue, _filling: filling.ok().transpose()? }
            }
        };
        Ok(())
    }

    /// The next connection. Waits for ever where none is taken.
    pub(super) async fn accept(&self) -> TcpStream {
        let State::Open(listener) = &self.state else {
            return std::future::pending().await;
        };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return stream,
                Err(error) => {
                    tracing::debug!(%error, port = self.port(), "no connection can be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// A socket that shares its port with others of this process.
fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_is_silent_refuses_and_opens_in_any_order_and_stays_ours() {
        let mut post = Post::take().unwrap();
        let address = post.address;
        let patience = Duration::from_millis(300);
        for door in [
            Door::Refused,
            Door::Open,
            Door::Silent,
            Door::Open,
            Door::Refused,
            Door::Silent,
            Door::Refused,
            Door::Open,
        ] {
            post.turn(door).await.unwrap();
            let tried = tokio::time::timeout(patience, TcpStream::connect(address)).await;
            let found = match tried {
                Err(_) => Door::Silent,
                Ok(Err(error)) => {
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
                    Door::Refused
                }
                Ok(Ok(_)) => {
                    let taken = tokio::time::timeout(Duration::from_secs(5), post.accept()).await;
                    assert!(taken.is_ok());
                    Door::Open
                }
            };
            assert_eq!(found, door);
        }
    }
}
