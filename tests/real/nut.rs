//! The NUT adapter against a real upsd with its dummy driver, and against servers that lie.

mod liar;
mod lies;
mod rig;
mod upsd;
