//! Gives a sealed vault its keys, over the way and with the trust of its probe.

use std::collections::BTreeMap;

use tokio::time::{Instant, timeout_at};

use super::connect::{Miss, Ways};
use super::http::{Goal, Talk};
use super::keys::{self, Key, Keys, NoKeys};
use super::look::{Asker, in_time};
use crate::config::settings::{ProbeSettings, Settings, VaultSettings};
use crate::model::error_text::chain;
use crate::model::outcome::ActionResult;
use crate::model::probe::{Ask, LIMIT, Probe, ProbeName};
use crate::model::time::Span;
use crate::model::vault::{Seal, Taken, UNSEAL, VaultAsk};
use crate::ports::Clock;

/// What opens the vaults of a site. It holds no key: those are read when they are given.
#[derive(Debug)]
pub struct Unsealer<W, C> {
    vaults: BTreeMap<ProbeName, Probe>,
    probes: ProbeSettings,
    keys: VaultSettings,
    clock: C,
    ways: W,
}

impl<W: Ways + Clone, C: Clock + Clone> Unsealer<W, C> {
    /// For the vaults of the configuration.
    pub fn new(settings: &Settings, clock: C, ways: W) -> Self {
        let probes = settings.policy.probes.iter();
        let vaults = probes.filter(|(_, probe)| matches!(probe.ask, Ask::Vault(_)));
        Self {
            vaults: vaults.map(|(name, probe)| (name.clone(), probe.clone())).collect(),
            probes: settings.probes.clone(),
            keys: settings.vault.clone(),
            clock,
            ways,
        }
    }

    /// Asks a vault how it stands, and gives it its keys if those are what it waits for. Refused is
    /// what will be refused again, until a person does something.
    pub async fn unseal(&self, vault: &ProbeName, limit: Span) -> ActionResult {
        let end = Instant::now() + limit.to_std();
        let Some((probe, ask)) = self.vaults.get(vault).and_then(|probe| match &probe.ask {
            Ask::Vault(ask) => Some((probe, ask)),
            Ask::Http(_) | Ask::Tcp { .. } | Ask::Dns { .. } => None,
        }) else {
            return refused(format!("{vault} is no vault"));
        };
        if let Some(why) = ask.unsafe_for_keys() {
            return refused(why.to_owned());
        }
        let authorities = self.probes.authorities.as_deref();
        let asker = Asker::new(authorities, self.clock.clone(), self.ways.clone());
        let (needs, has) = match asker.seal(probe, ask, soon(end)).await.map(|said| said.seal) {
            Ok(Seal::Keys { needs, has }) => (needs, has),
            Ok(Seal::Open) => return ActionResult::AlreadyDone,
            Ok(other @ (Seal::Elsewhere { .. } | Seal::Empty)) => {
                return refused(format!("it is {other}"));
            }
            Err(miss) => return failed(words(miss)),
        };
        let keys = match timeout_at(end, keys::read(&self.keys)).await {
            Ok(Ok(keys)) => keys,
            Ok(Err(error)) => return no_keys(&error),
            Err(_) => return failed(format!("no key within {limit}")),
        };
        let there = u32::try_from(keys.keys.len()).unwrap_or(u32::MAX);
        if there.saturating_add(has) < needs {
            return refused(format!("it needs {needs} keys, and in {} are {there}", keys.from));
        }
        give(&asker, probe, ask, &keys, has, end).await
    }
}

/// Gives the keys one after the other, until it is open. `has` it had before the first.
async fn give<W: Ways, C: Clock>(
    asker: &Asker<W, C>,
    probe: &Probe,
    ask: &VaultAsk,
    keys: &Keys,
    has: u32,
    end: Instant,
) -> ActionResult {
    let mut talk = None;
    for key in &keys.keys {
        // Over one connection, so that all of them get to the same one of several.
        let (mut open, goal) = match reach(asker, probe, ask, talk.take(), end).await {
            Ok(reached) => reached,
            Err(miss) => return failed(words(miss)),
        };
        let (taken, closes) = match give_one(&mut open, &goal, key, end).await {
            Ok(answer) => answer,
            Err(miss) => return ActionResult::Unknown { why: words(miss) },
        };
        match taken {
            Taken::Open => return ActionResult::Done,
            Taken::More { .. } => {}
            // What somebody else gave it before is forgotten with the refusal: the next attempt
            // begins with nothing.
            Taken::Refused if has > 0 => {
                return failed(
                    "it refuses a key, or one that it had from somebody else".to_owned(),
                );
            }
            Taken::Refused => {
                return refused(format!("it refuses a key of {}: it is not its own", keys.from));
            }
            Taken::Odd(why) => return failed(why),
        }
        talk = (!closes).then_some((open, goal));
    }
    failed(format!("it took every key of {}, and is sealed still", keys.from))
}

/// The connection that there is, or a new one.
async fn reach<W: Ways, C: Clock>(
    asker: &Asker<W, C>,
    probe: &Probe,
    ask: &VaultAsk,
    open: Option<(Talk, Goal)>,
    end: Instant,
) -> Result<(Talk, Goal), Miss> {
    if let Some(open) = open {
        return Ok(open);
    }
    let question = ask.at_path(UNSEAL);
    let goal = Goal::of(&question.url)?;
    Ok((asker.talk(probe, &question, &goal, soon(end)).await?, goal))
}

/// What the vault makes of a key, and whether it closes the connection after it.
async fn give_one(
    talk: &mut Talk,
    goal: &Goal,
    key: &Key,
    end: Instant,
) -> Result<(Taken, bool), Miss> {
    let reply = in_time(soon(end), talk.put(goal, key.document())).await?;
    Ok((Taken::read(reply.status, &reply.body), reply.closes))
}

/// The end of one question.
fn soon(end: Instant) -> Instant {
    end.min(Instant::now() + LIMIT.to_std())
}

fn words(miss: Miss) -> String {
    match miss {
        Miss::Nothing(why) => why,
        Miss::Blind(blind) => blind.to_string(),
    }
}

fn no_keys(error: &NoKeys) -> ActionResult {
    let why = chain(error);
    if error.lasts() { refused(why) } else { failed(why) }
}

const fn refused(why: String) -> ActionResult {
    ActionResult::Refused { why }
}

const fn failed(why: String) -> ActionResult {
    ActionResult::Failed { why }
}
