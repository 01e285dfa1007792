//! The holes in a sentence, and what may stand in them.

use crate::config::nearest;
use crate::model::facts::Unit;
use crate::model::ids::MachineName;
use crate::model::tick::Verb;
use crate::model::time::Span;
use crate::sim::deed::Which;

use super::ast::BOUNDARIES;

/// Longer than any recovery, and short enough to be a mistake beyond.
const LONGEST: Span = Span::mins(24 * 60);

/// The most of anything that is counted.
const MOST: u32 = 1_000;

/// The names of the reasons to hold (`model::plan::Hold::name`).
pub(super) const HOLDS: [&str; 35] = [
    "paused",
    "intent-down",
    "power",
    "no-episode",
    "disk-broken",
    "gate-closed",
    "blind",
    "not-reachable",
    "unguarded",
    "other-guard",
    "sudo-refused",
    "no-key",
    "unit-forbidden",
    "person-hold",
    "foreign-cordon",
    "in-flight",
    "verifying",
    "back-off",
    "intent-up",
    "mains-back",
    "leader-last",
    "too-few-servers",
    "wave",
    "cordon-limit",
    "last-schedulable",
    "storm",
    "not-managed",
    "follows",
    "awaits-coordinator",
    "not-coordinator",
    "relearns",
    "disputed",
    "overtaken",
    "handed-over",
    "unclaimed",
];

/// The commands that run ananke's loop.
const VERBS: [Verb; 3] = [Verb::Startup, Verb::Converge, Verb::Daemon];

/// What may stand in a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Machines,
    Machine,
    Unit,
    Time,
    Count,
    Percent,
    Word,
    Verb,
    Boundary,
    Hold,
    /// The rest of the line, as it stands.
    Text,
}

/// Every kind of hole: its name in a pattern, and what may stand there, for people.
pub(super) const SLOTS: [(&str, Slot, &str); 11] = [
    (
        "<machines>",
        Slot::Machines,
        "`all`, `servers`, `agents`, `what statera feeds`, or machines with commas between",
    ),
    (
        "<machine>",
        Slot::Machine,
        "its name on the map (`titan-07`), or its place: `server-1`, `agent-2`, `jump-1`",
    ),
    ("<unit>", Slot::Unit, "`k3s` or `k3s-agent`"),
    ("<time>", Slot::Time, "`300ms`, `90s`, `8m`, `1h`"),
    ("<count>", Slot::Count, "a whole number from 0 to 1000"),
    ("<percent>", Slot::Percent, "`0%` to `100%`"),
    ("<word>", Slot::Word, "a name without spaces"),
    ("<command>", Slot::Verb, "`startup`, `converge` or `daemon`"),
    ("<boundary>", Slot::Boundary, "`decided`, `written`, `acted` or `learned`"),
    ("<hold>", Slot::Hold, "the name of a reason to hold (`ananke explain hold`)"),
    ("<text>", Slot::Text, "the rest of the line"),
];

/// What stood in a hole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Machines(Which),
    Machine(MachineName),
    Unit(Unit),
    Time(Span),
    Number(u32),
    Word(String),
    Verb(Verb),
}

/// What is wrong with a word, and what to write instead.
pub(super) type Wrong = (String, String);

impl Slot {
    pub(super) fn named(name: &str) -> Option<Self> {
        SLOTS.iter().find(|(word, ..)| *word == name).map(|(_, slot, _)| *slot)
    }

    fn help(self) -> String {
        let found = SLOTS.iter().find(|(_, slot, _)| *slot == self);
        found.map_or_else(String::new, |(_, _, help)| (*help).to_owned())
    }

    /// Reads the words in a hole.
    pub(super) fn read(self, words: &[&str]) -> Result<Value, Wrong> {
        let joined = words.join(" ");
        let wrong = |what: &str| Err((format!("{} is {what}", shown(&joined)), self.help()));
        let listed = |names: &[&str], what: &str| {
            let hint = nearest(&joined, names.iter().copied());
            let help = hint.map_or_else(|| self.help(), |hint| format!("did you mean `{hint}`?"));
            Err((format!("{} is no {what}", shown(&joined)), help))
        };
        match self {
            Self::Machines => match machines(words) {
                Some(which) => Ok(Value::Machines(which)),
                None => wrong("no machine"),
            },
            Self::Machine if is_name(&joined) => Ok(Value::Machine(MachineName::new(joined))),
            Self::Machine => wrong("no machine"),
            Self::Word if is_word(&joined) => Ok(Value::Word(joined)),
            Self::Word => wrong("no name"),
            Self::Text => Ok(Value::Word(joined)),
            Self::Time => match time(&joined) {
                Some(time) => Ok(Value::Time(time)),
                None => wrong("no time"),
            },
            Self::Count => match joined.parse() {
                Ok(number) if number <= MOST => Ok(Value::Number(number)),
                Ok(_) | Err(_) => wrong("no such number"),
            },
            Self::Percent => match joined.strip_suffix('%').and_then(|it| it.parse().ok()) {
                Some(number @ 0..=100) => Ok(Value::Number(number)),
                Some(_) | None => wrong("no percentage"),
            },
            Self::Unit => match Unit::ALL.into_iter().find(|unit| unit.as_str() == joined) {
                Some(unit) => Ok(Value::Unit(unit)),
                None => listed(&Unit::ALL.map(Unit::as_str), "unit"),
            },
            Self::Verb => match VERBS.into_iter().find(|verb| verb.word() == joined) {
                Some(verb) => Ok(Value::Verb(verb)),
                None => listed(&VERBS.map(Verb::word), "command that runs the loop"),
            },
            Self::Boundary if BOUNDARIES.contains(&joined.as_str()) => Ok(Value::Word(joined)),
            Self::Boundary => listed(&BOUNDARIES, "boundary of the loop"),
            Self::Hold if HOLDS.contains(&joined.as_str()) => Ok(Value::Word(joined)),
            Self::Hold => listed(&HOLDS, "reason to hold"),
        }
    }
}

fn shown(text: &str) -> String {
    crate::config::quoted(text)
}

/// A name as Kubernetes and the inventory take it: RFC 1123.
pub(super) fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    text.len() <= 63
        && text.chars().all(inner)
        && edge(text.chars().next())
        && edge(text.chars().last())
}

fn is_word(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    !text.is_empty() && text.len() <= 63 && text.chars().all(allowed)
}

/// `all`, `servers`, `agents`, `what statera feeds`, or names.
fn machines(words: &[&str]) -> Option<Which> {
    match words {
        ["all"] => return Some(Which::All),
        ["servers"] => return Some(Which::Servers),
        ["agents"] => return Some(Which::Agents),
        ["what", ups, "feeds"] => {
            return is_word(ups).then(|| Which::FedBy((*ups).to_owned()));
        }
        _ => {}
    }
    let between = |word: &&str| matches!(*word, "," | "and");
    let mut names = Vec::new();
    for (at, word) in words.iter().enumerate() {
        match (at % 2, between(word)) {
            (0, false) if is_name(word) && !RESERVED.contains(word) => {
                names.push(MachineName::new(*word));
            }
            (1, true) => {}
            _ => return None,
        }
    }
    (words.len() % 2 == 1).then_some(Which::Named(names))
}

/// Words that are no machine's name, so that a slip is not taken for one.
const RESERVED: [&str; 6] = ["all", "servers", "agents", "what", "feeds", "and"];

fn time(text: &str) -> Option<Span> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok().filter(|number| *number <= LONGEST.as_millis())?;
    let span = match unit {
        "ms" => Span::millis(number),
        "s" => Span::secs(number),
        "m" => Span::mins(number),
        "h" => Span::mins(60).times(number),
        _ => return None,
    };
    (span <= LONGEST).then_some(span)
}

/// The values of one sentence, in order.
#[derive(Debug)]
pub(super) struct Values(pub(super) std::vec::IntoIter<Value>);

impl Values {
    pub(super) fn machines(&mut self) -> Option<Which> {
        if let Value::Machines(it) = self.0.next()? { Some(it) } else { None }
    }

    pub(super) fn machine(&mut self) -> Option<MachineName> {
        if let Value::Machine(it) = self.0.next()? { Some(it) } else { None }
    }

    pub(super) fn unit(&mut self) -> Option<Unit> {
        if let Value::Unit(it) = self.0.next()? { Some(it) } else { None }
    }

    pub(super) fn time(&mut self) -> Option<Span> {
        if let Value::Time(it) = self.0.next()? { Some(it) } else { None }
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        if let Value::Number(it) = self.0.next()? { Some(it) } else { None }
    }

    pub(super) fn word(&mut self) -> Option<String> {
        if let Value::Word(it) = self.0.next()? { Some(it) } else { None }
    }

    pub(super) fn verb(&mut self) -> Option<Verb> {
        if let Value::Verb(it) = self.0.next()? { Some(it) } else { None }
    }
}
