//! Gives the vault of a world in memory its keys, in the order of the real adapter.

use super::hands::MemoryHands;
use crate::model::ids::MachineName;
use crate::model::outcome::ActionResult;
use crate::model::probe::{Answer, Ask, Probe, ProbeName};
use crate::model::time::Span;
use crate::model::vault::{Seal, Taken, VaultAsk};
use crate::sim::world::VAULT_KEYS;

/// From a key to its answer.
const ROUND_TRIP: Span = Span::millis(20);

/// Unseals it. Where the settings say that the keys are, there are those of its first day.
pub(super) async fn unseal(hands: &MemoryHands, vault: &ProbeName) -> ActionResult {
    let probe = hands.settings.policy.probes.get(vault);
    let Some(Probe { ask: Ask::Vault(ask), via, .. }) = probe else {
        return refused(format!("{vault} is no vault"));
    };
    if let Some(why) = ask.unsafe_for_keys() {
        return refused(why.to_owned());
    }
    let question = Ask::Vault(ask.clone());
    let has = match hands.stage.with(|world| world.asked(&question, via.as_ref())) {
        None => return failed("the machine between does not answer".to_owned()),
        Some(Answer::Nothing { why }) => return failed(why),
        Some(Answer::Seal(said)) => match said.seal {
            Seal::Keys { has, .. } => has,
            Seal::Open => return ActionResult::AlreadyDone,
            other @ (Seal::Elsewhere { .. } | Seal::Empty) => {
                return refused(format!("it is {other}"));
            }
        },
        Some(Answer::Http(_) | Answer::Accepted | Answer::Resolved | Answer::NoSuchName) => {
            return failed("the answer is to another question".to_owned());
        }
    };
    if !hands.settings.vault.has_keys() {
        return refused("neither a file nor a command is set that has its keys".to_owned());
    }
    give(hands, ask, via.as_ref(), has).await
}

async fn give(
    hands: &MemoryHands,
    ask: &VaultAsk,
    via: Option<&MachineName>,
    has: u32,
) -> ActionResult {
    for key in VAULT_KEYS {
        let taken = hands.stage.touch(|world| world.key_given(ask, via, key));
        hands.rest(ROUND_TRIP).await;
        match taken {
            Ok(Taken::Open) => return ActionResult::Done,
            Ok(Taken::More { .. }) => {}
            Ok(Taken::Refused) if has > 0 => {
                return failed(
                    "it refuses a key, or one that it had from somebody else".to_owned(),
                );
            }
            Ok(Taken::Refused) => return refused("it refuses a key: it is not its own".to_owned()),
            Ok(Taken::Odd(why)) => return failed(why),
            Err(why) => return ActionResult::Unknown { why: why.to_owned() },
        }
    }
    failed("it took every key, and is sealed still".to_owned())
}

const fn refused(why: String) -> ActionResult {
    ActionResult::Refused { why }
}

const fn failed(why: String) -> ActionResult {
    ActionResult::Failed { why }
}
