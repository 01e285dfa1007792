//! The types of values that only probes have: a service, and what differs for a host.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Number, Value, json};

use super::vault;
use crate::config::fields::fields;
use crate::config::kinds::{Count, Flag, Kind, Reading, bad_value, wrong_type};
use crate::config::nearest::quoted;
use crate::config::one_or_more::OneOrMore;
use crate::config::problem::{Code, Fault};
use crate::config::scalar::{self, Bad};
use crate::config::text::Text;
use crate::config::tree::{At, Body, Node};
use crate::model::ingress::IngressHost;
use crate::model::probe::{Ask, HttpAsk, JsonWish};

/// The gates that a service can open.
pub(super) const GATES: &[&str] =
    &["network", "secrets", "database", "load-balancer", "git", "registry", "services"];

/// The gate of a service that names none.
pub(super) const GATE: &str = "services";

/// The gate of a vault.
const OF_VAULTS: &str = "secrets";

/// Every status that HTTP has.
const STATUS: Count = Count { min: 100, max: 599 };

/// The port of a name server.
const DNS_PORT: u16 = 53;

/// What may stand in a service.
const FIELDS: [&str; 14] = [
    "url",
    "tcp",
    "dns",
    "vault",
    "gate",
    "via",
    "at",
    "statuses",
    "body",
    "json",
    "redirect",
    "challenge",
    "verify_certificates",
    "trusted_way",
];

/// Those that say what is asked, of which there is one.
const ASKS: [&str; 4] = ["url", "tcp", "dns", "vault"];

/// Those that belong to some of them only, each with these.
const OF_SOME: [(&str, &[&str]); 8] = [
    ("at", &["url", "vault"]),
    ("statuses", &["url"]),
    ("body", &["url"]),
    ("json", &["url"]),
    ("redirect", &["url"]),
    ("challenge", &["url"]),
    ("verify_certificates", &["url", "vault"]),
    ("trusted_way", &["vault"]),
];

/// HTTP statuses: one, or a list.
#[derive(Debug)]
pub(in crate::config) struct Statuses;

impl Kind for Statuses {
    type Out = BTreeSet<u16>;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<Self::Out> {
        let all = OneOrMore(STATUS).read(node, to)?;
        Some(all.iter().filter_map(|status| u16::try_from(status.value).ok()).collect())
    }

    fn schema(&self) -> Value {
        OneOrMore(STATUS).schema()
    }
}

/// One service.
#[derive(Debug)]
pub(in crate::config) struct Service;

/// What a file says of one service.
#[derive(Debug, Clone)]
pub(in crate::config) struct ServiceSaid {
    pub(super) ask: Ask,
    pub(super) gate: String,
    pub(super) via: Option<At<String>>,
}

pub(super) type Fields<'n> = BTreeMap<&'n str, &'n Node>;

impl Kind for Service {
    type Out = ServiceSaid;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<ServiceSaid> {
        let fields = fields(node, &FIELDS, to)?;
        let gate = gate(&fields, to);
        let via = fields
            .get("via")
            .and_then(|node| Text::Machine.read(node, to).map(|value| At { at: node.at, value }));
        let ask = ask(node, &fields, to)?;
        Some(ServiceSaid { ask, gate: gate?, via })
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "additionalProperties": false,
            "oneOf": ASKS.map(|ask| json!({ "required": [ask] })),
            "properties": {
                "url": Text::Url.schema(),
                "tcp": Text::HostPort.schema(),
                "dns": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["server", "name"],
                    "properties": {
                        "server": Text::HostPort.schema(),
                        "name": Text::Address.schema(),
                    },
                },
                "vault": Text::Url.schema(),
                "trusted_way": Flag.schema(),
                "gate": Text::OneOf(GATES).schema(),
                "via": Text::Machine.schema(),
                "at": Text::HostPort.schema(),
                "statuses": Statuses.schema(),
                "body": Text::Line.schema(),
                "json": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["pointer", "value"],
                    "properties": { "pointer": { "type": "string", "pattern": "^/" }, "value": {} },
                },
                "redirect": Text::Line.schema(),
                "challenge": Text::Line.schema(),
                "verify_certificates": Flag.schema(),
            },
        })
    }
}

/// A URL, or a service.
#[derive(Debug)]
pub(in crate::config) struct UrlOrService;

impl Kind for UrlOrService {
    type Out = ServiceSaid;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<ServiceSaid> {
        if matches!(node.body, Body::Map(_)) {
            return Service.read(node, to);
        }
        let ask = http(node, &Fields::new(), to)?;
        Some(ServiceSaid { ask, gate: GATE.to_owned(), via: None })
    }

    fn schema(&self) -> Value {
        json!({ "anyOf": [Text::Url.schema(), Service.schema()] })
    }
}

/// What is asked: there must be one thing.
fn ask(node: &Node, fields: &Fields<'_>, to: &mut Reading<'_>) -> Option<Ask> {
    let asks: Vec<_> = ASKS.iter().filter_map(|name| Some((*name, *fields.get(name)?))).collect();
    let (name, what) = match asks.as_slice() {
        [] => {
            let fault = Fault::error(Code::MissingKey, "nothing is asked here").at(node.at);
            to.faults.push(fault.help("write one of: url, tcp, dns, vault"));
            return None;
        }
        [one] => *one,
        [(first, _), (second, node), ..] => {
            let message = format!("there is `{first}` already, and `{second}` asks something else");
            let fault = Fault::error(Code::Conflict, message).at(node.at);
            to.faults.push(fault.help("write two services"));
            return None;
        }
    };
    for (field, of) in OF_SOME.iter().filter(|(_, of)| !of.contains(&name)) {
        let Some(node) = fields.get(field) else { continue };
        let message = format!("`{field}` belongs to a `{}`, and here is a `{name}`", of[0]);
        to.faults.push(Fault::error(Code::Conflict, message).at(node.at));
    }
    match name {
        "url" => http(what, fields, to),
        "tcp" => tcp(what, to),
        "vault" => vault::ask(what, fields, to),
        _ => dns(what, to),
    }
}

/// The gate that waits for it. A vault that another gate waited for would never be opened.
fn gate(fields: &Fields<'_>, to: &mut Reading<'_>) -> Option<String> {
    let usual = if fields.contains_key("vault") { OF_VAULTS } else { GATE };
    let Some(node) = fields.get("gate") else { return Some(usual.to_owned()) };
    let gate = Text::OneOf(GATES).read(node, to)?;
    if fields.contains_key("vault") && gate != OF_VAULTS {
        let message = format!("a `vault` is a matter of the gate `{OF_VAULTS}`");
        let fault = Fault::error(Code::Conflict, message).at(node.at);
        to.faults.push(fault.help("remove the gate; ask its other paths with a `url`"));
    }
    Some(gate)
}

fn http(node: &Node, fields: &Fields<'_>, to: &mut Reading<'_>) -> Option<Ask> {
    let url = Text::Url.read(node, to)?;
    if let Err(bad) = askable(&url) {
        bad_value(node, bad, to);
        return None;
    }
    let text = |name: &str, kind: &Text, to: &mut Reading<'_>| match fields.get(name) {
        Some(node) => kind.read(node, to).map(Some),
        None => Some(None),
    };
    let at = text("at", &Text::HostPort, to);
    let body = text("body", &Text::Line, to);
    let redirect = text("redirect", &Text::Line, to);
    let challenge = text("challenge", &Text::Line, to);
    let json = match fields.get("json") {
        Some(node) => json_wish(node, to).map(Some),
        None => Some(None),
    };
    let verified = fields.get("verify_certificates").map(|node| Flag.read(node, to));
    let statuses = fields.get("statuses").map(|node| Statuses.read(node, to));
    let (redirect, challenge) = (redirect?, challenge?);
    // Whoever wishes for another page, or to be asked who it is, does not mean a plain 200.
    let usual: &[u16] = match (&redirect, &challenge) {
        (Some(_), _) => &[301, 302, 303, 307, 308],
        (None, Some(_)) => &[401],
        (None, None) => &[200],
    };
    Some(Ask::Http(HttpAsk {
        url,
        at: at?,
        statuses: statuses.unwrap_or_else(|| Some(usual.iter().copied().collect()))?,
        body: body?,
        json: json?,
        redirect,
        challenge,
        or_at: Vec::new(),
        unverified: !verified.unwrap_or(Some(true))?,
    }))
}

/// Whether ananke can ask such a URL.
pub(super) fn askable(url: &str) -> Result<(), Bad> {
    let bad = || Bad::new(format!("{} can't be asked", quoted(url)));
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let help = "write it as `https://name/path`";
    let rest = rest.ok_or_else(|| bad().help(help))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    scalar::host_and_port(authority).map(drop).map_err(|_| bad().help(help))
}

fn json_wish(node: &Node, to: &mut Reading<'_>) -> Option<JsonWish> {
    let fields = fields(node, &["pointer", "value"], to)?;
    let pointer = needed("pointer", node, &fields, to)?;
    let value = needed("value", node, &fields, to).map(plain);
    let text = Text::Line.read(pointer, to)?;
    if !text.starts_with('/') {
        let bad = Bad::new(format!("{} is not a JSON pointer", quoted(&text)));
        bad_value(pointer, bad.help("it begins with `/`: `/status/ready`"), to);
        return None;
    }
    Some(JsonWish { pointer: text, value: value? })
}

/// A field that must be there.
fn needed<'n>(
    name: &str,
    node: &Node,
    fields: &Fields<'n>,
    to: &mut Reading<'_>,
) -> Option<&'n Node> {
    let found = fields.get(name).copied();
    if found.is_none() {
        let message = format!("`{name}` is missing here");
        to.faults.push(Fault::error(Code::MissingKey, message).at(node.at));
    }
    found
}

/// A value of any kind, as JSON has it.
fn plain(node: &Node) -> Value {
    match &node.body {
        Body::Null => Value::Null,
        Body::Scalar { text, plain: false } => Value::String(text.clone()),
        Body::Scalar { text, plain: true } => match text.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => match text.parse::<Number>() {
                Ok(number) => Value::Number(number),
                Err(_) => Value::String(text.to_owned()),
            },
        },
        Body::List(items) => Value::Array(items.iter().map(plain).collect()),
        Body::Map(pairs) => {
            let pairs = pairs.iter().map(|pair| (pair.key.value.clone(), plain(&pair.value)));
            Value::Object(pairs.collect())
        }
    }
}

fn tcp(node: &Node, to: &mut Reading<'_>) -> Option<Ask> {
    let (host, port) = place(node, None, to)?;
    Some(Ask::Tcp { host, port })
}

fn dns(node: &Node, to: &mut Reading<'_>) -> Option<Ask> {
    if !matches!(node.body, Body::Map(_)) {
        let help = "write it as `{server: ADDRESS, name: NAME}`".to_owned();
        wrong_type(node, "a map (`name: value`)", "something else", Some(help), to);
        return None;
    }
    let fields = fields(node, &["server", "name"], to)?;
    let server = needed("server", node, &fields, to);
    let name = needed("name", node, &fields, to);
    let server = server.and_then(|node| place(node, Some(DNS_PORT), to));
    let name = name.and_then(|node| Text::Address.read(node, to))?;
    let (server, port) = server?;
    Some(Ask::Dns { server, port, name })
}

/// A host and a port. Without a default there must be one.
fn place(node: &Node, default: Option<u16>, to: &mut Reading<'_>) -> Option<(String, u16)> {
    let text = Text::HostPort.read(node, to)?;
    let (host, port) = scalar::host_and_port(&text).ok()?;
    let port = port.or(default);
    if port.is_none() {
        let bad = Bad::new(format!("there is no port in {}", quoted(&text)));
        bad_value(node, bad.help("write it as `ADDRESS:PORT`"), to);
    }
    Some((host, port?))
}

/// What differs for one host of an ingress.
#[derive(Debug)]
pub(in crate::config) struct OneHost;

const HOST_FIELDS: [&str; 4] = ["statuses", "at", "scheme", "skip"];

pub(super) const SCHEMES: &[&str] = &["https", "http"];

impl Kind for OneHost {
    type Out = IngressHost;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<IngressHost> {
        let fields = fields(node, &HOST_FIELDS, to)?;
        let scheme = fields.get("scheme").and_then(|node| Text::OneOf(SCHEMES).read(node, to));
        Some(IngressHost {
            statuses: fields.get("statuses").and_then(|node| Statuses.read(node, to)),
            at: fields.get("at").and_then(|node| Text::HostPort.read(node, to)),
            https: scheme.map(|scheme| scheme == "https"),
            skip: fields.get("skip").and_then(|node| Text::Line.read(node, to)),
        })
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "statuses": Statuses.schema(),
                "at": Text::HostPort.schema(),
                "scheme": Text::OneOf(SCHEMES).schema(),
                "skip": Text::Line.schema(),
            },
        })
    }
}
