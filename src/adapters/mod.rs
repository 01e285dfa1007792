//! One folder for each outside thing. The only places with effects; none of them decides.

pub mod clock;
pub mod control;
pub mod disk;
pub mod guard;
pub mod host;
pub mod kube;
pub mod notify;
pub mod ssh;
