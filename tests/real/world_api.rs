//! The simulated Kubernetes API: against the real kube-apiserver, with the real adapter, with a
//! stock kubectl, and with those who mean it no good.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that starts real processes, reads the real clock, and fails where it stands"
)]

mod adapter;
mod contract;
mod doors;
mod kubectl;
mod script;
mod side;
mod world;
