//! ananke's own host: its service manager, its journal, its child processes, its time daemon.

pub mod logging;
pub mod process;
pub mod systemd;
pub mod timesync;
