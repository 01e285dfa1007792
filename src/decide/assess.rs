//! Asks every check of every gate, and judges the gates in their order.

use std::collections::{BTreeMap, BTreeSet};

use super::ladder::{self, Prospect};
use super::tally::Tally;
use super::way::{Step, Way};
use super::{Library, descent, grace, pressure, situation};
use crate::checks::{AskMissing, Check};
use crate::gates::{self, Gate, Opens, Waits};
use crate::model::assessment::{Assessment, Finding, GateState, GateView};
use crate::model::episode::EndKind;
use crate::model::ids::{CheckId, GateId, MachineName};
use crate::model::in_step::MostlyInStep;
use crate::model::memory::{GateMemory, Memory};
use crate::model::plan::Missing;
use crate::model::policy::{self, Role};
use crate::model::situation::Situation;
use crate::model::tick::{TickInput, Verb};
use crate::model::time::{Mono, Span};
use crate::model::verdict::{Target, Verdict};

/// The assessment, with what only this tick needs of it.
#[derive(Debug)]
pub(super) struct Judged {
    /// Gate by gate.
    pub(super) assessment: Assessment,
    /// The machines that were given up, by name.
    pub(super) missing: BTreeMap<MachineName, Missing>,
    /// For each gate, which of its findings ananke can do nothing more about, in their order.
    lost: Vec<Vec<usize>>,
    /// Machines that the way down goes on without from now on, and why.
    pub(super) left: BTreeMap<MachineName, String>,
}

impl Judged {
    /// Each gate, with which of its findings ananke can do nothing more about.
    pub(super) fn lost(&self) -> impl Iterator<Item = (&GateView, &[usize])> {
        self.assessment.gates.iter().zip(self.lost.iter().map(Vec::as_slice))
    }
}

/// Judges every gate. Gate by gate, because a machine that one gave up is not asked for again.
pub(super) fn assess(
    library: &Library,
    way: &Way,
    input: &TickInput,
    memory: &mut Memory,
) -> Judged {
    let mut judged = Judged {
        assessment: Assessment::default(),
        missing: BTreeMap::new(),
        lost: Vec::new(),
        left: BTreeMap::new(),
    };
    let mut failing: BTreeMap<CheckId, BTreeMap<Target, Mono>> = BTreeMap::new();
    let mut gates = BTreeMap::new();
    for step in way.steps() {
        let gate = step.gate;
        let sit = situation(input, &memory.durable, &memory.passing, &judged.missing);
        let settled = step.stage.and_then(|stage| descent::settled(stage, &sit));
        let mut asked = match settled {
            Some(_) => Asked { findings: Vec::new(), passing: 0 },
            None => ask(gate, &sit, &mut failing),
        };
        let waiting = waiting_on(way, gate, &asked.findings, &judged.assessment);
        let most = waiting.is_none() && good_for_most(gate, &sit, &asked.findings);
        let mut lost = given_up(library, step, &sit, &asked.findings, powered_since(&judged));
        leave(step, &sit, &mut asked.findings, &mut lost, &mut judged.left);
        let (state, good_since) = match settled {
            Some(state) => (state, Some(sit.now)),
            None => state(gate, &sit, &asked.findings, &lost, waiting),
        };
        let since = since(&sit, &gate.id, state.word());
        let word = state.word().to_owned();
        let expected = grace::expected(&sit, &gate.id, &word);
        gates.insert(gate.id.clone(), GateMemory { word, since, good_since, expected });
        let now = sit.now;
        if state == GateState::Degraded {
            let lost = lost.iter().map(|at| &asked.findings[*at]);
            give_up(gate, now, lost, &mut judged.missing);
        }
        let asked_about = !matches!(state, GateState::Waiting { .. } | GateState::Skipped { .. });
        judged.lost.push(if asked_about { lost } else { Vec::new() });
        judged.assessment.gates.push(GateView {
            id: gate.id.clone(),
            most: most || state.is_open(),
            state,
            since,
            findings: asked.findings,
            passing: asked.passing,
        });
    }
    memory.passing.failing = failing;
    memory.passing.gates = gates;
    judged.assessment.missing = judged.missing.values().cloned().collect();
    judged
}

/// What the checks of one gate said.
struct Asked {
    findings: Vec<Finding>,
    passing: usize,
}

fn ask(
    gate: &Gate,
    sit: &Situation<'_>,
    failing: &mut BTreeMap<CheckId, BTreeMap<Target, Mono>>,
) -> Asked {
    let mut asked = Asked { findings: Vec::new(), passing: 0 };
    for check in gate.checks {
        let mut known = sit.passing.failing.get(&check.id).map(MostlyInStep::new);
        let mut missing = MostlyInStep::new(sit.missing);
        let mut now = Vec::new();
        for (target, raw) in (check.judge)(sit) {
            if raw == Verdict::Pass {
                asked.passing += 1;
                continue;
            }
            let known = known.as_mut().and_then(|since| since.at(&target));
            let since = known.copied().unwrap_or(sit.now);
            now.push((target.clone(), since));
            let missing = target.machine().and_then(|name| missing.at(name));
            let from = since.max(grace::expected_since(gate, sit, &target));
            let verdict = settled(check, sit, &target, missing, raw, from);
            asked.findings.push(Finding { check: check.id.clone(), target, verdict, since });
        }
        if !now.is_empty() {
            failing.entry(check.id.clone()).or_default().append(&mut now.into_iter().collect());
        }
    }
    asked
}

/// The verdict with what the check itself does not know: grace, and machines given up before.
fn settled(
    check: &Check,
    sit: &Situation<'_>,
    target: &Target,
    missing: Option<&Missing>,
    raw: Verdict,
    since: Mono,
) -> Verdict {
    if let (AskMissing::Skip, Some(missing)) = (check.missing, missing) {
        return Verdict::skipped(format!("given up at {}: {}", missing.gate, missing.why));
    }
    // One look has no patience. For what an earlier run waited for in vain it needs none.
    if remembered(sit, target) {
        return match raw {
            Verdict::Settling { why, .. } => Verdict::Fail { why },
            Verdict::Fail { .. }
            | Verdict::Pass
            | Verdict::Unknown { .. }
            | Verdict::Skipped { .. } => raw,
        };
    }
    let until = since + (check.grace)(&sit.policy.timing);
    match raw {
        Verdict::Fail { why } if sit.now < until => Verdict::Settling { why, until },
        Verdict::Fail { .. }
        | Verdict::Pass
        | Verdict::Settling { .. }
        | Verdict::Unknown { .. }
        | Verdict::Skipped { .. } => raw,
    }
}

/// Whether this is one look, and the machine is one that the last episode ended without.
fn remembered(sit: &Situation<'_>, target: &Target) -> bool {
    let ended = sit.durable.episode.as_ref().and_then(|episode| episode.end.as_ref());
    sit.request.verb == Verb::Status
        && ended.is_some_and(|end| end.how == EndKind::Degraded)
        && target.machine().is_some()
        && sit.durable.manual.contains_key(target)
}

/// The first gate before this one that is not open enough. Where machines go on by themselves, the
/// gate as a whole waits only while each of them does.
fn waiting_on(way: &Way, gate: &Gate, findings: &[Finding], so_far: &Assessment) -> Option<GateId> {
    if gate.waits != Waits::ForItself {
        return waits_for(way, gate, &Target::Cluster, so_far);
    }
    let bad = findings.iter().filter(|finding| !finding.verdict.lets_open());
    let mut waiting = bad.map(|finding| waits_for(way, gate, &finding.target, so_far));
    let first = waiting.next()??;
    waiting.all(|other| other.is_some()).then_some(first)
}

/// The first gate before this one that a target of it has to wait for.
pub(super) fn waits_for(
    way: &Way,
    gate: &Gate,
    target: &Target,
    so_far: &Assessment,
) -> Option<GateId> {
    let held_back = |before: &&&'static Gate| {
        so_far.gate(&before.id).is_none_or(|view| match gate.waits {
            Waits::ForMost => !view.most,
            Waits::ForAll => !view.state.is_open(),
            Waits::ForItself => {
                let about = |finding: &Finding| {
                    finding.target == *target || finding.target == Target::Cluster
                };
                let bad = |f: &&Finding| !f.verdict.lets_open() && about(f);
                view.findings.iter().any(|finding| bad(&finding))
                    || way
                        .gate(&before.id)
                        .is_none_or(|before| waits_for(way, before, target, so_far).is_some())
            }
        })
    };
    gate.after.iter().find(held_back).map(|before| before.id.clone())
}

/// Takes machines whose time is spent off a stage, where the way goes on without them.
fn leave(
    step: &Step,
    sit: &Situation<'_>,
    findings: &mut [Finding],
    lost: &mut Vec<usize>,
    left: &mut BTreeMap<MachineName, String>,
) {
    let Some(stage) = step.stage.filter(|stage| pressure::is_late(stage, sit)) else { return };
    let bad = |(_, finding): &(usize, &mut Finding)| !finding.verdict.lets_open();
    for (at, finding) in findings.iter_mut().enumerate().filter(bad) {
        let Some(name) = finding.target.machine() else { continue };
        if !pressure::may_leave(stage, name, sit) {
            continue;
        }
        let why = finding.verdict.why().to_owned();
        finding.verdict = Verdict::skipped(format!("left as it is: {why}"));
        left.insert(name.clone(), why);
        lost.push(at);
    }
    lost.sort_unstable();
    lost.dedup();
}

/// Since when power has let anything start. Nobody's patience is spent in an outage.
fn powered_since(so_far: &Judged) -> Mono {
    let power = so_far.assessment.gate(&gates::POWER.id).filter(|gate| gate.state.is_open());
    power.map_or(Mono(0), |gate| gate.since)
}

/// Which findings ananke can do nothing more about.
fn given_up(
    library: &Library,
    step: &Step,
    sit: &Situation<'_>,
    findings: &[Finding],
    powered: Mono,
) -> Vec<usize> {
    if findings.iter().all(|finding| finding.verdict.lets_open()) {
        return Vec::new();
    }
    let gate = step.gate;
    let timing = &sit.policy.timing;
    let tally = Tally::of(sit);
    let late = step.stage.map(|stage| pressure::is_late(stage, sit));
    let from = |finding: &Finding| {
        finding.since.max(powered).max(grace::expected_since(gate, sit, &finding.target))
    };
    let had = |finding: &Finding, time: Span| sit.now.since(from(finding)) >= time;
    let is_lost = |finding: &Finding| match &finding.verdict {
        Verdict::Fail { .. } if remembered(sit, &finding.target) => true,
        Verdict::Fail { .. } | Verdict::Unknown { .. } if late == Some(true) => true,
        Verdict::Unknown { .. } if late.is_some() => false,
        Verdict::Fail { .. } => match ladder::prospect(library, gate, finding, sit, &tally) {
            Prospect::Working => false,
            Prospect::NeedsPerson => had(finding, timing.fresh_for),
            Prospect::Spent => true,
            Prospect::Nothing => late.is_none() && had(finding, timing.patience),
        },
        Verdict::Unknown { .. } => had(finding, timing.patience),
        Verdict::Pass | Verdict::Settling { .. } | Verdict::Skipped { .. } => false,
    };
    let lost = findings.iter().enumerate().filter(|(_, finding)| is_lost(finding));
    lost.map(|(at, _)| at).collect()
}

fn state(
    gate: &Gate,
    sit: &Situation<'_>,
    findings: &[Finding],
    lost: &[usize],
    waiting: Option<GateId>,
) -> (GateState, Option<Mono>) {
    if let Some(why) = sit.policy.skip.get(&gate.id) {
        return (GateState::Skipped { why: why.clone() }, Some(sit.now));
    }
    if let Some(on) = waiting {
        return (GateState::Waiting { on }, None);
    }
    let good = if findings.iter().all(|finding| finding.verdict.lets_open()) {
        // What an earlier gate gave up shows as degraded where it was given up, not everywhere.
        GateState::Open
    } else if gate.opens == Opens::Degraded && may_do_without(sit, findings, lost) {
        GateState::Degraded
    } else {
        return (GateState::Closed, None);
    };
    let before = sit.passing.gates.get(&gate.id).and_then(|memory| memory.good_since);
    let good_since = before.unwrap_or(sit.now);
    let soak = (gate.soak)(&sit.policy.timing);
    if soak == Span::ZERO {
        return (good, Some(good_since));
    }
    if sit.request.verb == Verb::Status || !sit.request.execute {
        let why = "one look proves no soak".to_owned();
        return (GateState::Skipped { why }, Some(good_since));
    }
    // What was good before the episode began is not proof of how it ended: a person who orders a
    // startup gets a whole soak of looks that came after the order.
    let opened = sit.durable.episode.as_ref().filter(|episode| episode.end.is_none());
    let soaked_from = opened.map_or(good_since, |episode| good_since.max(episode.opened));
    let until = soaked_from + soak;
    if sit.now < until {
        return (GateState::Soaking { until }, Some(good_since));
    }
    (good, Some(good_since))
}

/// Whether the gate may open without what fails: machines only, each had its time, none of them
/// critical, and the servers that are left make a majority.
fn may_do_without(sit: &Situation<'_>, findings: &[Finding], lost: &[usize]) -> bool {
    let mut lost = lost.iter().copied().peekable();
    let mut machines = MostlyInStep::new(&sit.policy.machines);
    let dispensable = |(at, finding): (usize, &Finding)| {
        let given_up = lost.next_if_eq(&at).is_some();
        finding.verdict.lets_open()
            || (given_up
                && matches!(finding.verdict, Verdict::Fail { .. })
                && finding
                    .target
                    .machine()
                    .and_then(|name| machines.at(name))
                    .is_some_and(|machine| !machine.critical))
    };
    findings.iter().enumerate().all(dispensable) && leaves_quorum(sit, findings)
}

/// Whether what fails is machines only, and not too many servers among them. Whether they had
/// their time does not matter here: others need not wait for them.
fn good_for_most(gate: &Gate, sit: &Situation<'_>, findings: &[Finding]) -> bool {
    gate.opens == Opens::Degraded
        && findings.iter().all(|f| f.verdict.lets_open() || f.target.machine().is_some())
        && leaves_quorum(sit, findings)
}

/// Whether the servers that do not fail make a majority.
fn leaves_quorum(sit: &Situation<'_>, findings: &[Finding]) -> bool {
    let mut left: BTreeSet<_> = sit.policy.with_role(Role::Server).collect();
    let quorum = policy::quorum(left.len());
    left.retain(|name| !sit.missing.contains_key(*name));
    for bad in findings.iter().filter(|finding| !finding.verdict.lets_open()) {
        if let Some(name) = bad.target.machine() {
            left.remove(name);
        }
    }
    left.len() >= quorum
}

fn give_up<'a>(
    gate: &Gate,
    now: Mono,
    lost: impl Iterator<Item = &'a Finding>,
    missing: &mut BTreeMap<MachineName, Missing>,
) {
    for finding in lost {
        let Some(machine) = finding.target.machine() else { continue };
        missing.entry(machine.clone()).or_insert_with(|| Missing {
            machine: machine.clone(),
            gate: gate.id.clone(),
            why: finding.verdict.why().to_owned(),
            for_time: now.since(finding.since),
        });
    }
}

/// Since when the gate has been in a state of this kind.
fn since(sit: &Situation<'_>, gate: &GateId, word: &str) -> Mono {
    sit.passing
        .gates
        .get(gate)
        .filter(|memory| memory.word == word)
        .map_or(sit.now, |memory| memory.since)
}
