//! A machine's shell: what comes back for a command line, the same in memory and over SSH.
//!
//! It knows the lines that `model::command` renders, byte for byte as the real guard and the real
//! sudo answer them, and a few words for a person who looks on. Everything else ends with 127,
//! never with a guess.

mod facts;
mod guard;
mod hygiene;
mod words;

use std::sync::LazyLock;

use crate::adapters::guard::Reply;
use crate::model::command::{Command, GUARD_PATH};
use crate::model::facts::{Sudo, Unit};
use crate::model::ids::MachineName;
use crate::sim::faces::Stage;
use crate::sim::world::World;

pub use facts::as_seen;
use guard::answer;

/// What became of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It ended.
    Ended(Reply),
    /// `systemctl start` without `--no-block` waits for this unit: ask [`again`] whenever the
    /// world has moved.
    Waits(Unit),
    /// Nobody is there to run it.
    Nobody,
}

/// The line of a look, as it is sent.
static LOOK: LazyLock<Option<String>> = LazyLock::new(|| Command::Facts.render().ok());

/// What sudo says when it has no rule for us (sudo(8), `-n`).
const NO_RULE: &str = "sudo: a password is required";

/// Runs one line on a machine, as the login user. `kubeconfig` is what lies in k3s' own place on
/// the servers.
pub fn run(world: &mut World, name: &MachineName, line: &str, kubeconfig: Option<&str>) -> Said {
    let Some(facts) = world.facts(name) else { return Said::Nobody };
    if LOOK.as_deref() == Some(line) {
        return ended(0, facts::look(&facts), "");
    }
    if let Some(asked) = hygiene::asked(line) {
        return world
            .hygiene(name)
            .map_or(Said::Nobody, |facts| ended(0, hygiene::print(&facts, &asked), ""));
    }
    let Ok(words) = words::words(line) else { return stranger(line) };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["sudo", "-n", rest @ ..] => match (&facts.sudo, rest) {
            (_, ["systemctl", verb @ ("start" | "stop"), unit]) => match named(unit) {
                Some(unit) => plain(world, name, unit, *verb == "start"),
                None => ended(1, String::new(), NO_RULE),
            },
            (Sudo::Refused { why }, _) => ended(1, String::new(), why),
            (Sudo::Works, [GUARD_PATH, rest @ ..]) => {
                let machine = guard::Machine { name, facts: &facts, kubeconfig };
                guard::guard(world, &machine, rest)
            }
            (Sudo::Works, _) => ended(1, String::new(), NO_RULE),
        },
        ["hostname"] => ended(0, format!("{name}\n"), ""),
        ["uptime"] => ended(0, format!("up {}\n", facts.up_for), ""),
        ["systemctl", "is-active" | "status", unit] => {
            let state = named(unit).and_then(|unit| facts.units.get(&unit));
            match state {
                // systemctl(1), exit status: 3 for a unit that is not active, 4 for none.
                Some(unit) => {
                    let up = matches!(unit.active, crate::model::facts::UnitActive::Active);
                    ended(if up { 0 } else { 3 }, format!("{}\n", unit.active), "")
                }
                None => ended(4, "inactive\n".to_owned(), ""),
            }
        }
        [] => ended(0, String::new(), ""),
        _ => stranger(line),
    }
}

/// The same for a world on a stage. A look changes nothing and wakes nobody.
pub fn on(stage: &Stage, name: &MachineName, line: &str, kubeconfig: Option<&str>) -> Said {
    let act = |world: &mut World| run(world, name, line, kubeconfig);
    let looks = LOOK.as_deref() == Some(line) || hygiene::asked(line).is_some();
    if looks { stage.with(act) } else { stage.touch(act) }
}

/// Whether a start that waited for its unit has ended by now.
pub fn again(world: &World, name: &MachineName, unit: Unit) -> Said {
    let said = world.plain_end(name, unit).and_then(answer::plain);
    said.map_or(Said::Waits(unit), Said::Ended)
}

/// What a person reads who opens a session without a command.
pub fn greeting(name: &MachineName) -> String {
    format!(
        "{name} exists in a rehearsal only. Commands that it knows: hostname, uptime,\n\
         systemctl status k3s|k3s-agent, and what `ananke explain commands` shows.\n"
    )
}

fn plain(world: &mut World, name: &MachineName, unit: Unit, start: bool) -> Said {
    let said = world.plain(name, unit, start);
    answer::plain(said).map_or(Said::Waits(unit), Said::Ended)
}

/// The unit of a name, with or without its suffix.
fn named(name: &str) -> Option<Unit> {
    let name = name.strip_suffix(".service").unwrap_or(name);
    Unit::ALL.into_iter().find(|unit| unit.as_str() == name)
}

fn ended(status: u32, stdout: String, stderr: &str) -> Said {
    Said::Ended(reply(status, stdout, stderr))
}

fn reply(status: u32, stdout: String, stderr: &str) -> Reply {
    let mut stderr = stderr.as_bytes().to_vec();
    if !stderr.is_empty() && !stderr.ends_with(b"\n") {
        stderr.push(b'\n');
    }
    Reply { status: Some(status), stdout: stdout.into_bytes(), stderr }
}

/// Something that is not there. 127 is what a shell gives for an unknown command.
fn stranger(line: &str) -> Said {
    let first: String = line.chars().take_while(|c| !c.is_whitespace()).take(40).collect();
    ended(127, String::new(), &format!("{first}: not in this world"))
}
