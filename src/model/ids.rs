//! Names of things. Each is a type of its own, so that a boot id can't be taken for a machine id.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text of a name. A tick hands each name on some dozen times: read from outside it is shared,
/// and the same text is known as the same without being read.
#[derive(Clone)]
enum Text {
    Fixed(&'static str),
    Shared(Arc<str>),
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (self.as_str(), other.as_str());
        std::ptr::eq(one, two) || one == two
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, two) = (self.as_str(), other.as_str());
        if std::ptr::eq(one, two) { Ordering::Equal } else { one.cmp(two) }
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::Shared(text.into()))
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Text);

        impl $name {
            /// A name known when the program is built.
            pub const fn fixed(text: &'static str) -> Self {
                Self(Text::Fixed(text))
            }

            /// A name read from outside.
            pub fn new(text: impl Into<String>) -> Self {
                let text: String = text.into();
                Self(Text::Shared(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
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
