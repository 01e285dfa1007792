//! What the daemon shows to who asks over HTTP: the page, the metrics; and the beat that it sends
//! to somebody outside for as long as its loop goes on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::adapters::web::{Page, Pages, WebError, WebServer};
use crate::model::record::TickRecord;
use crate::model::runs::Run;
use crate::report::{self, METRICS_TYPE, Tally};

/// The newest tick, and what was counted over all of them.
#[derive(Debug, Default)]
struct Latest {
    record: Option<Arc<TickRecord>>,
    tally: Tally,
    run: Option<Run>,
}

/// Serves what it was shown last.
#[derive(Debug)]
pub(super) struct Web {
    latest: Arc<Mutex<Latest>>,
    /// Kept open for as long as this is there.
    _server: WebServer,
}

impl Web {
    /// Listens. Must be called within a runtime.
    pub(super) async fn open(address: SocketAddr) -> Result<Self, WebError> {
        let latest: Arc<Mutex<Latest>> = Arc::default();
        let shared = Arc::clone(&latest);
        let pages: Pages = Arc::new(move |path| page(path, &shared));
        let server = WebServer::bind(address, pages).await?;
        tracing::info!("the page is at http://{}/", server.address());
        Ok(Self { latest, _server: server })
    }

    /// Takes a tick. Never waits for a reader.
    pub(super) fn show(&self, record: &Arc<TickRecord>, run: Option<&Run>) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.tally.count(record);
        latest.run = run.cloned();
        latest.record = Some(Arc::clone(record));
    }

    #[cfg(test)]
    fn address(&self) -> SocketAddr {
        self._server.address()
    }
}

/// The page of a path. The lock is held for a copy only, not while a page is made.
fn page(path: &str, latest: &Mutex<Latest>) -> Option<Page> {
    let copy = || {
        let latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
        (latest.record.clone(), latest.tally.clone(), latest.run.clone())
    };
    match path {
        "/" => {
            let (record, _, _) = copy();
            let text = report::page(record.as_deref());
            Some(Page { media: "text/html; charset=utf-8", text })
        }
        "/metrics" => {
            let (record, tally, run) = copy();
            let text = match record {
                Some(record) => report::metrics(&record, &tally, run.as_ref()),
                // Nothing was seen yet: no metric is better than a wrong one.
                None => "# EOF\n".to_owned(),
            };
            Some(Page { media: METRICS_TYPE, text })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::replay::samples;

    async fn get(web: &Web, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(web.address()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn what_was_shown_last_is_served() {
        let web = Web::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
        assert!(get(&web, "/").await.contains("has not looked yet"));
        assert!(get(&web, "/metrics").await.ends_with("\r\n\r\n# EOF\n"));
        web.show(&Arc::new(samples::tick(1)), None);
        let page = get(&web, "/").await;
        assert!(page.contains("text/html") && page.contains("home: looking"), "{page}");
        let metrics = get(&web, "/metrics").await;
        assert!(metrics.contains("openmetrics-text") && metrics.contains("ananke_phase"));
        assert!(get(&web, "/etc/passwd").await.starts_with("HTTP/1.1 404"));
    }
}
