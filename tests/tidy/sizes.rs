//! Short functions, short files, short lines.

use crate::rust::{Kind, Rust};
use crate::tree::{Offence, Source, Tree};

/// Lines of a function, from `fn` to its closing bracket.
const FUNCTION_MAX: usize = 70;
/// Lines of a file. Above it a file needs an entry in [`LONG_FILES`].
const FILE_MAX: usize = 400;
/// Lines of a file that has such an entry, and of one that is all tests: cases may be many.
const LONG_FILE_MAX: usize = 600;
/// Characters of a line of Rust.
const COLUMNS_MAX: usize = 100;
/// Characters of a line of a script, where a sentence for a person is better not broken.
const SCRIPT_COLUMNS_MAX: usize = 140;

/// Files that are better long than cut in two, each with its reason. The list only gets shorter.
const LONG_FILES: &[(&str, &str)] =
    &[("src/config/keys.rs", "one table, read from top to bottom as the example file is")];

/// Everything that is too long.
pub(crate) fn offences(tree: &Tree) -> Vec<Offence> {
    let mut found = file_lengths(tree, LONG_FILES);
    found.extend(within_files(tree));
    found
}

fn within_files(tree: &Tree) -> Vec<Offence> {
    let mut found = Vec::new();
    for file in &tree.files {
        found.extend(file.rust.iter().flat_map(|rust| functions(file, rust)));
        found.extend(columns(file));
    }
    found
}

fn is_code(file: &Source) -> bool {
    file.rust.is_some() || file.is_shell()
}

fn is_test(file: &Source) -> bool {
    let mut tokens = file.rust.iter().flat_map(|rust| &rust.tokens).peekable();
    tokens.peek().is_some() && tokens.all(|token| token.in_test)
}

fn file_lengths(tree: &Tree, exceptions: &[(&str, &str)]) -> Vec<Offence> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| is_code(file)) {
        let lines = file.text.lines().count();
        let is_exception = exceptions.iter().any(|(path, _)| *path == file.path);
        let limit = match is_exception || is_test(file) {
            true => LONG_FILE_MAX,
            false => FILE_MAX,
        };
        if lines > limit {
            let what =
                format!("{lines} lines, at most {limit}: move one thing to a file of its own");
            found.push(file.offence(limit + 1, what));
        }
    }
    for (path, _) in exceptions {
        let needed = tree.get(path).is_some_and(|file| file.text.lines().count() > FILE_MAX);
        if !needed {
            let what = format!("at most {FILE_MAX} lines now: take it off LONG_FILES");
            found.push(Offence { path: (*path).to_owned(), line: 1, what });
        }
    }
    found
}

fn functions(file: &Source, rust: &Rust) -> Vec<Offence> {
    let mut found = Vec::new();
    for (index, token) in rust.tokens.iter().enumerate() {
        let (Some("fn"), Some(name)) = (rust.word(index), rust.word(index + 1)) else { continue };
        let Some(end) = body_end(rust, index + 2).filter(|_| !token.in_test) else { continue };
        let lines = end - token.line + 1;
        if lines > FUNCTION_MAX {
            let what = format!("`{name}` has {lines} lines, at most {FUNCTION_MAX}");
            found.push(file.offence(token.line, what));
        }
    }
    found
}

/// The last line of the function whose signature goes on at `index`; nothing without a body.
fn body_end(rust: &Rust, mut index: usize) -> Option<usize> {
    loop {
        match rust.tokens.get(index)?.kind {
            Kind::Open('{') => return Some(rust.tokens[rust.behind(index) - 1].line),
            Kind::Open(_) => index = rust.behind(index),
            Kind::Punct(';') => return None,
            Kind::Word(_) | Kind::Punct(_) | Kind::Colons | Kind::Close(_) | Kind::Literal => {
                index += 1;
            }
        }
    }
}

/// Lines that are too wide. One with an address in it can't be broken and is let through.
fn columns(file: &Source) -> Vec<Offence> {
    let limit = match (&file.rust, file.is_shell()) {
        (Some(_), _) => COLUMNS_MAX,
        (None, true) => SCRIPT_COLUMNS_MAX,
        (None, false) => return Vec::new(),
    };
    let wide = file.lines().map(|(number, line)| (number, line, width(line)));
    wide.filter(|(_, line, width)| *width > limit && !line.contains("://"))
        .map(|(number, _, width)| file.offence(number, format!("{width} columns, at most {limit}")))
        .collect()
}

/// Characters, with a tab as four.
fn width(line: &str) -> usize {
    line.chars().map(|c| if c == '\t' { 4 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::places;

    fn caught(path: &str, text: &str) -> Vec<String> {
        places(&within_files(&Tree::sample(&[(path, text)])))
    }

    #[test]
    fn a_long_function_is_caught_with_its_line() {
        let body =
            |lines| format!("\nfn f<T>(\n    a: T,\n) -> T {{\n{}}}\n", "a;\n".repeat(lines));
        assert_eq!(caught("src/a.rs", &body(67)), ["src/a.rs:2"]);
        assert!(caught("src/a.rs", &body(66)).is_empty());
        assert!(caught("tests/a.rs", &body(67)).is_empty(), "a test may list many cases");
        assert!(caught("src/a.rs", "trait T { fn f(); }").is_empty());
    }

    #[test]
    fn a_long_file_is_caught_and_an_exception_is_bounded_and_ends() {
        let tree = |lines: usize| Tree::sample(&[("src/a.rs", &"\n".repeat(lines))]);
        let exception = [("src/a.rs", "a reason")];
        assert_eq!(places(&file_lengths(&tree(401), &[])), ["src/a.rs:401"]);
        assert!(file_lengths(&tree(400), &[]).is_empty());
        let tests = |lines: usize| Tree::sample(&[("tests/a.rs", &"mod a;\n".repeat(lines))]);
        assert!(file_lengths(&tests(600), &[]).is_empty());
        assert_eq!(places(&file_lengths(&tests(601), &[])), ["tests/a.rs:601"]);
        assert!(file_lengths(&tree(600), &exception).is_empty());
        assert_eq!(places(&file_lengths(&tree(601), &exception)), ["src/a.rs:601"]);
        assert_eq!(places(&file_lengths(&tree(400), &exception)), ["src/a.rs:1"]);
    }

    #[test]
    fn a_wide_line_is_caught() {
        let rust = format!("// {}", "ä".repeat(98));
        assert_eq!(caught("src/a.rs", &rust), ["src/a.rs:1"]);
        assert!(caught("src/a.rs", &format!("// {}", "ä".repeat(97))).is_empty());
        assert!(caught("src/a.rs", &format!("// https://{}", "a".repeat(97))).is_empty());
        assert_eq!(caught("scripts/a.sh", &format!("\n# {}", "a".repeat(139))), ["scripts/a.sh:2"]);
        assert!(caught("README.md", &"a".repeat(200)).is_empty(), "one paragraph may be one line");
    }
}
