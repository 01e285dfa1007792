//! The guard's side of a machine: what its answers mean, and how it gets there.
//!
//! No transport of its own: the app sends what `model::command` renders and hands the reply over.

use std::fmt::Write as _;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::model::command::GUARD_SCRIPT;

pub mod hygiene;
pub mod install;
mod lines;
pub mod parse;
pub mod prepare;

/// The protocol that this program speaks: the number in `ananke-guard 1 done ...`.
pub const PROTOCOL: u32 = 1;

/// How much of a version is shown to people: the protocol and 12 digits of the SHA-256.
const SHOWN: usize = 14;

/// The most that is read of any text for people, in characters.
const WORDS_MAX: usize = 300;

/// What came back from a command on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// The exit status. `None` if it was lost, which is never success.
    pub status: Option<u32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// The version of the guard that belongs to this program: protocol and SHA-256 of the script, so
/// that one changed byte is another version.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> =
        LazyLock::new(|| format!("{PROTOCOL}-{}", sha256(GUARD_SCRIPT.as_bytes())));
    &VERSION
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A version as it is shown.
fn shown(version: &str) -> &str {
    version.get(..SHOWN).unwrap_or(version)
}

/// Text from a machine, fit for a terminal and a log: one line, no control characters, bounded.
fn words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}
