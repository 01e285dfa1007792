//! In which form an answer is wanted, and what it is made of.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::Value;

use crate::sim::world::store::Fault;

/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// The media type of aggregated discovery.
pub(super) const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// In which form objects are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are.
    Plain,
    /// A `Table`.
    Table,
    /// Only their metadata.
    Metadata,
    /// Discovery in two answers instead of one for each group.
    Aggregated,
}

impl Form {
    /// The first of the accepted forms that is to be had.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        let accepted = headers.get_all(header::ACCEPT);
        let accepted = accepted.iter().map(|it| it.to_str().unwrap_or_default());
        let mut forms = accepted.flat_map(|it| it.split(',')).map(str::trim).peekable();
        if forms.peek().is_none() {
            return Ok(Self::Plain);
        }
        forms.find_map(one).ok_or_else(Fault::not_acceptable)
    }
}

fn one(accepted: &str) -> Option<Form> {
    let mut parts = accepted.split(';').map(str::trim);
    if !["application/json", "application/*", "*/*"].contains(&parts.next()?) {
        return None;
    }
    let (mut group, mut version, mut shape) = ("", "", "");
    for (key, value) in parts.filter_map(|part| part.split_once('=')) {
        match key {
            "g" => group = value,
            "v" => version = value,
            "as" => shape = value,
            _ => {}
        }
    }
    match (group, version, shape) {
        (_, _, "") => Some(Form::Plain),
        ("meta.k8s.io", "v1", "Table") => Some(Form::Table),
        ("meta.k8s.io", "v1", "PartialObjectMetadata" | "PartialObjectMetadataList") => {
            Some(Form::Metadata)
        }
        ("apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList") => Some(Form::Aggregated),
        _ => None,
    }
}

/// An answer with a JSON body.
pub(super) fn json(code: u16, value: &Value) -> Response<Body> {
    typed(code, "application/json", value.to_string())
}

/// An answer in words.
pub(super) fn plain(code: u16, text: &str) -> Response<Body> {
    typed(code, "text/plain; charset=utf-8", text.to_owned())
}

/// A refusal.
pub(super) fn fault(fault: &Fault) -> Response<Body> {
    json(fault.code, &fault.status())
}

/// An answer of a media type.
pub(super) fn typed(code: u16, media: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(body)).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_is_to_be_had_is_taken() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        let cases = [
            (table, Some(Form::Table)),
            ("application/vnd.kubernetes.protobuf, application/json", Some(Form::Plain)),
            ("*/*", Some(Form::Plain)),
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", None),
            ("application/vnd.kubernetes.protobuf", None),
            (AGGREGATED, Some(Form::Aggregated)),
        ];
        for (accept, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(Form::of(&headers).ok(), expected, "{accept}");
        }
        assert_eq!(Form::of(&HeaderMap::new()), Ok(Form::Plain));
    }
}
