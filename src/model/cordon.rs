//! The record of a cordon, which lies on the node in the same write as `unschedulable`.
//!
//! It describes itself, so that another host, or a person, can clear it when this one is dead.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{BootId, CordonId};

/// The annotation that holds the record.
pub const CORDON_ANNOTATION: &str = "ananke.bstein.dev/cordon";
/// The annotation by which a person says "leave this node alone".
pub const HOLD_ANNOTATION: &str = "ananke.bstein.dev/hold";
/// The annotation that says "a person is needed here".
pub const MANUAL_ANNOTATION: &str = "ananke.bstein.dev/manual-action";

/// A cordon that ananke took, as it lies on the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CordonRecord {
    /// This cordon, and no other.
    pub id: CordonId,
    /// The host that took it.
    pub owner: String,
    /// Why it was taken; decides who may clear it.
    pub kind: CordonKind,
    /// Whether the node was unschedulable before. Always false: such a node is never taken over.
    pub prior_unschedulable: bool,
    /// Wall-clock time of the grant, for people.
    pub acquired_at: Timestamp,
    /// Wall-clock time at which the lease would end if the cluster stayed up throughout, for
    /// people. The lease itself counts cluster-up time and is kept in ananke's memory.
    pub expires_at: Timestamp,
    /// The boot of the node for which it was taken.
    pub boot_id: BootId,
}

/// What a cordon is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CordonKind {
    /// Taken to repair the node; a lease of one hour of cluster-up time.
    Recovery,
    /// Taken on the way down. Given back on the way up; its lease counts from when the machine
    /// answers again.
    Shutdown,
    /// The lease ran out: the node waits for a person, and the cordon is no longer ours to clear.
    Manual,
}

/// What a node says about a cordon of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CordonMark {
    /// No record. If the node is unschedulable all the same, somebody else did it.
    None,
    /// A record that can be read.
    Record(CordonRecord),
    /// There is something under our annotation that is not a record. Never touched.
    Garbled,
}
