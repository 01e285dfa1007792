//! The Unix socket by which a command reaches the daemon of its host.
//!
//! There is one loop per host. Where it runs, `startup converge pause resume ack` hand it an order
//! over this socket and follow it; `status` reads its newest tick. Root only: the socket is 0600,
//! and the kernel's word on who connected is checked as well.

mod bind;
mod client;
mod lines;
mod protocol;
mod server;

pub use bind::BindError;
pub use client::{ControlClient, ControlError, Follow};
pub use protocol::{ControlEvent, ControlRequest, Hello, OrderAnswer, PROTOCOL};
pub use server::{ControlServer, Ordered, Orders, Stance, Talk};

/// The socket's name in the run directory.
pub const SOCKET: &str = "control.sock";

/// The lock's name in the run directory. Held for as long as a server lives.
pub const LOCK: &str = "control.lock";
