//! Changes on a machine, through `configs/guard/ananke-guard` or without it. The order of the
//! guard's questions is that of the script.

use super::World;
use super::doors::GuardAnswer;
use super::machine::{Machine, Phase, Remembered};
use crate::model::action::Mending;
use crate::model::command::{Envelope, GUARD_PATH, GuardVerb};
use crate::model::facts::Unit;
use crate::model::ids::MachineName;
use crate::model::peers::Claim;

/// `REMEMBERED=128` lines, two for each action.
const REMEMBERED: usize = 64;

/// `LIMIT_MAX`, in seconds.
const LIMIT_MAX: u64 = 900;

/// `CLOCK_AGE`, in seconds.
const CLOCK_AGE: i64 = 120;

/// The longest owner and action id.
const WORD_MAX: usize = 64;

/// The longest number, in digits, as the largest one.
const NUMBER_MAX: u64 = 999_999_999_999_999_999;

impl World {
    /// Under whose number each change was done in this boot, oldest first, as the guard's log
    /// tells; so many as it remembers.
    pub fn guard_log(&self, machine: &MachineName) -> Vec<Claim> {
        let memory = self.machines.get(machine).and_then(|it| it.guard.as_ref());
        let done = memory.into_iter().flat_map(|memory| &memory.done);
        done.map(|it| Claim { epoch: it.epoch, owner: it.owner.clone() }).collect()
    }

    /// What the machine's guard makes of a change. It is done, or not, when this returns: the real
    /// guard does one thing at a time, too. Time does not pass; a stop is over at once.
    pub fn guard(
        &mut self,
        machine: &MachineName,
        verb: &GuardVerb,
        envelope: &Envelope,
    ) -> GuardAnswer {
        let Some(it) = self.machines.get(machine).filter(|it| it.runs()) else {
            return GuardAnswer::Hangs;
        };
        if let Some(denied) = denied(it) {
            return denied;
        }
        let refused = arguments(envelope)
            .or_else(|| identity(it, envelope))
            .or_else(|| fence(it, verb, envelope));
        if let Some(words) = refused {
            return GuardAnswer::Refused { words };
        }
        if let Some(answer) = recall(it, verb, envelope) {
            return answer;
        }
        if let Some(words) = self.unfit(machine, verb) {
            return GuardAnswer::Refused { words };
        }
        let (code, says) = self.carry_out(machine, verb);
        if let Some(memory) = self.machines.get_mut(machine).and_then(|it| it.guard.as_mut()) {
            memory.changes += 1;
            let newest = memory.fence.as_ref().is_none_or(|(have, _)| envelope.epoch > *have);
            let claim = (envelope.epoch, envelope.owner.clone());
            if verb.is_down() && *verb != GuardVerb::SaveDatastore {
                let at = memory.fence.as_ref().map_or(envelope.epoch, |(have, _)| *have);
                memory.down = Some((at.max(envelope.epoch), envelope.owner.clone()));
            }
            if newest || !verb.is_down() {
                memory.fence = Some(claim);
            }
            memory.done.push_back(Remembered {
                action: envelope.action.clone(),
                epoch: envelope.epoch,
                owner: envelope.owner.clone(),
                verb: verb.word(),
                object: object(verb, envelope),
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
        match self.systemctl(machine, &verb, unit) {
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

    /// `do_it`: the exit status and the words.
    fn carry_out(&mut self, machine: &MachineName, verb: &GuardVerb) -> (u32, String) {
        match (verb.unit(), verb) {
            (Some(unit), _) => return self.systemctl(machine, verb, unit),
            (None, GuardVerb::Mend(Mending::ResyncClock)) => self.time_daemon_asks(machine),
            (None, GuardVerb::Mend(Mending::SetClock { to, up })) => {
                self.clock_is_set(machine, *to, *up);
            }
            (None, GuardVerb::PowerOff) => self.shut_down(machine),
            // Of these the world has nothing that could be missing or left.
            (None, _) => {}
        }
        (0, String::new())
    }

    /// `fits`, as far as the world has what is asked about.
    fn unfit(&self, machine: &MachineName, verb: &GuardVerb) -> Option<String> {
        let GuardVerb::Mend(Mending::SetClock { to, up }) = verb else { return None };
        let it = self.machines.get(machine)?;
        let late = self.up_for(it).as_secs().cast_signed() - up.as_secs().cast_signed();
        if !(0..=CLOCK_AGE).contains(&late) {
            return Some(format!("reason=too-late late={late}"));
        }
        let have = self.wall_of(it).as_second();
        (to.as_second() + late <= have).then(|| format!("reason=not-forward have={have}"))
    }

    /// What `systemctl` does with the verb: its exit status and its words.
    fn systemctl(&mut self, machine: &MachineName, verb: &GuardVerb, unit: Unit) -> (u32, String) {
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
                GuardVerb::Mend(_)
                | GuardVerb::Claim
                | GuardVerb::EndPods
                | GuardVerb::SaveDatastore
                | GuardVerb::PowerOff => String::new(),
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
            GuardVerb::Mend(_)
            | GuardVerb::Claim
            | GuardVerb::EndPods
            | GuardVerb::SaveDatastore
            | GuardVerb::PowerOff => {}
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
fn fence(it: &Machine, verb: &GuardVerb, envelope: &Envelope) -> Option<String> {
    if verb.is_down() {
        return None;
    }
    let memory = it.guard.as_ref()?;
    let (got, owner) = (envelope.epoch, &envelope.owner);
    if let Some((have, by)) = &memory.fence {
        if got < *have {
            return Some(format!("reason=old-epoch have={have} got={got} by={by}"));
        }
        if got == *have && owner != by {
            return Some(format!("reason=other-owner have={by} got={owner}"));
        }
    }
    let (have, by) = memory.down.as_ref()?;
    (got <= *have && owner != by)
        .then(|| format!("reason=going-down have={have} got={got} by={by}"))
}

/// What the verb is about, as the guard remembers it.
fn object(verb: &GuardVerb, envelope: &Envelope) -> String {
    let first = verb.own(&envelope.action).into_iter().next();
    first.map_or_else(|| "-".to_owned(), |(_, value)| value)
}

/// `recall`
fn recall(it: &Machine, verb: &GuardVerb, envelope: &Envelope) -> Option<GuardAnswer> {
    let same = |was: &&Remembered| {
        (&was.action, was.epoch, &was.owner) == (&envelope.action, envelope.epoch, &envelope.owner)
    };
    let was = it.guard.as_ref()?.done.iter().rev().find(same)?;
    Some(if (was.verb, &was.object) == (verb.word(), &object(verb, envelope)) {
        GuardAnswer::AlreadyDone { code: was.code }
    } else {
        let words = format!("reason=id-reused was={}/{}", was.verb, was.object);
        GuardAnswer::Refused { words }
    })
}
