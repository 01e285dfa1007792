//! The keys of `coordination` that say which ananke hosts there are.

use super::{DAY, MACHINES, Machines, Time, time};
use crate::config::key::Stage::Used;
use crate::config::key::{Key, key};
use crate::config::kinds::Or;
use crate::config::text::Text;
use crate::model::peers::Coordination;
use crate::model::time::Span;

pub(in crate::config) static ROLE: Key<Or<Text, &str>> = key(
    "coordination.role",
    Or(Text::OneOf(&["coordinator", "peer"]), "coordinator"),
    "What this host is among the ananke hosts: needed where there are others. There is one \
     coordinator.",
    "coordinator",
    Used,
);
pub(in crate::config) static PEERS: Key<Machines> = key(
    "coordination.peer_hosts",
    MACHINES,
    "The other ananke hosts in their rank, a peer's coordinator first: machines of the inventory, \
     by the names that they give themselves. They are asked over SSH, as the user of that machine.",
    "[bastion]",
    Used,
);
pub(in crate::config) static FAILOVER_AFTER: Key<Time> = key(
    "coordination.failover_after",
    time(Coordination::FAILOVER_AFTER, Span::secs(30), DAY),
    "How long a coordinator that gives no word is waited for before a peer stands in for it, where \
     the peer runs with --auto-peer-failover.",
    "5m",
    Used,
);
