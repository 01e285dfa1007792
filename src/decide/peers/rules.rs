//! What several ananke hosts hold each other back from.

use crate::decide::holds::{Candidate, HoldRule};
use crate::model::action::{Effect, Leads};
use crate::model::ids::MachineName;
use crate::model::intent::{Author, Desired};
use crate::model::peers;
use crate::model::plan::Hold;
use crate::model::situation::Situation;
use crate::model::time::Span;

pub(in crate::decide) static FOLLOWS: HoldRule = HoldRule {
    name: "follows",
    protects: "the work of the ananke host that acts",
    judge: |candidate, sit| not_acting(candidate, sit, "follows"),
};

pub(in crate::decide) static AWAITS_COORDINATOR: HoldRule = HoldRule {
    name: "awaits-coordinator",
    protects: "the start by the coordinator, which may take longer to boot than its peer",
    judge: |candidate, sit| not_acting(candidate, sit, "awaits-coordinator"),
};

pub(in crate::decide) static NOT_COORDINATOR: HoldRule = HoldRule {
    name: "not-coordinator",
    protects: "a cluster that nobody asked a peer to start",
    judge: |candidate, sit| not_acting(candidate, sit, "not-coordinator"),
};

pub(in crate::decide) static RELEARNS: HoldRule = HoldRule {
    name: "relearns",
    protects: "what a host without its state has forgotten: wishes, claims, orders",
    judge: |candidate, sit| not_acting(candidate, sit, "relearns"),
};

pub(in crate::decide) static DISPUTED: HoldRule = HoldRule {
    name: "disputed",
    protects: "a cluster for which two hosts are configured as its only coordinator, or none",
    judge: |candidate, sit| not_acting(candidate, sit, "disputed"),
};

pub(in crate::decide) static OVERTAKEN: HoldRule = HoldRule {
    name: "overtaken",
    protects: "the work of the host that the nodes have accepted since",
    judge: |candidate, sit| not_acting(candidate, sit, "overtaken"),
};

/// What another host is to do, or nobody for now, is not done here. What leads down is fenced
/// apart: whoever has to bring a dying power domain down needs nobody's leave.
fn not_acting(candidate: &Candidate<'_>, sit: &Situation<'_>, name: &str) -> Option<Hold> {
    if sit.standing.acts() || candidate.effect.leads() == Leads::Down {
        return None;
    }
    let hold = Hold::NotActing { standing: sit.standing.clone() };
    (hold.name() == name).then_some(hold)
}

pub(in crate::decide) static HANDED_OVER: HoldRule = HoldRule {
    name: "handed-over",
    protects: "one order on the way down, as long as this host's own battery leaves time for it",
    judge: |candidate, sit| {
        if candidate.effect.leads() != Leads::Down {
            return None;
        }
        let host = handed_over(sit)?.clone();
        Some(Hold::HandedOver { host })
    },
};

/// How long a coordinator may take until it says that it brings down what it was told of: the
/// word goes there at once, and back with its next tick.
const TAKES: Span = Span::secs(10);

/// The coordinator that brings down what is wanted down on this peer. None if this host does it.
fn handed_over<'a>(sit: &Situation<'a>) -> Option<&'a MachineName> {
    let host = sit.policy.coordination.coordinator()?;
    let facts = peers::word(host, &sit.policy.cluster, sit.seen.peers.get(host), sit.now).ok()?;
    if !facts.executes || facts.paused {
        return None;
    }
    let intent = &sit.durable.intent;
    let descent = sit.descent()?;
    let far = match facts.desired {
        Desired::Up => false,
        Desired::DownClusterOnly => intent.desired == Desired::DownClusterOnly,
        Desired::DownPoweroff => true,
    };
    if !far || !facts.scope.covers(&intent.scope) {
        return (sit.now.since(descent.began) < TAKES).then_some(host);
    }
    let waits = match intent.by {
        // The time that its own battery has for the whole way is not given away.
        Author::Ups { .. } => {
            let left = descent.deadline.map(|deadline| sit.now.until(deadline));
            let needs = sit.power.budget.as_ref().map(|budget| budget.estimate);
            left.zip(needs).is_some_and(|(left, needs)| left > needs)
        }
        Author::Person { .. } | Author::Ananke | Author::Host { .. } => true,
    };
    waits.then_some(host)
}

pub(in crate::decide) static UNCLAIMED: HoldRule = HoldRule {
    name: "unclaimed",
    protects: "a cluster on which two ananke hosts could act at once",
    judge: |candidate, _| {
        // Who is switched on has no guard yet that could answer.
        let free = matches!(candidate.effect, Effect::Claim { .. } | Effect::Wake { .. });
        if free || candidate.effect.leads() == Leads::Down {
            return None;
        }
        let (have, need) = candidate.tally.claim?;
        (have < need).then_some(Hold::Unclaimed { have, need })
    },
};
