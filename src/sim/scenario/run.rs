//! Walks through a scenario: what comes next, and whether what was seen is what was expected.
//!
//! It has no clock and touches nothing. Whoever moves a world, in memory, over sockets or real
//! machines, tells it the time and what is seen, and does what it says.

use crate::model::time::Span;
use crate::sim::chance::Chance;

use super::ast::{Event, Expectation, Life, Scenario, State, What};
use super::look::{Entry, Look, Process, Who};
use super::outcome::{Ending, Outcome};
use super::roster::{Roster, Stranger};
use super::seen::Seen;

/// How long a killed ananke stays dead before it is started again: systemd's RestartSec is 100 ms,
/// and a person is slower.
const DEAD_FOR: Span = Span::secs(1);

/// What the driver does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This, at once; then it looks again.
    Do(Event),
    /// Lets time pass until then at most, and looks again when something is new.
    Wait {
        /// Since the run began.
        until: Span,
    },
    /// Nothing more: the result stands.
    End,
}

/// Something that happens later.
#[derive(Debug)]
struct Due {
    at: Span,
    event: Event,
    /// Chance made it: it is left out when there is nothing to kill or to start.
    chance: bool,
}

/// Something that must never be so.
#[derive(Debug)]
struct Never {
    step: usize,
    state: State,
    /// How much ananke had done before.
    from: usize,
}

/// One run of one scenario.
#[derive(Debug)]
pub struct Run {
    scenario: Scenario,
    roster: Roster,
    seed: u64,
    /// The step at hand, and since when.
    at: usize,
    since: Span,
    now: Span,
    /// The expectation at hand was met by a tick that is not the last.
    met: bool,
    due: Vec<Due>,
    never: Vec<Never>,
    seen: Seen,
    timeline: Vec<Entry>,
    ending: Option<Ending>,
}

impl Run {
    /// A run on a site with these machines. `seed` decides what chance does.
    ///
    /// # Errors
    /// [`Stranger`]: the site lacks a machine that the scenario speaks of.
    pub fn new(scenario: &Scenario, roster: Roster, seed: u64) -> Result<Self, Stranger> {
        Ok(Self {
            scenario: scenario.on(&roster)?,
            roster,
            seed,
            at: 0,
            since: Span::ZERO,
            now: Span::ZERO,
            met: false,
            due: Vec::new(),
            never: Vec::new(),
            seen: Seen::default(),
            timeline: Vec::new(),
            ending: None,
        })
    }

    /// Takes what was seen at a time since the run began.
    pub fn see(&mut self, now: Span, look: &Look) {
        self.now = self.now.max(now);
        self.timeline.extend(look.happened.iter().cloned());
        for record in &look.ledger {
            let new = self.seen.record(self.now, record);
            self.timeline.extend(new);
        }
        self.seen.rest(look);
        for tick in &look.ticks {
            let new = self.seen.tick(self.now, tick);
            self.timeline.extend(new);
            self.judge();
        }
        self.judge();
    }

    /// What comes next. Asked again after each look.
    pub fn what_next(&mut self) -> Next {
        while self.ending.is_none() {
            if let Some(event) = self.take_due() {
                return self.happens(event);
            }
            let Some(step) = self.scenario.steps.get(self.at) else {
                self.ending = Some(Ending::Passed);
                break;
            };
            let until = match step.what.clone() {
                What::Happens(Event::Ananke(Life::KilledAtRandom { every, during })) => {
                    self.chance(every, during);
                    self.step();
                    continue;
                }
                What::Happens(event) => {
                    self.step();
                    return self.happens(event);
                }
                What::Later(after, event) => {
                    self.due.push(Due { at: self.now + after, event, chance: false });
                    self.step();
                    continue;
                }
                What::Wait(time) => self.since + time,
                What::Expect(expectation) => match self.expects(&expectation) {
                    Some(until) => until,
                    None => continue,
                },
            };
            if until > self.now {
                let first = self.due.iter().map(|due| due.at).min();
                return Next::Wait { until: first.map_or(until, |first| first.min(until)) };
            }
            self.step();
        }
        Next::End
    }

    /// The result, once [`Next::End`] was said.
    pub fn outcome(&self) -> Option<Outcome> {
        let ending = self.ending.clone()?;
        Some(Outcome::new(&self.scenario, self.seed, self.now, ending, self.timeline.clone()))
    }

    /// The same, when the driver has to give up before the end.
    pub fn broken_off(&self, why: &str) -> Outcome {
        let ending = self.failure(self.at, why.to_owned());
        Outcome::new(&self.scenario, self.seed, self.now, ending, self.timeline.clone())
    }

    /// What happened so far, for a live view.
    pub fn timeline(&self) -> &[Entry] {
        &self.timeline
    }

    /// The scenario, with the names of the site.
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    fn step(&mut self) {
        self.at += 1;
        self.since = self.now;
        self.met = false;
    }

    fn happens(&mut self, event: Event) -> Next {
        let entry = Entry { at: self.now, who: Who::Fate, text: event.to_string() };
        self.timeline.push(entry);
        self.seen.disturbed();
        Next::Do(event)
    }

    /// The first thing whose time has come.
    fn take_due(&mut self) -> Option<Event> {
        loop {
            let ripe = self.due.iter().enumerate().filter(|(_, due)| due.at <= self.now);
            let (at, _) = ripe.min_by_key(|(_, due)| due.at)?;
            let due = self.due.remove(at);
            let fits = match due.event {
                Event::Ananke(Life::RunsAgain { .. }) => self.seen.ananke == Process::Killed,
                Event::Ananke(_) | Event::Deed(_) => self.seen.ananke == Process::Running,
            };
            if !due.chance || fits {
                return Some(due.event);
            }
        }
    }

    /// Deaths at random moments, each with a new life after it.
    fn chance(&mut self, every: Span, during: Span) {
        let mut chance = Chance::new(self.seed);
        let mut at = Span::ZERO;
        loop {
            // Between half and one and a half of the mean.
            let part = chance.below(1_000);
            at = at + Span::millis(every.as_millis() / 2 + every.as_millis() * part / 1_000);
            if at > during || every == Span::ZERO {
                return;
            }
            let dies = Due { at: self.now + at, event: Event::Ananke(Life::Killed), chance: true };
            let again = Event::Ananke(Life::RunsAgain { until: None });
            let lives = Due { at: self.now + at + DEAD_FOR, event: again, chance: true };
            self.due.extend([dies, lives]);
        }
    }

    /// Until when an expectation may wait; none if it is settled.
    fn expects(&mut self, expectation: &Expectation) -> Option<Span> {
        match expectation {
            Expectation::Never(state) => {
                let from = self.seen.acts.len();
                self.never.push(Never { step: self.at, state: state.clone(), from });
                self.step();
                None
            }
            Expectation::Now(state) => {
                match self.seen.holds(state, &self.roster, 0) {
                    Ok(()) => self.step(),
                    Err(instead) => self.ending = Some(self.failure(self.at, instead)),
                }
                None
            }
            Expectation::Within(state, time) => self.awaits(state, *time),
            Expectation::Stays(state, time) => match self.seen.holds(state, &self.roster, 0) {
                Ok(()) => Some(self.since + *time),
                Err(instead) => {
                    let held_for = self.now.less(self.since);
                    let instead = format!("after {held_for}: {instead}");
                    self.ending = Some(self.failure(self.at, instead));
                    None
                }
            },
        }
    }

    fn awaits(&mut self, state: &State, time: Span) -> Option<Span> {
        let instead = match self.seen.holds(state, &self.roster, 0) {
            Err(instead) if !self.met => instead,
            Ok(()) | Err(_) => {
                self.step();
                return None;
            }
        };
        let until = self.since + time;
        let gone = matches!(self.seen.ananke, Process::Exited(_) | Process::Killed);
        let hopeless = gone && self.due.is_empty() && state.is_of_ananke();
        if self.now < until && !hopeless {
            return Some(until);
        }
        let instead = match hopeless {
            true => {
                format!("{} after {}: {instead}", self.seen.process(), self.now.less(self.since))
            }
            false => instead,
        };
        self.ending = Some(self.failure(self.at, instead));
        None
    }

    /// Looks at what may never be, and whether a tick in passing met what is awaited.
    fn judge(&mut self) {
        for never in &self.never {
            if self.seen.holds(&never.state, &self.roster, never.from).is_ok() {
                let instead = "it was so".to_owned();
                self.ending.get_or_insert(self.failure(never.step, instead));
            }
        }
        let awaited = self.scenario.steps.get(self.at).map(|step| &step.what);
        if let Some(What::Expect(Expectation::Within(state, time))) = awaited
            && self.now <= self.since + *time
        {
            self.met |= self.seen.holds(state, &self.roster, 0).is_ok();
        }
    }

    fn failure(&self, step: usize, instead: String) -> Ending {
        let step = self.scenario.steps.get(step);
        Ending::Failed {
            line: step.map_or(0, |step| step.line),
            wanted: step.map(ToString::to_string).unwrap_or_default(),
            instead,
        }
    }
}
