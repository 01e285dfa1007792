//! The ananke hosts on the screens, and what this one says of itself to the others.

use crate::model::facts::Seen;
use crate::model::ids::MachineName;
use crate::model::peers::{self, HostRole, PeerFacts, PeerWish, Standing, wish_of};
use crate::model::record::TickRecord;
use crate::model::time::Span;

/// What this host says of itself, by a tick that is so old.
pub fn peer_facts(record: &TickRecord, age: Span) -> PeerFacts {
    let (input, decision) = (&record.input, &record.decision);
    let durable = &decision.memory.durable;
    let intent = &durable.intent;
    let descent = durable.descent.as_ref();
    let (drain, snapshot) = descent.map_or((true, true), |it| (it.drain, it.snapshot));
    let wishes = std::iter::once(intent).chain(&durable.beneath);
    let (mut wish, mut heard): (Option<PeerWish>, Option<(String, PeerWish)>) = (None, None);
    for (host, wanted) in wishes.filter_map(|intent| wish_of(intent, drain, snapshot)) {
        match host {
            Some(host) => heard = heard.or(Some((host.to_owned(), wanted))),
            None => wish = wish.or(Some(wanted)),
        }
    }
    PeerFacts {
        host: input.policy.owner.clone(),
        cluster: input.policy.cluster.clone(),
        role: input.policy.coordination.role,
        executes: input.request.execute,
        acts: input.request.execute && decision.standing.acts(),
        knows: durable.part.is_some(),
        paused: durable.paused.is_some(),
        epoch: durable.epoch,
        phase: decision.phase,
        desired: intent.desired,
        scope: intent.scope.clone(),
        wish,
        heard,
        overruled: durable.part.as_ref().map(|part| part.overruled.clone()).unwrap_or_default(),
        age,
    }
}

/// Who acts, and what the others say, for programs. `None`: there is one host.
pub(super) fn in_words(record: &TickRecord) -> Option<String> {
    let several = !record.input.policy.coordination.is_alone();
    several.then(|| format!("{}{}", acting(record), others(record)))
}

/// Who acts, as the second line of the screen says it.
pub(super) fn acting(record: &TickRecord) -> String {
    let owner = &record.input.policy.owner;
    let role = record.input.policy.coordination.role;
    match &record.decision.standing {
        Standing::Alone => format!("{owner} (this host)"),
        Standing::Acts { why } => format!("{owner} (this host: {why})"),
        Standing::Follows { host } => format!("{host}; this host, the {role} {owner}, follows it"),
        Standing::Awaits { host, until } => {
            let wait = record.input.now.mono.until(*until);
            format!("nobody; the coordinator {host} is waited for, {wait} more, by {owner}")
        }
        Standing::NotAsked { host, why } => {
            format!("nobody; this host, the {role} {owner}, may not, and {host} {why}")
        }
        Standing::Relearns { what } => format!("nobody; {owner} has no state: {what}"),
        Standing::Disputed { what, .. } => format!("nobody; {what}"),
        Standing::Overtaken { claim } => {
            let (other, epoch) = (&claim.owner, claim.epoch);
            format!("{other}, which the nodes have accepted under epoch {epoch}, not {owner}")
        }
    }
}

/// What each other host says of itself, and how old that is. Empty where there is none.
pub(super) fn others(record: &TickRecord) -> String {
    let names = record.input.policy.coordination.peers.iter();
    let hosts = names.map(|name| format!(". {}", other(record, name)));
    let lease = record.input.observation.api.holder.iter().map(|holder| {
        let idle = if holder.live { "" } else { ", which has not renewed it lately" };
        format!(". The Lease names {}{idle}", holder.claim.owner)
    });
    hosts.chain(lease).collect()
}

fn other(record: &TickRecord, name: &MachineName) -> String {
    let (input, now) = (&record.input, record.input.now.mono);
    let seen = input.observation.peers.get(name);
    let age = seen.map_or(Span::ZERO, |seen| peers::age(seen, now));
    match peers::word(name, &input.policy.cluster, seen, now) {
        Ok(facts) => format!("{} {name}: {}, seen {age} ago", title(facts.role), does(facts)),
        Err(blind) => match seen {
            Some(Seen::Known { .. }) => format!("{name}: no word that counts: {blind}"),
            Some(Seen::Unknown { .. }) | None => format!("{name}: silent for {age}: {blind}"),
        },
    }
}

const fn title(role: HostRole) -> &'static str {
    match role {
        HostRole::Coordinator => "Coordinator",
        HostRole::Peer => "Peer",
    }
}

fn does(facts: &PeerFacts) -> String {
    let does = match (facts.executes, facts.acts, facts.knows) {
        (false, _, _) => "observes only",
        (true, true, _) => "acts",
        (true, false, false) => "has no state yet",
        (true, false, true) => "follows",
    };
    let paused = if facts.paused { ", paused" } else { "" };
    format!("{does}{paused}, {}", facts.phase)
}
