//! What the endpoints' `/readyz` say, and what follows from it for the link. Pure.

use std::collections::BTreeMap;

use crate::model::facts::{Blind, BlindKind, Seen};
use crate::model::time::Mono;

use super::wire::{Answer, NoAnswer, short};

/// One failed probe may be a hiccup. The second one ends the link.
const STRIKES: u32 = 2;

/// What one endpoint's `/readyz` said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// 200.
    Ready,
    /// It answers, but is not ready.
    NotReady(Blind),
    /// It answers and refuses our credentials; 401 when `renew`, where new ones may help.
    Refused {
        /// In its words.
        why: Blind,
        /// Whether new credentials may help.
        renew: bool,
    },
    /// Nothing that counts as an answer.
    Silent(Blind),
}

impl Probe {
    pub(super) fn of(answer: Result<Answer, NoAnswer>) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(none) => return Self::Silent(none.blind()),
        };
        match answer.code.as_u16() {
            200 => Self::Ready,
            code @ (401 | 403) => {
                let why = format!("it answers but refuses our credentials ({})", answer.words());
                Self::Refused { why: Blind::new(BlindKind::Denied, why), renew: code == 401 }
            }
            429 | 500..=599 => {
                let why = format!("it is not ready ({})", answer.words());
                Self::NotReady(Blind::new(BlindKind::NotYet, why))
            }
            _ => {
                let why = format!("it is no Kubernetes API ({})", answer.words());
                Self::Silent(Blind::new(BlindKind::Garbled, why))
            }
        }
    }

    fn why(&self) -> Option<&Blind> {
        match self {
            Self::Ready => None,
            Self::NotReady(why) | Self::Refused { why, .. } | Self::Silent(why) => Some(why),
        }
    }

    pub fn seen(&self, at: Mono) -> Seen<bool> {
        match self {
            Self::Ready => Seen::Known { value: true, at },
            Self::NotReady(_) => Seen::Known { value: false, at },
            Self::Refused { why, .. } | Self::Silent(why) => {
                Seen::Unknown { why: why.clone(), since: at }
            }
        }
    }
}

/// What all of them said, by endpoint.
pub type Probes = BTreeMap<String, Probe>;

/// What to do after a round of probes.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The endpoint in use is good.
    Stay,
    /// It failed, but not often enough.
    Doubt,
    /// Use this endpoint from now on.
    Use(String),
    /// There is none.
    Fall(Blind),
}

/// Chooses: the endpoint in use as long as it is good, else the first good one in the order of the
/// settings.
pub fn step(current: Option<&str>, strikes: u32, order: &[String], probes: &Probes) -> Step {
    let ready = |name: &str| probes.get(name) == Some(&Probe::Ready);
    match current {
        Some(name) if ready(name) => Step::Stay,
        Some(_) if strikes < STRIKES => Step::Doubt,
        Some(_) | None => match order.iter().find(|name| ready(name)) {
            Some(name) => Step::Use(name.clone()),
            None => Step::Fall(verdict(probes)),
        },
    }
}

/// One reason for all endpoints: the kind is the one that a person can do most about, the words
/// are everybody's.
pub fn verdict(probes: &Probes) -> Blind {
    const ORDER: [BlindKind; 6] = [
        BlindKind::Denied,
        BlindKind::Identity,
        BlindKind::NotYet,
        BlindKind::Garbled,
        BlindKind::TimedOut,
        BlindKind::Unreachable,
    ];
    let reasons: Vec<_> =
        probes.iter().filter_map(|(name, probe)| Some((name, probe.why()?))).collect();
    let kinds = || reasons.iter().map(|(_, why)| why.kind);
    let kind = ORDER.into_iter().find(|kind| kinds().any(|k| k == *kind));
    let words: Vec<_> = reasons.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    Blind::new(kind.unwrap_or(BlindKind::Unreachable), short(&words.join("; "), 600))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes(list: &[(&str, Probe)]) -> Probes {
        list.iter().map(|(name, probe)| ((*name).to_owned(), probe.clone())).collect()
    }

    #[test]
    fn the_endpoint_in_use_is_kept_until_its_second_strike() {
        let dead = || Probe::Silent(Blind::new(BlindKind::TimedOut, "no answer"));
        let order = ["b".to_owned(), "a".to_owned()];
        let both = probes(&[("a", Probe::Ready), ("b", Probe::Ready)]);
        let only_a = probes(&[("a", Probe::Ready), ("b", dead())]);
        let none = probes(&[("a", dead()), ("b", dead())]);
        let table = [
            (None, 0, &both, Step::Use("b".into())),
            (None, 0, &only_a, Step::Use("a".into())),
            (Some("a"), 0, &both, Step::Stay),
            (Some("b"), 1, &only_a, Step::Doubt),
            (Some("b"), 2, &only_a, Step::Use("a".into())),
            (Some("b"), 1, &none, Step::Doubt),
        ];
        for (current, strikes, probes, expected) in table {
            assert_eq!(step(current, strikes, &order, probes), expected, "{current:?} {strikes}");
        }
        assert!(matches!(step(Some("b"), 2, &order, &none), Step::Fall(_)));
    }

    #[test]
    fn of_several_reasons_the_most_useful_kind_is_named_with_all_words() {
        let blind = |kind, text: &str| Blind::new(kind, text);
        let why = verdict(&probes(&[
            ("a", Probe::Silent(blind(BlindKind::Unreachable, "connection refused"))),
            ("b", Probe::Refused { why: blind(BlindKind::Denied, "no"), renew: true }),
            ("c", Probe::NotReady(blind(BlindKind::NotYet, "etcd"))),
        ]));
        assert_eq!(why.kind, BlindKind::Denied);
        assert_eq!(why.detail, "a: connection refused; b: no; c: etcd");
    }
}
