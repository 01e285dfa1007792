//! Services, asked from outside as their users do: over HTTP, by a connection, by a name.
//!
//! Nothing here says whether an answer is good enough; but what was asked and did not answer is
//! kept apart from what nobody could ask ([`Miss`]): the first is a finding about the service, the
//! second about ananke's own side.
//!
//! Each probe has a task of its own with its own pace, and no answer is older than
//! [`EVERY`](crate::model::probe::EVERY) and [`LIMIT`](crate::model::probe::LIMIT). Redirects are
//! not followed, and of a body no more than 64 kB is read.
//!
//! The one thing that is changed from here is the seal of a vault ([`Unsealer`]): over the same
//! way, with the same trust, and with keys that nothing here shows.

mod connect;
mod dns;
mod http;
mod keys;
mod link;
mod look;
mod tls;
mod unseal;

pub use connect::{Miss, Stream, Ways};
pub use link::ProbeLink;
pub use unseal::Unsealer;
