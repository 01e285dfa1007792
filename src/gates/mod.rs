//! The gates: the way up, as a list. A gate comes after the gates that must be open before it;
//! shutdown walks the same edges backwards.
//!
//! To add one: a file with a `GATE` on top, and one line in [`ALL`], after the gates that it
//! comes after.

mod admission;
mod control_plane;
mod cordons;
mod database;
pub mod down;
mod endpoints;
mod flux_source;
mod fresh_ready;
mod git;
mod host_hygiene;
mod ingress;
mod inventory;
mod kustomizations;
mod load_balancer;
mod network;
mod nodes;
mod power;
mod registry;
mod secrets;
mod services;
mod soak;
mod storage;
mod time;
mod undo;
mod workers;
mod workloads;

pub use admission::GATE as ADMISSION;
pub use control_plane::GATE as CONTROL_PLANE;
pub use cordons::GATE as CORDONS;
pub use database::GATE as DATABASE;
pub use endpoints::GATE as ENDPOINTS;
pub use flux_source::GATE as FLUX_SOURCE;
pub use fresh_ready::GATE as FRESH_READY;
pub use git::GATE as GIT;
pub use host_hygiene::GATE as HOST_HYGIENE;
pub use ingress::GATE as INGRESS;
pub use inventory::GATE as INVENTORY;
pub use kustomizations::GATE as KUSTOMIZATIONS;
pub use load_balancer::GATE as LOAD_BALANCER;
pub use network::GATE as NETWORK;
pub use nodes::GATE as NODES;
pub use power::GATE as POWER;
pub use registry::GATE as REGISTRY;
pub use secrets::GATE as SECRETS;
pub use services::GATE as SERVICES;
pub use soak::GATE as SOAK;
pub use storage::GATE as STORAGE;
pub use time::GATE as TIME;
pub use undo::GATE as UNDO;
pub use workers::GATE as WORKERS;
pub use workloads::GATE as WORKLOADS;

use crate::checks::Check;
use crate::model::ids::GateId;
use crate::model::policy::Timing;
use crate::model::time::Span;
use crate::remedies::Remedy;

/// The way up, from top to bottom.
pub static ALL: &[&Gate] = &[
    &POWER,
    &INVENTORY,
    &NODES,
    &TIME,
    &HOST_HYGIENE,
    &CONTROL_PLANE,
    &WORKERS,
    &FRESH_READY,
    &CORDONS,
    &ADMISSION,
    &STORAGE,
    &NETWORK,
    &SECRETS,
    &DATABASE,
    &LOAD_BALANCER,
    &GIT,
    &REGISTRY,
    &FLUX_SOURCE,
    &KUSTOMIZATIONS,
    &WORKLOADS,
    &ENDPOINTS,
    &INGRESS,
    &SERVICES,
    &SOAK,
    &UNDO,
];

/// A declared gate. No field has a default: a missing one does not compile.
#[derive(Debug)]
pub struct Gate {
    /// Its name in records, metrics and `explain`.
    pub id: GateId,
    /// What it proves, as a sentence.
    pub title: &'static str,
    /// The gates that must be open before it. Only its descendants wait for a closed gate.
    pub after: &'static [&'static Gate],
    /// How open those must be.
    pub waits: Waits,
    /// What must pass.
    pub checks: &'static [&'static Check],
    /// Whether it may open without some machines.
    pub opens: Opens,
    /// How long it and everything before it must have been good.
    pub soak: fn(&Timing) -> Span,
    /// The remedies for its checks, the mildest first.
    pub ladder: &'static [&'static Remedy],
}

/// Whether a gate may open without some machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    /// Everything must pass.
    Whole,
    /// When quorum and every critical machine pass, and the others had their time.
    Degraded,
}

/// How open the gates before a gate must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// Good for enough servers to make a majority: what is good goes on, and a board that boots
    /// slowly, or never, holds back only itself.
    ForMost,
    /// Open.
    ForAll,
    /// Done with this very machine: each goes on as soon as what comes before is done with it.
    ForItself,
}

/// A gate that opens as soon as its checks pass.
const fn no_soak(_: &Timing) -> Span {
    Span::ZERO
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn every_gate_stands_after_the_gates_it_comes_after() {
        for (at, gate) in ALL.iter().enumerate() {
            for before in gate.after {
                let earlier = ALL[..at].iter().any(|other| other.id == before.id);
                assert!(earlier, "{} stands before {}", gate.id, before.id);
            }
        }
    }

    #[test]
    fn ladders_cure_what_their_gate_asks_and_grow_in_blast() {
        for gate in ALL {
            for remedy in gate.ladder {
                let ours = |check: &&&crate::checks::Check| {
                    gate.checks.iter().any(|asked| asked.id == check.id)
                };
                assert!(remedy.cures.iter().any(|check| ours(&check)), "{}", remedy.id);
            }
            for check in gate.checks {
                let rungs: Vec<_> = gate
                    .ladder
                    .iter()
                    .filter(|remedy| remedy.cures.iter().any(|cured| cured.id == check.id))
                    .map(|remedy| remedy.blast)
                    .collect();
                assert!(rungs.is_sorted(), "{}: {} goes down", gate.id, check.id);
            }
        }
    }
}
