//! Questions over HTTP, held against what was asked for.

use bytes::Bytes;
use http::header::{
    ACCEPT, CONNECTION, CONTENT_TYPE, HOST, LOCATION, USER_AGENT, WWW_AUTHENTICATE,
};
use http::request::Builder;
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::connect::{Miss, Stream, split};
use crate::model::facts::BlindKind;
use crate::model::probe::{BODY_MAX, HttpAnswer, HttpAsk, HttpReply};

/// A URL in its parts.
#[derive(Debug)]
pub(super) struct Goal {
    pub(super) tls: bool,
    pub(super) host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Goal {
    pub(super) fn of(url: &str) -> Result<Self, Miss> {
        let odd = || Miss::blind(BlindKind::Garbled, format!("{url} can't be asked"));
        let uri: Uri = url.parse().map_err(|_| odd())?;
        let authority = uri.authority().ok_or_else(odd)?;
        let tls = uri.scheme_str() == Some("https");
        Ok(Self {
            tls,
            host: uri.host().ok_or_else(odd)?.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }

    /// Where to connect to, in the order in which it is tried.
    pub(super) fn places<'a>(&'a self, ask: &'a HttpAsk) -> Vec<(&'a str, u16)> {
        match &ask.at {
            Some(at) => {
                let all = std::iter::once(at).chain(&ask.or_at);
                all.map(|at| split(at, self.port)).collect()
            }
            None => vec![(self.host.as_str(), self.port)],
        }
    }

    /// The head of a request for its page.
    fn request(&self, method: Method) -> Builder {
        Request::builder()
            .method(method)
            .uri(&self.path)
            .header(HOST, &self.authority)
            .header(USER_AGENT, concat!("ananke/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "*/*")
    }
}

/// A connection over which questions are put, one after the other.
pub(super) struct Talk {
    sender: http1::SendRequest<Full<Bytes>>,
    certificate_until: Option<Timestamp>,
    // Ends with it.
    _driver: JoinSet<()>,
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: u16,
    location: Option<String>,
    challenges: Vec<String>,
    pub(super) body: Vec<u8>,
    whole: bool,
    /// Nothing more can be asked over this connection.
    pub(super) closes: bool,
}

impl Talk {
    /// Begins, over a connection that is there.
    pub(super) async fn begin<S: Stream + 'static>(
        stream: S,
        certificate_until: Option<Timestamp>,
    ) -> Result<Self, Miss> {
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        let mut driver = JoinSet::new();
        driver.spawn(async move { drop(connection.await) });
        Ok(Self { sender, certificate_until, _driver: driver })
    }

    /// When the certificate of the other side ends.
    pub(super) const fn certificate_until(&self) -> Option<Timestamp> {
        self.certificate_until
    }

    /// Asks for the page. It is the last question over this connection.
    pub(super) async fn get(&mut self, goal: &Goal, with_body: bool) -> Result<Reply, Miss> {
        let request = goal.request(Method::GET).header(CONNECTION, "close");
        self.exchange(request.body(Full::default()), with_body).await
    }

    /// Puts a document there.
    pub(super) async fn put(&mut self, goal: &Goal, json: Vec<u8>) -> Result<Reply, Miss> {
        let request = goal.request(Method::PUT).header(CONTENT_TYPE, "application/json");
        self.exchange(request.body(Full::from(json)), true).await
    }

    async fn exchange(
        &mut self,
        request: http::Result<Request<Full<Bytes>>>,
        with_body: bool,
    ) -> Result<Reply, Miss> {
        let odd = |error: http::Error| Miss::blind(BlindKind::Garbled, error.to_string());
        let request = request.map_err(odd)?;
        self.sender.ready().await.map_err(|error| failed(&error))?;
        let answer = self.sender.send_request(request).await.map_err(|error| failed(&error))?;
        let (head, body) = answer.into_parts();
        let (body, whole) = match with_body {
            true => read(body).await?,
            false => (Vec::new(), true),
        };
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let closes = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"close");
        Ok(Reply {
            status: head.status.as_u16(),
            location: head.headers.get(LOCATION).map(text),
            challenges: head.headers.get_all(WWW_AUTHENTICATE).iter().map(text).collect(),
            body,
            whole,
            closes: head.headers.get(CONNECTION).is_some_and(closes),
        })
    }
}

/// Asks, and holds the answer against what was asked for.
pub(super) async fn get(mut talk: Talk, goal: &Goal, ask: &HttpAsk) -> Result<HttpAnswer, Miss> {
    let with_body = ask.body.is_some() || ask.json.is_some();
    let reply = talk.get(goal, with_body).await?;
    let challenges: Vec<&str> = reply.challenges.iter().map(String::as_str).collect();
    Ok(ask.held_against(&HttpReply {
        status: reply.status,
        location: reply.location.as_deref(),
        challenges: &challenges,
        body: &reply.body,
        cut: !reply.whole,
        certificate_until: talk.certificate_until(),
    }))
}

/// hyper's words say little without those of their cause.
fn failed(error: &hyper::Error) -> Miss {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    Miss::Nothing(format!("{error}{}", cause.unwrap_or_default()))
}

/// The beginning of a body, and whether that is all of it.
async fn read(mut body: Incoming) -> Result<(Vec<u8>, bool), Miss> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failed(&error))?;
        if let Some(data) = frame.data_ref() {
            let room = BODY_MAX - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                return Ok((bytes, false));
            }
        }
    }
    Ok((bytes, true))
}
