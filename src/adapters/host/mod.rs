//! ananke's own host: its service manager, its journal, its time daemon.

pub mod logging;
pub mod nut;
pub mod systemd;
pub mod timesync;
