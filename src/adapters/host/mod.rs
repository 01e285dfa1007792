//! ananke's own host: its service manager, its end, its journal, its time daemon.

pub mod inhibit;
pub mod logging;
pub mod nut;
pub mod poweroff;
pub mod systemd;
pub mod timesync;
