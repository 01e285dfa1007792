//! What is sent to a machine over SSH: one closed enum, rendered and quoted here and nowhere else.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::action::{Action, Channel, Effect};
use super::facts::Unit;
use super::ids::{ActionId, BootId, Epoch, MachineId};
use super::policy::Needs;
use super::time::Span;

mod verbs;

pub use verbs::{ENVELOPE_FORM, GuardVerb, VERBS, VerbCard};

/// What the wire and a slow `sudo` may add to the limit that the guard itself keeps.
pub const WIRE: Span = Span::secs(5);

/// Where the guard lies on a machine. The only program that the sudoers rule names.
pub const GUARD_PATH: &str = "/usr/local/sbin/ananke-guard";

/// Where ananke lies on an ananke host. Another one asks it over SSH; the sudoers rule there names
/// this verb of it only.
pub const ANANKE_PATH: &str = "/usr/local/bin/ananke";

/// Where the sudoers rule lies.
pub const SUDOERS_PATH: &str = "/etc/sudoers.d/ananke";

/// The guard as it is installed, byte for byte.
pub const GUARD_SCRIPT: &str = include_str!("../../configs/guard/ananke-guard");

/// The closer look. It is sent, never installed.
pub const HYGIENE_SCRIPT: &str = include_str!("../../configs/guard/hygiene");

/// Above this line of the script is what only looks: it is also sent to machines without a guard.
const LOOKING_ENDS: &str = "\n# === Above this line";

/// The longest value in an envelope, in bytes. The guard allows 64, and 512 for packages; this
/// only keeps a broken caller from sending a book.
const LONGEST_VALUE: usize = 512;

/// A command for a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Look, without root: everything in `HostFacts`. Runs with and without a guard.
    Facts,
    /// Look closer, without root and without the guard: everything in `HygieneFacts`.
    Hygiene {
        /// What the machine needs.
        needs: Needs,
        /// The folders whose file systems are asked about.
        disks: BTreeSet<String>,
    },
    /// The admin kubeconfig of a server, through the guard.
    Kubeconfig,
    /// What another ananke host says of itself; what this one says goes on standard input.
    Peer,
    /// A change through the guard.
    Guarded {
        /// What.
        verb: GuardVerb,
        /// What must be true, and how long it may take.
        envelope: Envelope,
    },
    /// `sudo -n systemctl start UNIT`, without a guard.
    PlainStart {
        /// Which unit.
        unit: Unit,
    },
    /// `sudo -n systemctl stop UNIT`, without a guard.
    PlainStop {
        /// Which unit.
        unit: Unit,
    },
}

/// What goes with every change, so that the machine can refuse it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The fencing number: older ones are refused, and the same one from another owner.
    pub epoch: Epoch,
    /// The ananke host.
    pub owner: String,
    /// The boot that was observed.
    pub boot_id: BootId,
    /// The machine that was observed.
    pub machine_id: MachineId,
    /// Remembered with its result: a repeated one answers "already done".
    pub action: ActionId,
    /// How long the verb may take on the machine.
    pub limit: Span,
}

/// Why a command can't be sent. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// A value that no machine could take: empty, too long, with control characters.
    #[error("{key} is empty, too long or has control characters")]
    Value {
        /// Which.
        key: &'static str,
    },
    /// A change without the boot or the machine for which it was decided.
    #[error("the action does not say for which {what} it was decided")]
    NoPrecondition {
        /// What is missing.
        what: &'static str,
    },
    /// The effect needs the guard.
    #[error("without a guard nothing but a plain start or stop is sent")]
    NeedsGuard,
    /// The effect does not go to a machine.
    #[error("the effect goes through the Kubernetes API, not to a machine")]
    NotForMachines,
}

impl Command {
    /// The command of an action that goes over SSH.
    ///
    /// # Errors
    /// [`Unsendable`], if the action lacks a precondition, or goes another way.
    pub fn of(action: &Action) -> Result<Self, Unsendable> {
        let verb = match &action.effect {
            Effect::StartUnit { unit, .. } => GuardVerb::Start(*unit),
            Effect::RestartUnit { unit, .. } => GuardVerb::Restart(*unit),
            Effect::ResetFailedUnit { unit, .. } => GuardVerb::ResetFailed(*unit),
            Effect::StopUnit { unit, .. } => GuardVerb::Stop(*unit),
            Effect::MendHost { mending, .. } => GuardVerb::Mend(mending.clone()),
            Effect::EndPods { .. } => GuardVerb::EndPods,
            Effect::SaveDatastore { .. } => GuardVerb::SaveDatastore,
            Effect::PowerOff { .. } => GuardVerb::PowerOff,
            Effect::Claim { .. } => GuardVerb::Claim,
            Effect::Cordon { .. }
            | Effect::Uncordon { .. }
            | Effect::MarkManual { .. }
            | Effect::ClearMark { .. }
            | Effect::WriteCanary
            | Effect::PowerOffHere { .. }
            | Effect::Wake { .. }
            | Effect::SuspendFlux { .. }
            | Effect::ResumeFlux { .. }
            | Effect::RequestReconcile { .. }
            | Effect::DeletePod { .. }
            | Effect::Scale { .. }
            | Effect::UnsealVault { .. }
            | Effect::EvictPods { .. } => return Err(Unsendable::NotForMachines),
        };
        match action.channel {
            Channel::Guard => {}
            Channel::Unguarded => return Self::plain(&verb),
            Channel::Api | Channel::Here => return Err(Unsendable::NotForMachines),
        }
        let missing = |what| Unsendable::NoPrecondition { what };
        let expect = &action.expect;
        Ok(Self::Guarded {
            verb,
            envelope: Envelope {
                epoch: action.epoch,
                owner: action.owner.clone(),
                boot_id: expect.boot_id.clone().ok_or_else(|| missing("boot"))?,
                machine_id: expect.machine_id.clone().ok_or_else(|| missing("machine"))?,
                action: action.id.clone(),
                limit: action.limit,
            },
        })
    }

    /// The command of an action, with the line that is sent for it.
    ///
    /// # Errors
    /// [`Unsendable`]: nothing may be sent.
    pub fn line_of(action: &Action) -> Result<(Self, String), Unsendable> {
        let command = Self::of(action)?;
        let line = command.render()?;
        Ok((command, line))
    }

    const fn plain(verb: &GuardVerb) -> Result<Self, Unsendable> {
        match verb {
            GuardVerb::Start(unit) => Ok(Self::PlainStart { unit: *unit }),
            GuardVerb::Stop(unit) => Ok(Self::PlainStop { unit: *unit }),
            GuardVerb::Restart(_)
            | GuardVerb::ResetFailed(_)
            | GuardVerb::Mend(_)
            | GuardVerb::Claim
            | GuardVerb::EndPods
            | GuardVerb::SaveDatastore
            | GuardVerb::PowerOff => Err(Unsendable::NeedsGuard),
        }
    }

    /// The exact line that is sent, for a POSIX login shell.
    ///
    /// # Errors
    /// [`Unsendable::Value`] for a value that no quoting makes safe to read.
    pub fn render(&self) -> Result<String, Unsendable> {
        Ok(match self {
            Self::Facts => format!("exec sh -c {}", quote(&looking())),
            Self::Hygiene { needs, disks } => closer(needs, disks),
            Self::Kubeconfig => format!("sudo -n {GUARD_PATH} kubeconfig"),
            Self::Peer => format!("sudo -n {ANANKE_PATH} peer"),
            Self::Guarded { verb, envelope } => envelope.render(verb)?,
            // Exactly the words of the usual sudoers line: with --no-block it would not match.
            Self::PlainStart { unit } => format!("sudo -n systemctl start {unit}"),
            Self::PlainStop { unit } => format!("sudo -n systemctl stop {unit}"),
        })
    }
}

impl Envelope {
    fn render(&self, verb: &GuardVerb) -> Result<String, Unsendable> {
        // Rounded up: a limit of 300 ms is not none at all.
        let limit = self.limit.as_millis().div_ceil(1_000);
        let mut line = format!("sudo -n {GUARD_PATH} {}", verb.word());
        for (key, text) in verb.own(&self.action) {
            line.push_str(&format!(" {key}={}", value(key, &text)?));
        }
        Ok(format!(
            "{line} epoch={} owner={} boot={} machine={} action={} limit={limit}",
            self.epoch,
            value("owner", &self.owner)?,
            value("boot id", self.boot_id.as_str())?,
            value("machine id", self.machine_id.as_str())?,
            value("action id", self.action.as_str())?,
        ))
    }
}

/// A value as one word of the line. What the guard allows is stricter; it has the last word.
fn value(key: &'static str, text: &str) -> Result<String, Unsendable> {
    if text.is_empty() || text.len() > LONGEST_VALUE || text.chars().any(char::is_control) {
        return Err(Unsendable::Value { key });
    }
    Ok(quote(text))
}

/// Makes one word of a POSIX shell out of any text without NUL.
pub fn quote(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The part of the script that only looks, without its comments and indentation, since it
/// travels with every look.
fn looking() -> String {
    let part = GUARD_SCRIPT.split_once(LOOKING_ENDS).map_or(GUARD_SCRIPT, |(part, _)| part);
    bare(part) + "look"
}

/// A script without its comments and indentation.
fn bare(script: &str) -> String {
    let mut text = String::with_capacity(script.len());
    for line in script.lines().map(str::trim_start) {
        if !line.is_empty() && !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The closer look, with its questions. A name with a blank in it would be two: it is left out,
/// and what was not asked is missing.
fn closer(needs: &Needs, disks: &BTreeSet<String>) -> String {
    let mut line = format!("exec sh -c {} hygiene", quote(&bare(HYGIENE_SCRIPT)));
    let kinds = [
        ("disk", disks),
        ("package", &needs.packages),
        ("program", &needs.programs),
        ("module", &needs.modules),
        ("service", &needs.services),
    ];
    for (kind, names) in kinds {
        for name in names.iter().filter(|name| !name.contains(char::is_whitespace)) {
            line.push_str(&format!(" {}", quote(&format!("{kind}={name}"))));
        }
    }
    line
}

/// Where `prepare` writes which modules, services and packages the guard may touch.
pub const ALLOW_PATH: &str = "/etc/ananke-guard.allow";

/// Where `prepare` puts the packages that the guard may install.
pub const PACKAGES_PATH: &str = "/var/cache/ananke-guard/packages";

/// A user name that may stand in a sudoers file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SudoUser(String);

/// A name that means something else in a sudoers file, or that no system gives to a user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a user name for sudo starts with a-z or _, then a-z 0-9 _ . -, at most 32")]
pub struct NotAUser;

impl SudoUser {
    /// Checks a name: `ALL`, `%group`, `#0` and their like never get through.
    ///
    /// # Errors
    /// [`NotAUser`]
    pub fn new(name: &str) -> Result<Self, NotAUser> {
        let first = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
        if first && name.len() <= 32 && name.bytes().all(rest) {
            Ok(Self(name.to_owned()))
        } else {
            Err(NotAUser)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one line that gives a right.
    pub fn rule(&self) -> String {
        format!("{} ALL=(root) NOPASSWD: {GUARD_PATH}", self.0)
    }

    /// The one line that lets another ananke host ask, on a host where ananke runs.
    pub fn peer_rule(&self) -> String {
        format!("{} ALL=(root) NOPASSWD: {ANANKE_PATH} peer", self.0)
    }

    /// The whole sudoers file. A look every few seconds would write three lines of journal each
    /// time, on an SD card: looks are not logged by sudo, changes are (sudoers(5), `syslog`,
    /// `pam_session`).
    pub fn sudoers(&self) -> String {
        format!(
            "# ananke may run its guard as root, and nothing else. Written by `ananke prepare`.\n\
             {}\n\
             # Looking changes nothing and happens all the time: kept out of the journal.\n\
             Cmnd_Alias ANANKE_LOOKS = {GUARD_PATH} facts\n\
             Defaults!ANANKE_LOOKS !syslog, !pam_session\n",
            self.rule()
        )
    }
}

impl fmt::Display for SudoUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests;
