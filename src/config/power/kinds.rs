//! The types of values that only `power` has: UPSes and power domains.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::keys::{LOW_FOR, ON_BATTERY, PERCENT};
use crate::config::kinds::{Count, Flag, Kind, List, Map, Reading, wrong_type};
use crate::config::nearest::{nearest, quoted};
use crate::config::problem::{Code, Fault};
use crate::config::text::Text;
use crate::config::tree::{At, Body, Node, Pair, Place};
use crate::model::time::Span;

/// The UPSes: a list of names, or a map from names to what differs for one.
#[derive(Debug)]
pub(in crate::config) struct Upses;

/// What a file says of one UPS.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct UpsSaid {
    pub(super) certificate: Option<At<String>>,
    pub(super) charge_floor: Option<u64>,
    pub(super) start_charge: Option<u64>,
    pub(super) on_battery_max: Option<Span>,
    pub(super) low_for: Option<Span>,
}

/// The fields of [`UpsSaid`].
const UPS_FIELDS: [&str; 5] =
    ["certificate", "charge_floor", "start_charge", "on_battery_max", "low_for"];

/// The power domains, by name.
#[derive(Debug)]
pub(in crate::config) struct Domains;

/// What a file says of one power domain.
#[derive(Debug, Clone)]
pub(in crate::config) struct DomainSaid {
    pub(super) upses: Vec<At<String>>,
    pub(super) need: Option<At<u64>>,
    pub(super) machines: Vec<At<String>>,
    pub(super) carries_orders: bool,
}

/// The fields of [`DomainSaid`].
const DOMAIN_FIELDS: [&str; 4] = ["upses", "need", "machines", "carries_orders"];

/// More UPSes than this feed no domain.
const NEED: Count = Count { min: 1, max: 16 };

impl Kind for Upses {
    type Out = Vec<(At<String>, UpsSaid)>;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<Self::Out> {
        match &node.body {
            // One UPS needs no brackets.
            Body::Scalar { .. } => {
                let name = Text::Ups.read(node, to)?;
                Some(vec![(At { at: node.at, value: name }, UpsSaid::default())])
            }
            Body::Map(pairs) => Some(pairs.iter().filter_map(|pair| ups(pair, to)).collect()),
            Body::List(_) | Body::Null => {
                let names = List(Text::Ups).read(node, to)?;
                Some(names.into_iter().map(|name| (name, UpsSaid::default())).collect())
            }
        }
    }

    fn schema(&self) -> Value {
        let one = json!({
            "type": ["object", "null"],
            "additionalProperties": false,
            "properties": {
                "certificate": Text::Path.schema(),
                "charge_floor": PERCENT.schema(),
                "start_charge": PERCENT.schema(),
                "on_battery_max": ON_BATTERY.schema(),
                "low_for": LOW_FOR.schema(),
            },
        });
        json!({ "anyOf": [
            Text::Ups.schema(),
            List(Text::Ups).schema(),
            { "type": "object", "additionalProperties": one },
        ] })
    }
}

fn ups(pair: &Pair, to: &mut Reading<'_>) -> Option<(At<String>, UpsSaid)> {
    let body = Body::Scalar { text: pair.key.value.clone(), plain: true };
    let name = Text::Ups.read(&Node { at: pair.key.at, body }, to)?;
    let fields = fields(&pair.value, &UPS_FIELDS, to)?;
    let mut said = UpsSaid::default();
    if let Some(node) = fields.get("certificate") {
        let path = Text::Path.read(node, to);
        said.certificate = path.map(|value| At { at: node.at, value });
    }
    said.charge_floor = fields.get("charge_floor").and_then(|node| PERCENT.read(node, to));
    said.start_charge = fields.get("start_charge").and_then(|node| PERCENT.read(node, to));
    said.on_battery_max = fields.get("on_battery_max").and_then(|node| ON_BATTERY.read(node, to));
    said.low_for = fields.get("low_for").and_then(|node| LOW_FOR.read(node, to));
    Some((At { at: pair.key.at, value: name }, said))
}

impl Kind for Domains {
    type Out = BTreeMap<String, At<(Place, DomainSaid)>>;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<Self::Out> {
        Map { names: Text::Label, values: OneDomain }.read(node, to)
    }

    fn schema(&self) -> Value {
        Map { names: Text::Label, values: OneDomain }.schema()
    }
}

#[derive(Debug)]
struct OneDomain;

impl Kind for OneDomain {
    type Out = DomainSaid;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<DomainSaid> {
        let fields = fields(node, &DOMAIN_FIELDS, to)?;
        // Only a person knows; a guess would be found wrong in an outage.
        let needed = |name: &str, to: &mut Reading<'_>| {
            let found = fields.get(name).copied();
            if found.is_none() {
                let message = format!("`{name}` is missing here: there is no default for it");
                to.faults.push(Fault::error(Code::MissingKey, message).at(node.at));
            }
            found
        };
        let upses = needed("upses", to).and_then(|node| List(Text::Ups).read(node, to));
        let carries_orders = needed("carries_orders", to).and_then(|node| Flag.read(node, to));
        let need = fields
            .get("need")
            .and_then(|node| NEED.read(node, to).map(|value| At { at: node.at, value }));
        let machines = fields.get("machines").and_then(|node| List(Text::Machine).read(node, to));
        Some(DomainSaid {
            upses: upses?,
            need,
            machines: machines.unwrap_or_default(),
            carries_orders: carries_orders?,
        })
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["upses", "carries_orders"],
            "properties": {
                "upses": List(Text::Ups).schema(),
                "need": NEED.schema(),
                "machines": List(Text::Machine).schema(),
                "carries_orders": Flag.schema(),
            },
        })
    }
}

/// The fields of a record, each by its name. What is not one of them is a fault.
pub(super) fn fields<'n>(
    node: &'n Node,
    names: &[&str],
    to: &mut Reading<'_>,
) -> Option<BTreeMap<&'n str, &'n Node>> {
    let pairs = match &node.body {
        Body::Map(pairs) => pairs,
        Body::Null => return Some(BTreeMap::new()),
        Body::Scalar { .. } | Body::List(_) => {
            wrong_type(node, "a map (`name: value`)", "something else", None, to);
            return None;
        }
    };
    let mut fields = BTreeMap::new();
    for Pair { key, value } in pairs {
        let name = key.value.as_str();
        if names.contains(&name) {
            fields.entry(name).or_insert(value);
            continue;
        }
        let fault =
            Fault::error(Code::UnknownKey, format!("there is no key {} here", quoted(name)));
        let help = match nearest(name, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("what may stand here: {}", names.join(", ")),
        };
        to.faults.push(fault.at(key.at).help(help));
    }
    Some(fields)
}
