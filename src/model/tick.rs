//! What goes into a decision and what comes out of it.

use serde::{Deserialize, Serialize};

use super::alarm::Alarm;
use super::assessment::{Assessment, Phase};
use super::intent::{Author, Desired};
use super::memory::Memory;
use super::observation::Observation;
use super::outcome::Outcome;
use super::peers::Standing;
use super::plan::Plan;
use super::policy::Policy;
use super::power::PowerView;
use super::time::{Moment, Mono};

/// The whole input of one decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickInput {
    /// Both clocks, read once.
    pub now: Moment,
    /// The settings.
    pub policy: Policy,
    /// Who asked for what.
    pub request: Request,
    /// What was seen.
    pub observation: Observation,
    /// What became of actions since the last tick.
    pub outcomes: Vec<Outcome>,
    /// What is remembered.
    pub memory: Memory,
}

/// What this run of the loop is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The verb.
    pub verb: Verb,
    /// Whether anything may be changed. A dry run decides the same and does nothing.
    pub execute: bool,
    /// Who asked.
    pub by: Author,
    /// What a person told the loop to do since the last tick, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<Order>,
    /// Whether a peer may stand in for a coordinator that gives no word.
    #[serde(default, skip_serializing_if = "is_false")]
    pub stand_in: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The verbs that run the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// One look, nothing else.
    Status,
    /// A person wants the cluster up.
    Startup,
    /// A person wants the cluster down.
    Shutdown,
    /// The host booted: bring the cluster up unless a person wants it down.
    Converge,
    /// Look after it for as long as the host runs.
    Daemon,
}

impl Verb {
    /// The word that the user types.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Startup => "startup",
            Self::Shutdown => "shutdown",
            Self::Converge => "converge",
            Self::Daemon => "daemon",
        }
    }
}

/// What a person tells the loop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Bring the cluster up: ends a person's wish for down, opens an episode.
    Startup {
        /// Who.
        by: String,
    },
    /// Bring the cluster down. Asked again on the way it changes what is left out, and gives the
    /// stages that are not done their time anew.
    Shutdown {
        /// Who.
        by: String,
        /// Why.
        why: String,
        /// How far: never [`Desired::Up`].
        to: Desired,
        /// Whether pods are evicted first.
        drain: bool,
        /// Whether the datastore is saved first.
        snapshot: bool,
        /// Why ananke's own host stays on at the end, whatever the configuration says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host_stays: Option<String>,
    },
    /// The host booted: bring the cluster up unless a person wants it down.
    Converge {
        /// Who.
        by: String,
    },
    /// Change nothing until told otherwise.
    Pause {
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// Go on.
    Resume {
        /// Who.
        by: String,
    },
    /// In the episode that is open machines may be started although a UPS is on battery, or can't
    /// be heard.
    AllowOnBattery {
        /// Who.
        by: String,
    },
    /// In the episode that is open a peer may start the cluster, although it is no coordinator.
    AllowPeer {
        /// Who.
        by: String,
        /// Only once the coordinator gives no word any more.
        only_if_silent: bool,
    },
    /// Forget a wish for down.
    ClearIntent {
        /// Who.
        by: String,
    },
    /// The person did their part: start the remedies for this gate or machine anew.
    Ack {
        /// Who.
        by: String,
        /// The gate or machine, as the person wrote it.
        name: String,
    },
    /// Not of a person to ananke: the service manager says that this host is about to be switched
    /// off or restarted, or that nothing came of it.
    HostStops {
        /// Whether it is.
        stops: bool,
    },
}

/// Everything that a tick decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Gate by gate.
    pub assessment: Assessment,
    /// Where the cluster stands.
    pub phase: Phase,
    /// What to do now and what is held back.
    pub plan: Plan,
    /// The UPSes and what follows from them.
    #[serde(default)]
    pub power: PowerView,
    /// Who acts, where there are several ananke hosts.
    #[serde(default, skip_serializing_if = "Standing::is_alone")]
    pub standing: Standing,
    /// What ananke is at its end with. The new ones are told loudly.
    pub alarms: Vec<Alarm>,
    /// What to remember.
    pub memory: Memory,
    /// When to look again at the latest.
    pub wake: Wake,
}

/// When to look again, and why then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// At the latest then.
    pub at: Mono,
    /// Because of this.
    pub why: String,
}
