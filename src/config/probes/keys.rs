//! The keys of what is asked from outside.

use super::kinds::{OneHost, SCHEMES, Service, Statuses, UrlOrService};
use crate::config::key::Stage::Used;
use crate::config::key::{Key, key};
use crate::config::kinds::{Count, Flag, List, Map, Or};
use crate::config::one_or_more::OneOrMore;
use crate::config::text::Text;
use crate::model::ingress::IngressPolicy;

pub(in crate::config) static SERVICES: Key<Map<Service>> = key(
    "services",
    Map { names: Text::Service, values: Service },
    "What is asked from outside, by name. Each has `url`, `tcp` (address:port), `dns` (server, \
     name) or `vault` (the URL of one vault, without a path). With a `url`: `statuses` (without it \
     exactly 200 is good; 401 with `challenge`, a redirection with `redirect`), `body` (a text in \
     it), `json` (pointer, value), `redirect` and `challenge` (how Location and WWW-Authenticate \
     begin), `at` (the address called instead), `verify_certificates`. With a `vault`: `at`, \
     `verify_certificates`, `trusted_way` (a key may go there although nothing encrypts it, or \
     proves who takes it). With any: `via` (asked from that machine) and `gate`, which waits for \
     a good answer: network, secrets, database, load-balancer, git, registry, or else services; \
     of a vault it is secrets.",
    "{git: {url: \"https://git.example/\", gate: git}, \
     vault: {vault: \"https://vault.example\"}}",
    Used,
);
pub(in crate::config) static POST_START_PROBES: Key<List<UrlOrService>> = key(
    "startup.post_start_probes",
    List(UrlOrService),
    "More of them, without a name: URLs that must answer 200, or entries as in `services`.",
    "[\"https://app.example.org/\"]",
    Used,
);
pub(in crate::config) static REQUIRE_PROBES: Key<Or<Flag, bool>> = key(
    "startup.require_post_start_probes",
    Or(Flag, true),
    "Whether the way up waits for `post_start_probes`. If not, they are not asked.",
    "true",
    Used,
);

pub(in crate::config) static VAULT_KEY_FILE: Key<Text> = key(
    "startup.vault_unseal_key_file",
    Text::Path,
    "File with the keys that unseal each `vault` of `services`, one on each line. Nobody but its \
     owner may read it, and it is read when a key is given, not before.",
    "/etc/ananke/vault-unseal-key",
    Used,
);
pub(in crate::config) static VAULT_BREAKGLASS: Key<OneOrMore<Text>> = key(
    "startup.vault_unseal_breakglass_command",
    OneOrMore(Text::Line),
    "Program, with its arguments, that prints the same where that file is not there.",
    "[/usr/local/bin/unseal-key]",
    Used,
);

pub(in crate::config) static CHECK: Key<Or<Flag, bool>> = key(
    "ingress.check",
    Or(Flag, true),
    "Whether every host that an ingress of the cluster names is asked for its first page. Names \
     with a `*` are not.",
    "true",
    Used,
);
pub(in crate::config) static AT: Key<OneOrMore<Text>> = key(
    "ingress.at",
    OneOrMore(Text::HostPort),
    "Address at which the hosts are asked, or several, of which the first that accepts a \
     connection is asked. Without it: the servers' own, but not of those behind the jump host; if \
     none is left, what the names resolve to here.",
    "192.0.2.11",
    Used,
);
pub(in crate::config) static SCHEME: Key<Or<Text, &str>> = key(
    "ingress.scheme",
    Or(Text::OneOf(SCHEMES), "https"),
    "How the hosts are asked.",
    "https",
    Used,
);
pub(in crate::config) static VIA: Key<Text> = key(
    "ingress.via",
    Text::Machine,
    "Machine from which the hosts are asked. Without it: this host.",
    "w-1",
    Used,
);
pub(in crate::config) static STATUSES: Key<Statuses> = key(
    "ingress.statuses",
    Statuses,
    "Statuses that are good. Without it: 200 to 399, 401 and 403, which come from an application, \
     not from an ingress that has none.",
    "[200, 302, 401]",
    Used,
);
pub(in crate::config) static HOSTS: Key<Map<OneHost>> = key(
    "ingress.hosts",
    Map { names: Text::Service, values: OneHost },
    "What differs for one host: `statuses`, `at`, `scheme`, or `skip` with the reason that \
     everybody reads.",
    "{old.example.org: {skip: switched off on purpose}}",
    Used,
);
pub(in crate::config) static CERTIFICATE_DAYS: Key<Or<Count, u64>> = key(
    "ingress.certificate_days",
    Or(Count { min: 0, max: 365 }, IngressPolicy::CERTIFICATE_DAYS),
    "A certificate that ends within so many days is shown by `status`; one that has ended keeps \
     its gate closed.",
    "14",
    Used,
);
pub(in crate::config) static VERIFY: Key<Or<Flag, bool>> = key(
    "ingress.verify_certificates",
    Or(Flag, true),
    "Whether the hosts must show certificates that this host trusts.",
    "true",
    Used,
);
pub(in crate::config) static AUTHORITIES: Key<Text> = key(
    "ingress.authorities_file",
    Text::Path,
    "PEM file with authorities that are trusted besides those of this host, by `services` too.",
    "/etc/ananke/authorities.pem",
    Used,
);
