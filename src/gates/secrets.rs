use super::{Gate, Opens, Waits, no_soak};
use crate::checks;
use crate::model::ids::GateId;
use crate::remedies;

pub static GATE: Gate = Gate {
    id: GateId::fixed("secrets"),
    title: "Secrets are to be had: the vault is open",
    after: &[&super::NETWORK],
    waits: Waits::ForMost,
    checks: &[&checks::SECRETS_ANSWER, &checks::VAULT_OPEN],
    opens: Opens::Whole,
    soak: no_soak,
    ladder: &[&remedies::UNSEAL_VAULT],
};
