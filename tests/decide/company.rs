//! The other ananke host, and what the nodes' guards keep of both.

use std::collections::BTreeMap;

use ananke::model::action::{Action, Effect, Leads};
use ananke::model::assessment::Phase;
use ananke::model::facts::{Blind, BlindKind, Seen};
use ananke::model::ids::{Epoch, MachineName};
use ananke::model::intent::{Desired, Scope};
use ananke::model::observation::Observation;
use ananke::model::outcome::ActionResult;
use ananke::model::peers::{Claim, Fence, HostRole, PeerFacts};
use ananke::model::time::{Mono, Span};

/// Without others nobody shows or keeps anything.
#[derive(Debug, Default)]
pub(crate) struct Company {
    pub(crate) fences: BTreeMap<MachineName, Fence>,
    /// What each other host says, or since when it says nothing.
    pub(crate) others: BTreeMap<MachineName, Result<PeerFacts, Mono>>,
}

/// Another host that is up and does nothing.
pub(crate) fn idle(host: &str, role: HostRole) -> PeerFacts {
    PeerFacts {
        host: host.to_owned(),
        cluster: "home".to_owned(),
        role,
        executes: true,
        acts: false,
        knows: true,
        paused: false,
        epoch: Epoch(1),
        phase: Phase::Converged,
        desired: Desired::Up,
        scope: Scope::Whole,
        wish: None,
        heard: None,
        overruled: BTreeMap::new(),
        age: Span::ZERO,
    }
}

pub(crate) fn claim(epoch: u64, owner: &str) -> Claim {
    Claim { epoch: Epoch(epoch), owner: owner.to_owned() }
}

impl Company {
    /// What an observer would have seen of them.
    pub(crate) fn shown(&self, mut seen: Observation, now: Mono) -> Observation {
        if self.others.is_empty() {
            return seen;
        }
        for (name, host) in &mut seen.hosts {
            if let Seen::Known { value, .. } = host {
                value.fence = Some(self.fences.get(name).cloned().unwrap_or_default());
            }
        }
        seen.peers = self.others.iter().map(|(name, said)| (name.clone(), of(said, now))).collect();
        seen
    }

    /// The fence of the guard, as the script has it. None: it lets the action pass.
    pub(crate) fn fence(&mut self, action: &Action) -> Option<ActionResult> {
        let name = action.effect.host().filter(|_| !self.others.is_empty())?;
        let fence = self.fences.entry(name.clone()).or_default();
        let own = Claim { epoch: action.epoch, owner: action.owner.clone() };
        if action.effect.leads() == Leads::Down {
            let have = fence.claim.as_ref().map_or(own.epoch, |claim| claim.epoch);
            if !matches!(action.effect, Effect::SaveDatastore { .. }) {
                fence.down = Some(Claim { epoch: have.max(own.epoch), ..own });
            }
            return None;
        }
        let refused = |why: &str| Some(ActionResult::Refused { why: why.to_owned() });
        let newer = |kept: &Claim| kept.epoch > own.epoch;
        let same = |kept: &Claim| kept.epoch == own.epoch && kept.owner != own.owner;
        if fence.claim.as_ref().is_some_and(|kept| newer(kept) || same(kept)) {
            return refused("a newer ananke has taken over");
        }
        if fence.down.as_ref().is_some_and(|kept| newer(kept) || same(kept)) {
            return refused("somebody brings the machine down");
        }
        fence.claim = Some(own);
        None
    }
}

fn of(said: &Result<PeerFacts, Mono>, now: Mono) -> Seen<PeerFacts> {
    match said {
        Ok(facts) => Seen::Known { value: facts.clone(), at: now },
        Err(since) => {
            let why = Blind::new(BlindKind::Unreachable, "connect: no route to host");
            Seen::Unknown { why, since: *since }
        }
    }
}
