//! Rules for every text: no path of one machine, no word on who or what wrote it.

use crate::tree::{Offence, Tree};

/// What may stand in no text, and what to do instead. Compared in lower case.
const BANNED: &[(&str, &str)] = &[
    ("/work/", "a path of one machine: make it relative, or take it from the environment"),
    ("/root/", "a path of one machine: write ~, or take it from the environment"),
    ("/home/", "a path of one machine: write ~, or take it from the environment"),
    ("co-authored-by", "the history says who wrote it"),
    ("ai-generated", "the history says who wrote it"),
    ("ai-assisted", "the history says who wrote it"),
    ("language model", "the history says who wrote it"),
    ("coding assistant", "the history says who wrote it"),
    ("chatbot", "the history says who wrote it"),
    ("copilot", "the history says who wrote it"),
];

/// Files in which such a text is meant, with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[("tests/tidy/text.rs", "names what it forbids")];

/// Every banned text.
pub(crate) fn offences(tree: &Tree) -> Vec<Offence> {
    let mut found = Vec::new();
    for file in &tree.files {
        if EXCEPTIONS.iter().any(|(path, _)| *path == file.path) {
            continue;
        }
        for (number, line) in file.lines() {
            let line = line.to_lowercase();
            for (banned, instead) in BANNED.iter().filter(|(banned, _)| line.contains(banned)) {
                found.push(file.offence(number, format!("`{banned}`: {instead}")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::places;

    #[test]
    fn a_banned_text_is_caught_in_any_file() {
        for (banned, _) in BANNED {
            let text = format!("fine\nx {}x", banned.to_uppercase());
            let tree = Tree::sample(&[("scripts/a.sh", &text)]);
            assert_eq!(places(&offences(&tree)), ["scripts/a.sh:2"], "{banned}");
        }
    }

    #[test]
    fn a_word_that_is_close_is_let_through() {
        let tree =
            Tree::sample(&[("README.md", "workers in ~/.ssh, the root of it, /var/lib/ananke")]);
        assert!(offences(&tree).is_empty());
    }
}
