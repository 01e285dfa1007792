//! The language explained, from the tables that the parser reads.

use std::fmt::Write as _;

use super::forms::{DEEDS, FRAMES, Form, HEADERS, INSIDE, LIVES, STATES};
use super::slots::SLOTS;

/// The width of the terminal that the text is wrapped for.
const WIDTH: usize = 80;

/// Every sentence, with what it means. Markdown that reads as plain text.
pub fn help() -> String {
    let mut out = String::from(
        "A scenario is a header and then one sentence a line, in order. A line from `#` on is a \
         comment; `a|b` takes either word. Steps follow each other at once: what has to wait says \
         so.\n",
    );
    let rows = |forms: &[Row]| forms.to_vec();
    let groups: [(&str, Vec<Row>); 6] = [
        ("The header", table(HEADERS)),
        ("Time, and what is expected", rows(FRAMES)),
        ("What befalls the site: `<event>`", table(DEEDS)),
        ("What befalls the inside of the cluster: `<event>`", table(INSIDE)),
        ("ananke, and what people tell it: `<event>`", table(LIVES)),
        ("What may be so: `<state>`", table(STATES)),
    ];
    for (title, rows) in groups {
        let _ = writeln!(out, "\n## {title}\n");
        for (pattern, means, _) in rows {
            let _ = writeln!(out, "- `{pattern}`\n{}", indented(means));
        }
    }
    out.push_str("\n## Holes\n\n");
    for (name, _, what) in SLOTS {
        let _ = writeln!(out, "- `{name}`\n{}", indented(what));
    }
    wrapped_first(&out)
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
