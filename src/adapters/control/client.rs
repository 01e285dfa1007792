//! The command's side of the socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::timeout;

use super::SOCKET;
use super::lines::{Lines, write_line};
use super::protocol::{
    ControlEvent, ControlRequest, Hello, ORDER_LIMIT, OrderAnswer, PROTOCOL, REPLY_LIMIT, Received,
    SILENCE_LIMIT, WORD_LIMIT,
};
use crate::model::peers::PeerFacts;
use crate::model::record::TickRecord;
use crate::model::tick::Order;

/// A connection to the daemon of this host. Dropping it ends nothing but the connection: the
/// daemon and what it was ordered to do go on. Requests follow each other without a pause: the
/// daemon hangs up on a client that says nothing for five seconds.
#[derive(Debug)]
pub struct ControlClient {
    lines: Lines<UnixStream>,
    hello: Hello,
}

/// The ticks of the daemon, as they come.
#[derive(Debug)]
pub struct Follow {
    lines: Lines<UnixStream>,
    ended: bool,
}

/// Why the daemon could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Not for this user: run as root.
    #[error("{0} is for root only: run this as root (sudo)")]
    Permission(PathBuf),
    /// Somebody holds the socket and says nothing: look at the daemon.
    #[error("the daemon does not answer; see systemctl status ananke")]
    Silent,
    /// The daemon is not of this program's version: restart it.
    #[error("the daemon is ananke {version}, which speaks another protocol: restart it")]
    OtherProtocol {
        /// Its version.
        version: String,
    },
    /// The socket is not the daemon's: somebody else put it there.
    #[error("the socket is offered by user {uid}, who is not root")]
    Foreign {
        /// Who.
        uid: u32,
    },
    /// The daemon does not serve this client: the reason says what to do.
    #[error("the daemon refuses: {why}")]
    Refused {
        /// Why.
        why: String,
    },
    /// The daemon ended, or does not keep to the protocol: what it is doing is unknown.
    #[error("the connection to the daemon was lost")]
    Lost(#[source] io::Error),
}

impl ControlClient {
    /// Connects to the daemon. `None`: there is no socket, or nobody listens on it, so no daemon
    /// runs on this host. Takes ten seconds at the most.
    ///
    /// # Errors
    /// [`ControlError`]: there may be a daemon, and it can't be asked.
    pub async fn connect(run_dir: &Path) -> Result<Option<Self>, ControlError> {
        let socket = run_dir.join(SOCKET);
        let Ok(connected) = timeout(WORD_LIMIT, UnixStream::connect(&socket)).await else {
            return Err(ControlError::Silent);
        };
        let stream = match connected {
            Ok(stream) => stream,
            Err(error) => return no_connection(socket, error),
        };
        let uid = stream.peer_cred().map_err(ControlError::Lost)?.uid();
        if uid != 0 && uid != rustix::process::geteuid().as_raw() {
            return Err(ControlError::Foreign { uid });
        }
        let mut lines = Lines::new(stream, REPLY_LIMIT);
        let received = receive(&mut lines, WORD_LIMIT).await?;
        let Received::Hello(hello) = received else { return Err(out_of_turn(received)) };
        if hello.protocol != PROTOCOL {
            return Err(ControlError::OtherProtocol { version: hello.version });
        }
        Ok(Some(Self { lines, hello }))
    }

    /// Who answered.
    pub const fn daemon(&self) -> &Hello {
        &self.hello
    }

    /// Gives an order. An answer that is lost makes it [`OrderAnswer::Unknown`]. Takes 35 seconds
    /// at the most.
    ///
    /// # Errors
    /// [`ControlError`]: the order did not reach the daemon.
    pub async fn order(&mut self, order: Order) -> Result<OrderAnswer, ControlError> {
        self.ask(ControlRequest::Order(order)).await?;
        match receive(&mut self.lines, ORDER_LIMIT + WORD_LIMIT).await {
            Ok(received) => {
                let Received::Answer(answer) = received else { return Err(out_of_turn(received)) };
                Ok(answer)
            }
            Err(error @ (ControlError::Lost(_) | ControlError::Silent)) => {
                Ok(OrderAnswer::Unknown { why: error.to_string() })
            }
            Err(error) => Err(error),
        }
    }

    /// The newest tick, or `None` before the first one.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn status(&mut self) -> Result<Option<Box<TickRecord>>, ControlError> {
        self.ask(ControlRequest::Status).await?;
        let received = receive(&mut self.lines, WORD_LIMIT).await?;
        let Received::Status(tick) = received else { return Err(out_of_turn(received)) };
        Ok(tick)
    }

    /// Tells the daemon what another ananke host says of itself, and gives what this one says.
    /// `None` before its first tick.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn peer(
        &mut self,
        told: Option<PeerFacts>,
    ) -> Result<Option<PeerFacts>, ControlError> {
        self.ask(ControlRequest::Peer(told.map(Box::new))).await?;
        let received = receive(&mut self.lines, WORD_LIMIT).await?;
        let Received::Peer(facts) = received else { return Err(out_of_turn(received)) };
        Ok(facts.map(|facts| *facts))
    }

    /// Follows the loop: the newest tick first, then each newer one.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn follow(mut self) -> Result<Follow, ControlError> {
        self.ask(ControlRequest::Follow).await?;
        Ok(Follow { lines: self.lines, ended: false })
    }

    async fn ask(&mut self, request: ControlRequest) -> Result<(), ControlError> {
        write_line(self.lines.stream(), &request, WORD_LIMIT).await.map_err(ControlError::Lost)
    }
}

impl Follow {
    /// The next event; `None` after the last one. Dropping the pending future loses nothing, so it
    /// can be waited for beside Ctrl-C.
    ///
    /// # Errors
    /// [`ControlError::Silent`]: not a word for 30 seconds. [`ControlError::Lost`]: the daemon
    /// ended without a word, so what came of its work is unknown.
    pub async fn next(&mut self) -> Result<Option<ControlEvent>, ControlError> {
        while !self.ended {
            let event = match receive(&mut self.lines, SILENCE_LIMIT).await? {
                Received::Beat => continue,
                Received::Tick(tick) => return Ok(Some(ControlEvent::Tick(tick))),
                Received::Done { why } => ControlEvent::Done { why },
                Received::Refused { why } => ControlEvent::Refused { why },
                other @ (Received::Hello(_)
                | Received::Answer(_)
                | Received::Status(_)
                | Received::Peer(_)) => return Err(out_of_turn(other)),
            };
            self.ended = true;
            return Ok(Some(event));
        }
        Ok(None)
    }
}

fn no_connection(socket: PathBuf, error: io::Error) -> Result<Option<ControlClient>, ControlError> {
    let kind = error.kind();
    if matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) {
        Ok(None)
    } else if kind == io::ErrorKind::PermissionDenied {
        Err(ControlError::Permission(socket))
    } else if kind == io::ErrorKind::WouldBlock {
        // The queue of a daemon that no longer accepts is full.
        Err(ControlError::Silent)
    } else {
        Err(ControlError::Lost(error))
    }
}

async fn receive(lines: &mut Lines<UnixStream>, limit: Duration) -> Result<Received, ControlError> {
    match timeout(limit, lines.next()).await {
        Ok(Ok(received)) => Ok(received),
        Ok(Err(error)) => Err(ControlError::Lost(error.into())),
        Err(_) => Err(ControlError::Silent),
    }
}

/// A word that is not due here. A refusal may come at any time.
fn out_of_turn(received: Received) -> ControlError {
    match received {
        Received::Refused { why } => ControlError::Refused { why },
        Received::Hello(_)
        | Received::Answer(_)
        | Received::Status(_)
        | Received::Peer(_)
        | Received::Tick(_)
        | Received::Beat
        | Received::Done { .. } => {
            ControlError::Lost(io::Error::new(io::ErrorKind::InvalidData, "a word out of turn"))
        }
    }
}
