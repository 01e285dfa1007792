//! A site that is not there: machines, etcd, kubelets, UPSes and people, to lose power and to be
//! brought back by the real loop. For `ananke rehearse`, and for tests by the thousand.
//!
//! `world` is the model, pure and seeded; `faces` lets the loop touch it, in memory or over
//! sockets; `scenario` is the language in which a fate is written down; `deed` is one thing that
//! befalls the site, the same for the world and for real machines.

mod chance;
pub mod deed;
pub mod scenario;
pub mod site;
pub mod world;

#[cfg(feature = "shell")]
pub mod faces;
