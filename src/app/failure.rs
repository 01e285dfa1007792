//! How a command ends.

use std::fmt;

/// The exit code of a command that could be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended(pub(super) u8);

impl Ended {
    /// Done, converged, or nothing to do.
    pub(super) const GOOD: Self = Self(0);
    /// Something was not as it should be, and was told.
    pub(super) const FAILED: Self = Self(1);
    /// Not there yet.
    pub(super) const PENDING: Self = Self(3);
}

/// Why a command could not be carried out.
#[derive(Debug)]
pub(super) enum Failure {
    /// Something went wrong.
    Failed(String),
    /// The arguments or the configuration: nothing was changed.
    Usage(String),
    /// This version can't do it yet.
    NotBuilt,
}

impl Failure {
    /// A failure with all that caused it.
    pub(super) fn of(error: &dyn std::error::Error) -> Self {
        Self::Failed(super::words::chain(error))
    }

    pub(super) const fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::NotBuilt => 1,
            Self::Usage(_) => 2,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) | Self::Usage(why) => f.write_str(why),
            Self::NotBuilt => f.write_str("not built yet: this version can't do it"),
        }
    }
}
