//! Every unit is in its list and every file in its module, so that nothing written is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use crate::rust::Kind;
use crate::tree::{Offence, Source, Tree};

/// Folder of units, and the name of the declaration that makes a file in it a unit.
const UNITS: [(&str, &str); 4] = [
    ("src/gates", "GATE"),
    ("src/gates/down", "STAGE"),
    ("src/checks", "CHECK"),
    ("src/remedies", "REMEDY"),
];

/// Everything that is written and not listed.
pub(crate) fn offences(tree: &Tree) -> Vec<Offence> {
    let units =
        UNITS.into_iter().flat_map(|(folder, declaration)| unlisted(tree, folder, declaration));
    units.chain(orphans(tree)).collect()
}

/// Units that the list of their folder does not have. A file without the declaration is code that
/// units share; when none does, the compiler says so.
fn unlisted(tree: &Tree, folder: &str, declaration: &str) -> Vec<Offence> {
    let list_path = format!("{folder}/mod.rs");
    let listed = tree.get(&list_path).map(|list| listed(list, declaration)).unwrap_or_default();
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| declares(file, declaration)) {
        let Some(name) = unit_name(folder, &file.path) else { continue };
        if !listed.contains(name) {
            let what = format!("not registered: add {name}::{declaration} to ALL in {list_path}");
            found.push(file.offence(1, what));
        }
    }
    found
}

/// `nodes` for `src/gates/nodes.rs` and for `src/gates/nodes/mod.rs`.
fn unit_name<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    let rest = path.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".rs")?;
    let name = rest.strip_suffix("/mod").unwrap_or(rest);
    (name != "mod" && !name.contains('/')).then_some(name)
}

fn declares(file: &Source, declaration: &str) -> bool {
    file.rust.iter().any(|rust| {
        (0..rust.tokens.len()).any(|index| {
            rust.word(index) == Some("static") && rust.word(index + 1) == Some(declaration)
        })
    })
}

/// The units in `ALL`, named as `&nodes::GATE` or by what `use nodes::GATE as NODES` calls it.
fn listed(list: &Source, declaration: &str) -> BTreeSet<String> {
    let Some(rust) = &list.rust else { return BTreeSet::new() };
    let unit_at = |index: usize| {
        rust.word(index).filter(|_| rust.word(index + 3) == Some(declaration)).map(str::to_owned)
    };
    let mut aliases = BTreeMap::new();
    for index in 0..rust.tokens.len() {
        if let (Some(unit), Some("as"), Some(alias)) =
            (unit_at(index), rust.word(index + 4), rust.word(index + 5))
        {
            aliases.insert(alias, unit);
        }
    }
    let find = |from: usize, kind: Kind| {
        (from..rust.tokens.len()).find(|index| rust.tokens[*index].kind == kind)
    };
    // Behind the `=`, since the type of the list has brackets of its own.
    let open = find(0, Kind::Word("ALL".to_owned()))
        .and_then(|name| find(name, Kind::Punct('=')))
        .and_then(|equals| find(equals, Kind::Open('[')));
    let entries = open.into_iter().flat_map(|open| open..rust.behind(open));
    entries
        .filter_map(|index| {
            let alias = rust.word(index).and_then(|word| aliases.get(word).cloned());
            alias.or_else(|| unit_at(index))
        })
        .collect()
}

/// Rust files that no `mod` line names, which nobody compiles.
fn orphans(tree: &Tree) -> Vec<Offence> {
    let declared: BTreeSet<String> = tree
        .rust()
        .flat_map(|(_, rust)| rust.declared_modules())
        .map(|(module, _)| module)
        .collect();
    let is_root = |path: &str| {
        let below_tests = path.strip_prefix("tests/");
        ["src/lib.rs", "src/main.rs"].contains(&path)
            || below_tests.is_some_and(|rest| !rest.contains('/') || rest.ends_with("/main.rs"))
            || path.starts_with("benches/")
    };
    tree.rust()
        .filter(|(file, rust)| {
            !is_root(&file.path) && !declared.contains(&rust.module().join("::"))
        })
        .map(|(file, _)| file.offence(1, "no `mod` line names this file: nobody compiles it"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::places;

    const UNIT: &str = "pub static GATE: Gate = Gate {};";

    #[test]
    fn a_unit_outside_of_the_list_is_caught_however_the_list_names_it() {
        let lists = [
            "mod nodes; mod soak; pub static ALL: &[&Gate] = &[&nodes::GATE];",
            "mod nodes; mod soak; pub use nodes::GATE as NODES; pub use soak::GATE as SOAK;\n\
             pub static ALL: &[&Gate] = &[&NODES];\nfn f() { SOAK; soak::GATE; }",
        ];
        for list in lists {
            let tree = Tree::sample(&[
                ("src/lib.rs", "pub mod gates;"),
                ("src/gates/mod.rs", list),
                ("src/gates/nodes.rs", UNIT),
                ("src/gates/soak.rs", UNIT),
            ]);
            assert_eq!(places(&offences(&tree)), ["src/gates/soak.rs:1"], "{list}");
        }
    }

    #[test]
    fn code_that_units_share_is_no_unit() {
        let tree = Tree::sample(&[
            ("src/lib.rs", "pub mod gates;"),
            ("src/gates/mod.rs", "mod shared; mod nodes; static ALL: &[&Gate] = &[&nodes::GATE];"),
            ("src/gates/nodes.rs", UNIT),
            ("src/gates/shared.rs", "pub(super) fn f() {}"),
        ]);
        assert!(offences(&tree).is_empty());
    }

    #[test]
    fn a_folder_without_units_is_let_through() {
        let tree =
            Tree::sample(&[("src/lib.rs", "pub mod gates;"), ("src/gates/mod.rs", "//! stub")]);
        assert!(offences(&tree).is_empty());
    }

    #[test]
    fn a_file_that_nobody_compiles_is_caught() {
        let tree = Tree::sample(&[
            ("src/lib.rs", "pub mod model;"),
            ("src/model/mod.rs", "pub mod ids;"),
            ("src/model/ids.rs", ""),
            ("src/model/old.rs", ""),
            ("tests/real/main.rs", "mod ssh;"),
            ("tests/real/ssh.rs", ""),
            ("tests/real/lost.rs", ""),
            ("tests/rig.rs", "mod scene;"),
            ("tests/scene/mod.rs", ""),
        ]);
        assert_eq!(places(&offences(&tree)), ["src/model/old.rs:1", "tests/real/lost.rs:1"]);
    }
}
