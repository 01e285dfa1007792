//! A small HTTP server for what is shown: pages by their path, read-only. Whoever reads slowly, or
//! sends nothing, loses the connection and costs nobody else anything.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Connections at once; a browser opens six. One more is closed at once, so that the newest
/// reader hears a clear no instead of waiting behind those that sleep.
const CONNECTIONS: usize = 32;
/// How long a connection may last. Each carries one request, of a page of some 20 kB.
const LIFE: Duration = Duration::from_secs(10);
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(5);
/// The longest head; a browser sends one kilobyte.
const HEAD_BYTES: usize = 16 << 10;
/// The pause after the kernel gave no connection.
const PAUSE: Duration = Duration::from_millis(200);

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its media type.
    pub media: &'static str,
    /// Its text.
    pub text: String,
}

/// Gives the page of a path, or none. Called for each request; must not block.
pub type Pages = Arc<dyn Fn(&str) -> Option<Page> + Send + Sync>;

/// The port can't be had.
#[derive(Debug, thiserror::Error)]
#[error("web.listen: no page can be served on {address}")]
pub struct WebError {
    address: SocketAddr,
    #[source]
    source: std::io::Error,
}

/// A server. Dropped, it closes its port and every connection.
pub struct WebServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl fmt::Debug for WebServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl WebServer {
    /// Listens.
    ///
    /// # Errors
    /// [`WebError`]
    pub async fn bind(address: SocketAddr, pages: Pages) -> Result<Self, WebError> {
        let refused = |source| WebError { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { address, task: tokio::spawn(serve(listener, pages)) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, pages: Pages) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTIONS => {
                    connections.spawn(timeout(LIFE, connection(stream, Arc::clone(&pages))));
                }
                Ok(_) => tracing::debug!("one reader too many is turned away"),
                Err(_) => sleep(PAUSE).await,
            },
        }
    }
}

async fn connection(stream: TcpStream, pages: Pages) {
    let service = service_fn(|request| {
        let answer = answer(&request, &pages);
        async move { Ok::<_, std::convert::Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(why) = served {
        tracing::trace!(%why, "a connection for a page ended");
    }
}

fn answer(request: &Request<Incoming>, pages: &Pages) -> Response<Full<Bytes>> {
    let (status, page) = match *request.method() {
        Method::GET | Method::HEAD => match pages(request.uri().path()) {
            Some(page) => (StatusCode::OK, page),
            None => (StatusCode::NOT_FOUND, plain("there is no such page: try / or /metrics\n")),
        },
        _ => (StatusCode::METHOD_NOT_ALLOWED, plain("nothing can be changed here\n")),
    };
    let mut response = Response::new(Full::new(Bytes::from(page.text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The page brings its style with it and nothing else.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

fn plain(text: &str) -> Page {
    Page { media: "text/plain; charset=utf-8", text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn server(size: usize) -> WebServer {
        let pages: Pages = Arc::new(move |path| match path {
            "/" => Some(Page { media: "text/html", text: "x".repeat(size) }),
            _ => None,
        });
        WebServer::bind("127.0.0.1:0".parse().unwrap(), pages).await.unwrap()
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Who is turned away may find the connection gone at any step.
        stream.write_all(request.as_bytes()).await.ok();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.ok();
        String::from_utf8_lossy(&all).into_owned()
    }

    #[tokio::test]
    async fn pages_are_read_and_nothing_else_is_done() {
        let server = server(5).await;
        let table = [
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", "200 OK", "xxxxx"),
            ("GET /?q HTTP/1.1\r\nhost: a\r\n\r\n", "200 OK", "xxxxx"),
            ("GET /none HTTP/1.1\r\nhost: a\r\n\r\n", "404 Not Found", "no such page"),
            ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n", "405", "nothing can be"),
            ("DELETE / HTTP/1.1\r\nhost: a\r\n\r\n", "405", "nothing can be"),
            ("nonsense\r\n\r\n", "400", ""),
        ];
        for (request, status, body) in table {
            let answer = ask(server.address(), request).await;
            let first = answer.lines().next().unwrap_or_default();
            assert!(first.contains(status) && answer.contains(body), "{request}: {answer}");
        }
        let head = ask(server.address(), "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(head.contains("content-security-policy") && !head.contains("xxxxx"), "{head}");
    }

    #[tokio::test]
    async fn readers_that_sleep_are_cut_off_and_hurt_nobody() {
        // More than the kernel's buffers hold, so that a reader who does not read blocks it.
        let server = server(32 << 20).await;
        let mut sleepers = Vec::new();
        for n in 0..CONNECTIONS {
            let mut stream = TcpStream::connect(server.address()).await.unwrap();
            let request = if n % 2 == 0 { "GET / HTTP/1.1\r\nhost: a\r\n\r\n" } else { "GET" };
            stream.write_all(request.as_bytes()).await.unwrap();
            sleepers.push(stream);
        }
        let again = async {
            while !ask(server.address(), "GET /none HTTP/1.1\r\nhost: a\r\n\r\n")
                .await
                .contains("no such page")
            {
                // poll: a connection that is served again
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(LIFE * 3, again).await.expect("the sleepers are gone");
        drop(sleepers);
    }
}
