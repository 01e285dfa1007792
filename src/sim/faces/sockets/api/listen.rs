//! The port of one API server, and the connections to it: open, refusing, or silent.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::Cluster;
use super::answer::Face;
use crate::sim::faces::sockets::port::Port;
use crate::sim::world::ApiDoor;

/// Connections at once, each with at most one request or watch. More wait to be accepted.
const MAX_CONNECTIONS: usize = 256;
/// A handshake on the loopback takes milliseconds.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection may idle, or take over the head of a request. Longer than clients keep an
/// idle one (Go and hyper: 90 s), so that no request meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(180);
/// The pause after the kernel gave no connection, or not our port back.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves for ever. Ended by dropping it, with all connections.
pub(super) async fn serve<C: Cluster>(mut port: Port, tls: Arc<ServerConfig>, face: Face<C>) {
    let face = Arc::new(face);
    let mut changed = face.cluster.changed();
    let door = watch::Sender::new(face.cluster.door(&face.server));
    let mut connections = JoinSet::new();
    loop {
        changed.mark_unchanged();
        let now = face.cluster.door(&face.server);
        door.send_if_modified(|door| std::mem::replace(door, now) != now);
        if now == ApiDoor::Refused {
            port.close();
            connections.abort_all();
        } else if let Err(why) = port.open() {
            tracing::warn!(address = %port.address(), %why, "the simulated API can't listen again");
            sleep(PAUSE).await;
            continue;
        }
        let accepts = now != ApiDoor::Silent && connections.len() < MAX_CONNECTIONS;
        tokio::select! {
            end = changed.changed() => {
                // The world is gone, and with it everything that could be served.
                if end.is_err() {
                    return;
                }
            }
            Some(_) = connections.join_next() => {}
            stream = port.accept(), if accepts => match stream {
                Ok(stream) => {
                    let (tls, face) = (TlsAcceptor::from(Arc::clone(&tls)), Arc::clone(&face));
                    connections.spawn(connection(stream, tls, face, door.subscribe()));
                }
                Err(_) => sleep(PAUSE).await,
            },
        }
    }
}

/// One connection. While the door is silent it hangs where it is, as with a frozen process.
async fn connection<C: Cluster>(
    stream: TcpStream,
    tls: TlsAcceptor,
    face: Arc<Face<C>>,
    mut door: watch::Receiver<ApiDoor>,
) {
    let work = async {
        // An answer must not wait for the acknowledgement of the one before; without it, it may.
        stream.set_nodelay(true).ok();
        // Whoever brings no TLS, and whoever breaks off, is told nothing.
        let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await else { return };
        let service = service_fn(|request| {
            let face = Arc::clone(&face);
            async move { Ok::<_, std::convert::Infallible>(face.answer(request).await) }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(why) = served {
            tracing::trace!(%why, "a connection to the simulated API ended");
        }
    };
    let mut work = pin!(work);
    loop {
        let silent = *door.borrow_and_update() == ApiDoor::Silent;
        tokio::select! {
            end = door.changed() => {
                if end.is_err() {
                    return;
                }
            }
            () = &mut work, if !silent => return,
        }
    }
}
