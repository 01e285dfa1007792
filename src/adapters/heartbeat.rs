//! A dead man's switch: a URL that is called for as long as the loop goes on. Whoever watches it
//! says so when the calls stay out, also when this host is gone with everything on it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::model::time::Span;

/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Calls a URL at its pace, but only if the loop went on since the last call.
pub struct Heartbeat {
    beats: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat").finish_non_exhaustive()
    }
}

/// No call can be made.
#[derive(Debug, thiserror::Error)]
#[error("notify.heartbeat_url can't be called")]
pub struct HeartbeatError(#[source] std::io::Error);

impl Heartbeat {
    /// Begins. Nothing is called before the first beat. Must be called within a runtime.
    ///
    /// # Errors
    /// [`HeartbeatError`]: there are no certificates by which an https URL could be verified.
    pub fn start(url: &str, every: Span) -> Result<Self, HeartbeatError> {
        let invalid = |error| HeartbeatError(std::io::Error::other(error));
        let url: Uri =
            url.parse().map_err(|error: http::uri::InvalidUri| invalid(error.to_string()))?;
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(HeartbeatError)?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let (beats, mut beaten) = watch::channel(0);
        let call = move || {
            let request = Request::get(url.clone()).body(Empty::<Bytes>::new());
            let client = client.clone();
            async move {
                let answer = client.request(request.map_err(|error| error.to_string())?).await;
                let answer = answer.map_err(|error| error.to_string())?;
                let code = answer.status();
                if code.is_success() { Ok(()) } else { Err(code.to_string()) }
            }
        };
        let task = tokio::spawn(async move {
            let mut pace = interval(every.to_std());
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut well = true;
            // No beat, no call: a loop that hangs must not look alive.
            while beaten.changed().await.is_ok() {
                pace.tick().await;
                beaten.mark_unchanged();
                let late = || Err("no answer in time".to_owned());
                match timeout(LIMIT, call()).await.unwrap_or_else(|_| late()) {
                    Ok(()) => well = true,
                    Err(why) if well => {
                        tracing::warn!("the heartbeat does not get through: {why}");
                        well = false;
                    }
                    Err(_) => {}
                }
            }
        });
        Ok(Self { beats, task })
    }

    /// The loop goes on. Never waits.
    pub fn beat(&self) {
        self.beats.send_modify(|beats| *beats += 1);
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one call, and gives its first line.
    async fn called(listener: &TcpListener) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 256];
        let length = stream.read(&mut head).await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        let text = String::from_utf8_lossy(&head[..length]).into_owned();
        text.lines().next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn it_is_called_while_the_loop_goes_on_and_not_otherwise() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ping/x", listener.local_addr().unwrap());
        let heartbeat = Heartbeat::start(&url, Span::millis(20)).unwrap();
        let quiet = timeout(Duration::from_millis(200), called(&listener)).await;
        assert!(quiet.is_err(), "called without a beat: {quiet:?}");
        for _ in 0..3 {
            heartbeat.beat();
            let line = timeout(Duration::from_secs(20), called(&listener)).await.unwrap();
            assert_eq!(line, "GET /ping/x HTTP/1.1");
        }
        let quiet = timeout(Duration::from_millis(200), called(&listener)).await;
        assert!(quiet.is_err(), "called without a new beat: {quiet:?}");
    }
}
