//! The way between the ananke hosts that look after one world in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::facts::{Blind, BlindKind, Seen};
use crate::model::ids::MachineName;
use crate::model::observation::{file_look, not_looked_at};
use crate::model::peers::{PeerFacts, TALK, WORD_COUNTS, age};
use crate::model::record::TickRecord;
use crate::model::time::{Mono, Span};
use crate::report::peer_facts;

/// What the hosts say to each other. Cheap to clone; all clones are the same way.
#[derive(Debug, Clone, Default)]
pub struct Company(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    said: BTreeMap<MachineName, (PeerFacts, Mono)>,
    cut: bool,
}

impl Company {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing gets through, or does again.
    pub fn cut(&self, cut: bool) {
        self.lock().cut = cut;
    }

    /// What a host says of itself from now on.
    pub(super) fn say(&self, record: &TickRecord) {
        let facts = peer_facts(record, Span::ZERO);
        let name = MachineName::new(facts.host.clone());
        self.lock().said.insert(name, (facts, record.input.now.mono));
    }

    /// Nobody answers for a host whose process has ended.
    pub(super) fn leave(&self, host: &str) {
        self.lock().said.remove(&MachineName::new(host));
    }

    fn ask(&self, name: &MachineName, now: Mono) -> Result<PeerFacts, Blind> {
        let state = self.lock();
        if state.cut {
            return Err(Blind::new(BlindKind::Unreachable, "connect: no route to host"));
        }
        let (facts, at) = state.said.get(name).ok_or_else(|| {
            Blind::new(BlindKind::Refused, "no ananke answers there: no daemon runs on this host")
        })?;
        Ok(PeerFacts { age: now.since(*at), ..facts.clone() })
    }
}

/// What one host hears of the others.
#[derive(Debug)]
pub(super) struct Ears {
    company: Company,
    heard: BTreeMap<MachineName, Seen<PeerFacts>>,
    due: Mono,
}

impl Ears {
    pub(super) fn open(company: Company, others: &[MachineName], now: Mono) -> Self {
        Self { company, heard: not_looked_at(others.iter(), now), due: now }
    }

    pub(super) const fn heard(&self) -> &BTreeMap<MachineName, Seen<PeerFacts>> {
        &self.heard
    }

    /// When the hosts talk next. None: there is no other one.
    pub(super) fn due(&self) -> Option<Mono> {
        (!self.heard.is_empty()).then_some(self.due)
    }

    /// Talks if it is time, and says whether that brought news. A word that counts is not forgotten
    /// for one exchange that fails, as in `app/peers`.
    pub(super) fn step(&mut self, now: Mono) -> bool {
        if now < self.due {
            return false;
        }
        self.due = now + TALK;
        let names: Vec<_> = self.heard.keys().cloned().collect();
        let mut news = false;
        for name in names {
            let word = self.company.ask(&name, now);
            let before = self.heard.get(&name);
            let counts = before.is_some_and(|seen| {
                matches!(seen, Seen::Known { .. }) && age(seen, now) <= WORD_COUNTS
            });
            if word.is_ok() || !counts {
                news |= file_look(&mut self.heard, &name, word, now);
            }
        }
        news
    }
}
