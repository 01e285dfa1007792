//! The answer of a look: lines of `key=value`, whole or not at all.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::{Reply, words};
use crate::model::facts::{Blind, BlindKind};
use crate::model::time::Span;

/// The longest answer that is read, in bytes. A look is below 2 kB, a kubeconfig below 10.
pub(super) const LONGEST: usize = 64 * 1_024;

/// The lines of a look, after the line with which it begins: a login shell may greet first.
pub(super) struct Lines<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Lines<'a> {
    /// Reads an answer that begins with a line of this key.
    pub(super) fn read(reply: &'a Reply, first: &str) -> Result<Self, Blind> {
        let broken = |kind, what: &str| {
            let said = if reply.stderr.is_empty() { &reply.stdout } else { &reply.stderr };
            Blind::new(kind, format!("{what}: {:?}", words(said)))
        };
        if reply.stdout.len() > LONGEST {
            return Err(garbled("the answer is longer than any look"));
        }
        let text = std::str::from_utf8(&reply.stdout).map_err(|_| garbled("it is not text"))?;
        let mut lines = text.lines().skip_while(|line| !line.starts_with(first));
        if lines.next().is_none() {
            let kind = reply.status.map_or(BlindKind::TimedOut, |_| BlindKind::Garbled);
            return Err(broken(kind, "the machine did not answer the look"));
        }
        let mut map = BTreeMap::new();
        for (key, value) in lines.filter_map(|line| line.split_once('=')) {
            if map.insert(key, value.trim()).is_some() {
                return Err(garbled(&format!("{} comes twice", words(key.as_bytes()))));
            }
        }
        if map.get("end") != Some(&"1") {
            return Err(Blind::new(BlindKind::TimedOut, "the answer broke off"));
        }
        Ok(Self(map))
    }

    pub(super) fn optional(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).copied()
    }

    /// Every line whose key has this in front, with the rest of the key.
    pub(super) fn under(&self, front: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.0.iter();
        all.filter_map(move |(key, value)| Some((key.strip_prefix(front)?, *value)))
    }

    pub(super) fn get(&self, key: &str) -> Result<&'a str, Blind> {
        self.optional(key).ok_or_else(|| garbled(&format!("no {key} in it")))
    }

    pub(super) fn parsed<T: FromStr>(&self, key: &str) -> Result<T, Blind> {
        self.get(key)?.parse().map_err(|_| senseless(key))
    }

    /// Hexadecimal, with or without dashes.
    pub(super) fn id(&self, key: &str, length: usize) -> Result<&'a str, Blind> {
        let id = self.get(key)?;
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-';
        if id.len() == length && id.bytes().all(hex) { Ok(id) } else { Err(senseless(key)) }
    }

    /// Seconds with two decimals, as in `/proc/uptime`.
    pub(super) fn seconds(&self, key: &str) -> Result<Span, Blind> {
        let (whole, part) = self.get(key)?.split_once('.').ok_or_else(|| senseless(key))?;
        let hundredths = (part.len() == 2).then(|| part.parse::<u64>().ok()).flatten();
        match (whole.parse::<u64>(), hundredths) {
            (Ok(seconds), Some(h)) => Ok(Span::millis(seconds.saturating_mul(1_000) + h * 10)),
            _ => Err(senseless(key)),
        }
    }
}

fn garbled(why: &str) -> Blind {
    Blind::new(BlindKind::Garbled, format!("the look makes no sense: {why}"))
}

pub(super) fn senseless(key: &str) -> Blind {
    garbled(&format!("{key} is not one"))
}
