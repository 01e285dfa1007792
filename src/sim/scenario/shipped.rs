//! The scenarios that come with the program. They are the files of `tests/scenarios`.

use super::{Scenario, parse};
use crate::config::Problem;

/// The one that runs if none is named.
pub const DEFAULT: &str = "cold-start";

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        /// Each scenario with its text, in order of name.
        pub static SHIPPED: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../../tests/scenarios/", $name, ".txt")))),+
        ];
    };
}

shipped![
    "api-comes-and-goes",
    "battery-dies-early",
    "boot-loop",
    "budget-never-gives",
    "clock-in-1970",
    "cold-start",
    "dead-git",
    "dead-switch",
    "dns-dead",
    "drained-and-back",
    "foreign-cordon",
    "frozen",
    "full-disk",
    "git-deadlock-alone",
    "hangs-in-power-off",
    "host-key-changed",
    "hung-kubelet",
    "ingress-503",
    "inside-alone",
    "killed-at-boundaries",
    "killed-at-random",
    "lease-runs-out",
    "lost-image-alone",
    "low-charge",
    "never-returns",
    "never-wakes",
    "one-server-short",
    "outage",
    "own-host-last",
    "paused",
    "power-returns-early",
    "power-returns-late",
    "poweroff-and-back",
    "registry-away",
    "registry-deadlock-alone",
    "root-fails",
    "scaled-to-zero",
    "sealed-vault",
    "sealed-vault-alone",
    "second-outage",
    "short-dip",
    "shutdown-and-back",
    "shutdown-killed",
    "silent-at-the-transfer",
    "stale-green",
    "stale-ready",
    "still-on-battery",
    "storage-late",
    "storm",
    "sudo-refused",
    "turned-round",
    "two-servers-short",
    "two-upses-one-fails",
    "webhook-deadlock",
    "webhook-deadlock-alone",
    "wrong-branch",
    "wrong-vault-key",
];

/// A scenario by its name.
///
/// # Errors
/// The nearest name, if there is no such scenario.
pub fn shipped(name: &str) -> Result<Scenario, Unfound> {
    let found = SHIPPED.iter().find(|(it, _)| *it == name);
    let Some((name, text)) = found else {
        let near = crate::config::nearest(name, SHIPPED.iter().map(|(it, _)| *it));
        return Err(Unfound::NoSuch { name: name.to_owned(), near: near.map(str::to_owned) });
    };
    parse(text, &format!("{name}.txt")).map_err(Unfound::Wrong)
}

/// Why there is no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfound {
    /// There is none of that name.
    #[error("there is no scenario {name}{}", near.as_ref().map_or_else(
        || " (ananke rehearse --list)".to_owned(),
        |near| format!(": did you mean {near}?"),
    ))]
    NoSuch {
        /// The name that was given.
        name: String,
        /// The nearest that there is.
        near: Option<String>,
    },
    /// Its text is wrong.
    #[error("{}", crate::config::problems_to_text(.0))]
    Wrong(Vec<Problem>),
}
