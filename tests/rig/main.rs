//! End to end: the built program against real machines, a real API server and real SSH.
//!
//! Needs a running tiny site (`scripts/testbed up --size tiny`), named by `TESTBED_DIR`. Everything
//! is seen from outside: the API by kubectl, systemd over SSH, the guard's own log, the files of
//! the state directory. A scenario that fails prints one timeline of all of them.
//!
//! There is one site, so one scenario runs at a time, whatever the number of test threads.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod cordons;
mod daemon;
mod day_one;
mod disk;
mod kills;
mod outage;
mod process;
mod refused;
mod scene;
mod site;
mod startup;
mod timeline;
