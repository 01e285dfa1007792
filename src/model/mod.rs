//! The words of ananke: plain, serialisable data without behaviour beyond its own invariants.
//!
//! Nothing here knows Kubernetes, SSH or systemd as a library. What an adapter learns is turned
//! into these small structs at the boundary, so that a decision can be recorded and re-run.

pub mod action;
pub mod alarm;
pub mod assessment;
pub mod cluster;
pub mod command;
pub mod cordon;
pub mod descent;
pub mod episode;
pub mod error_text;
pub mod facts;
pub mod hygiene;
pub mod ids;
pub(crate) mod in_step;
pub mod ingress;
pub mod intent;
pub mod memory;
pub mod object;
pub mod observation;
pub mod outcome;
pub mod peers;
pub mod plan;
pub mod policy;
pub mod power;
pub mod probe;
pub mod record;
pub mod recovery_status;
pub mod runs;
pub mod situation;
pub mod tick;
pub mod time;
pub mod vault;
pub mod verdict;
