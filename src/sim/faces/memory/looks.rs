//! Looks at the machines: when each is due, what it finds, and what a silent machine costs.

use std::collections::BTreeMap;

use crate::adapters::ssh::{SshError, Stage as Step};
use crate::config::settings::SshSettings;
use crate::model::facts::{Blind, BlindKind, HostFacts, Seen};
use crate::model::hygiene::{self, ClockFacts, HygieneFacts};
use crate::model::ids::MachineName;
use crate::model::observation::{file_look, not_looked_at};
use crate::model::time::{Moment, Mono, Span};
use crate::sim::faces::SITE_BOOT;
use crate::sim::faces::shell;
use crate::sim::world::{Door, World};

/// Looks begin one after the other, since one processor makes the connections.
const STAGGER: Span = Span::millis(20);

/// How long a kept connection is asked for a channel before a new one is tried (adapters::ssh,
/// `REOPEN`).
const REOPEN: Span = Span::secs(2);

/// The looks at all machines.
#[derive(Debug)]
pub(super) struct Looks {
    each: Vec<Look>,
    seen: BTreeMap<MachineName, Seen<HostFacts>>,
    hygiene: BTreeMap<MachineName, Seen<HygieneFacts>>,
    connect: Span,
    pause: Span,
}

/// The looks at one machine.
#[derive(Debug)]
struct Look {
    name: MachineName,
    /// When it begins, or when one that got no answer is given up.
    due: Mono,
    /// It waits for an answer.
    waits: bool,
    /// The boot whose connection is kept open.
    kept: Option<u32>,
    /// The host key that is in known_hosts.
    host_key: u32,
}

impl Looks {
    pub(super) fn new(ssh: &SshSettings, now: Mono) -> Self {
        let each = ssh.machines.keys().zip(0_u64..).map(|(name, at)| Look {
            name: name.clone(),
            due: now + STAGGER.times(at),
            waits: false,
            kept: None,
            // As it was when the world began: nobody has accepted another one since.
            host_key: 0,
        });
        Self {
            each: each.collect(),
            seen: not_looked_at(ssh.machines.keys(), now),
            hygiene: not_looked_at(ssh.machines.keys(), now),
            connect: ssh.deadlines.connect,
            pause: ssh.poll,
        }
    }

    /// What was seen so far.
    pub(super) const fn seen(&self) -> &BTreeMap<MachineName, Seen<HostFacts>> {
        &self.seen
    }

    /// What was seen closer so far.
    pub(super) const fn hygiene(&self) -> &BTreeMap<MachineName, Seen<HygieneFacts>> {
        &self.hygiene
    }

    /// When the next one is due.
    pub(super) fn due(&self) -> Option<Mono> {
        self.each.iter().map(|look| look.due).min()
    }

    /// Makes every look that is due, and says whether any brought news.
    pub(super) fn step(&mut self, world: &World, now: Mono) -> bool {
        let mut news = false;
        for look in self.each.iter_mut().filter(|look| look.due <= now) {
            match look.go(world, now, self.connect) {
                Some(found) => {
                    let last = self.hygiene.get(&look.name);
                    if let Some(closer) = closer(world, &look.name, &found, last, now) {
                        news |= file_look(&mut self.hygiene, &look.name, closer, now);
                    }
                    news |= file_look(&mut self.seen, &look.name, found, now);
                    look.waits = false;
                    look.due = now + self.pause;
                }
                None => look.waits = true,
            }
        }
        news
    }
}

/// The closer look, where one is due.
fn closer(
    world: &World,
    name: &MachineName,
    found: &Result<HostFacts, Blind>,
    last: Option<&Seen<HygieneFacts>>,
    now: Mono,
) -> Option<Result<HygieneFacts, Blind>> {
    let facts = match found {
        Ok(facts) => facts,
        Err(blind) => return Some(Err(blind.clone())),
    };
    let gone = || Blind::new(BlindKind::TimedOut, "the answer broke off");
    hygiene::is_due(last, &facts.boot_id, now).then(|| world.hygiene(name).ok_or_else(gone))
}

impl Look {
    /// What it finds; `None` while it waits for an answer, at most until `due`.
    fn go(&mut self, world: &World, now: Mono, connect: Span) -> Option<Result<HostFacts, Blind>> {
        let boots = world.view(&self.name).boots;
        match world.ssh_door(&self.name) {
            Door::Open => {
                if self.kept != Some(boots) && world.host_key(&self.name) != self.host_key {
                    let why = "the machine shows another host key than the one that is recorded";
                    return Some(Err(Blind::new(BlindKind::Identity, why)));
                }
                self.kept = Some(boots);
                let Some(facts) = world.facts(&self.name) else {
                    // It went away in this very moment: the command hangs.
                    self.due = now + connect;
                    return None;
                };
                Some(shell::as_seen(facts).map(|seen| {
                    let (boot, wall) = (SITE_BOOT, world.wall());
                    let asked = Moment { boot, mono: now, wall, wall_trusted: true };
                    HostFacts { clock: Some(ClockFacts::read(seen.wall, &asked, &asked)), ..seen }
                }))
            }
            Door::Refused => {
                self.kept = None;
                Some(Err(Blind::from(&refused())))
            }
            Door::Silent if self.waits => {
                let kept = self.kept.take().is_some();
                if kept {
                    // The old connection is dead, and a new one is tried.
                    self.due = now + connect;
                    return None;
                }
                Some(Err(Blind::from(&too_late(connect))))
            }
            Door::Silent => {
                self.due = now + if self.kept.is_some() { REOPEN.min(connect) } else { connect };
                None
            }
        }
    }
}

/// Nobody listens there.
pub(super) fn refused() -> SshError {
    let why = std::io::Error::from_raw_os_error(rustix::io::Errno::CONNREFUSED.raw_os_error());
    SshError::Unreachable { stage: Step::Connect, why: why.to_string() }
}

/// Nothing came back.
pub(super) const fn too_late(limit: Span) -> SshError {
    SshError::TimedOut { stage: Step::Connect, limit }
}
