//! `configs/guard/ananke-guard`, as far as its text goes: arguments and answers. Locks, fencing
//! and memory are the world's.

pub(super) mod answer;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Said, ended, facts};
use crate::adapters::guard::{PROTOCOL, version};
use crate::model::action::Mending;
use crate::model::command::{Envelope, GuardVerb};
use crate::model::facts::{GuardState, HostFacts, Unit};
use crate::model::ids::{ActionId, BootId, Epoch, MachineId, MachineName};
use crate::model::time::Span;
use crate::sim::world::World;
use answer::{Subject, refused};

/// The most arguments that the script takes.
const MOST_ARGUMENTS: usize = 8;

/// The longest limit that it takes, in seconds.
const LONGEST_LIMIT: u64 = 900;

/// The machine on which it runs.
pub(super) struct Machine<'a> {
    pub(super) name: &'a MachineName,
    pub(super) facts: &'a HostFacts,
    pub(super) kubeconfig: Option<&'a str>,
}

/// Runs the guard as root.
pub(super) fn guard(world: &mut World, machine: &Machine<'_>, words: &[&str]) -> Said {
    if machine.facts.guard == GuardState::Absent {
        let path = crate::model::command::GUARD_PATH;
        return ended(1, String::new(), &format!("sudo: {path}: command not found"));
    }
    let mut subject = Subject::default();
    match words {
        ["version", ..] => ended(0, format!("ananke-guard {PROTOCOL} version={}\n", version()), ""),
        ["facts", ..] => ended(0, facts::through_guard(machine.facts), ""),
        ["kubeconfig", ..] => {
            subject.verb = "kubeconfig".to_owned();
            let server = machine.facts.units.contains_key(&Unit::K3s);
            match machine.kubeconfig.filter(|_| server) {
                Some(text) => ended(0, text.to_owned(), ""),
                None => Said::Ended(refused("reason=no-kubeconfig", &subject)),
            }
        }
        [verb, arguments @ ..] if wants(verb).is_some() => {
            subject.verb = (*verb).to_owned();
            change(world, machine.name, &mut subject, verb, arguments)
        }
        words => {
            let verb = words.first().copied().unwrap_or_default();
            let named = verb.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            let got: String = verb.chars().take(32).collect();
            let words = match verb {
                "" => "reason=unknown-verb".to_owned(),
                _ if !named => "reason=unknown-verb".to_owned(),
                _ => format!("reason=unknown-verb got={got}"),
            };
            Said::Ended(refused(&words, &subject))
        }
    }
}

/// What a verb wants besides the envelope. `None`: there is no such verb.
fn wants(verb: &str) -> Option<&'static [&'static str]> {
    Some(match verb {
        "start" | "stop" | "restart" | "reset-failed" => &["unit"],
        "set-clock" => &["at", "up"],
        "load-module" => &["module"],
        "start-service" => &["service"],
        "install-packages" => &["packages"],
        "save-datastore" => &["name"],
        "claim" | "resync-clock" | "end-pods" | "poweroff" => &[],
        _ => return None,
    })
}

fn change(
    world: &mut World,
    name: &MachineName,
    subject: &mut Subject,
    verb: &str,
    arguments: &[&str],
) -> Said {
    let (verb, envelope) = match read(verb, arguments, subject) {
        Ok(read) => read,
        Err(words) => return Said::Ended(refused(&words, subject)),
    };
    let said = world.guard(name, &verb, &envelope);
    answer::guarded(said, subject).map_or(Said::Nobody, Said::Ended)
}

/// The verb with what is its own.
fn verb_of(verb: &str, unit: Option<Unit>, got: &Arguments) -> Option<GuardVerb> {
    let own = |key: &str| got.own.get(key).cloned();
    Some(match verb {
        "start" => GuardVerb::Start(unit?),
        "stop" => GuardVerb::Stop(unit?),
        "restart" => GuardVerb::Restart(unit?),
        "reset-failed" => GuardVerb::ResetFailed(unit?),
        "resync-clock" => GuardVerb::Mend(Mending::ResyncClock),
        "set-clock" => {
            let to = Timestamp::from_second(own("at")?.parse().ok()?).ok()?;
            GuardVerb::Mend(Mending::SetClock { to, up: Span::secs(own("up")?.parse().ok()?) })
        }
        "load-module" => GuardVerb::Mend(Mending::LoadModule(own("module")?)),
        "start-service" => GuardVerb::Mend(Mending::StartService(own("service")?)),
        "install-packages" => {
            let names = own("packages")?.split(',').map(str::to_owned).collect();
            GuardVerb::Mend(Mending::InstallPackages(names))
        }
        "claim" => GuardVerb::Claim,
        "end-pods" => GuardVerb::EndPods,
        "save-datastore" => GuardVerb::SaveDatastore,
        "poweroff" => GuardVerb::PowerOff,
        _ => return None,
    })
}

/// The arguments, as far as they were read.
#[derive(Default)]
struct Arguments {
    epoch: Option<u64>,
    owner: Option<String>,
    boot: Option<String>,
    machine: Option<String>,
    limit: Option<u64>,
    /// What only this verb has.
    own: BTreeMap<&'static str, String>,
}

/// `arguments` of the script. What it refuses it refuses in the same words.
fn read(
    verb: &str,
    words: &[&str],
    subject: &mut Subject,
) -> Result<(GuardVerb, Envelope), String> {
    let wanted = wants(verb).unwrap_or_default();
    if words.len() > MOST_ARGUMENTS {
        return Err("reason=too-many-arguments".to_owned());
    }
    let mut got = Arguments::default();
    for word in words {
        take(wanted, word, &mut got, subject)?;
    }
    let missing = |key: &str| format!("reason=missing key={key}");
    for key in wanted {
        let there = subject.unit.is_some() && *key == "unit" || got.own.contains_key(key);
        if !there {
            return Err(missing(key));
        }
    }
    let verb = verb_of(verb, subject.unit, &got).ok_or("reason=unknown-verb")?;
    let envelope = Envelope {
        epoch: Epoch(got.epoch.ok_or_else(|| missing("epoch"))?),
        owner: got.owner.ok_or_else(|| missing("owner"))?,
        boot_id: BootId::new(got.boot.ok_or_else(|| missing("boot"))?),
        machine_id: MachineId::new(got.machine.ok_or_else(|| missing("machine"))?),
        action: ActionId::new(subject.action.clone().ok_or_else(|| missing("action"))?),
        limit: Span::secs(got.limit.ok_or_else(|| missing("limit"))?),
    };
    if !(1..=LONGEST_LIMIT).contains(&envelope.limit.as_secs()) {
        return Err("reason=bad-value key=limit".to_owned());
    }
    Ok((verb, envelope))
}

fn take(
    wanted: &[&'static str],
    word: &str,
    got: &mut Arguments,
    subject: &mut Subject,
) -> Result<(), String> {
    let name = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let boot = |b: u8| (b'a'..=b'f').contains(&b) || b.is_ascii_digit() || b == b'-';
    let machine = |b: u8| (b'a'..=b'f').contains(&b) || b.is_ascii_digit();
    let unknown = || "reason=unknown-argument".to_owned();
    let (key, value) = word.split_once('=').ok_or_else(unknown)?;
    match key {
        "unit" if wanted.contains(&"unit") => {
            let unit = Unit::ALL.into_iter().find(|unit| unit.as_str() == value);
            let unit = unit.ok_or_else(|| format!("reason=bad-value key={key}"))?;
            once(key, subject.unit.is_some(), value, |_| true, 9)?;
            subject.unit = Some(unit);
        }
        "epoch" => got.epoch = Some(number(key, got.epoch.is_some(), value)?),
        "limit" => got.limit = Some(number(key, got.limit.is_some(), value)?),
        "owner" => got.owner = Some(once(key, got.owner.is_some(), value, name, 64)?),
        "action" => {
            subject.action = Some(once(key, subject.action.is_some(), value, name, 64)?);
        }
        "boot" => got.boot = Some(once(key, got.boot.is_some(), value, boot, 36)?),
        "machine" => got.machine = Some(once(key, got.machine.is_some(), value, machine, 32)?),
        _ => {
            let key = wanted.iter().find(|it| **it == key).copied().ok_or_else(unknown)?;
            let value = own(key, got.own.contains_key(key), value)?;
            got.own.insert(key, value);
        }
    }
    Ok(())
}

/// `own` of the script, for all but units.
fn own(key: &str, twice: bool, value: &str) -> Result<String, String> {
    let name = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    match key {
        "at" | "up" => number(key, twice, value).map(|number| number.to_string()),
        "module" => once(key, twice, value, |b| name(b) && b != b'.', 64),
        "service" => once(key, twice, value, |b| name(b) || b == b'@', 64),
        "packages" => {
            let package =
                |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".+,-".contains(&b);
            once(key, twice, value, package, 512)
        }
        _ => once(key, twice, value, name, 64),
    }
}

/// `once` of the script.
fn once(
    key: &str,
    twice: bool,
    value: &str,
    allowed: impl Fn(u8) -> bool,
    longest: usize,
) -> Result<String, String> {
    let refuse = |reason: &str| Err(format!("reason={reason} key={key}"));
    match value {
        _ if twice => refuse("twice"),
        "" => refuse("missing"),
        _ if value.len() > longest || !value.bytes().all(allowed) => refuse("bad-value"),
        _ => Ok(value.to_owned()),
    }
}

/// `number` of the script: 18 digits, and no zero in front.
fn number(key: &str, twice: bool, value: &str) -> Result<u64, String> {
    let digits = once(key, twice, value, |b| b.is_ascii_digit(), 18)?;
    let number = if digits.starts_with('0') && digits != "0" { None } else { digits.parse().ok() };
    number.ok_or_else(|| format!("reason=bad-value key={key}"))
}
