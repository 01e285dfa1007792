//! Names of things. Each is a type of its own, so that a boot id can't be taken for a machine id.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Cow<'static, str>);

        impl $name {
            /// A name known when the program is built.
            pub const fn fixed(text: &'static str) -> Self {
                Self(Cow::Borrowed(text))
            }

            /// A name read from outside.
            pub fn new(text: impl Into<String>) -> Self {
                Self(Cow::Owned(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// A machine of the inventory. For a Kubernetes node it is also the node's name.
    MachineName
}
name! {
    /// The random id that the kernel makes at each boot (`/proc/sys/kernel/random/boot_id`).
    BootId
}
name! {
    /// The id that a machine keeps over its boots (`/etc/machine-id`).
    MachineId
}
name! {
    /// A gate of the way up.
    GateId
}
name! {
    /// A check that a gate asks.
    CheckId
}
name! {
    /// A declared repair.
    RemedyId
}
name! {
    /// One action of one attempt, never given out twice: `5c1e90aa.3-17` is the seventeenth action
    /// of the state directory `5c1e90aa`, taken in episode 3. The node's guard remembers it.
    ActionId
}
name! {
    /// A cordon that ananke took. Written into the node's record, so that "ours" means this one.
    CordonId
}

/// A stretch of trouble, numbered by the ledger. Numbers, because the wall clock may be wrong.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct EpisodeId(pub u64);

impl fmt::Display for EpisodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The fencing number that the nodes' guards remember: older ones are refused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
