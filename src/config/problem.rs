//! What is wrong with a file: where, why, and what to write instead.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;
use serde_json::json;

use super::tree::Place;

/// The width of the terminal that messages are wrapped for.
const WIDTH: usize = 80;

/// The longest mark below a line, in characters.
const MARK: usize = 40;

/// Whether the file can be used in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is used.
    Warning,
}

impl Severity {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// The kind of a problem, for programs and for searching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Longer, deeper or with more values than is read.
    TooLarge,
    /// Not UTF-8.
    NotUtf8,
    /// Not YAML, or a part of YAML that is not supported.
    Syntax,
    /// Nothing but comments.
    Empty,
    /// No such key.
    UnknownKey,
    /// The same key twice.
    DuplicateKey,
    /// A list where a number belongs, and the like.
    WrongType,
    /// A key without its value.
    NoValue,
    /// The right type, but no such value.
    BadValue,
    /// Smaller or larger than is sensible.
    OutOfRange,
    /// A key that is needed is not there.
    MissingKey,
    /// A machine that the inventory does not have.
    UnknownMachine,
    /// A UPS that is not among those that are watched.
    UnknownUps,
    /// A UPS twice.
    DuplicateUps,
    /// A machine whose role nobody said.
    NoRole,
    /// A machine in two roles, or twice in one.
    DuplicateMachine,
    /// Two machines at one address and port.
    SameAddress,
    /// A jump host that is neither a machine nor an address.
    UnknownJumpHost,
    /// No gate has this name.
    UnknownGate,
    /// Two settings that contradict each other.
    Conflict,
    /// A file that is not there, or is no file.
    MissingFile,
    /// A program of this host that is needed and not installed.
    MissingProgram,
    /// An ssh_config that ssh refuses.
    BadSshConfig,
    /// A file that may not be looked at.
    UnreadableFile,
    /// A private key that others may read.
    KeyReadable,
    /// A file of host keys that others may change.
    FileWritable,
    /// Belongs to a part that is not built; it is ignored.
    NotUsed,
    /// A battery that gives out would shut nothing down.
    NotArmed,
    /// Without effect.
    NoEffect,
    /// Depends on something that may be down after a power failure.
    Fragile,
    /// There were too many problems to list.
    More,
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Its kind.
    pub code: Code,
    /// Whether the file is refused for it.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The file.
    pub file: String,
    /// The line, from 1. None where something is missing.
    pub line: Option<usize>,
    /// The column in characters, from 1.
    pub column: Option<usize>,
    /// The line of the file with a mark below the place; empty where there is no line.
    pub snippet: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// A file that is read: its name and its text without the byte order mark.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    name: &'a str,
    text: &'a str,
}

impl<'a> Source<'a> {
    pub(crate) fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text: text.strip_prefix('\u{feff}').unwrap_or(text) }
    }

    pub(crate) const fn text(&self) -> &'a str {
        self.text
    }

    /// The number of the line from 1, its start, and its text without the line break.
    fn line(&self, at: usize) -> (usize, usize, &'a str) {
        let before = &self.text[..at];
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = self.text[start..].split('\n').next().unwrap_or("");
        (before.matches('\n').count() + 1, start, line.strip_suffix('\r').unwrap_or(line))
    }
}

/// A problem before its place is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    code: Code,
    severity: Severity,
    message: String,
    help: Option<String>,
    at: Option<Place>,
    first: Option<Place>,
    hide: bool,
}

impl Fault {
    pub(crate) fn error(code: Code, message: impl Into<String>) -> Self {
        let (message, severity) = (message.into(), Severity::Error);
        Self { code, severity, message, help: None, at: None, first: None, hide: false }
    }

    pub(super) fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        self.at = Some(place);
        self
    }

    /// The other place that it is about; the message names its line.
    pub(crate) fn first(mut self, place: Place) -> Self {
        self.first = Some(place);
        self
    }

    /// Names the key, for readers who don't see the line.
    pub(super) fn about(mut self, key: &str) -> Self {
        self.message = format!("`{key}`: {}", self.message);
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The rest of the line may be a secret: it is not shown.
    pub(super) fn hidden(mut self) -> Self {
        self.hide = true;
        self
    }

    pub(super) const fn place(&self) -> Option<Place> {
        self.at
    }

    pub(crate) fn into_problem(self, source: &Source<'_>) -> Problem {
        let found = self.at.map(|at| (at, source.line(at.start)));
        let message = match self.first.map(|first| source.line(first.start)) {
            Some((line, ..)) => format!("{} (the first is in line {line})", self.message),
            None => self.message,
        };
        Problem {
            code: self.code,
            severity: self.severity,
            message,
            file: source.name.to_owned(),
            line: found.map(|(_, (number, ..))| number),
            column: found
                .map(|(at, (_, start, _))| source.text[start..at.start].chars().count() + 1),
            snippet: found.map_or_else(String::new, |(at, line)| snippet(at, line, self.hide)),
            help: self.help,
        }
    }
}

/// The line with a mark below the place, cut to the width of a terminal.
fn snippet(at: Place, (number, start, line): (usize, usize, &str), hide: bool) -> String {
    let from = (at.start - start).min(line.len());
    let to = (at.end.max(at.start) - start).clamp(from, line.len());
    let shown = if hide {
        let cut = line[from..].find(':').map_or(from, |i| from + i + 1);
        format!("{} (hidden)", &line[..cut])
    } else {
        format!("{line} ")
    };
    // The mark must not push a line over the width: its beginning is enough.
    let most = shown[from..].char_indices().nth(MARK).map_or(shown.len(), |(i, _)| from + i);
    // An empty place is marked at its first character.
    let least = shown[from..].chars().next().map_or(from, |c| from + c.len_utf8());
    let mark = AnnotationKind::Primary.span(from..to.min(most).max(least));
    let body = Snippet::source(shown.as_str()).line_start(number).annotation(mark);
    let group = annotate_snippets::Group::with_level(Level::ERROR).element(body);
    let drawn = Renderer::plain().term_width(WIDTH).render(&[group]);
    drawn.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Problems as text for a terminal of 80 columns.
pub fn problems_to_text(problems: &[Problem]) -> String {
    let mut out = String::new();
    for problem in problems {
        let place = match (problem.line, problem.column) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}", problem.file),
            (None, _) | (_, None) => problem.file.clone(),
        };
        let title = format!("{}: {}", problem.severity.word(), problem.message);
        push_wrapped(&mut out, "", "  ", &title);
        let _ = writeln!(out, "  --> {place}");
        for line in problem.snippet.lines() {
            let _ = writeln!(out, "  {line}");
        }
        if let Some(help) = &problem.help {
            push_wrapped(&mut out, "  help: ", "        ", help);
        }
        out.push('\n');
    }
    let errors = problems.iter().filter(|p| p.severity == Severity::Error).count();
    out.push_str(&count(errors, problems.len() - errors));
    out
}

fn count(errors: usize, warnings: usize) -> String {
    let word = |n: usize, one: &str| match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    };
    match (errors, warnings) {
        (0, 0) => String::new(),
        (0, w) => format!("{}\n", word(w, "warning")),
        (e, 0) => format!("{}\n", word(e, "error")),
        (e, w) => format!("{}, {}\n", word(e, "error"), word(w, "warning")),
    }
}

/// Problems as JSON, for `-o json`: an array of objects with the fields of [`Problem`].
pub fn problems_to_json(problems: &[Problem]) -> serde_json::Value {
    json!(problems)
}

/// Adds `text` in lines of at most 80 columns. A word that is longer stays whole.
pub(super) fn push_wrapped(out: &mut String, first: &str, rest: &str, text: &str) {
    let mut line = first.to_owned();
    let mut fresh = true;
    for word in text.split_whitespace() {
        if !fresh && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{line}");
            line = rest.to_owned();
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    let _ = writeln!(out, "{line}");
}
