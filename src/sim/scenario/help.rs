//! The language explained, from the tables that the parser reads.

use std::fmt::Write as _;

use serde::Serialize;

use super::forms::{DEEDS, FRAMES, Form, HEADERS, INSIDE, LIVES, STATES};
use super::slots::SLOTS;

/// The width of the terminal that the text is wrapped for.
const WIDTH: usize = 80;

/// The title of what may stand in a sentence.
const HOLES: &str = "Holes";

/// Every sentence, with what it means. Markdown that reads as plain text.
pub fn help() -> String {
    let mut out = String::from(
        "A scenario is a header and then one sentence a line, in order. A line from `#` on is a \
         comment; `a|b` takes either word. Steps follow each other at once: what has to wait says \
         so.\n",
    );
    for (title, rows) in groups() {
        let _ = writeln!(out, "\n## {title}\n");
        for (pattern, means, _) in rows {
            let _ = writeln!(out, "- `{pattern}`\n{}", indented(means));
        }
    }
    let _ = writeln!(out, "\n## {HOLES}\n");
    for (name, _, what) in SLOTS {
        let _ = writeln!(out, "- `{name}`\n{}", indented(what));
    }
    wrapped_first(&out)
}

/// A sentence, or a hole that other sentences have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sentence {
    /// What it is about.
    pub group: &'static str,
    /// Its form.
    pub pattern: &'static str,
    /// What it means, or what may stand in the hole.
    pub means: &'static str,
}

/// The same as [`help`], for programs.
pub fn sentences() -> Vec<Sentence> {
    let rows = groups().into_iter().flat_map(|(group, rows)| {
        rows.into_iter().map(move |(pattern, means, _)| Sentence { group, pattern, means })
    });
    let holes = SLOTS.into_iter();
    let holes = holes.map(|(pattern, _, means)| Sentence { group: HOLES, pattern, means });
    rows.chain(holes).collect()
}

fn groups() -> [(&'static str, Vec<Row>); 6] {
    [
        ("The header", table(HEADERS)),
        ("Time, and what is expected", FRAMES.to_vec()),
        ("What befalls the site: `<event>`", table(DEEDS)),
        ("What befalls the inside of the cluster: `<event>`", table(INSIDE)),
        ("ananke, and what people tell it: `<event>`", table(LIVES)),
        ("What may be so: `<state>`", table(STATES)),
    ]
}

/// Pattern, meaning, example.
type Row = (&'static str, &'static str, &'static str);

fn table<T>(forms: &'static [Form<T>]) -> Vec<Row> {
    forms.iter().map(|form| (form.pattern, form.means, form.example)).collect()
}

fn indented(text: &str) -> String {
    let options = textwrap::Options::new(WIDTH).initial_indent("  ").subsequent_indent("  ");
    textwrap::fill(text, options.word_splitter(textwrap::WordSplitter::NoHyphenation))
}

/// The first paragraph, which was written in one line, in lines of a terminal.
fn wrapped_first(text: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    format!("{}\n{rest}", textwrap::fill(first, WIDTH))
}
