//! One request and its answer: bounded in time and size, with errors that say what is known about
//! the request's fate.

use std::error::Error as StdError;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tokio::time::timeout;

use crate::model::facts::{Blind, BlindKind};

/// The longest answer that is read: a page of 250 nodes with 60 kB each fits twice.
pub(super) const MAX_BODY: usize = 32 << 20;
/// The longest text of the server that is shown.
const MAX_WORDS: usize = 240;

/// A client for one endpoint.
#[derive(Clone)]
pub(super) struct Wire {
    client: Client,
    endpoint: String,
}

/// What a server answered, whatever its code.
pub(super) struct Answer {
    pub(super) code: StatusCode,
    pub(super) body: Vec<u8>,
}

/// No whole answer came.
pub(super) enum NoAnswer {
    /// The request surely never reached a server.
    NotSent(Blind),
    /// The request may have been carried out.
    Lost(Blind),
}

impl NoAnswer {
    pub(super) fn blind(self) -> Blind {
        match self {
            Self::NotSent(blind) | Self::Lost(blind) => blind,
        }
    }
}

impl Wire {
    pub(super) const fn new(client: Client, endpoint: String) -> Self {
        Self { client, endpoint }
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Sends a request and reads the whole answer, within `limit`.
    pub(super) async fn call(
        &self,
        request: Request<Body>,
        limit: Duration,
    ) -> Result<Answer, NoAnswer> {
        let exchange = async {
            let answer = self.client.send(request).await.map_err(|e| no_answer(&e))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_BODY).collect().await.map_err(|e| {
                NoAnswer::Lost(blind_of_error(&*e).unwrap_or_else(|| {
                    Blind::new(BlindKind::Garbled, format!("the answer broke off: {e}"))
                }))
            })?;
            Ok(Answer { code: head.status, body: body.to_bytes().to_vec() })
        };
        timeout(limit, exchange).await.unwrap_or_else(|_| Err(NoAnswer::Lost(too_late(limit))))
    }

    /// Opens a stream; only the head of the answer must come within `limit`.
    pub(super) async fn open(
        &self,
        request: Request<Body>,
        limit: Duration,
    ) -> Result<(StatusCode, Body), Blind> {
        let head = timeout(limit, self.client.send(request)).await;
        let answer = head.map_err(|_| too_late(limit))?.map_err(|e| no_answer(&e).blind())?;
        let (head, body) = answer.into_parts();
        Ok((head.status, body))
    }
}

impl Answer {
    /// The JSON of an answer with code 200, else why there is none.
    pub(super) fn json(&self) -> Result<Value, Blind> {
        if !self.code.is_success() {
            return Err(self.blind());
        }
        serde_json::from_slice(&self.body)
            .map_err(|e| Blind::new(BlindKind::Garbled, format!("the answer is not JSON: {e}")))
    }

    /// What an answer that is no success says about seeing.
    pub(super) fn blind(&self) -> Blind {
        let kind = match self.code.as_u16() {
            401 | 403 => BlindKind::Denied,
            429 | 500..=599 => BlindKind::NotYet,
            _ => BlindKind::Garbled,
        };
        Blind::new(kind, self.words())
    }

    /// The server's own words, short: the message of a `Status`, or the start of the body.
    pub(super) fn words(&self) -> String {
        let status: Option<Value> = serde_json::from_slice(&self.body).ok();
        let message = status.as_ref().and_then(|s| s.get("message")?.as_str());
        let text = message.map_or_else(|| String::from_utf8_lossy(&self.body), Into::into);
        let text = short(&failed_parts(&text), MAX_WORDS);
        if text.is_empty() { self.code.to_string() } else { format!("{}: {text}", self.code) }
    }
}

/// `/readyz` lists everything that it asked, a line each; `[-]` stands before what is not ready.
fn failed_parts(text: &str) -> String {
    let failed: Vec<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("[-]")).collect();
    if failed.is_empty() { text.trim().to_owned() } else { failed.join("; ") }
}

/// A request without a body.
pub(super) fn get(path: &str) -> Request<Body> {
    request(Method::GET, path, None)
}

/// A request with a JSON body of the given media type.
pub(super) fn request(method: Method, path: &str, body: Option<(&str, &Value)>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    // Paths are made of constants, numbers and names that were checked to be DNS names.
    if let Ok(uri) = path.parse() {
        *request.uri_mut() = uri;
    }
    let accept = http::HeaderValue::from_static("application/json");
    request.headers_mut().insert(http::header::ACCEPT, accept);
    if let Some((media, value)) = body {
        if let Ok(media) = http::HeaderValue::from_str(media) {
            request.headers_mut().insert(http::header::CONTENT_TYPE, media);
        }
        *request.body_mut() = Body::from(value.to_string().into_bytes());
    }
    request
}

/// Whether a name may stand in a path: an RFC 1123 subdomain, as Kubernetes demands of names.
pub(super) fn is_object_name(name: &str) -> bool {
    let fine = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.';
    !name.is_empty() && name.len() <= 253 && !name.starts_with('.') && name.bytes().all(fine)
}

/// The first `max` characters, marked when something was cut off, on one line.
pub(super) fn short(text: &str, max: usize) -> String {
    let plain: String =
        text.chars().take(max).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(max).is_some() { plain + "…" } else { plain }
}

fn too_late(limit: Duration) -> Blind {
    Blind::new(BlindKind::TimedOut, format!("no answer within {} ms", limit.as_millis()))
}

fn no_answer(error: &kube::Error) -> NoAnswer {
    let blind = blind_of_error(error)
        .unwrap_or_else(|| Blind::new(BlindKind::Unreachable, short(&innermost(error), MAX_WORDS)));
    let connecting = causes(error).any(|cause| {
        cause
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(hyper_util::client::legacy::Error::is_connect)
    });
    if connecting { NoAnswer::NotSent(blind) } else { NoAnswer::Lost(blind) }
}

/// The class of a transport error, if its chain says more than that something went wrong.
fn blind_of_error(error: &(dyn StdError + 'static)) -> Option<Blind> {
    for cause in causes(error) {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Some(blind_of_tls(tls));
        }
        let Some(io) = cause.downcast_ref::<std::io::Error>() else { continue };
        if io.kind() == std::io::ErrorKind::TimedOut {
            return Some(Blind::new(BlindKind::TimedOut, "no answer in time"));
        }
        if io.kind() == std::io::ErrorKind::ConnectionRefused {
            return Some(Blind::new(BlindKind::Unreachable, "connection refused"));
        }
    }
    None
}

fn blind_of_tls(error: &rustls::Error) -> Blind {
    use rustls::CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else {
        return Blind::new(BlindKind::Identity, short(&format!("TLS: {error}"), MAX_WORDS));
    };
    let clock = matches!(bad, Bad::NotValidYet | Bad::NotValidYetContext { .. });
    let expired = matches!(bad, Bad::Expired | Bad::ExpiredContext { .. });
    let name = matches!(bad, Bad::NotValidForName | Bad::NotValidForNameContext { .. });
    let detail = if clock {
        "its certificate is not valid yet: is this host's clock right?".to_owned()
    } else if expired {
        "its certificate has expired, or this host's clock is wrong".to_owned()
    } else if *bad == Bad::UnknownIssuer {
        "its certificate comes from another authority than the kubeconfig's".to_owned()
    } else if name {
        "its certificate is not for this address: use one that the certificate names \
         (k3s: tls-san), or set tls-server-name in the kubeconfig"
            .to_owned()
    } else {
        format!("TLS: {error}")
    };
    Blind::new(BlindKind::Identity, short(&detail, MAX_WORDS))
}

fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    // Bounded, in case a source leads back to itself.
    std::iter::from_fn(move || {
        let error = next?;
        // An io::Error's source() skips the error that it carries.
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(carried) => Some(carried),
            None => error.source(),
        };
        Some(error)
    })
    .take(16)
}

/// The innermost cause says most; the layers above it only say that a request failed.
fn innermost(error: &kube::Error) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dns_names_stand_in_a_path() {
        for (name, fine) in [
            ("titan-0a", true),
            ("n.example", true),
            ("", false),
            ("a/b", false),
            ("..", false),
            ("a?b", false),
            ("Über", false),
        ] {
            assert_eq!(is_object_name(name), fine, "{name:?}");
        }
    }

    #[test]
    fn the_servers_words_are_short_and_on_one_line() {
        let long = "x".repeat(10_000);
        let table = [
            (403, r#"{"kind":"Status","message":"no\nway"}"#, "403 Forbidden: no way"),
            (500, "[+]ping ok\n[-]etcd failed\n", "500 Internal Server Error: etcd failed"),
            (502, "", "502 Bad Gateway"),
        ];
        for (code, body, words) in table {
            let code = StatusCode::from_u16(code).unwrap();
            assert_eq!(Answer { code, body: body.into() }.words(), words);
        }
        let answer = Answer { code: StatusCode::NOT_FOUND, body: long.into() };
        assert!(answer.words().chars().count() < MAX_WORDS + 40);
    }
}
