//! How machines are switched on: a magic packet, an outlet of a UPS, or a command.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::keys;
use crate::config::fields::fields;
use crate::config::inventory::Inventory;
use crate::config::kinds::{Count, Kind, List, Map, Reading, bad_value, scalar};
use crate::config::nearest::{nearest, quoted};
use crate::config::one_or_more::OneOrMore;
use crate::config::problem::{Code, Fault};
use crate::config::scalar::{Bad, host_and_port};
use crate::config::settings::{MagicPacket, TurnOn, TurnOnSettings, UpsdLogin};
use crate::config::text::Text;
use crate::config::tree::{At, Node, Place};
use crate::config::walk::Values;
use crate::model::ids::MachineName;
use crate::model::power::UpsName;

/// How machines are switched on, by name.
#[derive(Debug)]
pub(in crate::config) struct Ways;

/// What a file says of one machine: the first way that stands there.
#[derive(Debug, Clone)]
pub(in crate::config) enum WaySaid {
    /// By a magic packet to this hardware address.
    Packet { mac: [u8; 6], to: SocketAddr, from: Vec<IpAddr> },
    /// By an outlet of a UPS.
    Outlet { ups: At<String>, outlet: u8 },
    /// By a program.
    Command(Vec<String>),
}

/// The ways; each machine has one of them.
const WAYS: [&str; 3] = ["wake", "outlet", "command"];

const WAKE_FIELDS: [&str; 3] = ["mac", "broadcast", "from"];

const OUTLET_FIELDS: [&str; 2] = ["ups", "outlet"];

/// More groups of outlets no UPS has; a power distribution unit has 48 outlets at the most.
const OUTLET: Count = Count { min: 1, max: 64 };

/// Where Wake-on-LAN is usually sent; network cards look at the content only.
const DISCARD_PORT: u16 = 9;

/// Groups of a hardware address.
const MAC_PATTERN: &str = "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$";

impl Kind for Ways {
    type Out = BTreeMap<String, At<(Place, WaySaid)>>;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<Self::Out> {
        Map { names: Text::Machine, values: OneWay }.read(node, to)
    }

    fn schema(&self) -> Value {
        Map { names: Text::Machine, values: OneWay }.schema()
    }
}

#[derive(Debug)]
struct OneWay;

impl Kind for OneWay {
    type Out = WaySaid;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<WaySaid> {
        let fields = fields(node, &WAYS, to)?;
        if fields.len() != 1 {
            let message = match fields.is_empty() {
                true => "it is not said how this machine is switched on".to_owned(),
                false => format!("{} ways to switch one machine on", fields.len()),
            };
            let fault = Fault::error(Code::Conflict, message).at(node.at);
            to.faults.push(fault.help("write one of: wake, outlet, command"));
            return None;
        }
        if let Some(node) = fields.get("wake") {
            return packet(node, to);
        }
        if let Some(node) = fields.get("outlet") {
            return outlet(node, to);
        }
        fields.get("command").and_then(|node| command(node, to))
    }

    fn schema(&self) -> Value {
        let one = Text::HostPort.schema();
        json!({
            "type": "object",
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {
                "wake": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["mac"],
                    "properties": {
                        "mac": Mac.schema(),
                        "broadcast": one,
                        "from": OneOrMore(Text::Address).schema(),
                    },
                },
                "outlet": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["ups", "outlet"],
                    "properties": { "ups": Text::Ups.schema(), "outlet": OUTLET.schema() },
                },
                "command": List(Text::Line).schema(),
            },
        })
    }
}

/// The node of a field that must be there.
fn needed<'n>(
    fields: &BTreeMap<&'n str, &'n Node>,
    name: &str,
    at: Place,
    to: &mut Reading<'_>,
) -> Option<&'n Node> {
    let found = fields.get(name).copied();
    if found.is_none() {
        let message = format!("`{name}` is missing here");
        to.faults.push(Fault::error(Code::MissingKey, message).at(at));
    }
    found
}

fn packet(node: &Node, to: &mut Reading<'_>) -> Option<WaySaid> {
    let fields = fields(node, &WAKE_FIELDS, to)?;
    let mac = needed(&fields, "mac", node.at, to).and_then(|node| Mac.read(node, to));
    let everybody = SocketAddr::from((Ipv4Addr::BROADCAST, DISCARD_PORT));
    let target = match fields.get("broadcast") {
        Some(node) => broadcast(node, to),
        None => Some(everybody),
    };
    let from = match fields.get("from") {
        Some(node) => own_addresses(node, target.unwrap_or(everybody), to),
        None => Some(Vec::new()),
    };
    Some(WaySaid::Packet { mac: mac?, to: target?, from: from? })
}

fn broadcast(node: &Node, to: &mut Reading<'_>) -> Option<SocketAddr> {
    let text = Text::HostPort.read(node, to)?;
    let (host, port) = host_and_port(&text).ok()?;
    let Ok(address) = host.parse::<IpAddr>() else {
        let bad = Bad::new(format!("{} is no address of a network", quoted(&host)));
        let help = "write it in numbers, as `192.0.2.255`: no name can be looked up in an outage";
        bad_value(node, bad.help(help), to);
        return None;
    };
    Some(SocketAddr::new(address, port.unwrap_or(DISCARD_PORT)))
}

fn own_addresses(node: &Node, target: SocketAddr, to: &mut Reading<'_>) -> Option<Vec<IpAddr>> {
    let given = OneOrMore(Text::Address).read(node, to)?;
    let count = given.len();
    let mut from = Vec::new();
    for At { at, value } in given {
        match value.parse::<IpAddr>() {
            Ok(address) if address.is_ipv4() == target.is_ipv4() => from.push(address),
            Ok(_) => {
                let message = format!("from {value} nothing gets to {}", target.ip());
                to.faults.push(Fault::error(Code::Conflict, message).at(at));
            }
            Err(_) => {
                let message = format!("{} is no address of this host", quoted(&value));
                let fault = Fault::error(Code::BadValue, message).at(at);
                to.faults.push(fault.help("write the address of the network card, in numbers"));
            }
        }
    }
    (from.len() == count).then_some(from)
}

fn outlet(node: &Node, to: &mut Reading<'_>) -> Option<WaySaid> {
    let fields = fields(node, &OUTLET_FIELDS, to)?;
    let ups = needed(&fields, "ups", node.at, to)
        .and_then(|node| Text::Ups.read(node, to).map(|value| At { at: node.at, value }));
    let outlet = needed(&fields, "outlet", node.at, to).and_then(|node| OUTLET.read(node, to));
    let outlet = outlet.and_then(|outlet| u8::try_from(outlet).ok());
    Some(WaySaid::Outlet { ups: ups?, outlet: outlet? })
}

fn command(node: &Node, to: &mut Reading<'_>) -> Option<WaySaid> {
    let words = List(Text::Line).read(node, to)?;
    let fault = match words.first() {
        Some(program) if program.value.starts_with('/') => {
            return Some(WaySaid::Command(words.into_iter().map(|word| word.value).collect()));
        }
        Some(program) => {
            let message = format!("{} is not an absolute path", quoted(&program.value));
            let fault = Fault::error(Code::BadValue, message).at(program.at);
            fault.help("the first word is the program, written from `/`")
        }
        None => Fault::error(Code::BadValue, "there is no program in this list").at(node.at),
    };
    to.faults.push(fault);
    None
}

/// The hardware address of a network card.
#[derive(Debug)]
struct Mac;

impl Kind for Mac {
    type Out = [u8; 6];

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<[u8; 6]> {
        let (text, _) = scalar(node, "a hardware address", to)?;
        let mac = mac(text);
        if mac.is_none() {
            let bad = Bad::new(format!("{} is no hardware address of a machine", quoted(text)));
            let help = "write six pairs of hexadecimal digits, as `ip link` shows them: \
                        `52:54:00:12:34:56`";
            bad_value(node, bad.help(help), to);
        }
        mac
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "pattern": MAC_PATTERN })
    }
}

/// Six pairs of digits. Those of everybody, of a group and of nobody are no machine's.
fn mac(text: &str) -> Option<[u8; 6]> {
    let separator = if text.contains('-') { '-' } else { ':' };
    let pair = |pair: &str| {
        let digits = pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    };
    let pairs: Option<Vec<u8>> = text.split(separator).map(pair).collect();
    let mac: [u8; 6] = pairs?.try_into().ok()?;
    let [first, ..] = mac;
    (mac != [0; 6] && first & 1 == 0).then_some(mac)
}

/// What the file says of switching machines on.
pub(in crate::config) fn read(
    values: &Values<'_>,
    inventory: &Inventory,
    hostname: &str,
    upses: &[UpsName],
    faults: &mut Vec<Fault>,
) -> TurnOnSettings {
    let given = keys::TURN_ON.given(values).map(|given| given.value).unwrap_or_default();
    let mut macs: BTreeMap<[u8; 6], Place> = BTreeMap::new();
    let mut ways = BTreeMap::new();
    let mut first_outlet = None;
    for (name, At { at, value: (_, said) }) in given {
        inventory.known(&name, at, faults);
        if name == hostname {
            let message = format!("{} is this host, which can't switch itself on", quoted(&name));
            faults.push(Fault::error(Code::Conflict, message).at(at));
        }
        let way = match said {
            WaySaid::Packet { mac, to, from } => {
                if let Some(first) = macs.insert(mac, at) {
                    let fault = Fault::error(Code::Conflict, "two machines with one `mac`");
                    faults.push(fault.at(at).first(first));
                }
                TurnOn::Packet(MagicPacket { mac, to, from })
            }
            WaySaid::Command(words) => TurnOn::Command(words),
            WaySaid::Outlet { ups, outlet } => {
                first_outlet.get_or_insert(at);
                let known = !keys::UPSES.broken(values);
                own_cable(&ups, hostname, faults);
                let Some(ups) = watched(&ups, upses, known, faults) else { continue };
                TurnOn::Outlet { ups, outlet }
            }
        };
        ways.insert(MachineName::new(name), way);
    }
    TurnOnSettings { ways, upsd: login(values, first_outlet, faults) }
}

/// A UPS is commanded only by the host that has its cable: two would switch against each other.
fn own_cable(ups: &At<String>, hostname: &str, faults: &mut Vec<Fault>) {
    let Ok(name) = UpsName::parse(&ups.value) else { return };
    let host = name.host();
    let here = host == "localhost"
        || host.eq_ignore_ascii_case(hostname)
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if !here {
        let message = format!("the cable of {} is not on this host", quoted(&ups.value));
        let fault = Fault::error(Code::Conflict, message).at(ups.at);
        let help = format!("if it is, write {}@localhost, here and in `power.upses`", name.ups());
        faults.push(fault.help(help));
    }
}

/// The UPS of an outlet, as `power.upses` spells it.
fn watched(
    ups: &At<String>,
    upses: &[UpsName],
    known: bool,
    faults: &mut Vec<Fault>,
) -> Option<UpsName> {
    let name = UpsName::parse(&ups.value).ok()?;
    let found = upses.iter().find(|listed| listed.is_same(&name));
    if found.is_none() && known {
        let message = format!("`power.upses` has no {}", quoted(&ups.value));
        let names: Vec<String> = upses.iter().map(ToString::to_string).collect();
        let help = match nearest(&ups.value, names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "add it there".to_owned(),
        };
        faults.push(Fault::error(Code::UnknownUps, message).at(ups.at).help(help));
    }
    found.cloned()
}

/// Who commands a UPS. An outlet needs it, and nothing else does.
fn login(values: &Values<'_>, outlet: Option<Place>, faults: &mut Vec<Fault>) -> Option<UpsdLogin> {
    let (user, password) = (keys::UPSD_USER.given(values), keys::UPSD_LOGIN_FILE.given(values));
    let broken = keys::UPSD_USER.broken(values) || keys::UPSD_LOGIN_FILE.broken(values);
    let missing = match (&user, &password) {
        (Some(_), Some(_)) => None,
        (None, _) => Some("power.upsd_user"),
        (Some(_), None) => Some("power.upsd_login_file"),
    };
    if let (Some(missing), Some(at), false) = (missing, outlet, broken) {
        let message = format!("`{missing}` is missing: upsd takes commands from its users only");
        let fault = Fault::error(Code::MissingKey, message).at(at);
        faults.push(fault.help("a user of upsd.users with `instcmds`"));
    }
    if let (Some(given), None) = (user.as_ref().or(password.as_ref()), outlet)
        && !keys::TURN_ON.broken(values)
    {
        let message = "no outlet is switched on: nobody logs in to upsd";
        faults.push(Fault::warning(Code::NoEffect, message).at(given.at));
    }
    Some(UpsdLogin { user: user?.value, password: PathBuf::from(password?.value) })
}

#[cfg(test)]
mod tests {
    use super::mac;

    #[test]
    fn a_hardware_address_is_that_of_one_machine() {
        let good = Some([0x52, 0x54, 0, 0x12, 0x34, 0xab]);
        assert_eq!(mac("52:54:00:12:34:ab"), good);
        assert_eq!(mac("52-54-00-12-34-AB"), good);
        let bad = [
            "",
            "52:54:00:12:34",
            "52:54:00:12:34:ab:cd",
            "52:54:00:12:34:g0",
            "525400:12:34:ab",
            "ff:ff:ff:ff:ff:ff",
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
            "52:54:00-12:34:ab",
            "+2:54:00:12:34:ab",
        ];
        for text in bad {
            assert_eq!(mac(text), None, "{text}");
        }
    }
}
