//! Several ananke hosts: what each of them is, what one knows of the others, and who acts.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::assessment::Phase;
use super::facts::{Blind, BlindKind, Seen};
use super::ids::{CheckId, EpisodeId, Epoch, MachineName};
use super::intent::{Author, Desired, Intent, Progress, Scope};
use super::observation::Steady;
use super::time::{Mono, Span};

/// How old the word of another ananke host may be. The hosts talk every [`TALK`], so three in a
/// row may get lost.
pub const WORD_COUNTS: Span = Span::secs(20);

/// By which name alarms about the ananke hosts are known.
pub const HEARD: CheckId = CheckId::fixed("peer-heard");

/// How often the hosts talk while nothing is new. What is news is said at once.
pub const TALK: Span = Span::secs(5);

/// What an ananke host is among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum HostRole {
    /// It brings the cluster up.
    #[default]
    Coordinator,
    /// It brings down what its own UPS can't carry, and follows the coordinator in all else.
    Peer,
}

impl fmt::Display for HostRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Coordinator => "coordinator",
            Self::Peer => "peer",
        })
    }
}

/// The ananke hosts (`coordination`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coordination {
    /// What this one is.
    pub role: HostRole,
    /// The others, by the names under which they act, in their rank: a peer names its coordinator
    /// first. None: this host is the only one.
    pub peers: Vec<MachineName>,
    /// How long a coordinator that gives no word is waited for before a peer may stand in for it.
    pub failover_after: Span,
}

impl Coordination {
    /// How long a coordinator is waited for by default: a host boots in a minute or two, and its
    /// network may take as long again.
    pub const FAILOVER_AFTER: Span = Span::mins(5);

    /// Whether there is no other ananke host.
    pub const fn is_alone(&self) -> bool {
        self.peers.is_empty()
    }

    /// The host that a peer follows.
    pub fn coordinator(&self) -> Option<&MachineName> {
        self.peers.first().filter(|_| self.role == HostRole::Peer)
    }
}

impl Default for Coordination {
    fn default() -> Self {
        let failover_after = Self::FAILOVER_AFTER;
        Self { role: HostRole::default(), peers: Vec::new(), failover_after }
    }
}

/// The claim that a node's guard keeps: under which number whose word counts there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    /// The fencing number.
    pub epoch: Epoch,
    /// The ananke host.
    pub owner: String,
}

/// Who holds the Lease of the ananke hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseHolder {
    /// Who, and under which number.
    pub claim: Claim,
    /// Whether it was seen to move lately, by the clock of who looks.
    pub live: bool,
}

/// What a node's guard remembers of the ananke hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Fence {
    /// The newest claim that it has accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// Who brings the machine down in this boot, under which number: nobody else starts anything
    /// there without a newer claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<Claim>,
}

impl Fence {
    /// Whether the guard has accepted this very claim, and nobody else brings the machine down
    /// since.
    pub fn accepts(&self, epoch: Epoch, owner: &str) -> bool {
        let ours = |claim: &Claim| claim.epoch == epoch && claim.owner == owner;
        let against = |down: &Claim| down.owner != owner && down.epoch >= epoch;
        self.claim.as_ref().is_some_and(ours) && !self.down.as_ref().is_some_and(against)
    }
}

/// A wish for down that was made on one host and is heard on another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerWish {
    /// The person, or the UPSes.
    pub by: String,
    /// Whether UPSes want it.
    pub ups: bool,
    /// Why.
    pub why: String,
    /// How far down.
    pub to: Desired,
    /// What of the site.
    pub scope: Scope,
    /// Whether pods are evicted first.
    pub drain: bool,
    /// Whether the datastore is saved first.
    pub snapshot: bool,
    /// Since when, for people; and by which it is known again.
    pub since: Timestamp,
    /// Whether all of it was down once: then nothing is done for it any more.
    pub complete: bool,
}

/// What one ananke host says of itself to another: where its newest tick stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerFacts {
    /// The name under which it acts.
    pub host: String,
    /// Its cluster.
    pub cluster: String,
    /// What its configuration makes of it.
    pub role: HostRole,
    /// Whether it may change anything.
    pub executes: bool,
    /// Whether it is the one that acts, as it sees it.
    pub acts: bool,
    /// Whether it knows what it has to know: one that lost its state does not.
    pub knows: bool,
    /// Whether a person told it to change nothing.
    pub paused: bool,
    /// The fencing number under which it acts.
    pub epoch: Epoch,
    /// Where the cluster stands for it.
    pub phase: Phase,
    /// What it wants the cluster to be, whoever said so.
    pub desired: Desired,
    /// What of the site.
    pub scope: Scope,
    /// The wish for down that was made on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<PeerWish>,
    /// The wish for down that it heard of, and from which host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<(String, PeerWish)>,
    /// Wishes of other hosts that a person ended on it, by the host and since when they were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overruled: BTreeMap<String, Timestamp>,
    /// How old its newest tick was when it said so.
    pub age: Span,
}

impl Steady for PeerFacts {
    type Still = Self;

    fn steady(&self) -> Self {
        Self { age: Span::ZERO, ..self.clone() }
    }
}

/// What is fresh of the word of another host. It counts only from who it should be, of this
/// cluster, and no older than [`WORD_COUNTS`], its own age included.
///
/// # Errors
/// [`Blind`]: why it does not count.
pub fn word<'a>(
    name: &MachineName,
    cluster: &str,
    seen: Option<&'a Seen<PeerFacts>>,
    now: Mono,
) -> Result<&'a PeerFacts, Blind> {
    let Some(seen) = seen else {
        return Err(Blind::new(BlindKind::NotYet, "nobody has asked it yet"));
    };
    let facts = seen.fresh(now, WORD_COUNTS)?;
    if facts.host != name.as_str() {
        let why = format!("it calls itself {}", facts.host);
        return Err(Blind::new(BlindKind::Identity, why));
    }
    if facts.cluster != cluster {
        let why = format!("it looks after another cluster, {}", facts.cluster);
        return Err(Blind::new(BlindKind::Identity, why));
    }
    let age = age(seen, now);
    if age > WORD_COUNTS {
        let why = format!("its newest look is {age} old");
        return Err(Blind::new(BlindKind::Stale, why));
    }
    Ok(facts)
}

/// How old what is known of another host is. Of what is not known: for how long it has not been.
pub fn age(seen: &Seen<PeerFacts>, now: Mono) -> Span {
    match seen {
        Seen::Known { value, at } => now.since(*at) + value.age,
        Seen::Unknown { since, .. } => now.since(*since),
    }
}

/// What this host must not forget of its part among the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct PartMemory {
    /// In which episode it may make one claim newer than any that the nodes know: a person asked
    /// for that start, or it stands in for a coordinator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_claim: Option<EpisodeId>,
    /// Wishes of other hosts that a person ended here, by the host and since when they were: not
    /// taken over again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overruled: BTreeMap<String, Timestamp>,
    /// In which episode this peer stands in for its coordinator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands_in: Option<EpisodeId>,
}

/// A peer may start the cluster in this episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerLeave {
    /// Who said so.
    pub by: String,
    /// Only once its coordinator gives no word any more.
    pub only_if_silent: bool,
}

/// Who acts, as this host sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// There is no other ananke host.
    #[default]
    Alone,
    /// This host acts.
    Acts {
        /// Why it does.
        why: String,
    },
    /// Another host acts, or is the one to act.
    Follows {
        /// Which.
        host: MachineName,
    },
    /// The coordinator gives no word, and this peer may stand in for it when its time is over.
    Awaits {
        /// Which.
        host: MachineName,
        /// Until when.
        until: Mono,
    },
    /// The coordinator gives no word, or does not act, and nobody said that this peer may.
    NotAsked {
        /// Which.
        host: MachineName,
        /// How it is with the coordinator.
        why: String,
    },
    /// This host does not know what it has to know before it may act.
    Relearns {
        /// What it waits for.
        what: String,
    },
    /// Another host is what only one can be.
    Disputed {
        /// Which.
        host: MachineName,
        /// What both are, in words.
        what: String,
    },
    /// The nodes keep a newer claim of another host.
    Overtaken {
        /// That claim.
        claim: Claim,
    },
}

impl Standing {
    /// Whether there is no other ananke host.
    pub const fn is_alone(&self) -> bool {
        matches!(self, Self::Alone)
    }

    /// Whether this host is the one that acts.
    pub const fn acts(&self) -> bool {
        matches!(self, Self::Alone | Self::Acts { .. })
    }
}

/// The wish for down of an intent, as other hosts hear of it; with the host on which it was made,
/// if that is another one. None for up.
pub fn wish_of(intent: &Intent, drain: bool, snapshot: bool) -> Option<(Option<&str>, PeerWish)> {
    let (host, by, ups) = match &intent.by {
        Author::Person { name } => (None, name.clone(), false),
        Author::Ups { name } => (None, name.clone(), true),
        Author::Ananke => (None, "ananke".to_owned(), false),
        Author::Host { host, name, ups } => (Some(host.as_str()), name.clone(), *ups),
    };
    let (why, to, scope) = (intent.reason.clone(), intent.desired, intent.scope.clone());
    let (since, complete) = (intent.since, intent.progress == Progress::ShutdownComplete);
    let wish = PeerWish { by, ups, why, to, scope, drain, snapshot, since, complete };
    (to != Desired::Up).then_some((host, wish))
}
