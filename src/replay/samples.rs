//! Ledgers for tests: a small loop that keeps every rule, with its choices given from outside.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::action::{Action, Channel, Effect, Expect};
use crate::model::assessment::{Assessment, Phase};
use crate::model::cluster::ClusterFacts;
use crate::model::cordon::{CordonKind, CordonRecord};
use crate::model::episode::{Cause, Episode};
use crate::model::facts::{ApiFacts, Blind, BlindKind, Link, Seen, Unit};
use crate::model::ids::{ActionId, BootId, CordonId, MachineName, RemedyId};
use crate::model::ingress::IngressPolicy;
use crate::model::intent::{Author, Desired};
use crate::model::memory::{Attempts, Durable, HeldCordon, InFlight, Memory, Passing, Pause};
use crate::model::observation::Observation;
use crate::model::outcome::{ActionResult, Outcome};
use crate::model::peers::{Coordination, Standing};
use crate::model::plan::Plan;
use crate::model::policy::{FluxPolicy, HostNeeds, Limits, Policy, ShutdownRules, Timing};
use crate::model::power::{PowerPolicy, PowerView};
use crate::model::record::{FORMAT, LedgerRecord, TICK_FORMAT, TickRecord};
use crate::model::tick::{Decision, Order, Request, TickInput, Verb, Wake};
use crate::model::time::{Moment, Mono, Span};
use crate::model::verdict::Target;

pub(crate) const CLUSTER: &str = "home";
pub(crate) const RESTART: RemedyId = RemedyId::fixed("restart-agent");
pub(crate) const CORDON: RemedyId = RemedyId::fixed("cordon-node");
pub(crate) const UNCORDON: RemedyId = RemedyId::fixed("uncordon-node");
/// Of `RESTART`, for each machine and episode.
pub(crate) const BUDGET: u32 = 3;

pub(crate) fn budget(remedy: &RemedyId) -> Option<u32> {
    (*remedy == RESTART).then_some(BUDGET)
}

pub(crate) fn moment(mono: u64) -> Moment {
    Moment {
        boot: BootId::fixed("boot-1"),
        mono: Mono(mono),
        wall: Timestamp::UNIX_EPOCH,
        wall_trusted: false,
    }
}

pub(crate) fn durable() -> Durable {
    Durable { life: "5c1e90aa".to_owned(), ..Durable::fresh(&moment(0)) }
}

/// One choice of the small loop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Move {
    NewEpisode,
    Restart(u8),
    Cordon(u8),
    Uncordon(u8),
    /// The oldest open action ends.
    Outcome,
    /// A crash: the next run ends every open action as unknown.
    Crash,
    Pause,
    Resume,
    Down,
    Up,
    Epoch,
    Ack,
}

/// Keeps the rules whatever it is told to do.
#[derive(Debug)]
pub(crate) struct SmallLoop {
    pub(crate) records: Vec<LedgerRecord>,
    memory: Durable,
}

fn node(number: u8) -> MachineName {
    MachineName::new(format!("w-{}", number % 3))
}

fn outcome(action: ActionId, result: ActionResult, at: Mono) -> Outcome {
    Outcome { action, result, began: at, ended: at }
}

impl SmallLoop {
    pub(crate) fn run(moves: &[Move]) -> Vec<LedgerRecord> {
        let mut small = Self { records: Vec::new(), memory: durable() };
        small.make(Move::NewEpisode);
        for next in moves {
            small.make(*next);
        }
        small.records
    }

    fn may_act_on(&self, name: &MachineName) -> bool {
        let free = self.memory.in_flight.values().all(|flight| match &flight.action.effect {
            Effect::RestartUnit { host, .. } => host != name,
            Effect::Cordon { node, .. } | Effect::Uncordon { node, .. } => node != name,
            Effect::StartUnit { .. }
            | Effect::ResetFailedUnit { .. }
            | Effect::MarkManual { .. }
            | Effect::ClearMark { .. }
            | Effect::WriteCanary
            | Effect::StopUnit { .. }
            | Effect::EndPods { .. }
            | Effect::MendHost { .. }
            | Effect::SaveDatastore { .. }
            | Effect::PowerOff { .. }
            | Effect::PowerOffHere { .. }
            | Effect::Wake { .. }
            | Effect::Claim { .. }
            | Effect::SuspendFlux { .. }
            | Effect::ResumeFlux { .. }
            | Effect::RequestReconcile { .. }
            | Effect::DeletePod { .. }
            | Effect::Scale { .. }
            | Effect::UnsealVault { .. }
            | Effect::EvictPods { .. } => true,
        });
        let up = self.memory.intent.desired == Desired::Up;
        free && up && self.memory.paused.is_none()
    }

    fn count(&self, remedy: &RemedyId, name: &MachineName) -> u32 {
        let target = Target::Machine(name.clone());
        let attempts = self.memory.attempts.get(remedy).and_then(|targets| targets.get(&target));
        attempts.map_or(0, |attempts| attempts.count)
    }

    fn make(&mut self, next: Move) {
        let mut record = LedgerRecord {
            format: FORMAT,
            seq: self.records.len() as u64 + 1,
            at: moment(self.records.len() as u64 * 1_000),
            cluster: CLUSTER.into(),
            orders: Vec::new(),
            outcomes: Vec::new(),
            begin: Vec::new(),
            memory: durable(),
        };
        match next {
            Move::NewEpisode => self.new_episode(),
            Move::Restart(n) => {
                let host = node(n);
                if self.may_act_on(&host) && self.count(&RESTART, &host) < BUDGET {
                    let effect = Effect::RestartUnit { host: host.clone(), unit: Unit::K3sAgent };
                    record.begin.push(self.begin(RESTART, &host, effect));
                }
            }
            Move::Cordon(n) => self.cordon(&node(n), &mut record),
            Move::Uncordon(n) => {
                let node = node(n);
                if self.may_act_on(&node)
                    && let Some(held) = self.memory.cordons.remove(&node)
                {
                    let effect = Effect::Uncordon { node: node.clone(), id: held.record.id };
                    record.begin.push(self.begin(UNCORDON, &node, effect));
                }
            }
            Move::Outcome => {
                let oldest = self.memory.in_flight.pop_first();
                let end = |(id, _)| outcome(id, ActionResult::Done, record.at.mono);
                record.outcomes.extend(oldest.map(end));
            }
            Move::Crash => {
                let unknown = || ActionResult::Unknown { why: "it crashed".into() };
                let open = std::mem::take(&mut self.memory.in_flight).into_keys();
                record.outcomes.extend(open.map(|id| outcome(id, unknown(), record.at.mono)));
            }
            Move::Pause => {
                let by = String::from("brad");
                let why = String::from("a new fan");
                self.memory.paused = Some(Pause { by, why, since: Timestamp::UNIX_EPOCH });
            }
            Move::Resume => self.memory.paused = None,
            Move::Down => self.memory.intent.desired = Desired::DownClusterOnly,
            Move::Up => self.memory.intent.desired = Desired::Up,
            Move::Epoch => self.memory.epoch.0 += 1,
            Move::Ack => {
                record.orders.push(Order::Ack { by: "brad".into(), name: "w-1".into() });
                self.memory.attempts.clear();
            }
        }
        record.memory = self.memory.clone();
        self.records.push(record);
    }

    fn new_episode(&mut self) {
        self.memory.last_episode.0 += 1;
        self.memory.episode = Some(Episode {
            id: self.memory.last_episode,
            cause: Cause::Rebooted { machines: 3 },
            opened: Mono(0),
            opened_wall: Timestamp::UNIX_EPOCH,
            on_battery: None,
            as_peer: None,
            end: None,
        });
        self.memory.attempts.clear();
    }

    fn cordon(&mut self, node: &MachineName, record: &mut LedgerRecord) {
        if !self.may_act_on(node) || self.memory.cordons.contains_key(node) {
            return;
        }
        let cordon = CordonRecord {
            id: CordonId::new(format!("c-{}", record.seq)),
            owner: "jump".into(),
            kind: CordonKind::Recovery,
            prior_unschedulable: false,
            acquired_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
            boot_id: BootId::fixed("node-boot"),
        };
        let held = HeldCordon { record: cordon.clone(), used: Span::ZERO };
        self.memory.cordons.insert(node.clone(), held);
        let effect = Effect::Cordon { node: node.clone(), record: cordon };
        record.begin.push(self.begin(CORDON, node, effect));
    }

    fn begin(&mut self, remedy: RemedyId, name: &MachineName, effect: Effect) -> Action {
        self.memory.last_action += 1;
        let target = Target::Machine(name.clone());
        let action = Action {
            id: ActionId::new(format!(
                "{}-{:04}",
                self.memory.last_episode, self.memory.last_action
            )),
            remedy: remedy.clone(),
            target: target.clone(),
            effect,
            expect: Expect::default(),
            channel: Channel::Guard,
            epoch: self.memory.epoch,
            owner: "jump".into(),
            limit: Span::secs(60),
        };
        let fresh = Attempts { count: 0, last: Mono(0), result: None, verify_until: None };
        let targets = self.memory.attempts.entry(remedy).or_default();
        targets.entry(target).or_insert(fresh).count += 1;
        let flight = InFlight { action: action.clone(), since: Mono(0) };
        self.memory.in_flight.insert(action.id.clone(), flight);
        action
    }
}

/// Every length of time is this one.
const fn every(span: Span) -> Timing {
    Timing {
        fresh_for: span,
        boot: span,
        server_start: span,
        agent_start: span,
        patience: span,
        soak: span,
        cordon_lease: span,
        backoff: span,
        tick: span,
    }
}

/// A quiet tick of a cluster without machines; `number` only moves its clock.
pub(crate) fn tick(number: u64) -> TickRecord {
    let blind = || Blind::new(BlindKind::NotYet, "nobody has looked yet");
    let unseen = Mono(0);
    let memory = Memory {
        durable: durable(),
        passing: Passing { tick: number, last_tick: Mono(number), ..Passing::default() },
    };
    TickRecord {
        format: TICK_FORMAT,
        version: "0.1.0".into(),
        input: TickInput {
            now: moment(number),
            policy: Policy {
                cluster: CLUSTER.into(),
                owner: "jump".into(),
                machines: BTreeMap::new(),
                skip: BTreeMap::new(),
                timing: every(Span::secs(1)),
                limits: Limits { wave: 1, cordons: 1, storm_percent: 50 },
                flux: FluxPolicy::default(),
                time: None,
                hosts: HostNeeds::default(),
                power: PowerPolicy::default(),
                shutdown: ShutdownRules::default(),
                probes: BTreeMap::new(),
                ingress: IngressPolicy::default(),
                vault_keys: false,
                coordination: Coordination::default(),
            },
            request: Request {
                verb: Verb::Daemon,
                execute: true,
                by: Author::Ananke,
                orders: Vec::new(),
                stand_in: false,
            },
            observation: Observation {
                probes: BTreeMap::new(),
                hosts: BTreeMap::new(),
                hygiene: BTreeMap::new(),
                upses: BTreeMap::new(),
                peers: BTreeMap::new(),
                api: ApiFacts {
                    link: Link::Probing,
                    endpoints: BTreeMap::new(),
                    version: None,
                    nodes: Seen::Unknown { why: blind(), since: unseen },
                    canary: Seen::Unknown { why: blind(), since: unseen },
                    serves: Vec::new(),
                    holder: None,
                },
                cluster: ClusterFacts::bare(unseen),
                disk: Ok(()),
            },
            outcomes: Vec::new(),
            memory: memory.clone(),
        },
        decision: Decision {
            assessment: Assessment::default(),
            phase: Phase::Looking,
            plan: Plan::default(),
            power: PowerView::default(),
            standing: Standing::default(),
            alarms: Vec::new(),
            memory,
            wake: Wake { at: Mono(number + 5_000), why: "the next look".into() },
        },
    }
}
