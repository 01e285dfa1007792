//! What is asked of services from outside, at the pace of the real prober.

use std::collections::BTreeMap;

use super::looks::{refused, too_late};
use crate::model::facts::{Blind, BlindKind, Seen};
use crate::model::ids::MachineName;
use crate::model::policy::Policy;
use crate::model::probe::{Answer, Finding, Probe, ProbeName};
use crate::model::time::{Mono, Span};
use crate::sim::world::{Door, World};

/// The pause between two questions to the same service.
const PAUSE: Span = Span::secs(10);

/// How long an answer takes, also one that is none: nobody's time passes here.
const TOOK: Span = Span::millis(20);

/// All questions with what was found.
#[derive(Debug)]
pub(super) struct Questions {
    policy: Policy,
    /// How long a machine is tried through which something is asked.
    connect: Span,
    seen: BTreeMap<ProbeName, Seen<Finding>>,
    due: Mono,
}

impl Questions {
    pub(super) fn new(policy: &Policy, connect: Span, now: Mono) -> Self {
        let mut new = Self { policy: policy.clone(), connect, seen: BTreeMap::new(), due: now };
        new.seen = new.asked().into_keys().map(|name| (name, not_yet(now))).collect();
        new
    }

    /// What was found so far.
    pub(super) const fn seen(&self) -> &BTreeMap<ProbeName, Seen<Finding>> {
        &self.seen
    }

    /// When to ask again.
    pub(super) const fn due(&self) -> Mono {
        self.due
    }

    /// The one place that says what is asked.
    fn asked(&self) -> BTreeMap<ProbeName, Probe> {
        self.policy.probes.clone()
    }

    /// Asks all that is due, and says whether any answer is another than before.
    pub(super) fn step(&mut self, world: &World, now: Mono) -> bool {
        if now < self.due {
            return false;
        }
        self.due = now + PAUSE;
        let asked = self.asked();
        let before = self.seen.len();
        self.seen.retain(|name, _| asked.contains_key(name));
        let mut news = self.seen.len() != before;
        for (name, probe) in asked {
            let found = world.asked(&probe.ask, probe.via.as_ref());
            let found = found.ok_or_else(|| no_way(world, probe.via.as_ref(), self.connect));
            news |= file(&mut self.seen, name, found, now);
        }
        news
    }
}

const fn nobody(why: Blind, since: Mono) -> Seen<Finding> {
    Seen::Unknown { why, since }
}

fn not_yet(now: Mono) -> Seen<Finding> {
    nobody(Blind::new(BlindKind::NotYet, "not asked yet"), now)
}

/// Why nobody could ask: the machine between does not answer.
fn no_way(world: &World, via: Option<&MachineName>, connect: Span) -> Blind {
    match via.map_or(Door::Silent, |via| world.ssh_door(via)) {
        Door::Refused => Blind::from(&refused()),
        Door::Open | Door::Silent => Blind::from(&too_late(connect)),
    }
}

/// Files an answer, and says whether it is news: a new age alone is none.
fn file(
    seen: &mut BTreeMap<ProbeName, Seen<Finding>>,
    name: ProbeName,
    found: Result<Answer, Blind>,
    now: Mono,
) -> bool {
    let before = seen.get(&name);
    let (after, same) = match found {
        Ok(answer) => {
            let last = before.and_then(Seen::any_age);
            let same = last.is_some_and(|last| last.answer == answer);
            (Seen::Known { value: Finding { answer, took: TOOK }, at: now }, same)
        }
        Err(why) => match before {
            Some(Seen::Unknown { why: old, since }) => {
                let same = *old == why;
                (nobody(why, *since), same)
            }
            Some(Seen::Known { .. }) | None => (nobody(why, now), false),
        },
    };
    seen.insert(name, after);
    !same
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::ids::GateId;
    use crate::model::probe::Ask;
    use crate::sim::deed::{Deed, Which, Within};
    use crate::sim::faces::config::{self, Reach};
    use crate::sim::site::Site;

    const FOR_A_WHILE: Span = Span::mins(20);

    /// The database, through an agent.
    fn asks_for_the_database(world: &World) -> Questions {
        let mut policy = config::settings(world.site(), &Reach::nowhere()).unwrap().policy;
        let ask = Ask::Tcp { host: "postgres.database.svc".to_owned(), port: 5432 };
        let via = Some(MachineName::new("titan-04"));
        let probe = Probe { gate: GateId::fixed("database"), ask, via };
        policy.probes = BTreeMap::from([(ProbeName::new("database"), probe)]);
        Questions::new(&policy, Span::secs(5), world.now())
    }

    fn word(questions: &Questions) -> String {
        match &questions.seen()[&ProbeName::new("database")] {
            Seen::Known { value, .. } => format!("{:?}", value.answer),
            Seen::Unknown { why, .. } => format!("{:?}", why.kind),
        }
    }

    #[test]
    fn an_answer_is_news_once_and_a_machine_between_that_is_off_makes_blind() {
        let mut world = World::new(&Site::small(), 1);
        let mut questions = asks_for_the_database(&world);
        assert_eq!(word(&questions), "NotYet");
        assert!(questions.step(&world, world.now()));
        assert_eq!(word(&questions), "Accepted");
        world.advance(questions.due());
        assert!(!questions.step(&world, world.now()), "the same again");

        let mute = Within::Mute { workload: "postgres".to_owned(), on: true };
        world.suffer(&Deed::Inside(mute)).unwrap();
        assert!(!questions.step(&world, world.now()), "it is not due");
        world.advance(questions.due());
        assert!(questions.step(&world, world.now()));
        assert!(word(&questions).starts_with("Nothing"), "{}", word(&questions));

        world.suffer(&Deed::PowerOff(Which::All)).unwrap();
        world.advance(questions.due());
        assert!(questions.step(&world, world.now()));
        assert_eq!(word(&questions), "Unreachable");
        let since = questions.due();
        world.advance(since);
        assert!(!questions.step(&world, world.now()), "still nobody could ask");
    }

    #[test]
    fn on_its_way_up_a_service_goes_from_nobody_could_ask_over_nothing_to_an_answer() {
        let mut world = World::new(&Site::small(), 1);
        let mut questions = asks_for_the_database(&world);
        world.suffer(&Deed::PowerOff(Which::All)).unwrap();
        world.pass(Span::secs(30));
        world.suffer(&Deed::PowerOn(Which::All)).unwrap();
        let end = world.now() + FOR_A_WHILE;
        let mut words = Vec::new();
        while world.now() < end {
            world.advance(world.now() + PAUSE);
            questions.step(&world, world.now());
            words.push(word(&questions));
        }
        let first: Vec<_> = words.iter().map(|word| word.split(' ').next().unwrap()).collect();
        let kinds: BTreeSet<_> = first.iter().copied().collect();
        assert!(kinds.contains("Unreachable") && kinds.contains("Nothing"), "{first:?}");
        assert_eq!(first.last(), Some(&"Accepted"));
    }
}
