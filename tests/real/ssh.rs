//! The SSH adapter against real sshd, and against servers that hang and lie.

mod hosts;
mod liar;
mod lies;
pub(crate) mod rig;
mod sshd;
