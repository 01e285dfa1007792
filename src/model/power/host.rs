//! How NUT is set up on ananke's own host, as far as it can switch a UPS off by mistake.

use serde::{Deserialize, Serialize};

/// What stands in NUT's files on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct NutHost {
    /// `MODE` in nut.conf. `None`: there is no such file, or it does not say.
    pub mode: Option<String>,
    /// The sections of ups.conf: the UPSes whose cables end here.
    pub sections: Vec<String>,
    /// The flag that has a UPS switched off, if it lies there now.
    pub flag: Option<String>,
    /// Whether systemd-shutdown runs NUT's hook at every power-off and every reboot.
    pub hook: bool,
    /// Files that could not be read, with the reason.
    pub unread: Vec<String>,
}
