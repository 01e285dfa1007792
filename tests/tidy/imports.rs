//! Who may import whom. The rings of `src/ARCHITECTURE.md`, as a table.

use std::collections::BTreeSet;

use crate::rust::{PathUse, Rust};
use crate::tree::{Offence, Source, Tree};

/// Top-level module, and which other ones, or which one item of them, it may name. A new module
/// needs a row.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    // The pure half.
    ("model", &[]),
    ("config", &["model"]),
    // What follows from what the UPSes say.
    ("power", &["model"]),
    ("checks", &["model"]),
    ("remedies", &["model", "checks"]),
    ("gates", &["model", "checks", "remedies"]),
    ("decide", &["model", "power", "checks", "remedies", "gates"]),
    // The words for what was decided come from the declarations, those of the holds too.
    ("report", &["model", "checks", "remedies", "gates", "decide::RULES"]),
    // The decision function is an argument of a replay, so that it needs no other module.
    ("replay", &["model"]),
    // The world knows what there is, never what ananke makes of it; its faces are shell.
    (
        "sim",
        &[
            "model",
            "config",
            "ports",
            "adapters",
            "engine",
            "decide::LIBRARY",
            "decide::obeyed",
            "report::ResultWord",
            // What one ananke host says to another is made of a tick, in memory as over SSH.
            "report::peer_facts",
        ],
    ),
    // The shell.
    ("ports", &["model"]),
    ("engine", &["model", "gates", "decide", "report", "ports"]),
    ("adapters", &["model", "config", "ports"]),
    ("cli", &["model", "config", "report"]),
    ("app", EVERYTHING),
    ("main", &["cli", "app"]),
];

/// Parts of a module that may name less than the whole may. The simulated world knows nothing of
/// what ananke makes of it, or a mistake of ananke's would be one of the world, too. A fate is
/// written in the words of the model.
const PARTS_MAY_IMPORT: &[(&[&str], &[&str])] = &[
    (&["sim", "world"], &["model"]),
    (&["sim", "site"], &["model"]),
    (&["sim", "deed"], &["model"]),
    (&["sim", "scenario"], &["model", "config"]),
];

const EVERYTHING: &[&str] = &[
    "model", "config", "checks", "remedies", "gates", "decide", "report", "replay", "sim", "ports",
    "engine", "adapters", "cli",
];

/// What test code may name besides.
const TESTS_MAY_IMPORT: &[(&str, &[&str])] = &[
    // A ledger that went through a crash is judged by the rules of `replay --verify`.
    ("adapters", &["replay"]),
    // So is one that the loop wrote.
    ("engine", &["replay"]),
    // What is shown of a whole tick is tried with the samples of a replay.
    ("report", &["replay"]),
    // Whether the language knows every reason to hold.
    ("sim", &["decide"]),
];

/// What adapters share, with the reason. Everything else goes through a port.
const SHARED_BY_ADAPTERS: &[(&str, &str)] =
    &[("process", "the one way to start a program, bounded in time and output")];

/// Crates that one folder wraps, so that their next version changes one folder only.
const WRAPPED: &[(&str, &[&str])] = &[
    ("kube", &["crate::adapters::kube"]),
    ("k8s_openapi", &["crate::adapters::kube"]),
    // The client, and the servers of a simulated site.
    ("russh", &["crate::adapters::ssh", "crate::sim::faces::sockets::ssh"]),
];

/// Every import that points outward.
pub(crate) fn offences(tree: &Tree) -> Vec<Offence> {
    let mut found = Vec::new();
    for (file, rust) in tree.rust().filter(|(file, _)| file.path.starts_with("src/")) {
        found
            .extend(rust.error.iter().map(|error| file.offence(1, format!("unreadable: {error}"))));
        let Some(top) = rust.module().get(1) else { continue };
        let below = &rust.module()[1..];
        let is_in = |part: &[&str]| {
            part.iter().enumerate().all(|(at, it)| below.get(at).is_some_and(|name| name == it))
        };
        let part = PARTS_MAY_IMPORT.iter().find(|(part, _)| is_in(part));
        let row = MAY_IMPORT.iter().find(|(name, _)| name == top);
        let Some(allowed) = part.map(|(_, allowed)| allowed).or(row.map(|(_, allowed)| allowed))
        else {
            let what =
                format!("`{top}` has no row in MAY_IMPORT of tests/tidy/imports.rs: add one");
            found.push(file.offence(1, what));
            continue;
        };
        let mut seen = BTreeSet::new();
        for path in rust.paths() {
            let bad = outward(top, allowed, &path)
                .or_else(|| part.and_then(|(part, _)| to_a_face(part, &path)))
                .or_else(|| sideways(rust, &path))
                .or_else(|| unwrapped(rust, &path));
            if let Some(what) = bad
                && seen.insert((path.line, what.clone()))
            {
                found.push(file.offence(path.line, what));
            }
        }
    }
    found.extend(tree.rust().filter(|(file, _)| file.path == "src/lib.rs").flat_map(unlisted));
    found
}

/// A path into a module that is not in the row.
fn outward(top: &str, allowed: &[&str], path: &PathUse) -> Option<String> {
    let [head, rest @ ..] = path.segments.as_slice() else { return None };
    let module = rest.first()?;
    let ours = head == "crate" || head == env!("CARGO_PKG_NAME");
    let known = MAY_IMPORT.iter().any(|(name, _)| name == module);
    let in_tests = TESTS_MAY_IMPORT.iter().filter(|(name, _)| path.in_test && *name == top);
    let mut allowed = allowed.iter().chain(in_tests.flat_map(|(_, more)| *more));
    (ours && known && module != top && !allowed.any(|entry| begins_with(rest, entry)))
        .then(|| format!("`{top}` may not import `{module}`"))
}

/// A path of the simulated world into its faces, which are shell.
fn to_a_face(part: &[&str], path: &PathUse) -> Option<String> {
    let is_face = path.segments.get(1..).is_some_and(|rest| begins_with(rest, "sim::faces"));
    is_face.then(|| format!("`{}` may not import `sim::faces`", part.join("::")))
}

/// Whether a path begins with all parts of `entry`, for example `decide::RULES`.
fn begins_with(path: &[String], entry: &str) -> bool {
    entry.split("::").enumerate().all(|(at, part)| path.get(at).is_some_and(|it| it == part))
}

/// A path from one adapter into another.
fn sideways(rust: &Rust, path: &PathUse) -> Option<String> {
    let [_, top, own, ..] = rust.module() else { return None };
    let [head, module, rest @ ..] = path.segments.as_slice() else { return None };
    let other = rest.first()?;
    let is_shared = SHARED_BY_ADAPTERS.iter().any(|(shared, _)| begins_with(rest, shared));
    (top == "adapters" && head == "crate" && module == "adapters" && own != other && !is_shared)
        .then(|| format!("adapter `{own}` may not import adapter `{other}`: go through a port"))
}

/// A path into a crate that another folder wraps. A module of ours with the same name is no such.
fn unwrapped(rust: &Rust, path: &PathUse) -> Option<String> {
    let (name, homes) = WRAPPED.iter().find(|(name, _)| path.segments[0] == *name)?;
    let module = rust.module().join("::");
    let within = |home: &&str| module == *home || module.starts_with(&format!("{home}::"));
    if homes.iter().any(within) {
        return None;
    }
    let is_ours = rust.declared_modules().iter().any(|(it, _)| it.ends_with(&format!("::{name}")))
        || rust.paths().iter().any(|other| {
            other.segments[0] == "crate" && other.segments.last().is_some_and(|it| it == name)
        });
    (!is_ours).then(|| format!("only `{}` may use the crate `{name}`", homes.join("` and `")))
}

/// A module of the library without a row.
fn unlisted((file, rust): (&Source, &Rust)) -> Vec<Offence> {
    let has_row =
        |module: &str| MAY_IMPORT.iter().any(|(name, _)| format!("crate::{name}") == module);
    let declared = rust.declared_modules().into_iter();
    declared
        .filter(|(module, _)| !has_row(module))
        .map(|(module, _)| file.offence(1, format!("`{module}` has no row in MAY_IMPORT")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::places;

    fn caught(path: &str, text: &str) -> Vec<String> {
        offences(&Tree::sample(&[(path, text)])).into_iter().map(|it| it.what).collect()
    }

    #[test]
    fn an_outward_import_is_caught_however_it_is_written() {
        let cases = [
            "use crate::decide::tick;",
            "use crate::{model::ids, decide::{self, tick}};",
            "use super::super::decide::tick;",
            "fn f() { crate::decide::tick() }",
            "m!(crate::decide::tick());",
            "use ananke::decide::tick;",
            "#[cfg(test)] mod tests { use crate::decide::tick; }",
        ];
        for text in cases {
            assert_eq!(
                caught("src/gates/nodes.rs", text),
                ["`gates` may not import `decide`"],
                "{text}"
            );
        }
    }

    #[test]
    fn inward_imports_and_own_ones_are_let_through() {
        let text = "use crate::{checks::ssh, model::ids};\nuse super::Gate;\nuse crate::gates::x;";
        assert!(caught("src/gates/nodes.rs", text).is_empty());
    }

    #[test]
    fn one_item_of_a_module_and_what_tests_need_are_let_through_alone() {
        let decide = ["`report` may not import `decide`"];
        assert!(caught("src/report/a.rs", "use crate::decide::RULES;").is_empty());
        assert_eq!(caught("src/report/a.rs", "use crate::decide::{RULES, tick};"), decide);
        let replay = ["`adapters` may not import `replay`"];
        assert_eq!(caught("src/adapters/disk/a.rs", "use crate::replay::x;"), replay);
        let test = "#[cfg(test)] mod tests { use crate::replay::x; }";
        assert!(caught("src/adapters/disk/a.rs", test).is_empty());
    }

    #[test]
    fn the_world_knows_less_than_its_faces() {
        let world = "src/sim/world/etcd.rs";
        for (path, text, what) in [
            (world, "use crate::gates::x;", vec!["`sim` may not import `gates`"]),
            (world, "use crate::decide::LIBRARY;", vec!["`sim` may not import `decide`"]),
            (world, "use crate::engine::x;", vec!["`sim` may not import `engine`"]),
            (world, "use crate::sim::faces::x;", vec!["`sim::world` may not import `sim::faces`"]),
            (
                world,
                "use super::super::faces::x;",
                vec!["`sim::world` may not import `sim::faces`"],
            ),
            (world, "use crate::{model::ids, sim::site::Site};", vec![]),
            ("src/sim/scenario/mod.rs", "use crate::{config::x, sim::deed::Deed};", vec![]),
            ("src/sim/faces/memory.rs", "use crate::{engine::x, decide::LIBRARY};", vec![]),
        ] {
            assert_eq!(caught(path, text), what, "{path} {text}");
        }
    }

    #[test]
    fn an_adapter_that_names_another_is_caught() {
        let sideways = ["adapter `ssh` may not import adapter `guard`: go through a port"];
        assert_eq!(caught("src/adapters/ssh/client.rs", "use super::super::guard::G;"), sideways);
        assert_eq!(caught("src/adapters/ssh.rs", "use super::guard::G;"), sideways);
        assert_eq!(caught("src/adapters/ssh/mod.rs", "use crate::adapters::guard::G;"), sideways);
        let host = ["adapter `ssh` may not import adapter `host`: go through a port"];
        assert_eq!(caught("src/adapters/ssh/mod.rs", "use crate::adapters::host::x;"), host);
        let shared = "use crate::adapters::process::run;";
        assert!(caught("src/adapters/ssh/mod.rs", shared).is_empty());
        assert!(caught("src/adapters/ssh/client.rs", "use super::keys::K;").is_empty());
        assert!(caught("src/adapters/mod.rs", "pub mod ssh; pub use ssh::Client;").is_empty());
    }

    #[test]
    fn a_wrapped_crate_outside_of_its_folder_is_caught() {
        let kube = ["only `crate::adapters::kube` may use the crate `kube`"];
        assert_eq!(caught("src/engine/run.rs", "use kube::Client;"), kube);
        assert!(caught("src/adapters/kube/link.rs", "use kube::Client;").is_empty());
        assert!(
            caught("src/app/wire.rs", "use crate::adapters::kube; fn f() { kube::go() }")
                .is_empty()
        );
        assert!(caught("src/adapters/mod.rs", "pub mod kube; pub use kube::Link;").is_empty());
    }

    #[test]
    fn a_module_without_a_row_is_caught() {
        let tree =
            Tree::sample(&[("src/lib.rs", "pub mod model; pub mod extra;"), ("src/extra.rs", "")]);
        assert_eq!(places(&offences(&tree)), ["src/extra.rs:1", "src/lib.rs:1"]);
    }
}
