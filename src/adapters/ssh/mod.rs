//! Commands and port forwarding over SSH: one kept-open session for each machine.
//!
//! [`Fleet`] is the only door. It never runs a command on a machine whose host key is not in
//! known_hosts, never waits longer than its deadlines, and never repeats a command that may have
//! been sent. What it can't know it calls unknown: [`Output::status`] is `None` when the exit
//! status was lost.
//!
//! russh gives the protocol and the cryptography. Its known_hosts functions are not used, because
//! they accept revoked keys and know neither wildcards nor several keys of one host;
//! [`known_hosts`] does that work.

mod cut;
mod error;
mod exec;
mod fleet;
mod identity;
pub mod known_hosts;
mod scan;
mod session;
mod slot;
pub mod ssh_config;
mod tunnel;
mod way;

pub use error::{HostKeyError, SshError, Stage};
pub use exec::Output;
pub use fleet::Fleet;
pub use identity::IdentityError;
pub use scan::{Doorway, HostKey};
