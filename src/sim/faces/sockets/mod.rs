//! The world behind real sockets on the loopback: what the real adapters, a stock `ssh` and a
//! stock `kubectl` talk to. Nothing listens on any other address, and nothing needs root.

pub mod api;
mod cluster;
mod files;
pub mod http;
pub mod nut;
mod port;
pub mod ssh;
mod wake;

pub use cluster::ApiServers;
pub use files::{Doors, SiteFiles};
pub use wake::WakeDoor;
