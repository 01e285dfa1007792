//! `ups.status`: a set of words, of which any may be unknown to us.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The most words that are kept. Real ones have up to six; a driver gone mad has no end.
const MOST_TOKENS: usize = 24;

/// The longest unknown word that is kept, in characters.
const LONGEST_TOKEN: usize = 24;

/// One word of `ups.status` (NUT developer guide, "Status data").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum StatusToken {
    /// `OL`: the input has mains.
    Online,
    /// `OB`: the input has none.
    OnBattery,
    /// `LB`: the battery is low, by the UPS's or the driver's threshold.
    LowBattery,
    /// `FSD`: somebody ordered a forced shutdown. upsd keeps it until it is restarted.
    ForcedShutdown,
    /// `CAL`: the battery is discharged on purpose.
    Calibrating,
    /// `RB`: the battery should be replaced.
    ReplaceBattery,
    /// `OVER`: overload.
    Overload,
    /// `BYPASS`: the load is on raw mains.
    Bypass,
    /// `OFF`: the output is off.
    Off,
    /// `DISCHRG`: the battery is discharging, whatever the input.
    Discharging,
    /// `ALARM`: the vendor's alarm; `ups.alarm` has its words.
    Alarm,
    /// `WAIT`: upsd has not heard from the driver yet.
    Wait,
    /// Any other: `CHRG`, `TRIM`, `BOOST`, `HB`, `ECO`, what a vendor made up.
    Other(String),
}

/// The words that mean something here.
const KNOWN: [(&str, StatusToken); 12] = [
    ("OL", StatusToken::Online),
    ("OB", StatusToken::OnBattery),
    ("LB", StatusToken::LowBattery),
    ("FSD", StatusToken::ForcedShutdown),
    ("CAL", StatusToken::Calibrating),
    ("RB", StatusToken::ReplaceBattery),
    ("OVER", StatusToken::Overload),
    ("BYPASS", StatusToken::Bypass),
    ("OFF", StatusToken::Off),
    ("DISCHRG", StatusToken::Discharging),
    ("ALARM", StatusToken::Alarm),
    ("WAIT", StatusToken::Wait),
];

impl From<String> for StatusToken {
    fn from(text: String) -> Self {
        let upper = text.to_ascii_uppercase();
        match KNOWN.iter().find(|(word, _)| *word == upper) {
            Some((_, token)) => token.clone(),
            None => Self::Other(upper.chars().take(LONGEST_TOKEN).collect()),
        }
    }
}

impl From<StatusToken> for String {
    fn from(token: StatusToken) -> Self {
        token.to_string()
    }
}

impl fmt::Display for StatusToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Other(word) = self {
            return f.pad(word);
        }
        let word = KNOWN.iter().find(|(_, token)| token == self).map_or("", |(word, _)| word);
        f.pad(word)
    }
}

/// The words of `ups.status` as a set. Empty: the UPS says nothing, which is not "on line".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct UpsStatus(BTreeSet<StatusToken>);

impl UpsStatus {
    /// Reads the words: whole ones, in any order and case. `DISCHRG` is not `CHRG`.
    pub fn parse(text: &str) -> Self {
        let words = text.split_whitespace().take(MOST_TOKENS);
        Self(words.map(|word| StatusToken::from(word.to_owned())).collect())
    }

    /// Whether the word is there.
    pub fn has(&self, token: &StatusToken) -> bool {
        self.0.contains(token)
    }
}

impl fmt::Display for UpsStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.pad(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole_in_any_order_and_case() {
        let table = [
            ("OL", "OL"),
            ("ob dischrg", "OB DISCHRG"),
            ("FSD ", "FSD"),
            ("", ""),
            ("  ALARM\tOL  CHRG ", "OL ALARM CHRG"),
            ("NOTOL XOB", "NOTOL XOB"),
            ("OL OL", "OL"),
        ];
        for (text, words) in table {
            assert_eq!(UpsStatus::parse(text).to_string(), words, "{text:?}");
        }
        let discharging = UpsStatus::parse("OL DISCHRG");
        assert!(!discharging.has(&StatusToken::Other("CHRG".to_owned())));
        assert!(!UpsStatus::parse("HALB").has(&StatusToken::LowBattery));
    }

    #[test]
    fn a_mad_driver_is_bounded() {
        let text = (0..10_000).map(|n| format!("{n}{} ", "x".repeat(500))).collect::<String>();
        let status = UpsStatus::parse(&text);
        assert!(status.to_string().len() < 1_000);
    }

    #[test]
    fn a_recorded_status_is_read_back() {
        let status = UpsStatus::parse("FSD OB LB BOOST");
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(json, r#"["OB","LB","FSD","BOOST"]"#);
        assert_eq!(serde_json::from_str::<UpsStatus>(&json).unwrap(), status);
    }
}
