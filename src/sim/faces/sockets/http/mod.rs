//! What a simulated site serves over HTTP: two ports of the loopback, plain and with TLS, that
//! stand for the ingress on every node, and answer by the host that is asked for. HTTP/1.1 only.
//!
//! While no ingress runs the ports are closed, and while no machine answers they hang.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::api::Credentials;
use super::port::Port;
use crate::sim::faces::Stage;
use crate::sim::world::{Door, Web};

/// Connections at once. More wait.
const MOST_CONNECTIONS: usize = 128;

/// How long a connection may idle, or take over the head of a request (Traefik: `idleTimeout`,
/// 180 s).
const IDLE: Duration = Duration::from_secs(180);

/// A handshake on the loopback takes milliseconds.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The longest document that is taken, in bytes. A key of the vault has some dozen.
const DOCUMENT: usize = 16 * 1_024;

/// The pause after the kernel gave no connection, or not our port back.
const PAUSE: Duration = Duration::from_millis(200);

/// The ingress. Dropped, it closes its ports and every connection.
#[derive(Debug)]
pub struct HttpDoors {
    address: SocketAddr,
    tls_address: SocketAddr,
    authority: String,
    _tasks: JoinSet<()>,
}

impl HttpDoors {
    /// Opens it on free ports of the loopback. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// No port, or no certificate.
    pub fn open(stage: &Stage) -> io::Result<Self> {
        let cluster = stage.with(|world| world.site().cluster.clone());
        let credentials = Credentials::new(&cluster).map_err(io::Error::other)?;
        let tls = credentials.hosts().map_err(io::Error::other)?;
        let mut tasks = JoinSet::new();
        let mut open = |tls: Option<Arc<ServerConfig>>| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let address = listener.local_addr()?;
            tasks.spawn(serve(Port::of(listener)?, tls.map(TlsAcceptor::from), stage.clone()));
            Ok::<_, io::Error>(address)
        };
        let (address, tls_address) = (open(None)?, open(Some(tls))?);
        let authority = credentials.authority().to_owned();
        Ok(Self { address, tls_address, authority, _tasks: tasks })
    }

    /// Where it listens for plain HTTP.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for TLS.
    pub const fn tls_address(&self) -> SocketAddr {
        self.tls_address
    }

    /// Who vouches for the certificate of the hosts, as PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

async fn serve(mut port: Port, tls: Option<TlsAcceptor>, stage: Stage) {
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
                    let (tls, stage) = (tls.clone(), stage.clone());
                    connections.spawn(connection(stream, tls, stage, door.subscribe()));
                }
                Err(_) => sleep(PAUSE).await,
            },
        }
    }
}

/// One connection. While the door is silent it hangs where it is.
async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    stage: Stage,
    mut door: watch::Receiver<Door>,
) {
    stream.set_nodelay(true).ok();
    let work = async {
        let Some(tls) = tls else { return speak(stream, &stage, None).await };
        // Whoever brings no TLS, and whoever breaks off, is told nothing.
        if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await {
            speak(stream, &stage, None).await;
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

/// Answers one request after the other: as the ingress, by the host that is asked for, or as the
/// Service of this name.
pub(in crate::sim::faces::sockets) async fn speak<S>(
    stream: S,
    stage: &Stage,
    service: Option<&str>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answers = service_fn(move |request| async move {
        Ok::<_, Infallible>(answer(stage, service, request).await)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), answers)
        .await;
    if let Err(why) = served {
        tracing::trace!(%why, "a connection into the simulated site ended");
    }
}

async fn answer(
    stage: &Stage,
    service: Option<&str>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let host = request.headers().get(HOST).and_then(|it| it.to_str().ok());
    let host = service.or(host).or(request.uri().host()).unwrap_or_default().to_owned();
    let path = request.uri().path().to_owned();
    let said = match *request.method() {
        Method::GET | Method::HEAD => stage.with(|world| world.web(&host, &path)),
        Method::PUT => {
            let body = Limited::new(request.into_body(), DOCUMENT).collect().await;
            let Ok(body) = body else { return plain(StatusCode::PAYLOAD_TOO_LARGE) };
            stage.touch(|world| world.put(&host, &path, &body.to_bytes()))
        }
        _ => return plain(StatusCode::METHOD_NOT_ALLOWED),
    };
    match said {
        // Whoever hangs answers when he no longer does; the client has gone by then.
        Web::Silent => std::future::pending().await,
        Web::Answer { status, media, body, location, challenge } => {
            let mut response = Response::new(Full::new(Bytes::from(body)));
            *response.status_mut() =
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
            if let Some(location) = location {
                headers.insert(LOCATION, HeaderValue::from_static(location));
            }
            if let Some(challenge) = challenge.and_then(|it| HeaderValue::try_from(it).ok()) {
                headers.insert(WWW_AUTHENTICATE, challenge);
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
