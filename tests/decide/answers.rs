//! What the bench's services answer when they are asked from outside.

use std::collections::BTreeMap;

use ananke::model::facts::{Blind, BlindKind, Seen};
use ananke::model::outcome::ActionResult;
use ananke::model::probe::{Answer, Finding, ProbeName};
use ananke::model::time::{Mono, Span};
use ananke::model::vault::{Seal, SealStatus};

/// What comes back when something is asked.
#[derive(Debug, Clone)]
pub(crate) enum Answered {
    Now(Answer),
    /// So long ago.
    Old(Span, Answer),
    Blind(&'static str),
}

/// What comes back, by the name of what is asked; and what a vault says to its keys. `None`: it
/// opens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers(
    pub(crate) BTreeMap<&'static str, Answered>,
    pub(crate) Option<ActionResult>,
);

impl Answers {
    pub(crate) fn seen(&self, now: Mono) -> BTreeMap<ProbeName, Seen<Finding>> {
        let finding = |answer: &Answer| Finding { answer: answer.clone(), took: Span::millis(12) };
        let each = self.0.iter().map(|(name, answered)| {
            let seen = match answered {
                Answered::Now(answer) => Seen::Known { value: finding(answer), at: now },
                Answered::Old(age, answer) => {
                    let at = Mono(now.0.saturating_sub(age.as_millis()));
                    Seen::Known { value: finding(answer), at }
                }
                Answered::Blind(why) => {
                    let why = Blind::new(BlindKind::Unreachable, *why);
                    Seen::Unknown { why, since: Mono(0) }
                }
            };
            (ProbeName::new(*name), seen)
        });
        each.collect()
    }

    /// A vault gets its keys.
    pub(crate) fn unseal(&mut self, name: &str) -> ActionResult {
        if let Some(said) = &self.1 {
            return said.clone();
        }
        let open = SealStatus { seal: Seal::Open, certificate_until: None };
        match self.0.get_mut(name) {
            Some(answered) => *answered = Answered::Now(Answer::Seal(open)),
            None => return ActionResult::Failed { why: format!("there is no vault {name}") },
        }
        ActionResult::Done
    }
}
