//! The end of a rehearsal: how long it took, when each gate opened, what ananke did, what is left
//! to a person, and how to see it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::fold_run;
use super::text::{labelled, listed};
use crate::model::ids::ActionId;
use crate::model::record::{LedgerRecord, TickRecord};
use crate::model::runs::Runs;
use crate::model::time::{Mono, Span};

/// At most so many actions are shown to a person; a program gets them all.
const ACTIONS: usize = 20;

/// At most so many things that are left to a person.
const LEFT: usize = 10;

/// What is kept of a rehearsal while it goes on.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// The site's time at the first look.
    began: Option<Mono>,
    runs: Runs,
    actions: Vec<Done>,
    /// Where each action stands that has no outcome yet.
    flying: BTreeMap<ActionId, usize>,
    last: Option<Arc<TickRecord>>,
}

/// The end of a rehearsal, for programs too. Additive changes only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// How long it took here, in milliseconds.
    pub here_ms: Span,
    /// The last episode, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episode: Option<Stretch>,
    /// Everything that ananke did, proofs not counted, in order.
    pub actions: Vec<Done>,
    /// What a person must do.
    pub left: Vec<Left>,
    /// The command that shows the same again.
    pub again: String,
}

/// An episode, and how far it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// How many there were up to this one.
    pub number: usize,
    /// What opened it.
    pub cause: String,
    /// How it ended, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// How long it took, as far as it got, in milliseconds.
    pub took_ms: u64,
    /// The gates that are open at its end, in the order in which they opened.
    pub gates: Vec<Opened>,
}

/// A gate that opened and stayed open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opened {
    /// Which.
    pub gate: String,
    /// So long after the episode began, in milliseconds.
    pub after_ms: u64,
}

/// Something that ananke did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Done {
    /// So long after the rehearsal began, in the site's time: milliseconds.
    pub at_ms: Span,
    /// For what.
    pub target: String,
    /// What, in the imperative.
    pub text: String,
    /// The remedy that asked for it.
    pub remedy: String,
    /// What became of it; `begun` if nobody has heard.
    pub result: String,
    /// The reason, if it did not simply work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Something that is left to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// What it is about.
    pub target: String,
    /// What is wrong with it.
    pub why: String,
    /// What the person can do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<String>,
}

impl Account {
    /// Takes in what ananke did and decided since the last look, each in order.
    pub fn see(&mut self, now: Mono, ledger: &[LedgerRecord], ticks: &[Arc<TickRecord>]) {
        let began = *self.began.get_or_insert(now);
        for record in ledger {
            self.written(record, began);
        }
        for tick in ticks {
            fold_run(&mut self.runs, tick);
        }
        if let Some(last) = ticks.last() {
            self.last = Some(Arc::clone(last));
        }
    }

    fn written(&mut self, record: &LedgerRecord, began: Mono) {
        for outcome in &record.outcomes {
            let at = self.flying.remove(&outcome.action);
            if let Some(done) = at.and_then(|at| self.actions.get_mut(at)) {
                done.result = outcome.result.word().to_owned();
                done.why = outcome.result.why().map(ToOwned::to_owned);
            }
        }
        for action in record.begin.iter().filter(|action| !action.effect.is_proof()) {
            self.flying.insert(action.id.clone(), self.actions.len());
            self.actions.push(Done {
                at_ms: record.at.mono.since(began),
                target: action.target.to_string(),
                text: action.effect.to_string(),
                remedy: action.remedy.to_string(),
                result: "begun".to_owned(),
                why: None,
            });
        }
    }

    /// The end, after so much time here; `again` is the command that shows it again.
    pub fn ending(&self, here: Span, again: String) -> Ending {
        Ending {
            here_ms: here,
            episode: self.stretch(),
            actions: self.actions.clone(),
            left: self.last.as_deref().map(left).unwrap_or_default(),
            again,
        }
    }

    fn stretch(&self) -> Option<Stretch> {
        let run = self.runs.last()?;
        let gates = run.gates.iter();
        let opened = |it: &crate::model::runs::GateTime| Opened {
            gate: it.name.clone(),
            after_ms: it.opened_after_ms,
        };
        let mut gates: Vec<Opened> = gates.map(opened).collect();
        // Those that opened together stay in the order of the way up.
        gates.sort_by_key(|it| it.after_ms);
        Some(Stretch {
            number: self.runs.runs.len(),
            cause: run.cause.clone(),
            end: run.end.clone(),
            took_ms: run.took_ms,
            gates,
        })
    }
}

/// What the last tick leaves to a person: what ananke is at its end with, and what it has marked.
fn left(record: &TickRecord) -> Vec<Left> {
    let alarms = record.decision.alarms.iter();
    let mut left: Vec<Left> = alarms
        .map(|alarm| Left {
            target: alarm.target.to_string(),
            why: alarm.what.clone(),
            by_hand: alarm.by_hand.clone(),
        })
        .collect();
    let named: BTreeSet<String> = left.iter().map(|it| it.target.clone()).collect();
    let marks = record.decision.memory.durable.manual.iter();
    let marks = marks.map(|(target, mark)| (target.to_string(), mark.reason.clone()));
    left.extend(marks.filter(|(target, _)| !named.contains(target)).map(|(target, why)| {
        let by_hand = vec![format!("ananke ack {target}")];
        Left { target, why, by_hand }
    }));
    left
}

/// The end in words. It took `site` in the site's own time.
pub fn ending_text(site: Span, ending: &Ending) -> String {
    let mut lines = vec![labelled("time", &format!("{site} in the site, {} here", ending.here_ms))];
    lines.push(labelled("gates", &gates(ending.episode.as_ref())));
    let actions = ending.actions.iter().map(action).collect();
    lines.extend(listed("did", &bounded(actions, ACTIONS)));
    let left = ending.left.iter().map(|it| format!("{}: {}", it.target, it.why)).collect();
    lines.extend(listed("left", &bounded(left, LEFT)));
    lines.push(labelled("again", &ending.again));
    lines.join("\n")
}

fn gates(episode: Option<&Stretch>) -> String {
    let Some(episode) = episode else { return "no episode began, so none was timed".to_owned() };
    let opened = |it: &Opened| format!("{} {}", it.gate, Span::millis(it.after_ms));
    let opened = match episode.gates.as_slice() {
        [] => "none is open".to_owned(),
        gates => gates.iter().map(opened).collect::<Vec<_>>().join(" · "),
    };
    let which = match episode.number {
        1 => String::new(),
        number => format!("episode {number}, "),
    };
    format!("open since ({which}{}): {opened}", episode.cause)
}

fn action(done: &Done) -> String {
    let s = done.at_ms.as_secs();
    let why = done.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let Done { text, result, .. } = done;
    format!("{:02}:{:02}  {text}: {result}{why}", s / 60, s % 60)
}

/// The first `most` lines, and how many there are besides.
fn bounded(mut lines: Vec<String>, most: usize) -> Vec<String> {
    let more = lines.len().saturating_sub(most);
    lines.truncate(most);
    if more > 0 {
        lines.push(format!("and {more} more (all of them: -o json)"));
    }
    if lines.is_empty() {
        lines.push("nothing".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(at: u64) -> Done {
        Done {
            at_ms: Span::secs(at),
            target: format!("titan-{at:02}"),
            text: format!("start k3s-agent on titan-{at:02}"),
            remedy: "start-agent".to_owned(),
            result: "done".to_owned(),
            why: None,
        }
    }

    fn ending(actions: u64) -> Ending {
        let gates =
            ["inventory", "nodes"].map(|gate| Opened { gate: gate.into(), after_ms: 90_000 });
        Ending {
            here_ms: Span::secs(38),
            episode: Some(Stretch {
                number: 1,
                cause: "startup by brad".to_owned(),
                end: None,
                took_ms: 120_000,
                gates: gates.to_vec(),
            }),
            actions: (0..actions).map(done).collect(),
            left: Vec::new(),
            again: "ananke rehearse cold-start --seed 1".to_owned(),
        }
    }

    #[test]
    fn a_long_story_is_cut_for_a_person_and_says_so() {
        let text = ending_text(Span::mins(6), &ending(25));
        assert!(text.contains("6m in the site, 38s here"), "{text}");
        assert!(text.contains("nodes 1m 30s"), "{text}");
        assert!(text.contains("00:19  start k3s-agent on titan-19: done"), "{text}");
        assert!(text.contains("and 5 more") && !text.contains("titan-20"), "{text}");
        assert!(text.contains("left       nothing"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn what_was_done_is_told_with_what_became_of_it() {
        let mut account = Account::default();
        let tick: Arc<TickRecord> = crate::replay::samples::tick(1).into();
        account.see(tick.input.now.mono, &[], std::slice::from_ref(&tick));
        let ending = account.ending(Span::secs(1), "again".to_owned());
        assert_eq!(ending.left.len(), left(&tick).len());
        assert!(ending.actions.is_empty());
        let text = ending_text(Span::secs(9), &ending);
        assert!(text.contains("did        nothing"), "{text}");
    }
}
