//! The keys of parts that are not built yet. They are accepted with a warning that says what does
//! not happen, so that a file of the predecessor can be taken over as it is.

use super::key::Stage::Later;
use super::key::{Key, key};
use super::kinds::{Anything, Count, Flag, Number, Or};
use super::text::Text;

const POWER: &str = "no UPS is watched, and a low battery shuts nothing down";
pub(super) static SAFETY_FACTOR: Key<Or<Number, &str>> = key(
    "runtime_safety_factor",
    Or(Number { min: 1.0, max: 10.0 }, "1.10"),
    "By how much a UPS must outlast the shutdown.",
    "1.10",
    Later(POWER),
);
pub(super) static DEFAULT_BUDGET: Key<Count> = key(
    "default_budget_seconds",
    Count { min: 1, max: 86_400 },
    "Seconds that a shutdown is thought to take before one was measured.",
    "300",
    Later(POWER),
);
const CLOCKS: &str = "the clocks of the machines are not checked";
pub(super) static TIME_SYNC_MODE: Key<Text> = key(
    "startup.time_sync_mode",
    Text::OneOf(&["strict", "quorum"]),
    "Whether all machines must have the right time, or enough of them.",
    "strict",
    Later(CLOCKS),
);
pub(super) static TIME_SYNC_QUORUM: Key<Count> = key(
    "startup.time_sync_quorum",
    Count { min: 1, max: 1_000 },
    "How many machines are enough.",
    "2",
    Later(CLOCKS),
);
pub(super) static REQUIRE_STORAGE: Key<Flag> = key(
    "startup.require_storage_ready",
    Flag,
    "Whether the way up waits for storage.",
    "true",
    Later("storage is not checked, and the way up does not wait for it"),
);
const PROBES: &str = "nothing is probed after the start";
pub(super) static REQUIRE_PROBES: Key<Flag> = key(
    "startup.require_post_start_probes",
    Flag,
    "Whether the way up waits for the probes.",
    "true",
    Later(PROBES),
);
pub(super) static POST_START_PROBES: Key<Anything> = key(
    "startup.post_start_probes",
    Anything,
    "What is probed after the start.",
    "[]",
    Later(PROBES),
);
const VAULT: &str = "Vault is not unsealed";
pub(super) static VAULT_KEY_FILE: Key<Text> = key(
    "startup.vault_unseal_key_file",
    Text::Path,
    "File with Vault's unseal key.",
    "/etc/ananke/vault-unseal-key",
    Later(VAULT),
);
pub(super) static VAULT_BREAKGLASS: Key<Anything> = key(
    "startup.vault_unseal_breakglass_command",
    Anything,
    "Command that prints Vault's unseal key when the file is not there.",
    "[/usr/local/bin/unseal-key]",
    Later(VAULT),
);
pub(super) static ALLOW_ON_BATTERY: Key<Flag> = key(
    "coordination.allow_startup_on_battery",
    Flag,
    "Whether a start-up may begin while a UPS is on battery.",
    "false",
    Later("no UPS is watched, so a start-up is never held back for one"),
);
pub(super) static GUARD_MAX_AGE: Key<Count> = key(
    "coordination.startup_guard_max_age_seconds",
    Count { min: 1, max: 31_536_000 },
    "Seconds after which a shutdown that a UPS asked for no longer holds a start-up back.",
    "900",
    Later("a wish for down ends by a person's word only"),
);
pub(super) static POWER_GROUP: Key<Anything> =
    key("power", Anything, "UPSes, outlets, power domains.", "{}", Later(POWER));
pub(super) static INGRESS_GROUP: Key<Anything> =
    key("ingress", Anything, "How ingress is proven.", "{}", Later("ingress is not checked"));
pub(super) static SERVICES_GROUP: Key<Anything> = key(
    "services",
    Anything,
    "Services and their probes.",
    "{}",
    Later("services are not checked"),
);
pub(super) static SHUTDOWN_GROUP: Key<Anything> =
    key("shutdown", Anything, "The way down.", "{}", Later("ananke can't shut a cluster down"));
pub(super) static WEB_GROUP: Key<Anything> =
    key("web", Anything, "The status page and metrics.", "{}", Later("no page is served"));
