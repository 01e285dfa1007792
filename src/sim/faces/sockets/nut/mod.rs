//! upsd of a simulated site, on the loopback: what it says of the world's UPSes, in the words of
//! NUT 2.8.0 (RFC 9271; NUT developer guide, "Network protocol information").
//!
//! Its one user may log in and give instant commands, and is neither primary nor allowed to set
//! anything. It has no certificate, so STARTTLS is refused as by an upsd without one. Tracking is
//! not built.

mod answer;
mod vars;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::sim::faces::Stage;

use answer::Session;
pub use vars::facts;

/// The longest command that upsd takes, in bytes (networkupstools/nut, `server/upsd.h`).
const LONGEST_COMMAND: u64 = 512;

/// upsd drops a client that sent no whole command for so long (measured on 2.8.0: 62 s).
const IDLE: Duration = Duration::from_secs(60);

/// Clients at once. More wait.
const MOST_CLIENTS: usize = 64;

/// The password of [`USER`], for people and programs on this machine: the simulated UPSes are all
/// that it opens.
pub const PASSWORD: &str = "rehearsal";

/// The user who may log in and command.
pub const USER: &str = "ananke";

/// An upsd. Dropped, it closes its port and every connection.
#[derive(Debug)]
pub struct NutServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl NutServer {
    /// Starts it on a free port of the loopback. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// No port.
    pub async fn open(stage: &Stage) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(serve(listener, stage.clone()));
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for NutServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, stage: Stage) {
    let logins = Arc::new(answer::Logins::default());
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = clients.join_next() => {}
            accepted = listener.accept(), if clients.len() < MOST_CLIENTS => {
                if let Ok((stream, _)) = accepted {
                    clients.spawn(client(stream, Session::new(stage.clone(), Arc::clone(&logins))));
                }
            }
        }
    }
}

/// One client, line by line. Whoever breaks off or sends nonsense is told nothing.
async fn client(stream: TcpStream, mut session: Session) {
    stream.set_nodelay(true).ok();
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut read).take(LONGEST_COMMAND);
        let got = timeout(IDLE, bounded.read_until(b'\n', &mut line)).await;
        if !matches!(got, Ok(Ok(1..))) || line.last() != Some(&b'\n') {
            return;
        }
        let answer = session.answer(&String::from_utf8_lossy(&line));
        if write.write_all(answer.as_bytes()).await.is_err() || session.is_over() {
            return;
        }
    }
}
