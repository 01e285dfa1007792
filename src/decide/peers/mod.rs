//! Several ananke hosts: whose wish for down counts here (`wish`), who acts (here), under which
//! claim (`claim`), what that holds back (`rules`), and what a person should hear (`alarms`).

mod alarms;
mod claim;
mod rules;
mod wish;

pub(super) use alarms::alarms;
pub(super) use claim::accepted;
pub(super) use rules::{
    AWAITS_COORDINATOR, DISPUTED, FOLLOWS, HANDED_OVER, NOT_COORDINATOR, OVERTAKEN, RELEARNS,
    UNCLAIMED,
};
pub(super) use wish::heed;

use crate::model::assessment::Phase;
use crate::model::facts::{Blind, Seen};
use crate::model::ids::MachineName;
use crate::model::intent::Desired;
use crate::model::memory::{Durable, Memory};
use crate::model::peers::{self, HostRole, PeerFacts, Standing};
use crate::model::tick::TickInput;
use crate::model::time::Mono;

/// The word of another host, if it counts.
fn word<'a>(input: &'a TickInput, name: &MachineName) -> Result<&'a PeerFacts, Blind> {
    let seen = input.observation.peers.get(name);
    peers::word(name, &input.policy.cluster, seen, input.now.mono)
}

/// The others whose word counts.
fn heard(input: &TickInput) -> impl Iterator<Item = (&MachineName, &PeerFacts)> {
    let others = input.policy.coordination.peers.iter();
    others.filter_map(|name| Some((name, word(input, name).ok()?)))
}

/// Since when a host gives no word that counts.
fn silent_since(input: &TickInput, name: &MachineName) -> Mono {
    match input.observation.peers.get(name) {
        // A loop that hangs is answered for by its last tick.
        Some(Seen::Known { value, at }) => Mono(at.0.saturating_sub(value.age.as_millis())),
        Some(Seen::Unknown { since, .. }) => *since,
        None => input.now.mono,
    }
}

/// Whether this peer leaves trouble to a coordinator that acts.
pub(super) fn leaves_it(input: &TickInput) -> bool {
    let host = input.policy.coordination.coordinator();
    host.is_some_and(|host| word(input, host).is_ok_and(|facts| facts.executes))
}

/// Who acts in this tick. What the answer depends on is kept.
pub(super) fn stand(input: &TickInput, durable: &mut Durable) -> Standing {
    let coordination = &input.policy.coordination;
    if coordination.is_alone() {
        return Standing::Alone;
    }
    if let Some(disputed) = disputed(input) {
        return disputed;
    }
    if durable.part.is_none()
        && let Err(what) = claim::relearn(input, durable)
    {
        return Standing::Relearns { what };
    }
    let standing = match coordination.role {
        HostRole::Coordinator => coordinates(input),
        HostRole::Peer => attends(input, durable),
    };
    if !standing.acts() {
        return standing;
    }
    match claim::keep(input, durable) {
        Ok(()) => standing,
        Err(claim) => Standing::Overtaken { claim },
    }
}

/// Another host is what only one can be, or nobody is what one has to be.
fn disputed(input: &TickInput) -> Option<Standing> {
    let coordination = &input.policy.coordination;
    let (host, what) = match coordination.role {
        HostRole::Coordinator => {
            let other = heard(input).find(|(_, facts)| facts.role == HostRole::Coordinator);
            (other?.0, "there are two coordinators")
        }
        HostRole::Peer => {
            let host = coordination.coordinator()?;
            word(input, host).ok().filter(|facts| facts.role == HostRole::Peer)?;
            (host, "no host is the coordinator")
        }
    };
    Some(Standing::Disputed { host: host.clone(), what: what.to_owned() })
}

/// The coordinator acts, unless another host still does: that one lets go when it hears from here.
fn coordinates(input: &TickInput) -> Standing {
    match heard(input).find(|(_, facts)| facts.acts) {
        Some((host, _)) => Standing::Follows { host: host.clone() },
        None => Standing::Acts { why: "it is the coordinator".to_owned() },
    }
}

/// A peer acts if a person lifted its role, or in an episode in place of a coordinator that gives
/// no word, if it may.
fn attends(input: &TickInput, durable: &mut Durable) -> Standing {
    let coordination = &input.policy.coordination;
    let Some(host) = coordination.coordinator().cloned() else { return Standing::Alone };
    let episode = durable.episode.as_ref().filter(|episode| episode.end.is_none());
    let leave = episode.and_then(|episode| episode.as_peer.clone());
    let episode = episode.map(|episode| episode.id);
    if let Some(leave) = leave.as_ref().filter(|leave| !leave.only_if_silent) {
        return Standing::Acts { why: format!("{} lifted its role of a peer", leave.by) };
    }
    let part = durable.part.get_or_insert_default();
    let blind = match word(input, &host) {
        Ok(facts) => {
            part.stands_in = None;
            return match facts.executes {
                true => Standing::Follows { host },
                false => Standing::NotAsked { host, why: "only observes".to_owned() },
            };
        }
        Err(blind) => blind,
    };
    let since = silent_since(input, &host);
    let until = since + coordination.failover_after;
    if !input.request.stand_in && leave.is_none() {
        let silent = input.now.mono.since(since);
        let why = format!("has given no word for {silent}: {blind}");
        return Standing::NotAsked { host, why };
    }
    let stands_in = part.stands_in.is_some() && part.stands_in == episode;
    if !stands_in && (input.now.mono < until || episode.is_none()) {
        return Standing::Awaits { host, until };
    }
    if !stands_in {
        part.stands_in = episode;
        part.may_claim = episode;
    }
    Standing::Acts { why: format!("it stands in for {host}, which gives no word") }
}

/// Where the cluster stands. For a host that follows: by the word of the one that acts, if the two
/// want the same. For one that may not act until a person says so, what is not good is blocked.
pub(super) fn phase(input: &TickInput, memory: &Memory, own: Phase) -> Phase {
    let durable = &memory.durable;
    if durable.paused.is_some() {
        return own;
    }
    let up = |desired: Desired| desired == Desired::Up;
    let runs = input.now.mono.since(memory.passing.began);
    match &memory.passing.standing {
        Standing::Follows { host } => {
            let facts = word(input, host).ok();
            let same = facts.filter(|facts| up(facts.desired) == up(durable.intent.desired));
            same.map_or(own, |facts| facts.phase)
        }
        // A process that has just begun has not heard the others yet.
        Standing::NotAsked { .. } | Standing::Disputed { .. } | Standing::Overtaken { .. }
            if own == Phase::Recovering && runs >= input.policy.coordination.failover_after =>
        {
            Phase::Blocked
        }
        Standing::Alone
        | Standing::Acts { .. }
        | Standing::Awaits { .. }
        | Standing::NotAsked { .. }
        | Standing::Relearns { .. }
        | Standing::Disputed { .. }
        | Standing::Overtaken { .. } => own,
    }
}
