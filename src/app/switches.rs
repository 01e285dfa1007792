//! Switches machines on, each by the way that the configuration gives.

use crate::adapters::nut::{self, CommandError, Commanded, Commander};
use crate::adapters::wake::{self, WakeError};
use crate::config::settings::{Encryption, NutSettings, Settings, TurnOn, TurnOnSettings};
use crate::model::error_text::chain;
use crate::model::ids::MachineName;
use crate::model::outcome::ActionResult;
use crate::model::power::UpsName;
use crate::model::time::Span;

/// The switches that this host can reach.
#[derive(Debug)]
pub(super) struct Switches {
    turn_on: TurnOnSettings,
    nut: NutSettings,
}

impl Switches {
    /// Those of the configuration.
    pub(super) fn of(settings: &Settings) -> Self {
        Self { turn_on: settings.turn_on.clone(), nut: settings.nut.clone() }
    }

    /// Asks a machine to start. A good end says that it was asked, and no more.
    pub(super) async fn turn_on(&self, machine: &MachineName, limit: Span) -> ActionResult {
        let done = match self.turn_on.ways.get(machine) {
            None => return failed(format!("power.turn_on has no way to switch {machine} on")),
            Some(TurnOn::Packet(packet)) => wake::send(packet).await,
            Some(TurnOn::Command(line)) => wake::command(line, limit).await,
            Some(TurnOn::Outlet { ups, outlet }) => return self.outlet(ups, *outlet, limit).await,
        };
        match done {
            Ok(()) => ActionResult::Done,
            Err(error) => wake_failed(&error),
        }
    }

    async fn outlet(&self, ups: &UpsName, outlet: u8, limit: Span) -> ActionResult {
        let Some(login) = &self.turn_on.upsd else {
            return failed("nobody may log in to upsd (power.upsd_user)".to_owned());
        };
        let password = match std::fs::read_to_string(&login.password) {
            Ok(text) => text.lines().next().unwrap_or_default().to_owned(),
            Err(error) => return failed(format!("{}: {error}", login.password.display())),
        };
        let who = Commander {
            user: &login.user,
            password: &password,
            encryption: self.nut.upses.get(ups).unwrap_or(&Encryption::Off),
            connect: self.nut.connect,
            answer: self.nut.answer,
        };
        let command = format!("outlet.{outlet}.load.on");
        match Box::pin(nut::command(ups, &command, who, limit)).await {
            Ok(Commanded::Done | Commanded::Handed) => ActionResult::Done,
            Err(error) => outlet_failed(&error),
        }
    }
}

fn wake_failed(error: &WakeError) -> ActionResult {
    let why = chain(error);
    if error.may_have_run() { ActionResult::Unknown { why } } else { failed(why) }
}

fn outlet_failed(error: &CommandError) -> ActionResult {
    let why = chain(error);
    if error.may_have_run() { ActionResult::Unknown { why } } else { failed(why) }
}

const fn failed(why: String) -> ActionResult {
    ActionResult::Failed { why }
}
