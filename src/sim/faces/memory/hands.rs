//! What acts on a world in memory: the lines and patches that the real hands send, and the faults
//! on their way.

use std::fmt;
use std::sync::Arc;

use super::fuse::{Fuse, Place};
use super::looks::{refused, too_late};
use super::observer::Eyes;
use super::{vault, write};
use crate::adapters::guard::{Reply, parse};
use crate::adapters::ssh::{SshError, Stage as Step};
use crate::config::settings::Settings;
use crate::model::action::{Action, Effect};
use crate::model::command::{Command, WIRE};
use crate::model::ids::MachineName;
use crate::model::outcome::{ActionResult, Outcome};
use crate::model::time::Span;
use crate::ports::{Clock, Hands};
use crate::sim::faces::Stage;
use crate::sim::faces::shell::{self, Said};
use crate::sim::world::Door;

/// How long a command is on its way, and its answer on the way back: a connection that is there,
/// a fork, sudo and dash on a small board.
const WAY: Span = Span::millis(80);

/// What becomes of one action on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and so does its answer.
    Well,
    /// It arrives so much later.
    Slow(Span),
    /// It is done, and nobody hears of it.
    AnswerLost,
    /// It never arrives.
    NeverArrives,
    /// The receiver is busy and refuses.
    Refused,
}

/// Says what becomes of each action. Must say the same for the same action.
pub type Fates = Arc<dyn Fn(&Action) -> Fate + Send + Sync>;

/// Everything arrives.
pub fn all_well() -> Fates {
    Arc::new(|_| Fate::Well)
}

/// The hands of one run.
pub struct MemoryHands {
    pub(super) stage: Stage,
    pub(super) eyes: Eyes,
    pub(super) fuse: Fuse,
    pub(super) fates: Fates,
    pub(super) settings: Settings,
}

impl fmt::Debug for MemoryHands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryHands").finish_non_exhaustive()
    }
}

impl Hands for MemoryHands {
    async fn perform(&self, action: Action) -> Outcome {
        let clock = self.stage.clock();
        let began = clock.mono();
        let limit = action.limit + WIRE;
        let work = self.carry_out(&action);
        let result = tokio::select! {
            biased;
            result = work => result,
            () = clock.sleep_until(began + limit) => unknown(&SshError::TimedOut {
                stage: Step::Command,
                limit,
            }),
        };
        Outcome { action: action.id, result, began, ended: clock.mono() }
    }
}

impl MemoryHands {
    async fn carry_out(&self, action: &Action) -> ActionResult {
        let fate = (self.fates)(action);
        self.rest(WAY).await;
        match fate {
            Fate::Slow(by) => self.rest(by).await,
            Fate::NeverArrives => {
                let connect = self.settings.ssh.deadlines.connect;
                self.rest(connect).await;
                return failed(&too_late(connect));
            }
            Fate::Refused => {
                let why = "another change is under way on the machine (reason=busy)".to_owned();
                return ActionResult::Refused { why };
            }
            Fate::Well | Fate::AnswerLost => {}
        }
        if !self.fuse.pass(Place::Sent) {
            return lost();
        }
        let result = match (&action.effect, action.effect.host()) {
            (Effect::Wake { machine }, _) => {
                self.stage.touch(|world| world.wake(machine));
                ActionResult::Done
            }
            (Effect::UnsealVault { vault: name }, _) => vault::unseal(self, name).await,
            // The host goes off with all that runs on it, and the next life has another boot.
            (Effect::PowerOffHere { .. }, _) => {
                self.stage.clock().boot_anew();
                self.fuse.burn();
                return lost();
            }
            (_, Some(host)) => self.on(host, action).await,
            (_, None) => write::perform(self, action).await,
        };
        if !self.fuse.pass(Place::Acted) || fate == Fate::AnswerLost {
            return lost();
        }
        result
    }

    /// Passes time, for the way and for what waits at its end.
    pub(super) async fn rest(&self, span: Span) {
        let clock = self.stage.clock();
        clock.sleep_until(clock.mono() + span).await;
    }

    /// A command on a machine.
    async fn on(&self, host: &MachineName, action: &Action) -> ActionResult {
        let (command, line) = match Command::line_of(action) {
            Ok(sent) => sent,
            Err(error) => return ActionResult::Failed { why: error.to_string() },
        };
        let found =
            |world: &mut crate::sim::world::World| (world.ssh_door(host), world.view(host).boots);
        let (door, boots) = self.stage.with(found);
        match door {
            Door::Open => {}
            Door::Refused => return failed(&refused()),
            Door::Silent => {
                let connect = self.settings.ssh.deadlines.connect;
                self.rest(connect).await;
                return failed(&too_late(connect));
            }
        }
        let reply = self.run(host, &line).await;
        self.rest(WAY).await;
        let reply = match self.stage.with(found) {
            // sshd sent the answer before it ended, also to the word to switch the machine off.
            (Door::Open | Door::Refused, same) if same == boots => reply,
            // Nothing comes back, until the limit is over.
            (Door::Silent, _) => std::future::pending().await,
            (Door::Open | Door::Refused, _) => Reply::default(),
        };
        parse::action_result(&command, &reply)
    }

    /// Runs a line to its end.
    async fn run(&self, host: &MachineName, line: &str) -> Reply {
        let mut changed = self.stage.changed();
        let mut said = shell::on(&self.stage, host, line, None);
        loop {
            match said {
                Said::Ended(reply) => return reply,
                Said::Nobody => return std::future::pending().await,
                Said::Waits(unit) => {
                    let due = self.stage.next();
                    tokio::select! {
                        biased;
                        Ok(()) = changed.changed() => {}
                        () = self.stage.clock().sleep_until(due) => {}
                    }
                    said = self.stage.with(|world| shell::again(world, host, unit));
                }
            }
        }
    }
}

/// The process is dead, or the answer got lost: it may have been done.
fn lost() -> ActionResult {
    ActionResult::Unknown { why: "the connection ended before the answer".to_owned() }
}

fn failed(error: &SshError) -> ActionResult {
    ActionResult::Failed { why: error.to_string() }
}

fn unknown(error: &SshError) -> ActionResult {
    ActionResult::Unknown { why: error.to_string() }
}
