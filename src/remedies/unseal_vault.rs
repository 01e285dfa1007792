use super::{Applies, Blast, Need, Remedy, Verify, When};
use crate::checks;
use crate::model::action::Effect;
use crate::model::ids::RemedyId;
use crate::model::probe::{self, ProbeName};
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::vault::Seal;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("unseal-vault"),
    title: "Give a sealed vault its keys, from the file or the command that the settings name",
    helps: "a vault is sealed after each start, and whatever needs a secret waits for it",
    harms: "one that a person sealed on purpose would be opened: only in an episode. A key is \
            read at the last moment, sent only where somebody is proven to be the vault or the \
            settings trust the way, and written down nowhere",
    undo: "vault operator seal, by a person",
    cures: &[&checks::VAULT_OPEN],
    needs: Need::Here,
    when: When::Episode,
    blast: Blast::OneWorkload,
    only_if: &[],
    budget: 3,
    // The command may take half of it, and each key is a question of its own.
    limit: Span::mins(1),
    verify: Verify::Shows { holds: is_open, within: |timing| probe::EVERY + timing.fresh_for },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    match (target.service(), checks::seal(sit, target)) {
        (Some(name), Some((_, Seal::Keys { .. }))) => {
            Applies::Yes(Effect::UnsealVault { vault: ProbeName::new(name) })
        }
        (Some(_), Some((_, Seal::Open | Seal::Elsewhere { .. } | Seal::Empty)) | None)
        | (None, _) => Applies::No,
    }
}

fn is_open(sit: &Situation<'_>, target: &Target) -> bool {
    matches!(checks::seal(sit, target), Some((_, Seal::Open)))
}
