//! What follows from the UPSes for the site: what a shutdown takes, what has to go down, and what
//! speaks against a start.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::UpsName;
use super::policy::{OnLow, StageId};
use super::view::UpsView;
use crate::model::facts::Blind;
use crate::model::ids::MachineName;
use crate::model::time::{Mono, Span};

/// All that the rules make of the power of a site at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct PowerView {
    /// Whether a UPS may have something shut down.
    pub arming: Arming,
    /// Each UPS.
    pub upses: BTreeMap<UpsName, UpsView>,
    /// Each power domain, in the order of the configuration.
    pub domains: Vec<DomainView>,
    /// What a shutdown is thought to take. `None` without a UPS.
    pub budget: Option<Budget>,
    /// What speaks against a start. A UPS against which nothing speaks is not in it.
    pub against: BTreeMap<UpsName, Against>,
}

impl PowerView {
    /// The domains that have to go down now.
    pub fn going_down(&self) -> impl Iterator<Item = (&DomainView, &Down)> {
        self.domains.iter().filter_map(|domain| Some((domain, domain.down.as_ref()?)))
    }

    /// The UPSes that forbid a start, each with what speaks against it.
    pub fn forbids(&self) -> impl Iterator<Item = (&UpsName, &[Obstacle])> {
        let needed = self.against.iter().filter(|(_, against)| against.needed);
        needed.map(|(name, against)| (name, against.obstacles.as_slice()))
    }
}

/// What speaks against a start on one UPS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Against {
    /// What does.
    pub obstacles: Vec<Obstacle>,
    /// Whether a start needs this UPS: some domain of it has too few others.
    pub needed: bool,
}

/// Whether a UPS may have something shut down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Arming {
    /// No UPS is configured.
    #[default]
    NoUps,
    /// It may.
    Armed {
        /// What it may ask for.
        on_low: OnLow,
    },
    /// It may not: a battery that gives out is only told.
    NotArmed {
        /// Every reason.
        why: Vec<Unarmed>,
    },
}

/// Why power is not armed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unarmed {
    /// Nobody said what a UPS may ask for.
    NotAsked,
    /// Machines are in no domain, and nobody exempted them.
    Unfed {
        /// Which.
        machines: BTreeSet<MachineName>,
    },
    /// This run of ananke changes nothing.
    Observes,
}

impl fmt::Display for Unarmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("power.on_low does not say what a UPS may ask for"),
            Self::Unfed { machines } => {
                let names: Vec<_> = machines.iter().map(MachineName::as_str).collect();
                write!(f, "it is not known which UPS feeds {}", names.join(", "))
            }
            Self::Observes => f.write_str("this ananke only observes"),
        }
    }
}

/// Why the cluster should not be started on this UPS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// No mains.
    OnBattery,
    /// Mains are back, but not for long enough.
    Unsettled {
        /// Until then.
        until: Mono,
    },
    /// Nobody can say.
    Unknown {
        /// Why.
        why: Blind,
    },
    /// A forced shutdown is latched: its clients would go down again.
    Latched,
    /// The battery is low.
    LowBattery,
    /// Off, bypass or calibration.
    NotProtecting {
        /// Which.
        what: String,
    },
    /// The charge is too low.
    Charge {
        /// Percent now.
        have: u8,
        /// Percent needed.
        need: u8,
    },
    /// Another shutdown would not fit into what is left.
    Short {
        /// By so much.
        by: Span,
    },
    /// Neither runtime nor charge says whether it would.
    NothingToGoBy,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnBattery => f.write_str("on battery"),
            Self::Unsettled { .. } => f.write_str("mains are back, but not for long enough yet"),
            Self::Unknown { why } => write!(f, "nothing is heard of it: {why}"),
            Self::Latched => f.write_str(
                "upsd holds an order for a forced shutdown; restart nut-server and its drivers",
            ),
            Self::LowBattery => f.write_str("the battery is low"),
            Self::NotProtecting { what } => write!(f, "it does not protect: {what}"),
            Self::Charge { have, need } => write!(f, "charge {have} %, {need} % needed"),
            Self::Short { by } => write!(f, "another shutdown would take {by} too long for it"),
            Self::NothingToGoBy => {
                f.write_str("neither its runtime nor its charge says what it would carry")
            }
        }
    }
}

/// What a shutdown is thought to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// The estimate.
    pub estimate: Span,
    /// What a UPS must have left for it: the estimate times the factor, and the tail.
    pub needed: Span,
    /// Whether every stage was measured often enough; else the default counts, if it is larger.
    pub learned: bool,
    /// Stage by stage.
    pub stages: Vec<StageBudget>,
}

/// What one stage is thought to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageBudget {
    /// Which.
    pub stage: StageId,
    /// How often it was measured.
    pub runs: usize,
    /// The estimate: the 95th percentile, or the longest of few runs, and never more than it may
    /// take. `None`: never measured.
    pub takes: Option<Span>,
    /// How long it may take: after that a battery does not wait for it.
    #[serde(default)]
    pub most: Span,
}

/// What the rules make of one power domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainView {
    /// Which.
    pub name: String,
    /// How many of its UPSes can be counted on.
    pub feeding: usize,
    /// How many it needs.
    pub need: usize,
    /// When its own UPSes give out. `None`: nothing drains them.
    pub left: Option<Span>,
    /// Until when its machines can be stopped in order: the smallest of its own and of the
    /// domains that orders go through.
    pub deadline: Option<Span>,
    /// The domain that sets the deadline.
    pub bound_by: Option<String>,
    /// It has to go down now.
    pub down: Option<Down>,
}

/// Why a domain has to go down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down {
    /// The UPSes that give a reason.
    pub upses: Vec<UpsName>,
    /// The domain that dies. Another one than this: orders go through it.
    pub domain: String,
}
