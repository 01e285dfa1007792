//! What has been seen so far, in the words of a scenario, and whether a state is so.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::assessment::{GateState, Phase};
use crate::model::ids::{ActionId, MachineName};
use crate::model::plan::{Held, Hold};
use crate::model::record::{LedgerRecord, TickRecord};
use crate::model::tick::Order;
use crate::model::time::Span;
use crate::model::verdict::{Target, Verdict};

use super::act::act;
use super::ast::{Act, Doing, State, Whose};
use super::look::{Entry, Look, Process, Truth, Who};
use super::render;
use super::roster::Roster;

/// Everything seen so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Of the last tick since something was done to the site or to ananke.
    pub(super) tick: Option<Tick>,
    /// What ananke has begun, proofs not counted, in order.
    pub(super) acts: Vec<Act>,
    /// What was begun and has no outcome yet, in words.
    begun: BTreeMap<ActionId, String>,
    pub(super) ananke: Process,
    pub(super) truth: Truth,
    /// How often each machine had been changed when the run began.
    before: Option<BTreeMap<MachineName, u32>>,
    phase: Option<Phase>,
    held: BTreeSet<String>,
}

/// What a person told ananke.
fn told(order: &Order) -> String {
    match order {
        Order::Startup { by } => format!("is told by {by}: bring it up"),
        Order::Shutdown { by, why, .. } => format!("is told by {by}: bring it down ({why})"),
        Order::Converge { by } => format!("is told by {by}: the host booted, bring it up"),
        Order::Pause { by, why } => format!("is told by {by} to pause: {why}"),
        Order::AllowOnBattery { by } => format!("is allowed by {by} to start on battery"),
        Order::AllowPeer { by, .. } => format!("is allowed by {by} to start as a peer"),
        Order::Resume { by } => format!("is told by {by} to go on"),
        Order::ClearIntent { by } => format!("is told by {by} that the cluster is wanted up"),
        Order::HostStops { stops: true } => "hears that its host is stopped".to_owned(),
        Order::HostStops { stops: false } => "hears that its host stays on".to_owned(),
        Order::Ack { by, name } => format!("is told by {by} that they did their part on {name}"),
    }
}

/// What a tick says that a scenario can ask for.
#[derive(Debug)]
pub(super) struct Tick {
    pub(super) phase: Phase,
    held: Vec<(&'static str, Option<MachineName>)>,
    manual: BTreeSet<MachineName>,
    /// Machine, and everything that is said about it.
    alarms: Vec<(MachineName, String)>,
    /// What gates say of what they have no proof for.
    said: Vec<Said>,
    /// How each gate stands.
    gates: Vec<(String, GateState)>,
}

/// What a gate says of one thing that is not proven good.
#[derive(Debug)]
struct Said {
    gate: String,
    target: Target,
    why: String,
    /// It keeps the gate shut; otherwise it was skipped, for this reason.
    is_bad: bool,
}

impl Seen {
    /// Something was done: what ananke said before it counts no more.
    pub(super) fn disturbed(&mut self) {
        self.tick = None;
    }

    /// Takes one tick, and says what is new in it.
    pub(super) fn tick(&mut self, at: Span, record: &TickRecord) -> Vec<Entry> {
        let tick = Tick::of(record);
        let mut new = Vec::new();
        if self.phase != Some(tick.phase) {
            self.phase = Some(tick.phase);
            new.push(format!("says {}", render::phase(tick.phase)));
        }
        // Every act is verified: only what is refused is worth a line.
        let refused = |it: &&Held| !matches!(it.hold, Hold::Verifying { .. });
        let held = record.decision.plan.held.iter().filter(refused);
        let held: BTreeSet<String> =
            held.map(|it| format!("holds {} on {}: {}", it.remedy, it.target, it.hold)).collect();
        new.extend(held.difference(&self.held).cloned());
        self.held = held;
        self.tick = Some(tick);
        new.into_iter().map(|text| Entry { at, who: Who::Ananke, text }).collect()
    }

    /// Takes one record of the ledger, and says what was begun and what became of it.
    pub(super) fn record(&mut self, at: Span, record: &LedgerRecord) -> Vec<Entry> {
        self.acts.extend(record.begin.iter().filter_map(|action| act(&action.effect)));
        let mut texts: Vec<String> = record.orders.iter().map(told).collect();
        for outcome in &record.outcomes {
            // What an earlier process began is known by its number only.
            let what = self.begun.remove(&outcome.action);
            let what = what.unwrap_or_else(|| format!("action {}", outcome.action));
            let why = outcome.result.why().map(|why| format!(": {why}")).unwrap_or_default();
            texts.push(format!("{what}: {}{why}", outcome.result.word()));
        }
        for action in &record.begin {
            let what = action.effect.to_string();
            texts.push(format!("begins to {what}"));
            self.begun.insert(action.id.clone(), what);
        }
        texts.into_iter().map(|text| Entry { at, who: Who::Ananke, text }).collect()
    }

    /// Takes the rest of a look.
    pub(super) fn rest(&mut self, look: &Look) {
        self.ananke = look.ananke;
        self.truth = look.truth.clone();
        let machines = self.truth.machines.iter();
        let changes = || machines.map(|(name, body)| (name.clone(), body.changes)).collect();
        self.before.get_or_insert_with(changes);
    }

    /// Whether it is so. Otherwise what is so instead. `from` is the first act that counts.
    pub(super) fn holds(&self, state: &State, roster: &Roster, from: usize) -> Result<(), String> {
        match state {
            State::Phase(wanted) => self.is_phase(*wanted, roster),
            State::Held { hold, on } => self.is_held(hold, on.as_ref()),
            State::Alarm { machine, about } => self.is_alarm(machine, about),
            State::Acted(act) => self.has_acted(act, from),
            State::NoAction(which) => {
                let on = roster.select(which);
                let done = self.acts[from..]
                    .iter()
                    .find(|act| act.doing != Doing::Mark && on.contains(&act.on));
                done.map_or(Ok(()), |act| Err(format!("ananke did {act}")))
            }
            State::Changes { count, on } => {
                let count_now: u32 = roster.select(on).iter().map(|it| self.changes(it)).sum();
                same(count, &count_now, "changes")
            }
            State::Manual { machine, is } => {
                let told = self.tick.as_ref().is_some_and(|tick| tick.manual.contains(machine));
                let node = self.node(machine);
                let marked = node.is_ok_and(|node| node.manual);
                agree(*is, told || marked, "it waits for a person", "it does not wait for a person")
            }
            State::Named { gate, machine } => self.is_named(gate, machine),
            State::Says { gate, word } => self.is_said(gate, word),
            State::Gate { gate, is } => self.is_open(gate, *is),
            State::Cordoned { node, by } => match (self.node(node)?, by) {
                (it, _) if !it.unschedulable => Err("it is not cordoned".to_owned()),
                (it, Whose::Ananke) => agree(true, it.ours, "", "the cordon is not ananke's"),
                (it, Whose::Person(_)) => agree(false, it.ours, "the cordon is ananke's", ""),
            },
            State::Uncordoned(node) => {
                agree(false, self.node(node)?.unschedulable, "it is cordoned", "")
            }
            State::Ready { nodes, is } => self.are_ready(&roster.select(nodes), *is),
            State::Running { unit: _, on, is } => self.run(&roster.select(on), *is),
            State::Works { workload, is } => {
                let works = self.truth.works.get(workload);
                let works = works.ok_or_else(|| format!("nobody can say of {workload}"))?;
                let no = self.idle(workload);
                agree(*is, *works, &format!("{workload} works"), &no)
            }
            State::Applied { name, is } => {
                let ready = self.truth.applied.get(name);
                let ready = ready.ok_or_else(|| format!("the API has no Kustomization {name}"))?;
                agree(*is, *ready, "it is Ready", "it is not Ready")
            }
            State::Off(on) => self.are_off(&roster.select(on)),
            State::Well => self.is_well(roster),
            State::Broken => match self.is_well(roster) {
                Ok(()) => Err("the site is well".to_owned()),
                Err(_) => Ok(()),
            },
            State::Exits(code) => match self.ananke {
                Process::Exited(it) => same(&i32::from(*code), &it, "as ananke's exit code"),
                Process::Never | Process::Running | Process::Killed => Err(self.process()),
            },
            State::IsKilled => agree(true, self.ananke == Process::Killed, "", &self.process()),
            State::IsRunning => agree(true, self.ananke == Process::Running, "", &self.process()),
        }
    }

    /// How the process stands, as a clause.
    pub(super) fn process(&self) -> String {
        match self.ananke {
            Process::Never => "ananke was not started".to_owned(),
            Process::Running => "ananke runs".to_owned(),
            Process::Exited(code) => format!("ananke exited with {code}"),
            Process::Killed => "ananke was killed".to_owned(),
        }
    }

    fn says(&self) -> Result<&Tick, String> {
        self.tick
            .as_ref()
            .ok_or_else(|| format!("ananke has said nothing since; {}", self.process()))
    }

    fn is_phase(&self, wanted: Phase, roster: &Roster) -> Result<(), String> {
        let tick = self.says()?;
        if tick.phase != wanted {
            let held: Vec<&str> = tick.held.iter().map(|(name, _)| *name).collect();
            let held = match held.as_slice() {
                [] => String::new(),
                held => format!(", holding for {}", held.join(", ")),
            };
            return Err(format!("ananke says {}{held}", render::phase(tick.phase)));
        }
        if wanted == Phase::Converged {
            self.is_well(roster).map_err(|why| format!("ananke says converged, but {why}"))?;
        }
        Ok(())
    }

    fn is_held(&self, hold: &str, on: Option<&MachineName>) -> Result<(), String> {
        let tick = self.says()?;
        let fits = |(name, target): &(&str, Option<MachineName>)| {
            *name == hold && on.is_none_or(|on| target.as_ref() == Some(on))
        };
        let all: Vec<&str> = tick.held.iter().map(|(name, _)| *name).collect();
        let instead = match all.as_slice() {
            [] => format!("nothing is held; ananke says {}", render::phase(tick.phase)),
            all => format!("held are {}", all.join(", ")),
        };
        agree(true, tick.held.iter().any(fits), "", &instead)
    }

    fn is_alarm(&self, machine: &MachineName, about: &str) -> Result<(), String> {
        let mut on = self.says()?.alarms.iter().filter(|(it, _)| it == machine).peekable();
        if on.peek().is_none() {
            return Err(format!("no alarm is raised for {machine}"));
        }
        let texts: Vec<&str> = on.map(|(_, text)| text.as_str()).collect();
        let fits = texts.iter().any(|text| text.to_lowercase().contains(&about.to_lowercase()));
        agree(true, fits, "", &format!("the alarm says: {}", texts.join("; ")))
    }

    fn is_named(&self, gate: &str, machine: &MachineName) -> Result<(), String> {
        let on = |it: &Said| it.is_bad && it.gate == gate && it.target.machine() == Some(machine);
        let is = self.tick.as_ref().is_some_and(|tick| tick.said.iter().any(on));
        agree(true, is, "", &format!("{gate} does not name it"))
    }

    fn is_said(&self, gate: &str, word: &str) -> Result<(), String> {
        let by_gate = self.says()?.said.iter().filter(|it| it.gate == gate);
        let texts: Vec<String> = by_gate.map(|it| format!("{}: {}", it.target, it.why)).collect();
        let fits = texts.iter().any(|text| text.to_lowercase().contains(&word.to_lowercase()));
        let instead = match texts.as_slice() {
            [] => format!("gate {gate} names nothing that is not good"),
            texts => format!("gate {gate} says: {}", texts.join("; ")),
        };
        agree(true, fits, "", &instead)
    }

    fn is_open(&self, gate: &str, wanted: bool) -> Result<(), String> {
        let found = self.says()?.gates.iter().find(|(id, _)| id == gate);
        let (_, state) = found.ok_or_else(|| format!("there is no gate {gate}"))?;
        let open = matches!(state, GateState::Open | GateState::Degraded);
        agree(wanted, open, "it is open", &format!("it is {}", state.word()))
    }

    fn has_acted(&self, wanted: &Act, from: usize) -> Result<(), String> {
        let fits = |act: &&Act| match wanted.doing == Doing::Anything {
            true => act.on == wanted.on && act.doing != Doing::Mark,
            false => *act == wanted,
        };
        if self.acts[from..].iter().any(|act| fits(&act)) {
            return Ok(());
        }
        let acts: Vec<String> = self.acts[from..].iter().map(ToString::to_string).collect();
        Err(match acts.as_slice() {
            [] => "ananke has begun nothing".to_owned(),
            acts => format!("ananke has begun: {}", acts.join(", ")),
        })
    }

    fn changes(&self, machine: &MachineName) -> u32 {
        let now = self.truth.machines.get(machine).map_or(0, |body| body.changes);
        let before = self.before.as_ref().and_then(|it| it.get(machine)).copied().unwrap_or(0);
        now.saturating_sub(before)
    }

    fn node(&self, name: &MachineName) -> Result<&super::look::Node, String> {
        if !self.truth.api {
            return Err("the API does not answer".to_owned());
        }
        let body = self.truth.machines.get(name);
        let node = body.and_then(|body| body.node.as_ref());
        node.ok_or_else(|| format!("the API has no node {name}"))
    }

    fn are_ready(&self, names: &[MachineName], wanted: bool) -> Result<(), String> {
        if !self.truth.api {
            return agree(wanted, false, "", "the API does not answer");
        }
        let fresh = |name: &&MachineName| {
            self.truth.machines.get(*name).is_some_and(super::look::Body::is_fresh)
        };
        let bad: Vec<&str> =
            names.iter().filter(|name| !fresh(name)).map(MachineName::as_str).collect();
        let instead = format!("not Ready in the boot that runs: {}", bad.join(", "));
        agree(wanted, bad.is_empty(), "all of them are Ready", &instead)
    }

    /// That something does not work, and what else does not.
    fn idle(&self, workload: &str) -> String {
        let idle = self.truth.works.iter().filter(|(name, works)| !**works && *name != workload);
        let idle: Vec<&str> = idle.map(|(name, _)| name.as_str()).collect();
        match idle.as_slice() {
            [] => format!("{workload} does not work, everything else does"),
            idle => format!("{workload} does not work, nor do {}", idle.join(", ")),
        }
    }

    fn run(&self, names: &[MachineName], wanted: bool) -> Result<(), String> {
        let active = |name: &MachineName| {
            self.truth.machines.get(name).is_some_and(|body| body.active == Some(true))
        };
        let other: Vec<&str> =
            names.iter().filter(|name| active(name) != wanted).map(MachineName::as_str).collect();
        let word = if wanted { "it does not run on" } else { "it runs on" };
        agree(true, other.is_empty(), "", &format!("{word} {}", other.join(", ")))
    }

    fn are_off(&self, names: &[MachineName]) -> Result<(), String> {
        let runs = |name: &&MachineName| {
            self.truth.machines.get(*name).is_some_and(|body| body.boot_id.is_some())
        };
        let on: Vec<&str> = names.iter().filter(runs).map(MachineName::as_str).collect();
        agree(true, on.is_empty(), "", &format!("still on: {}", on.join(", ")))
    }

    fn is_well(&self, roster: &Roster) -> Result<(), String> {
        let nodes: Vec<MachineName> = roster.nodes().cloned().collect();
        self.are_ready(&nodes, true)
    }
}

impl Tick {
    fn of(record: &TickRecord) -> Self {
        let decision = &record.decision;
        let held = decision.plan.held.iter();
        let manual = &decision.memory.durable.manual;
        let alarm = |alarm: &crate::model::alarm::Alarm| {
            let text = format!("{} {}", alarm.what, alarm.by_hand.join(" "));
            alarm.target.machine().map(|machine| (machine.clone(), text))
        };
        let gates = decision.assessment.gates.iter();
        let said = gates.clone().flat_map(|gate| {
            let unproven = gate.findings.iter().filter(|it| it.verdict != Verdict::Pass);
            unproven.map(|finding| Said {
                gate: gate.id.to_string(),
                target: finding.target.clone(),
                why: finding.verdict.why().to_owned(),
                is_bad: !finding.verdict.lets_open(),
            })
        });
        Self {
            said: said.collect(),
            gates: gates.map(|gate| (gate.id.to_string(), gate.state.clone())).collect(),
            phase: decision.phase,
            held: held.map(|it| (it.hold.name(), it.target.machine().cloned())).collect(),
            manual: manual.keys().filter_map(Target::machine).cloned().collect(),
            alarms: decision.alarms.iter().filter_map(alarm).collect(),
        }
    }
}

fn agree(wanted: bool, is: bool, yes: &str, no: &str) -> Result<(), String> {
    if wanted == is { Ok(()) } else { Err((if is { yes } else { no }).to_owned()) }
}

fn same<T: PartialEq + std::fmt::Display>(wanted: &T, is: &T, what: &str) -> Result<(), String> {
    if wanted == is { Ok(()) } else { Err(format!("{is} {what}")) }
}
