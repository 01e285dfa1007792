//! The reasons to hold a repair back, in the order in which they are named. First match wins;
//! none of them may change anything, and what is unknown holds.

use crate::checks;
use crate::gates;
use crate::model::action::{Effect, Leads};
use crate::model::assessment::Finding;
use crate::model::cordon::CordonKind;
use crate::model::facts::{NodeFacts, Seen, UnitActive};
use crate::model::intent::Desired;
use crate::model::outcome::ActionResult;
use crate::model::plan::Hold;
use crate::model::policy::{Role, Timing};
use crate::model::probe::Ask;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::{Target, Verdict};
use crate::remedies::{OnlyIf, Remedy, When};

use super::tally::Tally;
use super::{descent, episode, ladder, peers, pressure};

/// A repair that would be made if nothing held it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The repair.
    pub remedy: &'static Remedy,
    /// For what.
    pub target: &'a Target,
    /// With which effect.
    pub effect: &'a Effect,
    /// What was counted over the whole site, with what this tick has chosen to do already.
    pub tally: &'a Tally,
}

/// One reason to hold.
#[derive(Debug)]
pub struct HoldRule {
    /// Its name, the same as the hold's.
    pub name: &'static str,
    /// What it protects.
    pub protects: &'static str,
    /// The hold, if it applies.
    pub judge: fn(&Candidate<'_>, &Situation<'_>) -> Option<Hold>,
}

/// Every rule, in order: a person's will first, then knowledge, then limits, then patience.
pub static RULES: &[&HoldRule] = &[
    &PAUSED,
    &INTENT_DOWN,
    &INTENT_UP,
    &MAINS_BACK,
    &peers::HANDED_OVER,
    &peers::DISPUTED,
    &peers::RELEARNS,
    &peers::OVERTAKEN,
    &peers::FOLLOWS,
    &peers::AWAITS_COORDINATOR,
    &peers::NOT_COORDINATOR,
    &POWER,
    &NO_EPISODE,
    &DISK_BROKEN,
    &NOT_MANAGED,
    &peers::UNCLAIMED,
    &PERSON_HOLD,
    &FOREIGN_CORDON,
    &NO_KEY,
    &IN_FLIGHT,
    &STORM,
    &TOO_FEW_SERVERS,
    &LEADER_LAST,
    &LAST_SCHEDULABLE,
    &WAVE,
    &CORDON_LIMIT,
    &BACK_OFF,
];

static PAUSED: HoldRule = HoldRule {
    name: "paused",
    protects: "a person's word: nothing is changed until resume",
    judge: |_, sit| {
        let pause = sit.durable.paused.as_ref()?;
        Some(Hold::Paused { by: pause.by.clone(), why: pause.why.clone() })
    },
};

static INTENT_DOWN: HoldRule = HoldRule {
    name: "intent-down",
    protects: "a wish for down: nothing is started against it",
    judge: |candidate, sit| {
        let intent = &sit.durable.intent;
        (intent.desired != Desired::Up && candidate.effect.leads() == Leads::Up)
            .then(|| Hold::IntentDown { by: intent.by.to_string(), why: intent.reason.clone() })
    },
};

static INTENT_UP: HoldRule = HoldRule {
    name: "intent-up",
    protects: "a wish for up: nothing is stopped against it",
    judge: |candidate, sit| {
        let intent = &sit.durable.intent;
        (intent.desired == Desired::Up && candidate.effect.leads() == Leads::Down)
            .then(|| Hold::IntentUp { by: intent.by.to_string() })
    },
};

static MAINS_BACK: HoldRule = HoldRule {
    name: "mains-back",
    protects: "a shutdown that nobody needs any more, as long as it can be taken back",
    judge: |candidate, sit| {
        let rests = match candidate.effect.ends_host() {
            true => pressure::spares_own_host(sit.durable, sit.power),
            false => pressure::rests(sit.durable, sit.power),
        };
        (rests && candidate.effect.leads() == Leads::Down)
            .then(|| Hold::MainsBack { by: sit.durable.intent.by.to_string() })
    },
};

static POWER: HoldRule = HoldRule {
    name: "power",
    protects: "a cluster that comes up from an outage that is not over",
    judge: |candidate, sit| {
        if !candidate.effect.starts() || sit.policy.skip.contains_key(&gates::POWER.id) {
            return None;
        }
        let (ups, obstacles) = sit.power.forbids().next()?;
        let why: Vec<_> = obstacles.iter().map(ToString::to_string).collect();
        Some(Hold::Power { ups: ups.clone(), why: why.join("; ") })
    },
};

static NO_EPISODE: HoldRule = HoldRule {
    name: "no-episode",
    protects: "what a person does on a quiet day",
    judge: |candidate, sit| {
        let quiet = !episode::is_open(sit.durable);
        let held = match candidate.remedy.when {
            When::Always => false,
            When::Episode => quiet,
            When::EpisodeOrAfter(first) => quiet && !follows(first, candidate.target, sit),
        };
        held.then_some(Hold::NoEpisode)
    },
};

/// How far two readings of the same moment may lie apart: the machine's clock and ours, and the
/// time that a look takes.
const SAME_MOMENT: Span = Span::secs(3);

/// Whether a unit is down since `first` cleared it, and for no other reason. What a person
/// stopped, or cleared by hand, is down since another moment; a unit that fails again is failed,
/// not inactive.
fn follows(first: &Remedy, target: &Target, sit: &Situation<'_>) -> bool {
    let Some(tried) = ladder::attempts(sit, &first.id, target) else { return false };
    let Some(name) = target.machine() else { return false };
    let (Some(Seen::Known { value: host, at }), Some(unit)) =
        (sit.seen.hosts.get(name), sit.role(name).and_then(Role::unit))
    else {
        return false;
    };
    let Some(facts) = host.units.get(&unit) else { return false };
    let Some(down_for) = facts.for_time.filter(|_| facts.active == UnitActive::Inactive) else {
        return false;
    };
    // Both sides as lengths of time before the look, since the two clocks have nothing in common.
    let cleared = at.since(tried.last);
    let soonest = cleared.less(first.limit + SAME_MOMENT);
    *at > tried.last && (soonest..=cleared + SAME_MOMENT).contains(&down_for)
}

static DISK_BROKEN: HoldRule = HoldRule {
    name: "disk-broken",
    protects: "the record that precedes the act",
    judge: |candidate, sit| {
        let why = sit.seen.disk.as_ref().err()?;
        // What the battery leaves no time for is done all the same; the record is kept in memory.
        if pressure::is_pressed(sit.durable) && candidate.effect.leads() == Leads::Down {
            return None;
        }
        Some(Hold::DiskBroken { why: why.clone() })
    },
};

static NOT_MANAGED: HoldRule = HoldRule {
    name: "not-managed",
    protects: "machines that the configuration leaves to somebody else",
    judge: |candidate, sit| {
        let machine = sit.policy.machines.get(candidate.target.machine()?)?;
        (!machine.managed && candidate.effect.host().is_some()).then_some(Hold::NotManaged)
    },
};

static PERSON_HOLD: HoldRule = HoldRule {
    name: "person-hold",
    protects: "a node that a person wants left alone",
    judge: |candidate, sit| {
        let why = guarded_node(candidate, sit)?.hold.clone()?;
        Some(Hold::PersonHold { why })
    },
};

static FOREIGN_CORDON: HoldRule = HoldRule {
    name: "foreign-cordon",
    protects: "the work of other tools that cordon nodes",
    judge: |candidate, sit| {
        let node = guarded_node(candidate, sit)?;
        (!node.foreign.is_empty()).then(|| Hold::ForeignCordon { whose: checks::whose(node) })
    },
};

/// The node of a remedy that touches only nodes which are ours to touch.
fn guarded_node<'a>(candidate: &Candidate<'_>, sit: &Situation<'a>) -> Option<&'a NodeFacts> {
    if !candidate.remedy.only_if.contains(&OnlyIf::NodeIsOurs) {
        return None;
    }
    sit.seen.api.nodes.any_age()?.get(candidate.target.machine()?)
}

static NO_KEY: HoldRule = HoldRule {
    name: "no-key",
    protects: "the keys of a vault: none goes where anybody may read it, and one that was refused \
               is not tried again",
    judge: |candidate, sit| {
        let Effect::UnsealVault { vault } = candidate.effect else { return None };
        let asked = sit.policy.probes.get(vault).map(|probe| &probe.ask);
        let unsafe_there = match asked {
            Some(Ask::Vault(ask)) => ask.unsafe_for_keys(),
            Some(Ask::Http(_) | Ask::Tcp { .. } | Ask::Dns { .. }) | None => Some("it is no vault"),
        };
        let tried = ladder::attempts(sit, &candidate.remedy.id, candidate.target);
        // Whoever refused it will refuse it again, until a person did their part (`ananke ack`).
        let refused = match tried.and_then(|tried| tried.result.as_ref()) {
            Some(ActionResult::Refused { why }) => Some(why.as_str()),
            Some(
                ActionResult::Done
                | ActionResult::AlreadyDone
                | ActionResult::Held { .. }
                | ActionResult::Failed { .. }
                | ActionResult::Unknown { .. },
            )
            | None => None,
        };
        let none = "no startup.vault_unseal_key_file and no command for it";
        let why = (!sit.policy.vault_keys).then_some(none).or(unsafe_there).or(refused)?;
        Some(Hold::NoKey { why: why.to_owned() })
    },
};

static IN_FLIGHT: HoldRule = HoldRule {
    name: "in-flight",
    protects: "one change at a time on one machine",
    judge: |candidate, sit| {
        // What ends this host comes after everything, unless a battery does not wait for it.
        let last = candidate.effect.ends_host() && !pressure::is_pressed(sit.durable);
        let any = candidate.tally.anything().filter(|_| last);
        let busy = || candidate.tally.busy(candidate.target, candidate.effect.host());
        let what = any.or_else(busy)?;
        Some(Hold::InFlight { what: what.to_owned() })
    },
};

/// Fewer than this many failing nodes are never called a storm: in a small cluster two are half.
const STORM_AT_LEAST: usize = 3;

static STORM: HoldRule = HoldRule {
    name: "storm",
    protects: "many healthy nodes behind one dead switch",
    judge: |candidate, sit| {
        if !candidate.remedy.only_if.contains(&OnlyIf::NotAStorm) {
            return None;
        }
        let (failing, of) = (candidate.tally.unfresh, candidate.tally.nodes);
        let many = failing * 100 > of * usize::from(sit.policy.limits.storm_percent);
        (failing >= STORM_AT_LEAST && many).then_some(Hold::Storm { failing, of })
    },
};

static TOO_FEW_SERVERS: HoldRule = HoldRule {
    name: "too-few-servers",
    protects: "a first server that would wait for its peers for ever",
    judge: |candidate, _| {
        if !candidate.remedy.only_if.contains(&OnlyIf::MajorityInReach) {
            return None;
        }
        let (have, need) = (candidate.tally.servers, candidate.tally.quorum);
        (have < need).then_some(Hold::TooFewServers { have, need })
    },
};

static LEADER_LAST: HoldRule = HoldRule {
    name: "leader-last",
    protects: "the newest data: the etcd leader stops after the other servers",
    judge: |candidate, sit| {
        if !candidate.remedy.only_if.contains(&OnlyIf::FollowersFirst) {
            return None;
        }
        let others = descent::others_running(candidate.target.machine()?, sit);
        (others > 0).then_some(Hold::LeaderLast { others })
    },
};

static LAST_SCHEDULABLE: HoldRule = HoldRule {
    name: "last-schedulable",
    protects: "the last node on which anything can be scheduled",
    judge: |candidate, sit| {
        let Effect::Cordon { node, record } = candidate.effect else { return None };
        if record.kind == CordonKind::Shutdown {
            return None;
        }
        let open = sit.seen.api.nodes.any_age()?.get(node).is_some_and(|it| !it.unschedulable);
        let others = candidate.tally.schedulable? - usize::from(open);
        (others == 0).then_some(Hold::LastSchedulable)
    },
};

/// The longest wait between two attempts; a fault that stays is loud before it is reached.
const BACK_OFF_CAP: Span = Span::mins(15);

static BACK_OFF: HoldRule = HoldRule {
    name: "back-off",
    protects: "a machine that is not helped by being hit again at once",
    judge: |candidate, sit| {
        let tried = ladder::attempts(sit, &candidate.remedy.id, candidate.target)?;
        let canary = *candidate.effect == Effect::WriteCanary;
        // What an earlier process proved to itself is no reason to wait for this one's own proof.
        if canary && tried.last <= sit.passing.began {
            return None;
        }
        // A proof that is asked for again has not failed: each link that comes up needs its own.
        let count = if canary { 1 } else { tried.count };
        let wait = match candidate.effect.leads() {
            Leads::Down => sit.policy.timing.backoff.min(DOWN_AGAIN),
            Leads::Up | Leads::Neither => back_off(&sit.policy.timing, count),
        };
        let until = tried.last + wait;
        (sit.now < until).then_some(Hold::BackOff { until })
    },
};

/// On the way down the time is short, and what is asked again does no harm: kubectl waits as long
/// between two evictions.
const DOWN_AGAIN: Span = Span::secs(5);

/// The wait after `count` attempts: it doubles, up to the cap.
fn back_off(timing: &Timing, count: u32) -> Span {
    let doubled = timing.backoff.times(1 << count.saturating_sub(1).min(16));
    doubled.min(BACK_OFF_CAP)
}

static WAVE: HoldRule = HoldRule {
    name: "wave",
    protects: "the servers, which take only so many agents at once, and their quorum",
    judge: |candidate, sit| {
        if !candidate.remedy.only_if.contains(&OnlyIf::WaveHasRoom) {
            return None;
        }
        let role = candidate.target.machine().and_then(|name| sit.role(name));
        // A server that is restarted is missing meanwhile; one that is off is missing already.
        let restarts = matches!(candidate.effect, Effect::RestartUnit { .. });
        let alone = restarts && role == Some(Role::Server);
        let limit = if alone { 1 } else { sit.policy.limits.wave };
        let started = candidate.tally.started(&candidate.remedy.id);
        (started >= limit).then_some(Hold::Wave { limit })
    },
};

static CORDON_LIMIT: HoldRule = HoldRule {
    name: "cordon-limit",
    protects: "room for the work of nodes that are being repaired",
    judge: |candidate, sit| {
        if !candidate.remedy.only_if.contains(&OnlyIf::CordonHasRoom) {
            return None;
        }
        let limit = sit.policy.limits.cordons;
        (candidate.tally.cordons >= limit).then_some(Hold::CordonLimit { limit })
    },
};

/// Whether a finding is one that a remedy may be looked for.
pub(super) const fn is_failure(finding: &Finding) -> bool {
    matches!(finding.verdict, Verdict::Fail { .. })
}
