//! One question over HTTP, held against what was asked for.

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Empty};
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
}

/// Asks over a connection that is there.
pub(super) async fn get<S: Stream + 'static>(
    stream: S,
    goal: &Goal,
    ask: &HttpAsk,
    certificate_until: Option<Timestamp>,
) -> Result<HttpAnswer, Miss> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    // Ends with this question.
    let mut driver = JoinSet::new();
    driver.spawn(async move { drop(connection.await) });
    let request = Request::get(&goal.path)
        .header(HOST, &goal.authority)
        .header(USER_AGENT, concat!("ananke/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| Miss::blind(BlindKind::Garbled, error.to_string()))?;
    let answer = sender.send_request(request).await.map_err(|error| failed(&error))?;
    let (head, body) = answer.into_parts();
    let (body, whole) = match ask.body.is_some() || ask.json.is_some() {
        true => read(body).await?,
        false => (Vec::new(), true),
    };
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let location = head.headers.get(LOCATION).map(text);
    let challenges: Vec<String> = head.headers.get_all(WWW_AUTHENTICATE).iter().map(text).collect();
    let challenges: Vec<&str> = challenges.iter().map(String::as_str).collect();
    Ok(ask.held_against(&HttpReply {
        status: head.status.as_u16(),
        location: location.as_deref(),
        challenges: &challenges,
        body: &body,
        cut: !whole,
        certificate_until,
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
