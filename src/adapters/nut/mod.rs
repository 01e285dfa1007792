//! The UPSes, as upsd of the Network UPS Tools sees them. They are watched without a login;
//! [`command`] gives one command to one of them, and is used to switch outlets on only.
//!
//! One task for each UPS asks `LIST VAR` several times a second over a connection of its own, so
//! that one upsd that hangs makes one UPS unknown. A fact that can't be had any more turns into
//! the reason at once; what an outage means is decided elsewhere.
//!
//! Protocol: RFC 9271, and NUT's developer guide, chapter "Network protocol information".

mod client;
mod command;
mod error;
mod line;
mod link;
mod tls;
mod vars;

pub use client::Upsd;
pub use command::{CommandError, Commanded, Commander, command};
pub use error::{NutError, Refusal};
pub use line::{LineError, quoted, words};
pub use link::NutLink;
