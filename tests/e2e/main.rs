//! End to end: the built program against real machines, a real API server and real SSH.
//!
//! What the scenario language can say stands in the files of `tiny/`, `three/`, `small/` and
//! `big/`, by the size of the site that they need; the other tests need a tiny one.
//! `scripts/testbed up --size tiny` starts it, `TESTBED_DIR` names it, `cargo test --test e2e
//! scenarios::tiny` runs what fits. Everything is seen from outside: the API by kubectl, systemd
//! over SSH, the guard's own log, the files of the state directory. What fails prints one timeline
//! of all of them.
//!
//! There is one site, so one scenario runs at a time, whatever the number of test threads.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod bed;
mod daemon;
mod day_one;
mod disk;
mod figures;
mod kubelet;
mod power;
mod process;
mod refused;
mod scenarios;
mod scene;
mod site;
mod startup;
mod timeline;
