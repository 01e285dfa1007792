//! The UPSes, what they feed, and how they are watched.

pub(super) mod keys;
pub(super) mod kinds;
mod on;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use self::kinds::{DomainSaid, UpsSaid};
pub(super) use self::on::read as turn_on;
use super::inventory::Inventory;
use super::nearest::{nearest, quoted};
use super::problem::{Code, Fault};
use super::settings::{Encryption, NutSettings};
use super::tree::{At, Place};
use super::walk::Values;
use crate::model::ids::MachineName;
use crate::model::power::{BudgetRules, Domain, OnLow, PowerPolicy, UpsName, UpsRules};
use crate::model::time::Span;

/// What the file says of power: for decisions, and for the connections.
pub(super) fn read(
    values: &Values<'_>,
    inventory: &Inventory,
    faults: &mut Vec<Fault>,
) -> (PowerPolicy, NutSettings) {
    let upses = upses(values, faults);
    let mut fed = Fed { inventory, places: BTreeMap::new() };
    let domains = domains(values, &upses, &mut fed, faults);
    let exempt = exempt(values, &mut fed, faults);
    let rules = upses.iter().map(|(name, (_, said))| (name.clone(), rules(values, said)));
    let policy = PowerPolicy {
        upses: rules.collect(),
        domains,
        exempt,
        budget: budget(values),
        on_low: keys::ON_LOW.given(values).map(|given| on_low(&given.value)),
        start_on_battery: keys::ALLOW_ON_BATTERY.get(values),
    };
    arming(values, inventory, &policy, faults);
    (policy, nut(values, &upses, faults))
}

type Upses = BTreeMap<UpsName, (Place, UpsSaid)>;

fn upses(values: &Values<'_>, faults: &mut Vec<Fault>) -> Upses {
    let given = keys::UPSES.given(values).map(|given| given.value).unwrap_or_default();
    let mut upses = Upses::new();
    for (At { at, value }, said) in given {
        let Ok(name) = UpsName::parse(&value) else { continue };
        let same = upses.iter().find(|(known, _)| known.is_same(&name));
        if let Some((_, (first, _))) = same {
            let message = format!("the UPS {} is here again", quoted(&value));
            let fault = Fault::error(Code::DuplicateUps, message).at(at);
            faults.push(fault.first(*first).help("upsd compares names without case"));
        } else {
            upses.insert(name, (at, said));
        }
    }
    upses
}

fn rules(values: &Values<'_>, said: &UpsSaid) -> UpsRules {
    let percent = |own: Option<u64>, key: &super::key::Key<super::kinds::Count>| {
        let percent = own.or_else(|| key.given(values).map(|given| given.value));
        percent.and_then(|percent| u8::try_from(percent).ok())
    };
    let longest = keys::ON_BATTERY_MAX.given(values).map(|given| given.value);
    UpsRules {
        fresh_for: keys::POWER_FRESH_FOR.get(values),
        lost_after: keys::LOST_AFTER.get(values),
        debounce: keys::DEBOUNCE.get(values),
        dwell: keys::DWELL.get(values),
        low_for: said.low_for.unwrap_or_else(|| keys::LOW.get(values)),
        charge_floor: percent(said.charge_floor, &keys::CHARGE_FLOOR),
        on_battery_max: said.on_battery_max.or(longest),
        blind_max: keys::BLIND_MAX.get(values),
        start_charge: percent(said.start_charge, &keys::START_CHARGE),
        latency: keys::LAG.get(values),
    }
}

fn budget(values: &Values<'_>) -> BudgetRules {
    /// `runtime_safety_factor` where the file does not give it: 1.10.
    const FACTOR: u32 = 110;
    let given = keys::SAFETY_FACTOR.given(values);
    // The bounds of the table keep it far below the largest u32.
    let percent = given.and_then(|given| format!("{:.0}", given.value * 100.0).parse().ok());
    BudgetRules {
        default: Span::secs(keys::DEFAULT_BUDGET.get(values)),
        factor_percent: percent.unwrap_or(FACTOR),
        tail: keys::HOST_OFF.get(values),
    }
}

fn on_low(word: &str) -> OnLow {
    if word == OnLow::Poweroff.word() { OnLow::Poweroff } else { OnLow::ClusterOnly }
}

/// Which machine was named where: each belongs to one domain, or to none on purpose.
struct Fed<'a> {
    inventory: &'a Inventory,
    places: BTreeMap<String, Place>,
}

impl Fed<'_> {
    fn name(&mut self, machine: &At<String>, faults: &mut Vec<Fault>) -> MachineName {
        self.inventory.known(&machine.value, machine.at, faults);
        if let Some(first) = self.places.get(&machine.value) {
            let message = format!("the machine {} is here again", quoted(&machine.value));
            let fault = Fault::error(Code::DuplicateMachine, message).at(machine.at);
            let help = "a machine is in one power domain, or in `power.exempt`";
            faults.push(fault.first(*first).help(help));
        } else {
            self.places.insert(machine.value.clone(), machine.at);
        }
        MachineName::new(machine.value.clone())
    }
}

fn domains(
    values: &Values<'_>,
    upses: &Upses,
    fed: &mut Fed<'_>,
    faults: &mut Vec<Fault>,
) -> Vec<Domain> {
    let given = keys::DOMAINS.given(values).map(|given| given.value).unwrap_or_default();
    // In the order of the file, which is the order of the screens.
    let mut given: Vec<_> = given.into_iter().collect();
    given.sort_by_key(|(_, entry)| entry.at);
    let known = !keys::UPSES.broken(values);
    given
        .into_iter()
        .map(|(name, At { at, value: (_, said) })| {
            let feeds = feeds(&said, upses, known, at, faults);
            let machines = said.machines.iter().map(|machine| fed.name(machine, faults));
            let machines = machines.collect::<BTreeSet<_>>();
            if machines.is_empty() && !said.carries_orders {
                let message = format!("nothing is in the power domain {}", quoted(&name));
                faults.push(Fault::warning(Code::NoEffect, message).at(at));
            }
            let need = need(&said, feeds.len(), at, faults);
            let carries_orders = said.carries_orders;
            Domain { name, feeds, need, machines, carries_orders }
        })
        .collect()
}

fn feeds(
    said: &DomainSaid,
    upses: &Upses,
    known: bool,
    at: Place,
    faults: &mut Vec<Fault>,
) -> BTreeSet<UpsName> {
    let mut feeds = BTreeSet::new();
    if said.upses.is_empty() {
        let fault = Fault::error(Code::BadValue, "no UPS feeds this power domain").at(at);
        faults.push(fault.help("machines that no UPS feeds belong into `power.exempt`"));
    }
    for At { at, value } in &said.upses {
        let Ok(name) = UpsName::parse(value) else { continue };
        if let Some((listed, _)) = upses.iter().find(|(listed, _)| listed.is_same(&name)) {
            feeds.insert(listed.clone());
        } else if known {
            let message = format!("`power.upses` has no {}", quoted(value));
            let names: Vec<String> = upses.keys().map(ToString::to_string).collect();
            let help = match nearest(value, names.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "add it there".to_owned(),
            };
            faults.push(Fault::error(Code::UnknownUps, message).at(*at).help(help));
        }
    }
    feeds
}

/// How many UPSes of a domain are enough. Of several only a person knows.
fn need(said: &DomainSaid, feeds: usize, at: Place, faults: &mut Vec<Fault>) -> usize {
    let fault = match &said.need {
        None if feeds > 1 => {
            let message = format!("`need` is missing here: {feeds} UPSes feed this domain");
            let help = "say how many of them are enough to keep its machines up";
            Fault::error(Code::MissingKey, message).at(at).help(help)
        }
        None => return 1,
        Some(need) if super::build::size(need.value) <= feeds => {
            return super::build::size(need.value);
        }
        Some(need) => {
            let message = format!("{} UPSes are needed, {feeds} feed this domain", need.value);
            Fault::error(Code::Conflict, message).at(need.at)
        }
    };
    faults.push(fault);
    1
}

fn exempt(
    values: &Values<'_>,
    fed: &mut Fed<'_>,
    faults: &mut Vec<Fault>,
) -> BTreeSet<MachineName> {
    let given = keys::EXEMPT.given(values).map(|given| given.value).unwrap_or_default();
    given.iter().map(|machine| fed.name(machine, faults)).collect()
}

/// Every file with certificates that upsd may show.
pub(super) fn certificates(values: &Values<'_>) -> Vec<At<String>> {
    let own = keys::UPSES.given(values).map(|given| given.value).unwrap_or_default();
    let own = own.into_iter().filter_map(|(_, said)| said.certificate);
    keys::CERTIFICATE.given(values).into_iter().chain(own).collect()
}

/// Says why a low battery will shut nothing down, if it will not.
fn arming(
    values: &Values<'_>,
    inventory: &Inventory,
    policy: &PowerPolicy,
    faults: &mut Vec<Fault>,
) {
    let broken = keys::UPSES.broken(values)
        || keys::DOMAINS.broken(values)
        || keys::EXEMPT.broken(values)
        || keys::ON_LOW.broken(values)
        || !inventory.is_whole();
    let at = |path: &str| values.node(path).map(|node| node.at);
    if broken {
        return;
    }
    if let (true, Some(at)) = (policy.upses.is_empty(), at("power.on_low")) {
        let message = "there is no UPS that could ask for it";
        let fault = Fault::error(Code::Conflict, message).at(at);
        faults.push(fault.help("name the UPSes: `upses: [name@host]`"));
        return;
    }
    let Some(listed) = at("power.upses").filter(|_| !policy.upses.is_empty()) else { return };
    if policy.on_low.is_none() {
        let message = "`power.on_low` is missing: a low battery shuts nothing down";
        let fault = Fault::warning(Code::NotArmed, message).at(listed);
        let help = "write `on_low: cluster-only` or `on_low: poweroff`; there is no default";
        faults.push(fault.help(help));
        return;
    }
    let machines: Vec<_> =
        inventory.names().map(|name| MachineName::new(name.to_owned())).collect();
    let unfed: Vec<String> =
        machines.iter().filter(|name| policy.is_unfed(name)).map(ToString::to_string).collect();
    if !unfed.is_empty() {
        let message = format!(
            "it is not known which UPS feeds {}: a low battery shuts nothing down",
            unfed.join(", ")
        );
        let fault = Fault::warning(Code::NotArmed, message);
        let fault = fault.at(at("power.domains").unwrap_or(listed));
        faults.push(fault.help("put each into a domain, or into `exempt`"));
    }
}

fn nut(values: &Values<'_>, upses: &Upses, faults: &mut Vec<Fault>) -> NutSettings {
    let general = keys::CERTIFICATE.given(values);
    let upses = upses.iter().map(|(name, (_, said))| {
        let file = said.certificate.as_ref().or(general.as_ref());
        let encryption = match file {
            Some(file) => Encryption::Pinned { file: PathBuf::from(&file.value) },
            None => Encryption::Off,
        };
        (name.clone(), encryption)
    });
    let settings = NutSettings {
        upses: upses.collect(),
        poll: keys::POWER_POLL.get(values),
        connect: keys::POWER_CONNECT.get(values),
        answer: keys::POWER_ANSWER.get(values),
    };
    let fresh_for = keys::POWER_FRESH_FOR.get(values);
    let least = settings.poll + settings.answer;
    let places = ["power.fresh_for", "power.poll", "power.answer_timeout"];
    let at = places.iter().find_map(|path| values.node(path)).map(|node| node.at);
    if let (Some(message), Some(at)) = (
        super::build::at_least(
            fresh_for,
            "power.fresh_for",
            least,
            "power.poll + power.answer_timeout",
        ),
        at,
    ) {
        let why = "otherwise an answer is too old before the next one comes";
        faults.push(Fault::error(Code::Conflict, message).at(at).help(why));
    }
    settings
}
