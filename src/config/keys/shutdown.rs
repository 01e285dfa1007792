//! The keys of `shutdown`: the way down.

use super::{Time, time};
use crate::config::key::Stage::Used;
use crate::config::key::{Key, key};
use crate::config::kinds::{Length, List, Map};
use crate::config::text::Text;
use crate::model::time::Span;

/// The longest time that a stage can be meant to take.
const HOUR: Span = Span::mins(60);
/// Less than this is no time to do anything in.
const TEN_SECONDS: Span = Span::secs(10);

const fn stage(default: Span) -> Time {
    time(default, TEN_SECONDS, HOUR)
}

pub(in crate::config) static API: Key<Time> = key(
    "shutdown.api_time",
    stage(Span::mins(2)),
    "How long suspending Flux, and cordoning, may take each. When a stage is late, a person is \
     asked, and a UPS does not wait.",
    "2m",
    Used,
);
pub(in crate::config) static SNAPSHOT: Key<Time> = key(
    "shutdown.snapshot_time",
    stage(Span::mins(3)),
    "How long saving the datastore may take.",
    "3m",
    Used,
);
pub(in crate::config) static DRAIN: Key<Time> = key(
    "shutdown.drain_time",
    stage(Span::mins(5)),
    "How long evicting pods may take: half of it for applications, half for services.",
    "5m",
    Used,
);
pub(in crate::config) static VOLUMES: Key<Time> = key(
    "shutdown.volumes_time",
    stage(Span::mins(2)),
    "How long volumes may take to come off the nodes.",
    "2m",
    Used,
);
pub(in crate::config) static STOP: Key<Time> = key(
    "shutdown.stop_time",
    stage(Span::mins(5)),
    "How long stopping k3s may take on the machines of one kind.",
    "5m",
    Used,
);
pub(in crate::config) static PODS: Key<Time> = key(
    "shutdown.pods_time",
    stage(Span::mins(3)),
    "How long ending what still runs of pods may take on the machines of one kind.",
    "3m",
    Used,
);
pub(in crate::config) static POWER_OFF: Key<Time> = key(
    "shutdown.power_off_time",
    stage(Span::mins(3)),
    "How long a machine may take from the word to being off.",
    "3m",
    Used,
);
pub(in crate::config) static SERVICES: Key<List<Text>> = key(
    "shutdown.services",
    List(Text::Label),
    "Namespaces of what applications depend on: their pods are evicted after all others. Without \
     it the usual names of databases, git servers, ingress, secrets and Flux.",
    "[kube-system, flux-system, vault, postgres, gitea]",
    Used,
);
pub(in crate::config) static STAYS: Key<List<Text>> = key(
    "shutdown.stays",
    List(Text::Label),
    "Namespaces whose pods are never evicted: storage, which has to let go the volumes of others, \
     and the registry, which could not pull itself on another node. Without it their usual names.",
    "[longhorn-system, harbor]",
    Used,
);
pub(in crate::config) static AGAINST_BUDGETS: Key<Map<Length>> = key(
    "shutdown.against_budgets",
    Map { names: Text::Label, values: Length { min: TEN_SECONDS, max: HOUR } },
    "Namespaces whose pods may go against their disruption budgets when the whole cluster goes \
     down: they are asked to go for so long, and then deleted, with their own grace period. There \
     is no default: for all others a person is asked.",
    "{shop: 30s}",
    Used,
);
pub(in crate::config) static OWN_HOST: Key<Text> = key(
    "shutdown.own_host",
    Text::OneOf(&["poweroff", "stays-on"]),
    "What becomes of this very host when all other machines were switched off. poweroff: it \
     switches itself off, as the last, and its firmware has to start it when power returns. \
     stays-on: it does not. Without it nothing is done, only told.",
    "poweroff",
    Used,
);
