//! Changes on a machine, through `configs/guard/ananke-guard` or without it. The order of the
//! guard's questions is that of the script.

use super::World;
use super::doors::GuardAnswer;
use super::machine::{Machine, Phase, Remembered};
use crate::model::command::{Envelope, GUARD_PATH, GuardVerb};
use crate::model::facts::Unit;
use crate::model::ids::MachineName;

/// `REMEMBERED=128` lines, two for each action.
const REMEMBERED: usize = 64;

/// `LIMIT_MAX`, in seconds.
const LIMIT_MAX: u64 = 900;

/// The longest owner and action id.
const WORD_MAX: usize = 64;

/// The longest number, in digits, as the largest one.
const NUMBER_MAX: u64 = 999_999_999_999_999_999;

impl World {
    /// What the machine's guard makes of a change. It is done, or not, when this returns: the real
    /// guard does one thing at a time, too. Time does not pass; a stop is over at once.
    pub fn guard(
        &mut self,
        machine: &MachineName,
        verb: GuardVerb,
        envelope: &Envelope,
    ) -> GuardAnswer {
        let Some(it) = self.machines.get(machine).filter(|it| it.runs()) else {
            return GuardAnswer::Hangs;
        };
        if let Some(denied) = denied(it) {
            return denied;
        }
        let refused =
            arguments(envelope).or_else(|| identity(it, envelope)).or_else(|| fence(it, envelope));
        if let Some(words) = refused {
            return GuardAnswer::Refused { words };
        }
        if let Some(answer) = recall(it, verb, envelope) {
            return answer;
        }
        let (code, says) = self.systemctl(machine, verb);
        if let Some(memory) = self.machines.get_mut(machine).and_then(|it| it.guard.as_mut()) {
            memory.changes += 1;
            memory.fence = Some((envelope.epoch, envelope.owner.clone()));
            memory.done.push_back(Remembered {
                action: envelope.action.clone(),
                epoch: envelope.epoch,
                owner: envelope.owner.clone(),
                verb: verb.word(),
                unit: verb.unit(),
                code,
            });
            while memory.done.len() > REMEMBERED {
                memory.done.pop_front();
            }
        }
        match code {
            0 => GuardAnswer::Done,
            code => GuardAnswer::Failed { code, says },
        }
    }

    /// `sudo -n systemctl start|stop UNIT`. A start waits for the unit and answers
    /// [`GuardAnswer::Hangs`] meanwhile.
    pub fn plain(&mut self, machine: &MachineName, unit: Unit, start: bool) -> GuardAnswer {
        let Some(it) = self.machines.get(machine).filter(|it| it.runs()) else {
            return GuardAnswer::Hangs;
        };
        if !it.sudo {
            return GuardAnswer::Denied { says: PASSWORD.to_owned() };
        }
        let verb = if start { GuardVerb::Start(unit) } else { GuardVerb::Stop(unit) };
        match self.systemctl(machine, verb) {
            (0, _) if start => self.plain_end(machine, unit).unwrap_or(GuardAnswer::Hangs),
            (0, _) => GuardAnswer::Done,
            (code, says) => GuardAnswer::Failed { code, says },
        }
    }

    /// What a plain start that hung answers now. `None`: it still hangs.
    pub fn plain_end(&self, machine: &MachineName, unit: Unit) -> Option<GuardAnswer> {
        let it = self.machines.get(machine).filter(|it| it.runs())?;
        let service = it.service.as_ref().filter(|service| service.unit == unit)?;
        let says = match service.phase {
            Phase::Active => return Some(GuardAnswer::Done),
            Phase::Process | Phase::Member | Phase::Asks | Phase::Rises => return None,
            Phase::Inactive => format!("Job for {unit}.service canceled."),
            // The first process that ends ends the job, though systemd tries again (systemd 252).
            Phase::Restarts | Phase::Failed => format!(
                "Job for {unit}.service failed because the control process exited with error code."
            ),
        };
        Some(GuardAnswer::Failed { code: 1, says })
    }

    /// What `systemctl` does with the verb: its exit status and its words.
    fn systemctl(&mut self, machine: &MachineName, verb: GuardVerb) -> (u32, String) {
        let unit = verb.unit();
        let has = self.machines.get(machine).and_then(|it| it.service.as_ref());
        if has.is_none_or(|service| service.unit != unit) {
            let words = match verb {
                GuardVerb::Start(_) => {
                    format!("start {unit}.service: Unit {unit}.service not found.")
                }
                GuardVerb::Restart(_) => {
                    format!("restart {unit}.service: Unit {unit}.service not found.")
                }
                GuardVerb::Stop(_) => {
                    format!("stop {unit}.service: Unit {unit}.service not loaded.")
                }
                GuardVerb::ResetFailed(_) => {
                    let words = format!("Unit {unit}.service not loaded.");
                    return (
                        1,
                        format!("Failed to reset failed state of unit {unit}.service: {words}"),
                    );
                }
            };
            return (5, format!("Failed to {words}"));
        }
        match verb {
            GuardVerb::Start(_) => self.start_unit(machine),
            GuardVerb::Stop(_) => self.stop_unit(machine),
            GuardVerb::Restart(_) => {
                self.stop_unit(machine);
                self.start_unit(machine);
            }
            GuardVerb::ResetFailed(_) => self.reset_unit(machine),
        }
        (0, String::new())
    }
}

/// What sudo says where it would have to ask.
pub(super) const PASSWORD: &str = "sudo: a password is required";

fn denied(it: &Machine) -> Option<GuardAnswer> {
    let says = match (it.sudo, &it.guard) {
        (true, Some(_)) => return None,
        (true, None) => format!("sudo: {GUARD_PATH}: command not found"),
        (false, _) => PASSWORD.to_owned(),
    };
    Some(GuardAnswer::Denied { says })
}

/// `arguments`
fn arguments(envelope: &Envelope) -> Option<String> {
    let word = |text: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        !text.is_empty() && text.len() <= WORD_MAX && text.bytes().all(plain)
    };
    let limit = envelope.limit.as_millis().div_ceil(1_000);
    let bad = [
        ("epoch", envelope.epoch.0 <= NUMBER_MAX),
        ("owner", word(&envelope.owner)),
        ("action", word(envelope.action.as_str())),
        ("limit", (1..=LIMIT_MAX).contains(&limit)),
    ];
    let (key, _) = bad.into_iter().find(|(_, good)| !good)?;
    Some(format!("reason=bad-value key={key}"))
}

/// `identity`
fn identity(it: &Machine, envelope: &Envelope) -> Option<String> {
    let boot = it.boot_id.as_ref()?;
    if *boot != envelope.boot_id {
        return Some(format!("reason=other-boot have={boot}"));
    }
    (it.id != envelope.machine_id).then(|| format!("reason=other-machine have={}", it.id))
}

/// `fence`
fn fence(it: &Machine, envelope: &Envelope) -> Option<String> {
    let (have, by) = it.guard.as_ref()?.fence.as_ref()?;
    let (got, owner) = (envelope.epoch, &envelope.owner);
    if got < *have {
        return Some(format!("reason=old-epoch have={have} got={got} by={by}"));
    }
    (got == *have && owner != by).then(|| format!("reason=other-owner have={by} got={owner}"))
}

/// `recall`
fn recall(it: &Machine, verb: GuardVerb, envelope: &Envelope) -> Option<GuardAnswer> {
    let same = |was: &&Remembered| {
        (&was.action, was.epoch, &was.owner) == (&envelope.action, envelope.epoch, &envelope.owner)
    };
    let was = it.guard.as_ref()?.done.iter().rev().find(same)?;
    Some(if (was.verb, was.unit) == (verb.word(), verb.unit()) {
        GuardAnswer::AlreadyDone { code: was.code }
    } else {
        let words = format!("reason=id-reused was={}/{}", was.verb, was.unit);
        GuardAnswer::Refused { words }
    })
}
