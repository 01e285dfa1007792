//! Values that are text of a certain form: names, addresses, paths.

use std::path::Path;

use serde_json::{Value, json};

use super::kinds::{Kind, Reading, bad_value, is_number, scalar, wrong_type};
use super::nearest::{nearest, quoted};
use super::scalar::{self, Bad};
use super::tree::Node;
use crate::model::power::UpsName;

/// Text of a certain form.
#[derive(Debug)]
pub(super) enum Text {
    Line,
    Label,
    Machine,
    HostName,
    Service,
    User,
    Address,
    HostPort,
    Path,
    Url,
    Endpoint,
    Object,
    Ups,
    OneOf(&'static [&'static str]),
}

impl Text {
    pub(super) fn check(&self, text: &str, home: Option<&Path>) -> Result<String, Bad> {
        match self {
            Self::Line => scalar::line(text),
            Self::Label => scalar::label(text),
            Self::Machine => scalar::machine(text),
            Self::HostName => scalar::host_name(text),
            Self::Service => scalar::service(text),
            Self::User => scalar::user(text),
            Self::Address => scalar::address(text),
            Self::HostPort => scalar::host_and_port(text).map(|_| text.to_owned()),
            Self::Url => scalar::url(text),
            Self::Endpoint => scalar::endpoint(text),
            Self::Object => scalar::object(text),
            Self::Ups => match UpsName::parse(text) {
                Ok(name) => Ok(name.to_string()),
                Err(error) => {
                    let bad = Bad::new(format!("{} is not a UPS", quoted(text)));
                    Err(bad.help(error.to_string()))
                }
            },
            Self::Path => {
                let path = scalar::path(&scalar::line(text)?)?;
                match (path.strip_prefix("~/"), home) {
                    (None, _) => Ok(path),
                    (Some(rest), Some(home)) => Ok(home.join(rest).display().to_string()),
                    (Some(_), None) => {
                        let bad = Bad::new("`~/` stands for nothing here: no home is known");
                        Err(bad.help("write the whole path"))
                    }
                }
            }
            Self::OneOf(words) => {
                if words.contains(&text) {
                    return Ok(text.to_owned());
                }
                let bad = Bad::new(format!("{} is not one of the values", quoted(text)));
                Err(match nearest(text, words.iter().copied()) {
                    Some(word) => bad.help(format!("did you mean `{word}`?")),
                    None => bad.help(format!("write one of: {}", words.join(", "))),
                })
            }
        }
    }

    const fn article(&self) -> &'static str {
        match self {
            Self::Line | Self::OneOf(_) => "a text",
            Self::Object => "a namespace and a name",
            Self::Label | Self::Machine | Self::HostName | Self::Service => "a name",
            Self::User => "a login name",
            Self::Address | Self::HostPort => "an address",
            Self::Path => "a path",
            Self::Url | Self::Endpoint => "a URL",
            Self::Ups => "a UPS",
        }
    }
}

impl Kind for Text {
    type Out = String;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<String> {
        let (text, plain) = scalar(node, self.article(), to)?;
        let boolean = matches!(text, "true" | "false");
        if plain && (boolean || is_number(text)) {
            let help = format!("if it is meant as a text, write \"{text}\"");
            let found = if boolean { "a boolean" } else { "a number" };
            wrong_type(node, self.article(), found, Some(help), to);
            return None;
        }
        self.check(text, to.home).map_err(|bad| bad_value(node, bad, to)).ok()
    }

    fn schema(&self) -> Value {
        match self {
            Self::OneOf(words) => json!({ "type": "string", "enum": words }),
            Self::Path => json!({ "type": "string", "pattern": "^~?/" }),
            Self::Url => json!({ "type": "string", "pattern": "^[^:/]+://." }),
            Self::Object => json!({ "type": "string", "pattern": "^[^/]+/[^/]+$" }),
            Self::Ups => json!({ "type": "string", "pattern": "^[^@]+@." }),
            Self::Endpoint => json!({ "type": "string", "pattern": "^https://[^/]+/?$" }),
            Self::Line
            | Self::Label
            | Self::Machine
            | Self::HostName
            | Self::Service
            | Self::User
            | Self::Address
            | Self::HostPort => json!({ "type": "string", "minLength": 1 }),
        }
    }
}
