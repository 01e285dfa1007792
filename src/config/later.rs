//! The keys of parts that are not built yet. They are accepted with a warning that says what does
//! not happen, so that a file of the predecessor can be taken over as it is.

use super::key::Stage::Later;
use super::key::{Key, key};
use super::kinds::{Anything, Count};
use super::text::Text;

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
pub(super) static GUARD_MAX_AGE: Key<Count> = key(
    "coordination.startup_guard_max_age_seconds",
    Count { min: 1, max: 31_536_000 },
    "Seconds after which a shutdown that a UPS asked for no longer holds a start-up back.",
    "900",
    Later("what a UPS asked for ends when mains are stable, however long ago it was"),
);
