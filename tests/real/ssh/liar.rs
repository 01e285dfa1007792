//! Servers in this process that hang, lie and die at a chosen place.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ananke::config::settings::SshTarget;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::rig::{Site, known_line, new_key};

/// What a server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    /// Nothing: answers each command with `ok`.
    Honest,
    /// Never decides about the login.
    AuthStall,
    /// Never answers the request for a channel.
    ChannelStall,
    /// Refuses to run anything.
    ExecRefused,
    /// Prints something and closes the channel without an exit status.
    NoStatus,
    /// Prints something and drops the connection.
    Vanish,
    /// Sends 100 MB.
    Flood,
    /// Sends bytes that are no text, and its exit status after the end of the data.
    Bytes,
    /// Ends, but never closes the channel.
    NeverClose,
}

/// A russh server with one behaviour. Ends with the test's runtime.
pub(super) struct Liar {
    pub(super) address: SocketAddr,
    pub(super) key: PrivateKey,
    pub(super) commands: Arc<AtomicUsize>,
}

impl Liar {
    pub(super) async fn start(lie: Lie) -> Self {
        let key = new_key(Algorithm::Ed25519);
        let commands = Arc::new(AtomicUsize::new(0));
        let config = Arc::new(server::Config {
            keys: vec![key.clone()],
            auth_rejection_time: Duration::from_millis(10),
            nodelay: true,
            ..Default::default()
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("its number");
        let count = Arc::clone(&commands);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let conn = Conn { lie, commands: Arc::clone(&count), channel: None };
                let config = Arc::clone(&config);
                tokio::spawn(async move {
                    if let Ok(running) = server::run_stream(config, stream, conn).await {
                        drop(running.await);
                    }
                });
            }
        });
        Self { address, key, commands }
    }

    /// A site with one machine, `n1`, that is this server.
    pub(super) async fn site(lie: Lie) -> (Site, Self) {
        let liar = Self::start(lie).await;
        let mut site = Site::new();
        site.add("n1", target(liar.address, &site));
        site.know(&known_line(liar.address.port(), &liar.key));
        (site, liar)
    }
}

pub(super) fn target(address: SocketAddr, site: &Site) -> SshTarget {
    SshTarget {
        address: address.ip().to_string(),
        port: address.port(),
        user: "ops".to_owned(),
        identities: vec![site.id()],
        via_jump: false,
    }
}

struct Conn {
    lie: Lie,
    commands: Arc<AtomicUsize>,
    channel: Option<ChannelOpenHandle>,
}

impl Handler for Conn {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _user: &str,
        _key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        if self.lie == Lie::AuthStall {
            std::future::pending::<()>().await;
        }
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.lie == Lie::ChannelStall {
            // Kept, because dropping it would be an answer.
            self.channel = Some(reply);
        } else {
            reply.accept().await;
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.lie == Lie::ExecRefused {
            return session.channel_failure(id);
        }
        self.commands.fetch_add(1, Ordering::SeqCst);
        session.channel_success(id)?;
        tokio::spawn(answer(self.lie, id, session.handle()));
        Ok(())
    }
}

async fn answer(lie: Lie, id: ChannelId, to: server::Handle) {
    match lie {
        Lie::Flood => {
            let block = vec![b'x'; 32 << 10];
            for _ in 0..3_200 {
                if to.data(id, block.clone()).await.is_err() {
                    return;
                }
            }
        }
        Lie::Bytes => drop(to.data(id, vec![0xff, 0xfe, 0x00, b'a', 0xc3]).await),
        Lie::Honest
        | Lie::AuthStall
        | Lie::ChannelStall
        | Lie::ExecRefused
        | Lie::NoStatus
        | Lie::Vanish
        | Lie::NeverClose => drop(to.data(id, b"ok\n".to_vec()).await),
    }
    if lie == Lie::Vanish {
        drop(to.disconnect(russh::Disconnect::ByApplication, "bye".into(), "".into()).await);
        return;
    }
    to.eof(id).await.ok();
    if lie != Lie::NoStatus {
        to.exit_status_request(id, 0).await.ok();
    }
    if lie != Lie::NeverClose {
        to.close(id).await.ok();
    }
}

/// A TCP port that sends `greeting` and then nothing, for ever. Its task tells how many of its
/// connections the client has ended.
pub(super) async fn mute(greeting: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("its number");
    let ended = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ended);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                drop(stream.write_all(greeting).await);
                let mut sink = [0; 1024];
                while matches!(stream.read(&mut sink).await, Ok(1..)) {}
                count.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    (address, ended)
}

/// A relay in front of a server that can be frozen: bytes are taken and go nowhere, as when a
/// machine loses its power. Connections made after that work.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    frozen: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    pub(super) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("its number");
        let frozen = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&frozen);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A connection belongs to the age in which it was made.
                switch.store(false, Ordering::SeqCst);
                let mine = Arc::new(AtomicBool::new(false));
                tokio::spawn(relay(client, server, Arc::clone(&switch), mine));
            }
        });
        Self { address, frozen, task }
    }

    /// All connections that exist now become half-open.
    pub(super) fn freeze(&self) {
        self.frozen.store(true, Ordering::SeqCst);
    }
}

async fn relay(
    client: TcpStream,
    server: SocketAddr,
    frozen: Arc<AtomicBool>,
    mine: Arc<AtomicBool>,
) {
    let server = TcpStream::connect(server).await.expect("the server behind the relay");
    let (mut cr, mut cw) = client.into_split();
    let (mut sr, mut sw) = server.into_split();
    // Once frozen a connection stays so, although the switch is taken back for newer ones.
    let is_frozen = move || {
        if frozen.load(Ordering::SeqCst) {
            mine.store(true, Ordering::SeqCst);
        }
        mine.load(Ordering::SeqCst)
    };
    let to_server = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = cr.read(&mut buffer).await {
            if !is_frozen() && sw.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    let to_client = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = sr.read(&mut buffer).await {
            if !is_frozen() && cw.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(to_server, to_client);
}
