//! What a simulated site serves over HTTP: one port of the loopback that stands for the ingress on
//! every node, and answers by the host that is asked for. Plain HTTP/1.1; TLS is not built.
//!
//! While no ingress runs the port is closed, and while no machine answers it hangs.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, LOCATION};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::port::Port;
use crate::sim::faces::Stage;
use crate::sim::world::{Door, Web};

/// Connections at once. More wait.
const MOST_CONNECTIONS: usize = 128;

/// How long a connection may idle, or take over the head of a request (Traefik: `idleTimeout`,
/// 180 s).
const IDLE: Duration = Duration::from_secs(180);

/// The pause after the kernel gave no connection, or not our port back.
const PAUSE: Duration = Duration::from_millis(200);

/// The ingress. Dropped, it closes its port and every connection.
#[derive(Debug)]
pub struct HttpDoors {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl HttpDoors {
    /// Opens it on a free port of the loopback. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// No port.
    pub fn open(stage: &Stage) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let port = Port::of(listener)?;
        let task = tokio::spawn(serve(port, stage.clone()));
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpDoors {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut port: Port, stage: Stage) {
    let mut changed = stage.changed();
    let door = watch::Sender::new(Door::Silent);
    let mut connections = JoinSet::new();
    loop {
        changed.mark_unchanged();
        let now = stage.with(|world| world.web_door());
        door.send_if_modified(|door| std::mem::replace(door, now) != now);
        if now == Door::Refused {
            port.close();
            connections.abort_all();
        } else if let Err(why) = port.open() {
            tracing::warn!(%why, "the simulated ingress can't listen again");
            sleep(PAUSE).await;
            continue;
        }
        let accepts = now != Door::Silent && connections.len() < MOST_CONNECTIONS;
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
                    connections.spawn(connection(stream, stage.clone(), door.subscribe()));
                }
                Err(_) => sleep(PAUSE).await,
            },
        }
    }
}

/// One connection. While the door is silent it hangs where it is.
async fn connection(stream: TcpStream, stage: Stage, mut door: watch::Receiver<Door>) {
    stream.set_nodelay(true).ok();
    let work = async {
        let service = service_fn(|request| {
            let stage = stage.clone();
            async move { Ok::<_, Infallible>(answer(&stage, request).await) }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(why) = served {
            tracing::trace!(%why, "a connection to the simulated ingress ended");
        }
    };
    let mut work = pin!(work);
    loop {
        let silent = *door.borrow_and_update() == Door::Silent;
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

async fn answer(stage: &Stage, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let host = request.headers().get(HOST).and_then(|it| it.to_str().ok());
    let host = host.or(request.uri().host()).unwrap_or_default().to_owned();
    let path = request.uri().path().to_owned();
    if request.method() == Method::PUT && path == "/v1/sys/unseal" && host.starts_with("vault.") {
        let open = stage.touch(crate::sim::world::World::unseal);
        return plain(if open { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE });
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED);
    }
    match stage.with(|world| world.web(&host, &path)) {
        // Whoever hangs answers when he no longer does; the client has gone by then.
        Web::Silent => std::future::pending().await,
        Web::Answer { status, media, body, location } => {
            let mut response = Response::new(Full::new(Bytes::from(body)));
            *response.status_mut() =
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
            if let Some(location) = location {
                headers.insert(LOCATION, HeaderValue::from_static(location));
            }
            response
        }
    }
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}
