//! The keys of `hosts`: what the nodes must have below Kubernetes.

use super::{Whole, whole};
use crate::config::key::Stage::Used;
use crate::config::key::{Key, key};
use crate::config::kinds::{Flag, List, Map, Or};
use crate::config::text::Text;

const NAMES: Map<List<Text>> =
    Map { names: Text::OneOf(&["nodes", "servers", "agents"]), values: List(Text::HostName) };

pub(in crate::config) static PACKAGES: Key<Map<List<Text>>> = key(
    "hosts.packages",
    NAMES,
    "Debian packages that all nodes, servers or agents need. Missing ones are installed from the \
     cache on the node, which `ananke prepare` fills.",
    "{nodes: [open-iscsi, nfs-common, cryptsetup, dmsetup]}",
    Used,
);
pub(in crate::config) static PROGRAMS: Key<Map<List<Text>>> = key(
    "hosts.programs",
    NAMES,
    "Programs that they need, wherever those come from.",
    "{nodes: [iscsiadm, mount.nfs]}",
    Used,
);
pub(in crate::config) static MODULES: Key<Map<List<Text>>> = key(
    "hosts.modules",
    NAMES,
    "Kernel modules that they need; missing ones are loaded.",
    "{nodes: [iscsi_tcp, dm_crypt]}",
    Used,
);
pub(in crate::config) static SERVICES: Key<Map<List<Text>>> = key(
    "hosts.services",
    NAMES,
    "systemd units that must be active there; those that are not are started.",
    "{nodes: [iscsid.socket, systemd-timesyncd]}",
    Used,
);
pub(in crate::config) static DISKS: Key<List<Text>> = key(
    "hosts.disks",
    List(Text::Path),
    "Folders whose file systems must be writable and not full, where they exist. Without it: /, \
     /var/lib/rancher, /var/lib/longhorn.",
    "[/, /var/lib/rancher, /var/lib/longhorn]",
    Used,
);
pub(in crate::config) static FULL_BELOW: Key<Whole> = key(
    "hosts.full_below_percent",
    whole(3, 1, 50),
    "A file system with less free space, or fewer free inodes, counts as full. Kubelet itself \
     evicts below 10.",
    "3",
    Used,
);
pub(in crate::config) static DEFAULT_ROUTE: Key<Or<Flag, bool>> = key(
    "hosts.default_route",
    Or(Flag, false),
    "Whether the nodes must have a default route.",
    "true",
    Used,
);
