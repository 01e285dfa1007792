//! Fits the words of a line into the forms of a table, or says where the best of them broke.

use crate::config::nearest;

use super::forms::Form;
use super::slots::{Slot, Value, Values};

/// A word, or a comma or colon at the end of one, with its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) start: usize,
}

impl Word<'_> {
    pub(super) const fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The words of a line. `start` is the place of the line in the file.
pub(super) fn words(line: &str, start: usize) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    for text in line.split_whitespace() {
        // `text` is a part of `line`, so its distance from the beginning is its place.
        let at = start + (text.as_ptr() as usize - line.as_ptr() as usize);
        let bare = text.strip_suffix([',', ':']).filter(|bare| !bare.is_empty());
        let bare = bare.unwrap_or(text);
        words.push(Word { text: bare, start: at });
        if bare.len() < text.len() {
            words.push(Word { text: &text[bare.len()..], start: at + bare.len() });
        }
    }
    words
}

/// What is wrong with a line: at which bytes, why, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miss {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// The sentence is known, and a value in it is wrong.
    pub(super) value: bool,
}

/// Where one form broke.
#[derive(Debug, Clone, Copy)]
struct Broke {
    /// How many of its own words were there.
    literals: usize,
    /// Which word did not fit; the number of words if there were too few.
    at: usize,
    /// What its pattern has there. Empty: the end.
    wanted: &'static str,
}

/// What a miss at the first word is called, and which words could have stood there besides those
/// of the tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    pub(super) says: &'static str,
    pub(super) also: &'static [&'static str],
}

/// The first form that the words fit into, made into what it stands for. `text` is the file.
pub(super) fn fit<T>(
    tables: &[&'static [Form<T>]],
    words: &[Word<'_>],
    text: &str,
    beginning: Beginning,
) -> Result<T, Miss> {
    let mut broke = Vec::new();
    let mut wrong = None;
    for form in tables.iter().copied().flatten() {
        let parts: Vec<&'static str> = form.pattern.split(' ').collect();
        let mut holes = Vec::new();
        if !fits(&parts, words, 0, 0, &mut holes, &mut broke) {
            continue;
        }
        match read(&holes, words, text) {
            Ok(values) => match (form.build)(&mut Values(values.into_iter())) {
                Some(built) => return Ok(built),
                None => wrong = wrong.or_else(|| Some(unbuilt(words))),
            },
            Err(miss) => wrong = wrong.or(Some(miss)),
        }
    }
    Err(wrong.unwrap_or_else(|| nearest_miss(broke, words, beginning)))
}

/// A hole with the words in it: from, to.
type Hole = (Slot, usize, usize);

fn fits(
    parts: &[&'static str],
    words: &[Word<'_>],
    at: usize,
    literals: usize,
    holes: &mut Vec<Hole>,
    broke: &mut Vec<Broke>,
) -> bool {
    let Some((part, rest)) = parts.split_first() else {
        if at < words.len() {
            broke.push(Broke { literals, at, wanted: "" });
        }
        return at == words.len();
    };
    let Some(slot) = Slot::named(part) else {
        if words.get(at).is_some_and(|word| part.split('|').any(|it| it == word.text)) {
            return fits(rest, words, at + 1, literals + 1, holes, broke);
        }
        broke.push(Broke { literals, at, wanted: part });
        return false;
    };
    let is_long = matches!(slot, Slot::Text | Slot::Machines);
    let longest = if is_long { words.len() } else { at + 1 };
    let shortest = if slot == Slot::Text { words.len().max(at + 1) } else { at + 1 };
    if at >= words.len() {
        broke.push(Broke { literals, at, wanted: part });
        return false;
    }
    let len = holes.len();
    for end in shortest..=longest.min(words.len()) {
        let inside: Vec<&str> = words[at..end].iter().map(|word| word.text).collect();
        // Only one word may be wrong: otherwise everything would fit into a hole for many.
        if end > at + 1 && slot == Slot::Machines && slot.read(&inside).is_err() {
            continue;
        }
        holes.push((slot, at, end));
        if fits(rest, words, end, literals, holes, broke) {
            return true;
        }
        holes.truncate(len);
    }
    false
}

fn read(holes: &[Hole], words: &[Word<'_>], text: &str) -> Result<Vec<Value>, Miss> {
    let mut values = Vec::new();
    for (slot, from, to) in holes {
        let inside = &words[*from..*to];
        let (start, end) = (inside[0].start, inside[inside.len() - 1].end());
        let texts: Vec<&str> = if *slot == Slot::Text {
            vec![&text[start..end]]
        } else {
            inside.iter().map(|word| word.text).collect()
        };
        values.push(slot.read(&texts).map_err(|(message, help)| Miss {
            start,
            end,
            message,
            help: Some(help),
            value: true,
        })?);
    }
    Ok(values)
}

fn unbuilt(words: &[Word<'_>]) -> Miss {
    let (start, end) = (words[0].start, words[words.len() - 1].end());
    let message = "a number in this sentence makes no sense".to_owned();
    Miss { start, end, message, help: None, value: true }
}

/// The break that tells most: after as many fitting words as possible, at a word that is nearly
/// right if there is one.
fn nearest_miss(mut broke: Vec<Broke>, words: &[Word<'_>], beginning: Beginning) -> Miss {
    broke.extend(beginning.also.iter().map(|wanted| Broke { literals: 0, at: 0, wanted }));
    let most = broke.iter().map(|broke| broke.literals).max().unwrap_or(0);
    let best: Vec<&Broke> = broke.iter().filter(|broke| broke.literals == most).collect();
    let choices = |at: usize| {
        let here = best.iter().filter(move |broke| broke.at == at && !broke.wanted.is_empty());
        let mut all: Vec<&'static str> = here.flat_map(|broke| broke.wanted.split('|')).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let near = best.iter().find_map(|broke| {
        let word = words.get(broke.at)?;
        nearest(word.text, choices(broke.at)).map(|hint| (broke.at, hint))
    });
    // At the beginning any word could be a person's name: then the first one is what is wrong.
    let furthest = best.iter().map(|broke| broke.at).max().unwrap_or(0);
    let at = near.map_or(if most == 0 { 0 } else { furthest }, |(at, _)| at);
    let help = match near {
        Some((_, hint)) => Some(format!("did you mean `{hint}`?")),
        None => listed(&choices(at)),
    };
    let (start, end, message) = match (words.get(at), at) {
        (Some(word), 0) => {
            let message = format!("{} {}", beginning.says, crate::config::quoted(word.text));
            (word.start, word.end(), message)
        }
        (Some(word), _) => {
            let message = format!("{} does not fit here", crate::config::quoted(word.text));
            (word.start, word.end(), message)
        }
        (None, _) => {
            let end = words.last().map_or(0, Word::end);
            (end, end, "the sentence is not at its end".to_owned())
        }
    };
    Miss { start, end, message, help, value: false }
}

fn listed(choices: &[&str]) -> Option<String> {
    match choices {
        [] => None,
        [one] => Some(format!("expected {}", ticked(one))),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(|choice| ticked(choice)).collect();
            Some(format!("expected {} or {}", most.join(", "), ticked(last)))
        }
    }
}

fn ticked(choice: &str) -> String {
    if choice.starts_with('<') { choice.to_owned() } else { format!("`{choice}`") }
}
