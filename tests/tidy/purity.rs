//! The pure half has no effect, no waiting, no clock and no order that changes from run to run.

use std::collections::BTreeSet;

use crate::rust::PathUse;
use crate::tree::{Offence, Tree};

/// The modules from which a decision is made, and the world that is simulated. They are built
/// without the `shell` feature too.
const PURE: [&str; 10] = [
    "model", "config", "power", "checks", "gates", "remedies", "decide", "report", "replay", "sim",
];

/// A part of a pure module that is shell all the same.
const SHELL_WITHIN: [(&str, &str); 1] = [("sim", "faces")];

/// Paths that have an effect or read one, and what to do instead.
const BANNED_PATHS: &[(&[&str], &str)] = &[
    (&["tokio"], "it belongs to the shell"),
    (&["tokio_util"], "it belongs to the shell"),
    (&["futures"], "it belongs to the shell"),
    (&["kube"], "adapters turn what it says into facts"),
    (&["k8s_openapi"], "adapters turn what it says into facts"),
    (&["russh"], "adapters turn what it says into facts"),
    (&["rustix"], "it belongs to the shell"),
    (&["tracing"], "say it in the report"),
    (&["rand"], "take it as an argument"),
    (&["std", "fs"], "take the text as an argument"),
    (&["std", "env"], "take the value as an argument"),
    (&["std", "net"], "adapters talk to the network"),
    (&["std", "process"], "adapters start processes"),
    (&["std", "thread"], "the engine is the only place with threads"),
    (&["std", "time", "Instant"], "take `now` from the tick input"),
    (&["std", "time", "SystemTime"], "take `now` from the tick input"),
];

/// Plain values of `std::net`.
const ADDRESSES: [&str; 6] =
    ["AddrParseError", "IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr", "SocketAddrV4"];

const BANNED_WORDS: [(&str, &str); 4] = [
    ("async", "a decision does not wait"),
    ("await", "a decision does not wait"),
    ("HashMap", "its order changes from run to run: take BTreeMap"),
    ("HashSet", "its order changes from run to run: take BTreeSet"),
];

/// Every impurity outside of test code.
pub(crate) fn offences(tree: &Tree) -> Vec<Offence> {
    let mut found = Vec::new();
    for (file, rust) in tree.rust() {
        let [root, top, below @ ..] = rust.module() else { continue };
        let is_shell = SHELL_WITHIN
            .iter()
            .any(|(pure, shell)| top == pure && below.first().is_some_and(|part| part == shell));
        if root != "crate" || !PURE.contains(&top.as_str()) || is_shell {
            continue;
        }
        let words = rust.tokens.iter().filter(|token| !token.in_test).filter_map(|token| {
            let word = token.word()?;
            let (_, instead) = BANNED_WORDS.iter().find(|(banned, _)| *banned == word)?;
            Some((token.line, format!("`{word}` in the pure module `{top}`: {instead}")))
        });
        let paths = rust.paths();
        let paths = paths.iter().filter(|path| !path.in_test).filter_map(|path| {
            let (banned, instead) =
                BANNED_PATHS.iter().find(|(banned, _)| is_below(path, banned))?;
            let name = banned.join("::");
            Some((path.line, format!("`{name}` in the pure module `{top}`: {instead}")))
        });
        let all: BTreeSet<_> = words.chain(paths).collect();
        found.extend(all.into_iter().map(|(line, what)| file.offence(line, what)));
    }
    found
}

fn is_below(path: &PathUse, banned: &[&str]) -> bool {
    let is_address = path.segments.get(2).is_some_and(|name| ADDRESSES.contains(&name.as_str()));
    path.segments.len() >= banned.len()
        && path.segments.iter().zip(banned).all(|(segment, part)| segment == part)
        && !(banned == ["std", "net"] && is_address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::places;

    #[test]
    fn each_impurity_is_caught() {
        let cases = [
            "async fn f() {}",
            "fn f() { g().await }",
            "use tokio::time;",
            "use std::{collections::BTreeMap, fs};",
            "fn f() { std::env::var(X); }",
            "use std::net::TcpStream;",
            "use std::process;",
            "use std::time::Instant;",
            "use std::collections::HashMap;",
            "fn f(x: HashSet<u8>) {}",
        ];
        for text in cases {
            let found = offences(&Tree::sample(&[("src/decide/plan.rs", text)]));
            assert_eq!(places(&found), ["src/decide/plan.rs:1"], "{text}");
        }
    }

    #[test]
    fn the_world_is_pure_and_its_faces_are_not() {
        let text = "use tokio::time;";
        for (path, caught) in [
            ("src/sim/world/etcd.rs", true),
            ("src/sim/deed.rs", true),
            ("src/sim/scenario/mod.rs", true),
            ("src/sim/faces/sockets/api/mod.rs", false),
        ] {
            let found = offences(&Tree::sample(&[(path, text)]));
            assert_eq!(!found.is_empty(), caught, "{path}");
        }
    }

    #[test]
    fn the_shell_test_code_and_plain_values_are_let_through() {
        let cases = [
            ("src/engine/run.rs", "use tokio::time; async fn f() {}"),
            ("src/decide/plan.rs", "#[cfg(test)] mod tests { use std::fs; }"),
            ("src/config/parse.rs", "use std::net::{IpAddr, SocketAddr};"),
            ("src/model/time.rs", "use std::time::Duration;"),
            ("src/model/time.rs", "// std::fs, HashMap, async"),
        ];
        for (path, text) in cases {
            assert!(offences(&Tree::sample(&[(path, text)])).is_empty(), "{path}: {text}");
        }
    }
}
