//! One folder for each outside thing. The only places with effects; none of them decides.
//! They do not know each other; what they share stands beside the folders.

pub mod clock;
pub mod control;
pub mod disk;
pub mod guard;
pub mod heartbeat;
pub mod host;
pub mod kube;
pub mod notify;
pub mod nut;
pub mod probe;
pub mod process;
pub mod ssh;
pub mod wake;
pub mod web;
