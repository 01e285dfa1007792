//! The files of the repository that the rules look at.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::rust::Rust;

/// Folders that are read, with everything below them.
const FOLDERS: [&str; 6] = ["src", "tests", "scripts", "benches", "docs", ".ci"];
/// Files at the top that are read. Lock file and licences are other people's text.
const TOP_EXTENSIONS: [&str; 2] = ["md", "toml"];

/// One file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the repository, with `/`.
    pub(crate) path: String,
    /// Its content.
    pub(crate) text: String,
    /// Its tokens, for Rust.
    pub(crate) rust: Option<Rust>,
}

impl Source {
    /// A file that need not exist.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let rust = path.ends_with(".rs").then(|| Rust::parse(path, text));
        Self { path: path.to_owned(), text: text.to_owned(), rust }
    }

    /// Something wrong in this file.
    pub(crate) fn offence(&self, line: usize, what: impl Into<String>) -> Offence {
        Offence { path: self.path.clone(), line, what: what.into() }
    }

    /// The lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Whether it is a shell script, by name or by its first line.
    pub(crate) fn is_shell(&self) -> bool {
        let first = self.text.lines().next().unwrap_or_default();
        self.path.ends_with(".sh") || (first.starts_with("#!") && first.ends_with("sh"))
    }
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) files: Vec<Source>,
}

impl Tree {
    /// The repository, read once for all rules.
    pub(crate) fn of_repository() -> &'static Self {
        static TREE: LazyLock<Tree> = LazyLock::new(Tree::load);
        &TREE
    }

    /// Reads the repository. Files that are not text are left out.
    fn load() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        for folder in FOLDERS {
            walk(root, &root.join(folder), &mut files);
        }
        for path in entries(root) {
            let extension = path.extension().unwrap_or_default();
            if TOP_EXTENSIONS.iter().any(|wanted| extension == *wanted) {
                read(root, &path, &mut files);
            }
        }
        let mut tree = Self { files };
        tree.mark_test_modules();
        assert!(tree.get("src/lib.rs").is_some(), "no sources below {}", root.display());
        tree
    }

    /// A tree of samples.
    pub(crate) fn sample(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        let mut tree = Self { files };
        tree.mark_test_modules();
        tree
    }

    /// A file is test code when a `mod` line in test code names it: all the way down.
    fn mark_test_modules(&mut self) {
        let mut known = 0;
        loop {
            let declared: BTreeSet<String> = self
                .rust()
                .flat_map(|(_, rust)| rust.declared_modules())
                .filter_map(|(module, in_test)| in_test.then_some(module))
                .collect();
            if declared.len() == known {
                return;
            }
            known = declared.len();
            for rust in self.files.iter_mut().filter_map(|file| file.rust.as_mut()) {
                if declared.contains(&rust.module().join("::")) {
                    rust.mark_as_test();
                }
            }
        }
    }

    /// One file by its path.
    pub(crate) fn get(&self, path: &str) -> Option<&Source> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&Source, &Rust)> {
        self.files.iter().filter_map(|file| Some((file, file.rust.as_ref()?)))
    }
}

/// The content of a folder in a fixed order; nothing if it is not there.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.sort();
    paths
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<Source>) {
    for path in entries(folder) {
        if path.is_dir() {
            walk(root, &path, files);
        } else {
            read(root, &path, files);
        }
    }
}

fn read(root: &Path, path: &Path, files: &mut Vec<Source>) {
    let name = path.strip_prefix(root).expect("a path below the root").to_string_lossy();
    if let Ok(text) = fs::read_to_string(path) {
        files.push(Source::new(&name, &text));
    }
}

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Offence {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// For the samples of the rules: where the offences are, as `path:line`.
#[cfg(test)]
pub(crate) fn places(offences: &[Offence]) -> Vec<String> {
    offences.iter().map(|offence| format!("{}:{}", offence.path, offence.line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_only_tests_declare_is_test_code_all_the_way_down() {
        let tree = Tree::sample(&[
            ("src/lib.rs", "mod a;"),
            ("src/a/mod.rs", "#[cfg(test)]\nmod cases;\nmod b;"),
            ("src/a/b.rs", "fn f() {}"),
            ("src/a/cases/mod.rs", "mod more;"),
            ("src/a/cases/more.rs", "fn f() {}"),
        ]);
        let is_test = |path| {
            let rust = tree.get(path).and_then(|file| file.rust.as_ref());
            rust.is_some_and(|rust| rust.tokens.iter().all(|token| token.in_test))
        };
        assert!(is_test("src/a/cases/mod.rs") && is_test("src/a/cases/more.rs"));
        assert!(!is_test("src/a/b.rs") && !is_test("src/a/mod.rs"));
    }
}
