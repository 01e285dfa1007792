//! Rust as a flat list of tokens with line, test flag and module, and the paths written in it.
//!
//! Tokens, not a syntax tree: a tree stops at macro calls, and a rule must see inside them too.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// Keywords after which a path may begin with `::`.
const BEFORE_A_PATH: [&str; 8] = ["use", "impl", "dyn", "for", "as", "return", "in", "mut"];

/// One token. Comments are gone; what stands in a string is not looked at.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
    /// Whether it belongs to a test: a file of `tests/`, a `#[test]`, a `#[cfg(test)]`, a module
    /// that such code declares.
    pub(crate) in_test: bool,
    /// Index into [`Rust::modules`].
    module: usize,
}

impl Token {
    /// The word, if it is one.
    pub(crate) fn word(&self) -> Option<&str> {
        if let Kind::Word(word) = &self.kind { Some(word) } else { None }
    }
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Word(String),
    Punct(char),
    /// The first or second half of `::`.
    Colons,
    Open(char),
    Close(char),
    Literal,
}

/// A path as it is resolved: `crate`, `self`, `super` and groups are gone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PathUse {
    /// `["crate", "model", "ids"]`, `["std", "fs"]`.
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    pub(crate) in_test: bool,
}

/// The tokens of one file.
#[derive(Debug)]
pub(crate) struct Rust {
    pub(crate) tokens: Vec<Token>,
    /// Where modules begin and how they are called, `crate` first.
    modules: Vec<Vec<String>>,
    /// Why it could not be read.
    pub(crate) error: Option<String>,
}

impl Rust {
    /// Reads one file. Its path says which module it is.
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let mut rust = Self { tokens: Vec::new(), modules: vec![module_of(path)], error: None };
        match text.parse::<TokenStream>() {
            Ok(stream) => rust.flatten(stream, path.starts_with("tests/"), 0),
            Err(error) => rust.error = Some(error.to_string()),
        }
        rust
    }

    fn flatten(&mut self, stream: TokenStream, scope_test: bool, module: usize) {
        let mut item_test = false;
        for tree in stream {
            let in_test = scope_test || item_test;
            let line = tree.span().start().line;
            let token = |kind| Token { kind, line, in_test, module };
            match tree {
                TokenTree::Ident(word) => self.tokens.push(token(Kind::Word(word.to_string()))),
                TokenTree::Literal(_) => self.tokens.push(token(Kind::Literal)),
                TokenTree::Punct(punct) => {
                    let kind = self.punct_kind(punct.as_char(), punct.spacing());
                    self.tokens.push(token(kind));
                    item_test &= punct.as_char() != ';';
                }
                TokenTree::Group(group) => {
                    let (open, close) = brackets(group.delimiter());
                    let is_attribute = open == '[' && self.ends_with_hash();
                    let inner = self.module_opened_here(open, module);
                    self.tokens.push(token(Kind::Open(open)));
                    let first = self.tokens.len();
                    self.flatten(group.stream(), in_test, inner);
                    item_test |= is_attribute && marks_a_test(&self.tokens[first..]);
                    let line = group.span_close().end().line;
                    self.tokens.push(Token { kind: Kind::Close(close), line, in_test, module });
                    item_test &= open != '{';
                }
            }
        }
    }

    fn punct_kind(&self, punct: char, spacing: Spacing) -> Kind {
        let second = self.tokens.last().is_some_and(|last| last.kind == Kind::Colons)
            && !self.ends_with_colons();
        if punct == ':' && (spacing == Spacing::Joint || second) {
            Kind::Colons
        } else {
            Kind::Punct(punct)
        }
    }

    fn ends_with_hash(&self) -> bool {
        let mut last = self.tokens.iter().rev().map(|token| &token.kind);
        match last.next() {
            Some(Kind::Punct('!')) => last.next() == Some(&Kind::Punct('#')),
            kind => kind == Some(&Kind::Punct('#')),
        }
    }

    /// Whether the last two tokens are one whole `::`.
    fn ends_with_colons(&self) -> bool {
        let colons = self.tokens.iter().rev().take_while(|token| token.kind == Kind::Colons);
        let count = colons.count();
        count > 0 && count % 2 == 0
    }

    /// `mod name {` begins a module; any other bracket stays in the one where it is.
    fn module_opened_here(&mut self, open: char, module: usize) -> usize {
        let [.., before, last] = self.tokens.as_slice() else { return module };
        match (&before.kind, &last.kind) {
            (Kind::Word(keyword), Kind::Word(name)) if keyword == "mod" && open == '{' => {
                let mut path = self.modules[module].clone();
                path.push(name.clone());
                self.modules.push(path);
                self.modules.len() - 1
            }
            _ => module,
        }
    }

    /// The word at `index`, if there is one.
    pub(crate) fn word(&self, index: usize) -> Option<&str> {
        self.tokens.get(index)?.word()
    }

    /// Whether the word stands anywhere.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| token.word() == Some(word))
    }

    fn is(&self, index: usize, kind: &Kind) -> bool {
        self.tokens.get(index).is_some_and(|token| token.kind == *kind)
    }

    fn colons_at(&self, index: usize) -> bool {
        self.is(index, &Kind::Colons) && self.is(index + 1, &Kind::Colons)
    }

    /// The index behind the bracket that is opened at `open`.
    pub(crate) fn behind(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (index, token) in self.tokens.iter().enumerate().skip(open) {
            match token.kind {
                Kind::Open(_) => depth += 1,
                Kind::Close(_) => depth -= 1,
                Kind::Word(_) | Kind::Punct(_) | Kind::Colons | Kind::Literal => {}
            }
            if depth == 0 {
                return index + 1;
            }
        }
        self.tokens.len()
    }

    /// Every path of two or more words, in `use` and anywhere else.
    pub(crate) fn paths(&self) -> Vec<PathUse> {
        let mut found = Vec::new();
        let mut index = 0;
        while index < self.tokens.len() {
            let is_name = self.word(index).is_some_and(|word| !BEFORE_A_PATH.contains(&word));
            let begins = is_name && self.colons_at(index + 1);
            index = match begins && self.is_head(index) {
                true => self.expand(index, &[], &mut found),
                false => index + 1,
            };
        }
        found
    }

    /// Whether no path goes on at `index`. A leading `::` begins one; `<T>::` does not.
    fn is_head(&self, index: usize) -> bool {
        let Some(before) = index.checked_sub(2).filter(|before| self.colons_at(*before)) else {
            return true;
        };
        match before.checked_sub(1).map(|earlier| &self.tokens[earlier].kind) {
            Some(Kind::Word(word)) => BEFORE_A_PATH.contains(&word.as_str()),
            Some(Kind::Punct('>') | Kind::Close(_) | Kind::Colons) => false,
            Some(Kind::Punct(_) | Kind::Open(_) | Kind::Literal) | None => true,
        }
    }

    /// Follows a path from `index` on, through its groups. Returns the index behind it.
    fn expand(&self, index: usize, prefix: &[String], found: &mut Vec<PathUse>) -> usize {
        let mut segments = prefix.to_vec();
        let mut at = index;
        while let Some(word) = self.word(at) {
            self.step(word, at, &mut segments);
            at += 1;
            if !self.colons_at(at) {
                break;
            }
            at += 2;
        }
        if self.is(at, &Kind::Open('{')) && at > index && self.colons_at(at - 2) {
            let end = self.behind(at);
            let mut item = at + 1;
            while item + 1 < end {
                let next = self.expand(item, &segments, found).max(item + 1);
                // Skips a rename (`as name`), a glob and the comma.
                item = (next..end).find(|i| self.is(*i, &Kind::Punct(','))).map_or(end, |i| i + 1);
            }
            return end;
        }
        let token = &self.tokens[index.min(self.tokens.len() - 1)];
        found.push(PathUse { segments, line: token.line, in_test: token.in_test });
        at
    }

    fn step(&self, word: &str, at: usize, segments: &mut Vec<String>) {
        let here = &self.modules[self.tokens[at].module];
        match (word, segments.is_empty()) {
            ("self", true) => segments.clone_from(here),
            ("super", true) => segments.extend_from_slice(&here[..here.len().max(2) - 1]),
            ("super", false) => drop(segments.pop()),
            ("self", false) => {}
            _ => segments.push(word.to_owned()),
        }
    }

    /// What this file declares with `mod name;`: full module path, and whether for tests only.
    pub(crate) fn declared_modules(&self) -> Vec<(String, bool)> {
        let declared = |index: usize| {
            let name = self.word(index + 1)?;
            let ends = self.is(index + 2, &Kind::Punct(';'));
            let token = &self.tokens[index];
            let parent = self.modules[token.module].join("::");
            (self.word(index) == Some("mod") && ends)
                .then(|| (format!("{parent}::{name}"), token.in_test))
        };
        (0..self.tokens.len()).filter_map(declared).collect()
    }

    /// Says that the whole file is test code, since only tests declare it.
    pub(crate) fn mark_as_test(&mut self) {
        for token in &mut self.tokens {
            token.in_test = true;
        }
    }

    /// The module that this file is.
    pub(crate) fn module(&self) -> &[String] {
        &self.modules[0]
    }
}

/// Which module a file is. `crate` stands for the library; the binary and each test are others.
/// The root of a test or bench is its folder, since that is where its modules lie.
fn module_of(path: &str) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_single_root = ["tests", "benches"].contains(&folder);
    let is_folder_root = name == "mod.rs" || (folder.starts_with("tests/") && name == "main.rs");
    let module = match is_single_root || is_folder_root || path == "src/lib.rs" {
        true => folder,
        false => path.trim_end_matches(".rs"),
    };
    let module = match module.strip_prefix("src") {
        Some(rest) => format!("crate{rest}"),
        None => module.to_owned(),
    };
    module.split('/').map(str::to_owned).collect()
}

const fn brackets(delimiter: Delimiter) -> (char, char) {
    match delimiter {
        Delimiter::Brace => ('{', '}'),
        Delimiter::Bracket => ('[', ']'),
        Delimiter::Parenthesis | Delimiter::None => ('(', ')'),
    }
}

/// Whether an attribute says that the next item is for tests only.
fn marks_a_test(attribute: &[Token]) -> bool {
    let words: Vec<&str> = attribute.iter().filter_map(Token::word).collect();
    match words.as_slice() {
        ["test", ..] | ["tokio", "test", ..] => true,
        ["cfg", rest @ ..] => rest.contains(&"test") && !rest.contains(&"not"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(file: &str, text: &str) -> Vec<String> {
        Rust::parse(file, text).paths().iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn paths_are_resolved_through_groups_super_and_macros() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("src/a/b.rs", "use crate::x::Y;", &["crate::x::Y"]),
            (
                "src/a/b.rs",
                "use crate::{x::{Y as Z, self}, w::*, v}; use d::e;",
                &["crate::x::Y", "crate::x", "crate::w", "crate::v", "d::e"],
            ),
            ("src/a/b.rs", "use super::c::D;", &["crate::a::c::D"]),
            ("src/a/b.rs", "use super::super::c::D;", &["crate::c::D"]),
            ("src/a/mod.rs", "use super::c::D;", &["crate::c::D"]),
            ("src/a/b.rs", "mod m { use super::c::D; }", &["crate::a::b::c::D"]),
            ("src/a/b.rs", "use {std::fs, std::env::var};", &["std::fs", "std::env::var"]),
            ("src/a/b.rs", "use ::std::fs; impl ::c::D for E {}", &["std::fs", "c::D"]),
            ("src/a/b.rs", "fn f(a: crate::x::Y) {}", &["crate::x::Y"]),
            ("src/a/b.rs", "m! { crate::x::go(1) }", &["crate::x::go"]),
            ("src/a/b.rs", "fn f() { <T as U>::g(); h::<u8>(); }", &["h"]),
            ("src/a/b.rs", "// crate::x::Y\nconst A: &str = \"crate::x::Y\";", &[]),
        ];
        for (file, text, expected) in cases {
            assert_eq!(paths(file, text), *expected, "{text}");
        }
    }

    #[test]
    fn test_code_is_told_from_the_rest() {
        let text = "#[cfg(test)]\nuse a::b;\nuse c::d;\n#[cfg(not(test))]\nuse e::f;\n\
                    #[cfg(test)]\nmod tests { use g::h; }\n#[tokio::test]\n\
                    async fn x() { i::j() }\nfn y() { k::l() }";
        let rust = Rust::parse("src/a.rs", text);
        let tests: Vec<String> = rust
            .paths()
            .iter()
            .filter(|path| path.in_test)
            .map(|path| path.segments.join("::"))
            .collect();
        assert_eq!(tests, ["a::b", "g::h", "i::j"]);
    }
}
