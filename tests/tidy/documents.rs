//! Markdown: one title a file, and links that lead somewhere.

use std::path::Path;

use crate::tree::{Offence, Source, Tree};

/// Every document with no title, with two, or with a dead link.
pub(crate) fn offences(tree: &Tree) -> Vec<Offence> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = tree.files.iter().filter(|file| file.path.ends_with(".md"));
    documents.flat_map(|file| titles(file).into_iter().chain(dead_links(file, root))).collect()
}

/// The lines outside of code blocks.
fn prose(file: &Source) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    file.lines().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

fn titles(file: &Source) -> Option<Offence> {
    let titles: Vec<usize> =
        prose(file).filter(|(_, line)| line.starts_with("# ")).map(|(number, _)| number).collect();
    match titles.as_slice() {
        [_] => None,
        [] => Some(file.offence(1, "no title: begin with `# Title`")),
        [_, second, ..] => Some(file.offence(*second, "a second title: write `## Section`")),
    }
}

/// Links to files of the repository that are not there. Addresses and anchors are not followed.
fn dead_links(file: &Source, root: &Path) -> Vec<Offence> {
    let folder = root.join(&file.path);
    let folder = folder.parent().unwrap_or(root);
    let mut found = Vec::new();
    for (number, line) in prose(file) {
        for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split(['#', ' ']).next().unwrap_or_default();
            let is_file = !target.is_empty() && !target.contains("::") && !target.contains("://");
            if is_file && !target.starts_with("mailto:") && !folder.join(target).exists() {
                found.push(file.offence(number, format!("the link to `{target}` leads nowhere")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::places;

    fn caught(text: &str) -> Vec<String> {
        places(&offences(&Tree::sample(&[("tests/a.md", text)])))
    }

    #[test]
    fn a_document_has_one_title() {
        assert!(caught("# One\n\n## Two\n```\n# a comment\n```\n").is_empty());
        assert_eq!(caught("# One\n\n# Two\n"), ["tests/a.md:3"]);
        assert_eq!(caught("## One\n"), ["tests/a.md:1"]);
    }

    #[test]
    fn a_dead_link_is_caught() {
        assert!(caught("# A\n[x](../Cargo.toml#b) [y](https://example.org/z) [z](#a)").is_empty());
        assert!(caught("# A\n[`X`](crate::model::X)").is_empty());
        assert_eq!(caught("# A\n[x](../Cargo.toml) [y](gone.md)"), ["tests/a.md:2"]);
    }
}
