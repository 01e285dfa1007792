//! One question over HTTP, held against what was asked for.

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, HeaderName, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::connect::{Miss, Stream, split};
use crate::model::facts::BlindKind;
use crate::model::probe::{HttpAnswer, HttpAsk, JsonWish};

/// Of a body no more is read: what proves a service stands at its beginning.
const BODY_MAX: usize = 64 << 10;

/// Of what the other side says no more is shown.
const SHOWN: usize = 120;

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
    let status = answer.status().as_u16();
    let mut wrong = headers(answer.headers(), ask);
    if ask.body.is_some() || ask.json.is_some() {
        let (body, whole) = read(answer.into_body()).await?;
        wrong.extend(content(&body, whole, ask));
    }
    Ok(HttpAnswer { status, wrong, certificate_until })
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

fn headers(headers: &HeaderMap, ask: &HttpAsk) -> Vec<String> {
    let begins = |name: HeaderName, wish: &Option<String>, what: &str| {
        let wish = wish.as_ref()?;
        let first = headers.get(&name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let mut found = headers.get_all(&name).iter();
        let good = found.any(|value| value.as_bytes().starts_with(wish.as_bytes()));
        (!good).then(|| match first {
            Some(first) => format!("{what} {}, and {wish:?} is expected", shown(&first)),
            None => format!("it has no {name}, and {wish:?} is expected"),
        })
    };
    let sent = begins(LOCATION, &ask.redirect, "it sends its reader to");
    sent.into_iter().chain(begins(WWW_AUTHENTICATE, &ask.challenge, "it asks for")).collect()
}

fn content(body: &[u8], whole: bool, ask: &HttpAsk) -> Vec<String> {
    let mut wrong = Vec::new();
    let text = String::from_utf8_lossy(body);
    let rest = if whole { "" } else { " in its first 64 kB" };
    if let Some(wish) = ask.body.as_ref().filter(|wish| !text.contains(*wish)) {
        wrong.push(format!("its body has no {wish:?}{rest}"));
    }
    wrong.extend(ask.json.as_ref().and_then(|wish| json(body, whole, wish)));
    wrong
}

fn json(body: &[u8], whole: bool, wish: &JsonWish) -> Option<String> {
    if !whole {
        return Some("its body is more than 64 kB: too much to be read as JSON".to_owned());
    }
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(body) else {
        return Some("its body is no JSON".to_owned());
    };
    let JsonWish { pointer, value } = wish;
    match document.pointer(pointer) {
        Some(found) if found == value => None,
        Some(found) => {
            let found = shown(&found.to_string());
            Some(format!("at {pointer} of its body stands {found}, and {value} is expected"))
        }
        None => Some(format!("there is no {pointer} in its body")),
    }
}

/// What the other side says, fit to be shown: one line, not too long.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push_str("...");
    }
    // It is shown without quotes around it.
    short.replace("\\\"", "\"")
}
