//! The NUT adapter against a real upsd with its dummy driver, and against servers that lie.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests that start real processes, read the real clock, and fail where they stand"
)]

mod daemon;
mod liar;
mod lies;
pub(crate) mod rig;
mod upsd;
mod whole;
