//! What is not written here, and what is written instead.

use crate::rust::{Kind, Rust, Token};
use crate::tree::{Offence, Source, Tree};

/// A run of tokens that may not stand in Rust, where, and what to do instead.
struct Ban {
    tokens: &'static [&'static str],
    in_tests_too: bool,
    instead: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        tokens: &["todo", "!"],
        in_tests_too: true,
        instead: "return an error that says what is not built yet",
    },
    Ban {
        tokens: &["unimplemented", "!"],
        in_tests_too: true,
        instead: "return an error that says what is not built yet",
    },
    Ban { tokens: &["dbg", "!"], in_tests_too: true, instead: "take it out" },
    Ban {
        tokens: &["#", "[", "ignore"],
        in_tests_too: true,
        instead: "mend the test or delete it: nobody runs it",
    },
    Ban {
        tokens: &["[", "allow", "("],
        in_tests_too: true,
        instead: "write #[expect(lint, reason = \"...\")], which ends with its cause",
    },
    Ban {
        tokens: &[".", "unwrap", "("],
        in_tests_too: false,
        instead: "return an error, or expect() with the reason why it cannot fail",
    },
];

/// Words that name nothing. They hide in names of modules, types and files.
const EMPTY_WORDS: [&str; 6] = ["manager", "managers", "helper", "helpers", "util", "utils"];
/// Names that hold such a word because somebody else's term does.
const TERMS: [&str; 1] = ["ServiceManager"]; // what systemd calls itself
/// What is followed by a name that is chosen here.
const NAMING_KEYWORDS: [&str; 6] = ["mod", "struct", "enum", "trait", "type", "union"];
/// The comment by which a test says that it sleeps between two looks, and at what it looks.
const POLL_MARK: &str = "// poll: ";
/// What a test with a virtual clock has in its attribute.
const VIRTUAL_CLOCK: &str = "start_paused";

/// Everything banned that is there all the same.
pub(crate) fn offences(tree: &Tree) -> Vec<Offence> {
    let mut found = Vec::new();
    for (file, rust) in tree.rust() {
        for (index, token) in rust.tokens.iter().enumerate() {
            let what = banned(rust, index)
                .or_else(|| sleep_in_test(file, rust, index))
                .or_else(|| empty_name(rust, index));
            found.extend(what.map(|what| file.offence(token.line, what)));
        }
    }
    found.extend(tree.files.iter().filter_map(empty_file_name));
    found
}

fn banned(rust: &Rust, index: usize) -> Option<String> {
    let ban = BANS.iter().find(|ban| {
        let rest = &rust.tokens[index..];
        rest.len() >= ban.tokens.len()
            && (ban.in_tests_too || !rust.tokens[index].in_test)
            && rest.iter().zip(ban.tokens).all(|(token, text)| is(token, text))
    })?;
    Some(format!("`{}`: {}", ban.tokens.concat(), ban.instead))
}

fn is(token: &Token, text: &str) -> bool {
    match &token.kind {
        Kind::Word(word) => word == text,
        Kind::Punct(c) | Kind::Open(c) | Kind::Close(c) => text.chars().eq([*c]),
        Kind::Colons => text == ":",
        Kind::Literal => false,
    }
}

/// A call of any `sleep` in a test, unless it says what is polled or the file's clock is virtual
/// (`#[tokio::test(start_paused = true)]`), where it takes no time and no luck.
fn sleep_in_test(file: &Source, rust: &Rust, index: usize) -> Option<String> {
    let token = &rust.tokens[index];
    let is_call = is(token, "sleep")
        && rust.tokens.get(index + 1).is_some_and(|next| is(next, "("))
        && !index.checked_sub(1).is_some_and(|before| is(&rust.tokens[before], "fn"));
    if !token.in_test || !is_call || rust.has(VIRTUAL_CLOCK) {
        return None;
    }
    let mut here = file.lines().skip(token.line.saturating_sub(2)).take(2);
    let is_marked = here.any(|(_, line)| line.contains(POLL_MARK));
    (!is_marked).then(|| {
        format!("a test that sleeps passes by luck: poll with a deadline (`{POLL_MARK}WHAT`)")
    })
}

fn empty_name(rust: &Rust, index: usize) -> Option<String> {
    let (keyword, name) = (rust.word(index)?, rust.word(index + 1)?);
    if !NAMING_KEYWORDS.contains(&keyword) {
        return None;
    }
    let word = empty_word(name)?;
    Some(format!("`{name}`: `{word}` says nothing; name what it does"))
}

fn empty_file_name(file: &Source) -> Option<Offence> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let word = empty_word(name.split('.').next().unwrap_or_default())?;
    Some(file.offence(1, format!("`{name}`: `{word}` says nothing; name what it does")))
}

/// The first word of `name` that is empty; words are cut at `_`, `-` and before capitals.
fn empty_word(name: &str) -> Option<&'static str> {
    let mut spaced = String::new();
    let name = TERMS.iter().fold(name.to_owned(), |name, term| name.replace(term, ""));
    for c in name.chars() {
        match c {
            '_' | '-' => spaced.push(' '),
            c if c.is_uppercase() => spaced.extend([' '].into_iter().chain(c.to_lowercase())),
            c => spaced.push(c),
        }
    }
    EMPTY_WORDS.into_iter().find(|empty| spaced.split(' ').any(|word| word == *empty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::places;

    fn caught(path: &str, text: &str) -> Vec<String> {
        places(&offences(&Tree::sample(&[(path, text)])))
    }

    #[test]
    fn each_ban_catches_its_offence() {
        let cases = [
            "fn f() { todo!() }",
            "fn f() { unimplemented!(\"later\") }",
            "fn f() { dbg!(1); }",
            "#[ignore = \"slow\"] fn f() {}",
            "#[allow(dead_code)] fn f() {}",
            "#![allow(dead_code)]",
            "fn f() { g().unwrap(); }",
            "struct PodManager;",
            "mod ssh_utils {}",
            "enum Helper {}",
        ];
        for text in cases {
            assert_eq!(caught("src/a.rs", text), ["src/a.rs:1"], "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_let_through() {
        let cases = [
            ("src/a.rs", "// todo!() .unwrap() #[allow(x)]"),
            ("src/a.rs", "const A: &str = \"dbg!() #[ignore]\";"),
            ("src/a.rs", "fn f() { g().unwrap_or(1); let manager = 1; }"),
            ("src/a.rs", "#[expect(dead_code, reason = \"r\")] fn f() {}"),
            ("src/a.rs", "use tokio_util::sync::X; struct Utility; struct ServiceManagerError;"),
            ("tests/a.rs", "fn f() { g().unwrap(); }"),
        ];
        for (path, text) in cases {
            assert!(caught(path, text).is_empty(), "{path}: {text}");
        }
    }

    #[test]
    fn a_test_that_sleeps_without_polling_is_caught() {
        let plain = "fn f() {\n    std::thread::sleep(D);\n}";
        let polled = "fn f() {\n    // poll: the pid file\n    std::thread::sleep(D);\n}";
        let waited = "async fn f() {\n    sleep(D).await; // poll: the port\n}";
        assert_eq!(caught("tests/a.rs", plain), ["tests/a.rs:2"]);
        assert!(caught("tests/a.rs", polled).is_empty());
        let paused = format!("#[tokio::test(start_paused = true)]\nasync {plain}");
        assert!(caught("tests/a.rs", &paused).is_empty());
        assert!(caught("tests/a.rs", waited).is_empty());
        assert!(caught("tests/a.rs", "fn sleep(d: D) {}").is_empty());
        assert!(caught("src/a.rs", plain).is_empty(), "clippy looks after the clock there");
    }

    #[test]
    fn an_empty_file_name_is_caught() {
        assert_eq!(caught("src/ssh/helpers.rs", ""), ["src/ssh/helpers.rs:1"]);
        assert_eq!(caught("scripts/test-utils.sh", ""), ["scripts/test-utils.sh:1"]);
    }
}
