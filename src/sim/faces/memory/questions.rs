//! What is asked of services from outside, at the pace of the real prober.

use std::collections::BTreeMap;

use super::looks::{refused, too_late};
use crate::model::cluster::ClusterFacts;
use crate::model::facts::{Blind, BlindKind, Seen};
use crate::model::ids::MachineName;
use crate::model::observation::file_look;
use crate::model::policy::Policy;
use crate::model::probe::{AGAIN, EVERY, Finding, Probe, ProbeName};
use crate::model::time::{Mono, Span};
use crate::sim::world::{Door, World};

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
        // What the configuration names needs no cluster to be known.
        let why = || Blind::new(BlindKind::NotYet, "not asked yet");
        let unasked = |name: &ProbeName| (name.clone(), Seen::Unknown { why: why(), since: now });
        let seen = policy.probes.keys().map(unasked).collect();
        Self { policy: policy.clone(), connect, seen, due: now }
    }

    /// What was found so far.
    pub(super) const fn seen(&self) -> &BTreeMap<ProbeName, Seen<Finding>> {
        &self.seen
    }

    /// When to ask again.
    pub(super) const fn due(&self) -> Mono {
        self.due
    }

    /// Asks all that is due, and says whether any answer is another than before.
    pub(super) fn step(
        &mut self,
        world: &World,
        cluster: impl FnOnce() -> ClusterFacts,
        now: Mono,
    ) -> bool {
        if now < self.due {
            return false;
        }
        self.due = now + AGAIN;
        let asked = self.policy.asked(&cluster());
        let before = self.seen.len();
        self.seen.retain(|name, _| asked.contains_key(name));
        let mut news = self.seen.len() != before;
        for (name, probe) in &asked {
            if self.rests(name, probe, now) {
                continue;
            }
            let found = world.asked(&probe.ask, probe.via.as_ref());
            let found = found.map(|answer| Finding { answer, took: TOOK });
            let found = found.ok_or_else(|| no_way(world, probe.via.as_ref(), self.connect));
            news |= file_look(&mut self.seen, name, found, now);
        }
        news
    }

    /// Whether a good answer is young enough.
    fn rests(&self, name: &ProbeName, probe: &Probe, now: Mono) -> bool {
        match self.seen.get(name) {
            Some(Seen::Known { value, at }) => {
                now.since(*at) < EVERY && probe.complaint(&value.answer).is_none()
            }
            Some(Seen::Unknown { .. }) | None => false,
        }
    }
}

/// Why nobody could ask: the machine between does not answer.
fn no_way(world: &World, via: Option<&MachineName>, connect: Span) -> Blind {
    match via.map_or(Door::Silent, |via| world.ssh_door(via)) {
        Door::Refused => Blind::from(&refused()),
        Door::Open | Door::Silent => Blind::from(&too_late(connect)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::ids::GateId;
    use crate::model::probe::Ask;
    use crate::sim::deed::{Deed, Which, Within};
    use crate::sim::faces::config::{self, Reach};
    use crate::sim::faces::memory::link::Link;
    use crate::sim::site::Site;

    const FOR_A_WHILE: Span = Span::mins(20);

    /// The database, through an agent.
    fn asks_for_the_database(world: &World) -> Questions {
        let mut policy = config::settings(world.site(), &Reach::nowhere()).unwrap().policy;
        let ask = Ask::Tcp { host: "postgres.database.svc".to_owned(), port: 5432 };
        let via = Some(MachineName::new("titan-04"));
        let probe = Probe { gate: GateId::fixed("database"), ask, via };
        policy.ingress.check = false;
        policy.probes = BTreeMap::from([(ProbeName::new("database"), probe)]);
        Questions::new(&policy, Span::secs(5), world.now())
    }

    /// Asks what is due; nothing is known of the cluster.
    fn ask(questions: &mut Questions, world: &World) -> bool {
        let link = Link::new(world, world.now());
        questions.step(world, || link.cluster(), world.now())
    }

    /// The time at which even a good answer is asked for anew.
    fn later(world: &mut World) {
        world.advance(world.now() + EVERY);
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
        assert!(ask(&mut questions, &world));
        assert_eq!(word(&questions), "Accepted");
        later(&mut world);
        assert!(!ask(&mut questions, &world), "the same again");

        let mute = Within::Mute { workload: "postgres".to_owned(), on: true };
        world.suffer(&Deed::Inside(mute)).unwrap();
        world.advance(questions.due());
        assert!(!ask(&mut questions, &world), "a good answer is believed for a while");
        later(&mut world);
        assert!(ask(&mut questions, &world));
        assert!(word(&questions).starts_with("Nothing"), "{}", word(&questions));

        world.suffer(&Deed::PowerOff(Which::All)).unwrap();
        world.advance(questions.due());
        assert!(ask(&mut questions, &world));
        assert_eq!(word(&questions), "Unreachable");
        world.advance(questions.due());
        assert!(!ask(&mut questions, &world), "still nobody could ask");
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
            world.advance(world.now() + AGAIN);
            ask(&mut questions, &world);
            words.push(word(&questions));
        }
        let first: Vec<_> = words.iter().map(|word| word.split(' ').next().unwrap()).collect();
        let kinds: BTreeSet<_> = first.iter().copied().collect();
        assert!(kinds.contains("Unreachable") && kinds.contains("Nothing"), "{first:?}");
        assert_eq!(first.last(), Some(&"Accepted"));
    }
}
