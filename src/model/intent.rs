//! What the cluster is wanted to be, and by whom.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{Epoch, MachineName};

/// The desired power state, with who wants it and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Up or down.
    pub desired: Desired,
    /// The word that operators know.
    pub progress: Progress,
    /// Who wants it.
    pub by: Author,
    /// What of the site it is about.
    #[serde(default)]
    pub scope: Scope,
    /// Why, in that author's words.
    pub reason: String,
    /// Since when, for people.
    pub since: Timestamp,
    /// The fencing number under which it was set.
    pub epoch: Epoch,
}

/// What of the site an intent is about. Up is always about all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every machine.
    #[default]
    Whole,
    /// These machines: a power domain without which the others keep a quorum.
    Machines(BTreeSet<MachineName>),
}

impl Scope {
    /// Whether a machine is concerned.
    pub fn concerns(&self, machine: &MachineName) -> bool {
        match self {
            Self::Whole => true,
            Self::Machines(machines) => machines.contains(machine),
        }
    }

    /// Whether all that the other one is about is concerned.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole, _) => true,
            (Self::Machines(_), Self::Whole) => false,
            (Self::Machines(have), Self::Machines(want)) => want.is_subset(have),
        }
    }
}

/// The desired power state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Desired {
    /// Everything runs.
    Up,
    /// Kubernetes is stopped, the machines run.
    DownClusterOnly,
    /// The machines are off.
    DownPoweroff,
}

/// How far the way there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Nothing is under way.
    Normal,
    /// On the way up.
    StartupInProgress,
    /// On the way down.
    ShuttingDown,
    /// Down.
    ShutdownComplete,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Normal => "normal",
            Self::StartupInProgress => "startup_in_progress",
            Self::ShuttingDown => "shutting_down",
            Self::ShutdownComplete => "shutdown_complete",
        })
    }
}

/// Who set an intent. It decides what may end it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Author {
    /// A person. Never expires.
    Person {
        /// The login name.
        name: String,
    },
    /// A UPS event. Ends when mains are stable again.
    Ups {
        /// Which UPS.
        name: String,
    },
    /// ananke itself, when it found the cluster in trouble.
    Ananke,
    /// Another ananke host, on which somebody wants it. Ends when that host says so.
    Host {
        /// Which.
        host: String,
        /// Who wants it there.
        name: String,
        /// Whether UPSes do.
        ups: bool,
    },
}

impl Author {
    /// Whether a battery presses, on this host or on another.
    pub const fn is_pressed(&self) -> bool {
        matches!(self, Self::Ups { .. } | Self::Host { ups: true, .. })
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person { name } => f.pad(name),
            Self::Ups { name } => write!(f, "UPS {name}"),
            Self::Ananke => f.pad("ananke"),
            Self::Host { host, name, ups: true } => write!(f, "UPS {name}, by the word of {host}"),
            Self::Host { host, name, ups: false } => write!(f, "{name}, by the word of {host}"),
        }
    }
}
