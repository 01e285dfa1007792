//! What is done now, and what is held back with its named reason.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::ids::{GateId, MachineName, RemedyId};
use super::peers::{Claim, Standing};
use super::power::UpsName;
use super::time::{Mono, Span};
use super::verdict::Target;

/// The actions to take now, in order, and everything that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Plan {
    /// To be done now. Actions on different machines run side by side, on one machine in order.
    pub steps: Vec<Action>,
    /// Not done now, and why.
    pub held: Vec<Held>,
}

/// A repair that would help and is not made now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The closed gate that wants it.
    pub gate: GateId,
    /// The repair.
    pub remedy: RemedyId,
    /// For what.
    pub target: Target,
    /// Why not.
    pub hold: Hold,
    /// Since when it has been held for a reason of this kind.
    pub since: Mono,
}

/// Every reason for which a repair is held back. The user reads it, with what would change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Hold {
    /// A person said stop.
    Paused {
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// Somebody wants the cluster down.
    IntentDown {
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// It is a quiet day: only remedies declared `Always` run.
    NoEpisode,
    /// A UPS forbids a start: no stable mains, or too little in the battery.
    Power {
        /// Which.
        ups: UpsName,
        /// Why.
        why: String,
    },
    /// Our own disk does not take the record that must precede the act.
    DiskBroken {
        /// What the disk said.
        why: String,
    },
    /// The gate's ancestor is closed.
    GateClosed {
        /// Which one.
        gate: GateId,
    },
    /// What is known of the target is missing or too old.
    Blind {
        /// Why.
        why: String,
    },
    /// The remedy needs something that can't be reached.
    NotReachable {
        /// What.
        what: String,
    },
    /// The remedy needs the node's guard, which is not installed there.
    Unguarded,
    /// The node's guard is of another version.
    OtherGuard {
        /// Its version.
        version: String,
    },
    /// sudo refuses what ananke needs.
    SudoRefused {
        /// sudo's words.
        why: String,
    },
    /// There is no key for a vault, none may go there, or the one that there is does not fit.
    NoKey {
        /// Why.
        why: String,
    },
    /// A person masked or removed the unit.
    UnitForbidden {
        /// What systemd says.
        what: String,
    },
    /// A person holds this node.
    PersonHold {
        /// The person's words.
        why: String,
    },
    /// The cordon is somebody else's.
    ForeignCordon {
        /// Whose, as far as can be said.
        whose: String,
    },
    /// Another action is under way on the same target.
    InFlight {
        /// What.
        what: String,
    },
    /// The last attempt is still being verified.
    Verifying {
        /// When it counts as failed.
        until: Mono,
    },
    /// The last attempt did not help; the next waits.
    BackOff {
        /// Until when.
        until: Mono,
    },
    /// Somebody wants the cluster up: nothing is stopped against it.
    IntentUp {
        /// Who.
        by: String,
    },
    /// Mains are back before the point of no return: whether they stay is waited for.
    MainsBack {
        /// Who wanted it down.
        by: String,
    },
    /// The etcd leader stops after the other servers.
    LeaderLast {
        /// How many of them still run.
        others: usize,
    },
    /// Fewer servers can be started than make a majority: one alone would only wait.
    TooFewServers {
        /// How many can be reached.
        have: usize,
        /// How many make a majority.
        need: usize,
    },
    /// Enough machines are being worked on already.
    Wave {
        /// How many at once.
        limit: usize,
    },
    /// As many of our cordons as are allowed are in use.
    CordonLimit {
        /// How many at once.
        limit: usize,
    },
    /// It would leave no schedulable node.
    LastSchedulable,
    /// Too many nodes fail in the same way at once: that is one cause elsewhere, not many here.
    Storm {
        /// How many fail.
        failing: usize,
        /// Of how many.
        of: usize,
    },
    /// The machine belongs to somebody else.
    NotManaged,
    /// Another ananke host is to do it, or nobody may for now.
    NotActing {
        /// How it is with the ananke hosts.
        standing: Standing,
    },
    /// Another ananke host brings it down, for this one as well.
    HandedOver {
        /// Which.
        host: MachineName,
    },
    /// Too few guards have accepted the claim of this ananke host.
    Unclaimed {
        /// How many have.
        have: usize,
        /// How many make a majority.
        need: usize,
    },
}

impl Hold {
    /// The name of the reason: stable, for machines.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Paused { .. } => "paused",
            Self::IntentDown { .. } => "intent-down",
            Self::NoEpisode => "no-episode",
            Self::Power { .. } => "power",
            Self::DiskBroken { .. } => "disk-broken",
            Self::GateClosed { .. } => "gate-closed",
            Self::Blind { .. } => "blind",
            Self::NotReachable { .. } => "not-reachable",
            Self::Unguarded => "unguarded",
            Self::OtherGuard { .. } => "other-guard",
            Self::SudoRefused { .. } => "sudo-refused",
            Self::NoKey { .. } => "no-key",
            Self::UnitForbidden { .. } => "unit-forbidden",
            Self::PersonHold { .. } => "person-hold",
            Self::ForeignCordon { .. } => "foreign-cordon",
            Self::InFlight { .. } => "in-flight",
            Self::Verifying { .. } => "verifying",
            Self::BackOff { .. } => "back-off",
            Self::IntentUp { .. } => "intent-up",
            Self::MainsBack { .. } => "mains-back",
            Self::LeaderLast { .. } => "leader-last",
            Self::TooFewServers { .. } => "too-few-servers",
            Self::Wave { .. } => "wave",
            Self::CordonLimit { .. } => "cordon-limit",
            Self::LastSchedulable => "last-schedulable",
            Self::Storm { .. } => "storm",
            Self::NotManaged => "not-managed",
            Self::NotActing { standing } => match standing {
                Standing::Alone | Standing::Acts { .. } | Standing::Follows { .. } => "follows",
                Standing::Awaits { .. } => "awaits-coordinator",
                Standing::NotAsked { .. } => "not-coordinator",
                Standing::Relearns { .. } => "relearns",
                Standing::Disputed { .. } => "disputed",
                Standing::Overtaken { .. } => "overtaken",
            },
            Self::HandedOver { .. } => "handed-over",
            Self::Unclaimed { .. } => "unclaimed",
        }
    }

    /// When it ends by itself, if it does.
    pub const fn until(&self) -> Option<Mono> {
        match self {
            Self::Verifying { until }
            | Self::BackOff { until }
            | Self::NotActing { standing: Standing::Awaits { until, .. } } => Some(*until),
            Self::Paused { .. }
            | Self::IntentDown { .. }
            | Self::NoEpisode
            | Self::Power { .. }
            | Self::DiskBroken { .. }
            | Self::GateClosed { .. }
            | Self::Blind { .. }
            | Self::NotReachable { .. }
            | Self::Unguarded
            | Self::OtherGuard { .. }
            | Self::SudoRefused { .. }
            | Self::NoKey { .. }
            | Self::UnitForbidden { .. }
            | Self::PersonHold { .. }
            | Self::ForeignCordon { .. }
            | Self::InFlight { .. }
            | Self::IntentUp { .. }
            | Self::MainsBack { .. }
            | Self::LeaderLast { .. }
            | Self::TooFewServers { .. }
            | Self::Wave { .. }
            | Self::CordonLimit { .. }
            | Self::LastSchedulable
            | Self::Storm { .. }
            | Self::NotActing { .. }
            | Self::HandedOver { .. }
            | Self::Unclaimed { .. }
            | Self::NotManaged => None,
        }
    }

    /// Whether a person has to do something before it ends.
    pub const fn needs_person(&self) -> bool {
        matches!(
            self,
            Self::Paused { .. }
                | Self::IntentDown { .. }
                | Self::DiskBroken { .. }
                | Self::Unguarded
                | Self::OtherGuard { .. }
                | Self::SudoRefused { .. }
                | Self::NoKey { .. }
                | Self::UnitForbidden { .. }
                | Self::PersonHold { .. }
                | Self::ForeignCordon { .. }
                | Self::NotManaged
        )
    }
}

impl fmt::Display for Hold {
    /// The reason in words. Times are added by the report, which knows the time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused { by, why } => write!(f, "paused by {by}: {why}"),
            Self::IntentDown { by, why } => write!(f, "{by} wants the cluster down: {why}"),
            Self::NoEpisode => f.write_str("no episode is open, and this is not for quiet days"),
            Self::Power { ups, why } => write!(f, "{ups} forbids a start: {why}"),
            Self::DiskBroken { why } => write!(f, "ananke's own disk takes no record: {why}"),
            Self::GateClosed { gate } => write!(f, "{gate} comes first"),
            Self::Blind { why } => write!(f, "not enough is known: {why}"),
            Self::NotReachable { what } => write!(f, "{what} can't be reached"),
            Self::Unguarded => f.write_str("no guard is installed there (ananke prepare)"),
            Self::OtherGuard { version } => {
                write!(f, "its guard is of another version, {version} (ananke prepare)")
            }
            Self::SudoRefused { why } => write!(f, "sudo refuses: {why}"),
            Self::NoKey { why } => write!(f, "no key that fits: {why}"),
            Self::UnitForbidden { what } => f.write_str(what),
            Self::PersonHold { why } => write!(f, "a person holds it: {why}"),
            Self::ForeignCordon { whose } => write!(f, "foreign cordon: {whose}"),
            Self::InFlight { what } => write!(f, "under way: {what}"),
            Self::Verifying { .. } => f.write_str("the last attempt is being verified"),
            Self::BackOff { .. } => f.write_str("the last attempt did not help; waiting"),
            Self::IntentUp { by } => write!(f, "{by} wants the cluster up"),
            Self::MainsBack { by } => {
                write!(f, "{by} has no reason now: whether mains stay is waited for")
            }
            Self::LeaderLast { others } => {
                write!(f, "the etcd leader stops last, and {others} other servers still run")
            }
            Self::TooFewServers { have, need } => {
                write!(f, "{have} servers can be started, {need} make a majority")
            }
            Self::Wave { limit } => write!(f, "{limit} at once are enough"),
            Self::CordonLimit { limit } => write!(f, "{limit} cordoned at once is the limit"),
            Self::LastSchedulable => f.write_str("it would leave no schedulable node"),
            Self::Storm { failing, of } => {
                write!(f, "{failing} of {of} nodes fail at once: one cause elsewhere is likelier")
            }
            Self::NotManaged => f.write_str("ssh_managed_nodes leaves it to somebody else"),
            Self::NotActing { standing } => not_acting(standing, f),
            Self::HandedOver { host } => write!(f, "{host} brings it down, for this host as well"),
            Self::Unclaimed { have, need } => write!(
                f,
                "the guards of {have} nodes have accepted this host, {need} make a majority: more \
                 nodes have to answer"
            ),
        }
    }
}

/// Why this host does not act, with what would change it.
fn not_acting(standing: &Standing, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match standing {
        Standing::Alone | Standing::Acts { .. } => f.write_str("another ananke host acts"),
        Standing::Follows { host } => write!(f, "{host} acts, and this host follows it"),
        Standing::Awaits { host, .. } => {
            write!(f, "the coordinator {host} is waited for; then this peer stands in for it")
        }
        Standing::NotAsked { host, why } => write!(
            f,
            "this host is a peer, and its coordinator {host} {why} (a person may lift that: \
             ananke startup --execute --allow-peer-startup)"
        ),
        Standing::Relearns { what } => write!(
            f,
            "this host has lost its state, or never had one: {what} (a person may decide: \
             ananke startup --execute)"
        ),
        Standing::Disputed { host, what } => {
            write!(f, "{what}: correct coordination.role here or on {host}")
        }
        Standing::Overtaken { claim: Claim { epoch, owner } } => write!(
            f,
            "the nodes have accepted {owner} since, under epoch {epoch} (a person may decide: \
             ananke startup --execute)"
        ),
    }
}

/// A machine that the degraded end does without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Which.
    pub machine: MachineName,
    /// The gate that gave it up.
    pub gate: GateId,
    /// What was wrong.
    pub why: String,
    /// For how long it had been wrong.
    pub for_time: Span,
}
