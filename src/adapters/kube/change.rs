//! Which node an effect changes, and how.

use jiff::Timestamp;

use crate::model::action::Effect;
use crate::model::cordon::CordonRecord;
use crate::model::ids::{CordonId, MachineName};

/// A change of a node, as the effects describe it.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// Take it out, with this record.
    Cordon(&'a CordonRecord),
    /// Give this cordon back.
    Uncordon(&'a CordonId),
    /// Mark it for a person.
    Mark {
        /// What the person reads.
        reason: &'a str,
        /// Since when, for people.
        since: Timestamp,
        /// The cordon that is left to the person with it.
        cordon: Option<&'a CordonId>,
    },
    /// Take the mark of this ananke host off.
    Unmark {
        /// The host.
        owner: &'a str,
    },
}

impl<'a> Change<'a> {
    /// The node that an effect changes, and how. `None` for an effect that changes no node.
    pub fn of(effect: &'a Effect, owner: &'a str) -> Option<(&'a MachineName, Self)> {
        Some(match effect {
            Effect::Cordon { node, record } => (node, Self::Cordon(record)),
            Effect::Uncordon { node, id } => (node, Self::Uncordon(id)),
            Effect::MarkManual { node, reason, since, cordon } => {
                (node, Self::Mark { reason, since: *since, cordon: cordon.as_ref() })
            }
            Effect::ClearMark { node } => (node, Self::Unmark { owner }),
            Effect::WriteCanary
            | Effect::StartUnit { .. }
            | Effect::RestartUnit { .. }
            | Effect::ResetFailedUnit { .. } => return None,
        })
    }
}
