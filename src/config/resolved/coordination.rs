//! The ananke hosts, as a file again.

use super::{group, names};
use crate::config::scalar::exact;
use crate::model::peers::Coordination;
use crate::model::policy::Policy;

/// The other ananke hosts, if there are any, and what belongs to a start.
pub(super) fn push(out: &mut String, policy: &Policy) {
    let Coordination { role, peers, failover_after } = &policy.coordination;
    let mut lines = Vec::new();
    if !peers.is_empty() {
        lines.push(("role", role.to_string()));
        lines.push(("peer_hosts", names(peers.iter())));
        lines.push(("failover_after", exact(*failover_after)));
    }
    if !policy.power.upses.is_empty() {
        lines.push(("allow_startup_on_battery", policy.power.start_on_battery.to_string()));
    }
    if !lines.is_empty() {
        group(out, "coordination", &lines);
    }
}
