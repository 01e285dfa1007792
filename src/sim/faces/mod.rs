//! How the loop touches the world: in memory, or over real sockets.
//!
//! Both faces share one [`Stage`] and one [`shell`]; what the loop gets to see and what becomes of
//! its actions is the same through either. `memory` runs under paused time, by the thousand;
//! `sockets` is what the real adapters and a stock `ssh` talk to.

mod clock;
pub mod config;
pub mod drive;
pub mod driver;
pub mod memory;
pub mod shell;
pub mod sockets;
mod stage;

pub use clock::SimClock;
pub use stage::{SITE_BOOT, Stage};
