//! What a person should hear of the other ananke hosts.

use std::collections::BTreeMap;

use crate::gates;
use crate::model::alarm::Alarm;
use crate::model::facts::BlindKind;
use crate::model::ids::MachineName;
use crate::model::memory::Memory;
use crate::model::peers::{self, Standing};
use crate::model::tick::TickInput;
use crate::model::time::{Mono, Span};
use crate::model::verdict::Target;

use super::{silent_since, word};

/// How long another host may give no word before a person is called: a host boots in that time.
const SILENT: Span = Span::mins(3);

/// How long this host may look for what it has to know before a person is called.
const RELEARNS: Span = Span::mins(3);

/// The alarms that stand, each with whether it is news.
pub(in crate::decide) fn alarms(input: &TickInput, memory: &mut Memory) -> Vec<Alarm> {
    let now = input.now.mono;
    let mut raised: Vec<(MachineName, &str, String, Mono)> = Vec::new();
    for name in &input.policy.coordination.peers {
        let since = silent_since(input, name);
        let Err(blind) = word(input, name) else { continue };
        if blind.kind == BlindKind::Identity {
            let what = format!("this is not the ananke host that it should be: {blind}");
            raised.push((name.clone(), "identity", what, now));
        } else if now.since(since) >= SILENT {
            let what = format!("this ananke host is silent: {blind}");
            raised.push((name.clone(), "silent", what, since));
        }
    }
    raised.extend(of_standing(input, memory));
    let mut told = BTreeMap::new();
    let mut alarms = Vec::new();
    for (name, kind, what, since) in raised {
        let key = format!("{name} {kind}");
        let known = memory.passing.told_of_peers.get(&key).copied();
        let since = known.unwrap_or(since);
        told.insert(key, since);
        alarms.push(alarm(name, what, since, known.is_none()));
    }
    memory.passing.told_of_peers = told;
    alarms
}

/// Where nobody may act until a person does something.
fn of_standing(
    input: &TickInput,
    memory: &Memory,
) -> Option<(MachineName, &'static str, String, Mono)> {
    let now = input.now.mono;
    match &memory.passing.standing {
        Standing::Alone
        | Standing::Acts { .. }
        | Standing::Follows { .. }
        | Standing::Awaits { .. }
        | Standing::NotAsked { .. } => None,
        Standing::Disputed { host, what } => {
            let what = format!("{what}: nothing is started by any of them");
            Some((host.clone(), "disputed", what, now))
        }
        Standing::Overtaken { claim } => {
            let (host, epoch) = (MachineName::new(claim.owner.clone()), claim.epoch);
            let what = format!("the nodes accepted it, under epoch {epoch}: this host observes");
            Some((host, "overtaken", what, now))
        }
        Standing::Relearns { what } => {
            let began = memory.passing.began;
            let host = MachineName::new(input.policy.owner.clone());
            let what = format!("this host has no state, and observes: {what}");
            (now.since(began) >= RELEARNS).then_some((host, "relearns", what, began))
        }
    }
}

fn alarm(host: MachineName, what: String, since: Mono, new: bool) -> Alarm {
    Alarm {
        gate: gates::INVENTORY.id.clone(),
        check: peers::HEARD,
        by_hand: vec![
            format!("on {host}: systemctl status ananke, then ananke status"),
            "ananke status   says here who acts, and how old its word is".to_owned(),
        ],
        target: Target::Machine(host),
        what,
        since,
        new,
        tried: Vec::new(),
    }
}
