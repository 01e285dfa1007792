//! What the bench's UPSes say, in one short line each.

use ananke::model::facts::{Blind, BlindKind, Seen};
use ananke::model::power::{Reading, UpsFacts, UpsSource, UpsStatus};
use ananke::model::time::Mono;

/// What a watcher of upsd makes of a line.
pub(crate) fn ups(line: &str, at: Mono) -> Seen<UpsFacts> {
    if let Some(why) = line.strip_prefix("- ") {
        let kind = if why == "stale" { BlindKind::Stale } else { BlindKind::Unreachable };
        return Seen::Unknown { why: Blind::new(kind, why), since: at };
    }
    let number = |prefix: char| {
        line.split(' ').find_map(|word| word.strip_prefix(prefix)?.parse::<u16>().ok())
    };
    let words: Vec<_> =
        line.split(' ').filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase())).collect();
    let charge = number('c').and_then(|charge| u8::try_from(charge).ok());
    let value = UpsFacts {
        status: UpsStatus::parse(&words.join(" ")),
        charge: charge.map_or(Reading::Absent, Reading::Said),
        runtime: number('r').map_or(Reading::Absent, |secs| Reading::Said(i64::from(secs))),
        charge_low: Reading::Absent,
        runtime_low: Reading::Absent,
        load: Reading::Absent,
        input_volts: Reading::Absent,
        alarm: None,
        serial: None,
        source: UpsSource { server: "upsd".to_owned(), driver: None, encrypted: false },
    };
    Seen::Known { value, at }
}
