//! What a machine's answers mean. Pure: bytes in, facts or a reason out.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::lines::{LONGEST, Lines, senseless};
use super::{Reply, shown, version, words};
use crate::model::command::Command;
use crate::model::facts::{
    Blind, BlindKind, Datastore, EtcdFacts, GuardState, HostFacts, Leftovers, Sudo, Unit,
    UnitActive, UnitFacts, UnitLoad,
};
use crate::model::ids::{BootId, Epoch, MachineId};
use crate::model::outcome::ActionResult;
use crate::model::peers::{Claim, Fence};
use crate::model::time::{Skew, Span};

/// Length of one tick in `/proc/PID/stat`, in milliseconds: `USER_HZ` is 100 on every
/// architecture that k3s is built for (proc_pid_stat(5), getconf CLK_TCK).
const TICK_MS: u64 = 10;

/// The longest name of an ananke host that the guard takes.
const OWNER_MAX: usize = 64;

/// What one look at a machine says.
///
/// # Errors
/// [`Blind`]: `TimedOut` where the answer broke off or systemd was silent, `Garbled` otherwise.
pub fn host_facts(reply: &Reply) -> Result<HostFacts, Blind> {
    let lines = Lines::read(reply, "ananke-facts=")?;
    if lines.optional("units") == Some("unknown") {
        return Err(Blind::new(BlindKind::TimedOut, "systemd did not say what its units do"));
    }
    let uptime = lines.seconds("uptime")?;
    let wall = lines.parsed::<Timestamp>("wall")?;
    Ok(HostFacts {
        boot_id: BootId::new(lines.id("boot_id", 36)?),
        machine_id: MachineId::new(lines.id("machine_id", 32)?),
        up_for: since_first_process(uptime, lines.optional("pid1_start")),
        wall,
        clock: None,
        guard: guard_state(lines.get("via")?, lines.get("guard")?)?,
        sudo: match lines.get("sudo")? {
            "works" => Sudo::Works,
            why => Sudo::Refused { why: words(why.as_bytes()) },
        },
        units: units(&lines, uptime, wall)?,
        datastore: datastore(lines.optional("datastore"))?,
        etcd: etcd(&lines),
        leftovers: leftovers(&lines)?,
        fence: fence(&lines)?,
    })
}

/// How long the machine has been up. `/proc/uptime` alone is the host's in a container, so the
/// start of process 1, which stands on the same clock, is taken off; on hardware that is nothing.
/// Where the two don't fit together (a virtualised `/proc/uptime`, a hidden process 1), the first
/// holds.
fn since_first_process(uptime: Span, start: Option<&str>) -> Span {
    let start = start.and_then(|ticks| ticks.parse::<u64>().ok());
    let start = Span::millis(start.unwrap_or(0).saturating_mul(TICK_MS));
    if start < uptime { uptime.less(start) } else { uptime }
}

fn guard_state(via: &str, guard: &str) -> Result<GuardState, Blind> {
    match (via, guard) {
        ("guard", own) if own == version() => Ok(GuardState::Current),
        ("plain", "absent") => Ok(GuardState::Absent),
        // Installed, but sudo does not let us use it: whatever it is, nothing is sent to it, and
        // nothing is sent past it.
        ("guard" | "plain", other) => {
            let version = words(shown(other).as_bytes());
            Ok(GuardState::Other { version })
        }
        _ => Err(senseless("via")),
    }
}

fn units(
    lines: &Lines<'_>,
    uptime: Span,
    wall: Timestamp,
) -> Result<BTreeMap<Unit, UnitFacts>, Blind> {
    let mut units = BTreeMap::new();
    for unit in Unit::ALL {
        let key = format!("unit.{unit}");
        let facts = unit_facts(lines.get(&key)?, uptime, wall).ok_or_else(|| senseless(&key))?;
        let gone = facts.load == UnitLoad::NotFound && facts.active == UnitActive::Inactive;
        if !gone {
            units.insert(unit, facts);
        }
    }
    Ok(units)
}

/// `LoadState ActiveState Result NRestarts StateChangeTimestampMonotonic`, and when the main
/// process began, by the wall clock of that time and by the monotonic one.
fn unit_facts(line: &str, uptime: Span, wall: Timestamp) -> Option<UnitFacts> {
    let mut fields = line.split(' ');
    let load = match fields.next()? {
        "loaded" => UnitLoad::Loaded,
        "masked" => UnitLoad::Masked,
        "not-found" => UnitLoad::NotFound,
        "" | "-" => return None,
        _ => UnitLoad::Broken,
    };
    let active = unit_active(fields.next()?)?;
    let result = words(fields.next()?.as_bytes());
    // systemd before 235 does not count.
    let restarts = match fields.next()? {
        "-" | "" => 0,
        count => count.parse().ok()?,
    };
    // Microseconds; zero where the unit never left its first state.
    let changed = fields.next()?.parse::<u64>().ok().filter(|us| *us > 0);
    let for_time = changed.map(|us| uptime.less(Span::millis(us / 1_000)));
    let began = (fields.next()?.parse::<Timestamp>(), fields.next()?.parse::<u64>());
    let clock_set = match began {
        (Ok(then), Ok(us)) if us > 0 => Some(clock_set(wall, then, uptime, us / 1_000)),
        _ => None,
    };
    let facts = UnitFacts { load, active, result, restarts, for_time, clock_set };
    fields.next().is_none().then_some(facts)
}

/// By how much the wall clock was set between two moments that were read by both clocks.
pub fn clock_set(wall: Timestamp, then: Timestamp, uptime: Span, then_up_ms: u64) -> Skew {
    let by_wall = wall.as_millisecond().saturating_sub(then.as_millisecond());
    let passed = uptime.as_millis().cast_signed().saturating_sub(then_up_ms.cast_signed());
    Skew::millis(by_wall.saturating_sub(passed))
}

/// systemd's word for what a unit does.
pub(super) fn unit_active(word: &str) -> Option<UnitActive> {
    Some(match word {
        // A service that reloads runs; the other two words are its newer kin (systemctl(1)).
        "active" | "reloading" | "refreshing" | "maintenance" => UnitActive::Active,
        "activating" => UnitActive::Activating,
        "deactivating" => UnitActive::Deactivating,
        "inactive" => UnitActive::Inactive,
        "failed" => UnitActive::Failed,
        _ => return None,
    })
}

/// `none` is no server; `unknown` is a server whose folder only root can see.
fn datastore(word: Option<&str>) -> Result<Option<Datastore>, Blind> {
    match word {
        None | Some("none" | "unknown") => Ok(None),
        Some("etcd") => Ok(Some(Datastore::Etcd)),
        Some("sqlite") => Ok(Some(Datastore::Sqlite)),
        Some("external") => Ok(Some(Datastore::External)),
        Some(_) => Err(senseless("datastore")),
    }
}

/// `TASKS MOUNTS`; the kernel may not count the tasks.
fn leftovers(lines: &Lines<'_>) -> Result<Leftovers, Blind> {
    let (tasks, mounts) =
        lines.get("leftovers")?.split_once(' ').ok_or_else(|| senseless("leftovers"))?;
    let tasks = match tasks {
        "unknown" => None,
        tasks => Some(tasks.parse().map_err(|_| senseless("leftovers"))?),
    };
    Ok(Leftovers { tasks, mounts: mounts.parse().map_err(|_| senseless("leftovers"))? })
}

/// `EPOCH OWNER`, or `-` where there is none. Whoever is not root can't read it.
fn fence(lines: &Lines<'_>) -> Result<Option<Fence>, Blind> {
    let claim = |key: &str| match lines.optional(key) {
        None | Some("-") => Ok(None),
        Some(line) => claim(line).map(Some).ok_or_else(|| senseless(key)),
    };
    if lines.optional("fence").is_none() {
        return Ok(None);
    }
    Ok(Some(Fence { claim: claim("fence")?, down: claim("down")? }))
}

fn claim(line: &str) -> Option<Claim> {
    let (epoch, owner) = line.split_once(' ')?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let fits = !owner.is_empty() && owner.len() <= OWNER_MAX && owner.bytes().all(plain);
    let epoch = Epoch(epoch.parse().ok()?);
    fits.then(|| Claim { epoch, owner: owner.to_owned() })
}

/// What the member did not say within its time counts as no.
fn etcd(lines: &Lines<'_>) -> Option<EtcdFacts> {
    let word = |key| lines.optional(key);
    let (healthy, has, is) =
        (word("etcd.healthy"), word("etcd.has_leader"), word("etcd.is_leader"));
    healthy.or(has).or(is)?;
    let yes = |word| word == Some("1");
    Some(EtcdFacts { healthy: yes(healthy), has_leader: yes(has), is_leader: yes(is) })
}

/// The admin kubeconfig of a server.
///
/// # Errors
/// [`Blind`]: `Denied` where sudo or the guard refuse, `TimedOut` where the answer was lost,
/// `Garbled` where it is no kubeconfig. The text never shows in the error.
pub fn kubeconfig(reply: &Reply) -> Result<String, Blind> {
    match reply.status {
        None => return Err(Blind::new(BlindKind::TimedOut, "the answer broke off")),
        Some(0) => {}
        Some(status) => {
            let why = refusal(reply).or_else(|| answer(reply).map(|a| a.refused()));
            let why = why.ok_or_else(|| {
                Blind::new(BlindKind::Garbled, format!("the guard ended with status {status}"))
            })?;
            return Err(Blind::new(BlindKind::Denied, why));
        }
    }
    let text = std::str::from_utf8(&reply.stdout).unwrap_or_default();
    let complete = ["clusters:", "users:", "contexts:"].iter().all(|key| text.contains(key));
    if complete && reply.stdout.len() < LONGEST {
        Ok(text.to_owned())
    } else {
        Err(Blind::new(BlindKind::Garbled, "what the guard printed is no kubeconfig"))
    }
}

/// What became of a change.
///
/// A lost exit status is `Unknown`, whatever was printed before it was lost.
pub fn action_result(sent: &Command, reply: &Reply) -> ActionResult {
    let Some(status) = reply.status else {
        return unknown("the connection ended before the answer");
    };
    match sent {
        Command::Guarded { envelope, .. } => guarded(status, reply, envelope.action.as_str())
            .unwrap_or_else(|| {
                refusal(reply).map_or_else(
                    || unknown(&format!("no answer of the guard, status {status}")),
                    |why| ActionResult::Refused { why },
                )
            }),
        Command::PlainStart { .. } | Command::PlainStop { .. } => match (status, refusal(reply)) {
            (0, _) => ActionResult::Done,
            (_, Some(why)) => ActionResult::Refused { why },
            (_, None) => ActionResult::Failed { why: failure(&status.to_string(), reply) },
        },
        Command::Facts | Command::Hygiene { .. } | Command::Kubeconfig | Command::Peer => {
            unknown("a look changes nothing")
        }
    }
}

fn unknown(why: &str) -> ActionResult {
    ActionResult::Unknown { why: why.to_owned() }
}

/// The guard's line, if it wrote one for this action and ended as the line says.
fn guarded(status: u32, reply: &Reply, action: &str) -> Option<ActionResult> {
    let answer = answer(reply)?;
    let ours = answer.word("action") == Some(action);
    // A refusal may come before the id was read. It is still a refusal.
    let nameless = answer.class == "refused" && answer.word("action") == Some("-");
    if !ours && !nameless {
        return Some(unknown("the guard answered for another action"));
    }
    Some(match (answer.class, status) {
        ("done", 0) => ActionResult::Done,
        ("already", 10) => match answer.word("was") {
            Some("done") => ActionResult::AlreadyDone,
            Some("failed") => {
                let code = answer.word("code").unwrap_or("?");
                ActionResult::Failed {
                    why: format!("tried before under this id: it ended with {code}"),
                }
            }
            _ => unknown("the guard remembers it, not how it ended"),
        },
        ("refused", 11) => ActionResult::Refused { why: answer.refused() },
        ("failed", 12) => {
            let why = match (answer.word("left"), answer.word("mounts")) {
                (Some(left), Some(mounts)) => {
                    format!("{left} processes and {mounts} mounts of pods are left")
                }
                _ => failure(answer.word("code").unwrap_or("?"), reply),
            };
            ActionResult::Failed { why }
        }
        ("unknown", 13) => match answer.word("reason") {
            Some("limit") => unknown("it did not end within the time limit"),
            _ => unknown("the guard was ended in the middle of it"),
        },
        _ => unknown("the guard's words and its exit status differ"),
    })
}

fn failure(code: &str, reply: &Reply) -> String {
    match words(&reply.stderr) {
        said if said.is_empty() => format!("it ended with {code}"),
        said => said,
    }
}

/// `ananke-guard 1 CLASS key=value ...`
struct Answer<'a> {
    class: &'a str,
    words: Vec<(&'a str, &'a str)>,
}

impl Answer<'_> {
    fn word(&self, key: &str) -> Option<&str> {
        self.words.iter().find(|(k, _)| *k == key).map(|(_, value)| *value)
    }

    /// The refusal in words, with the guard's own behind them.
    fn refused(&self) -> String {
        let reason = self.word("reason").unwrap_or("?");
        let sentence = match reason {
            "busy" => "another change is under way on the machine",
            "other-boot" => "the machine has booted since it was observed",
            "other-machine" => "another machine answers under this name",
            "old-epoch" => "a newer ananke has taken over",
            "going-down" => "somebody brings the machine down",
            "not-allowed" => "prepare has not allowed that on the machine (ananke prepare)",
            "not-forward" => "the machine's clock is not behind",
            "too-late" => "the time to set is too old",
            "no-cache" => "the machine has no cache of packages (ananke prepare)",
            "no-k3s" => "there is no k3s program on the machine",
            "other-owner" => "another ananke holds this epoch",
            "id-reused" => "the action's id was used for something else",
            "no-record" | "no-lock" => "the machine's disk and memory take no record",
            "no-flock" => "flock is not installed on the machine",
            "no-kubeconfig" => "the machine has no k3s kubeconfig",
            _ => "the guard refuses the request",
        };
        let own = ["reason", "key", "have", "got", "by", "was", "kind", "late"];
        let own = self.words.iter().filter(|(k, _)| own.contains(k));
        let own = own.map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
        format!("{sentence} ({own})")
    }
}

fn answer(reply: &Reply) -> Option<Answer<'_>> {
    let text = std::str::from_utf8(reply.stdout.get(..LONGEST.min(reply.stdout.len()))?).ok()?;
    // Only whole lines: one without its end may lack the half that matters.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let line = whole.lines().rev().find_map(|line| line.strip_prefix("ananke-guard 1 "))?;
    let mut words = line.split(' ');
    let class = words.next()?;
    Some(Answer { class, words: words.filter_map(|word| word.split_once('=')).collect() })
}

/// sudo's own words, if it is sudo that refused: then nothing was run. It ends with 1; a shell
/// that finds no sudo, and sudo that finds no guard, with 127 or 1.
fn refusal(reply: &Reply) -> Option<String> {
    if !matches!(reply.status, Some(1 | 126 | 127)) {
        return None;
    }
    let text = String::from_utf8_lossy(&reply.stderr);
    let says_no = |line: &&str| {
        let shell = line.contains("sudo: not found") || line.contains("sudo: command not found");
        // Only a warning: the command ran.
        let warning = line.contains("unable to resolve host");
        let fragments = ["may not run sudo", "is not allowed to", "not in the sudoers"];
        shell
            || line.starts_with("sudo:") && !warning
            || fragments.iter().any(|part| line.contains(part))
    };
    text.lines().find(says_no).map(|line| words(line.as_bytes()))
}

#[cfg(test)]
mod tests;
