//! Carries effects to where they belong: to a machine's guard, to the Kubernetes API, to what
//! switches machines on, or to a vault.

use std::sync::Arc;

use super::switches::Switches;
use super::ways::FleetWays;
use crate::adapters::guard::{Reply, parse};
use crate::adapters::kube::KubeLink;
use crate::adapters::probe::Unsealer;
use crate::adapters::ssh::{Fleet, Output};
use crate::model::action::{Action, Effect};
use crate::model::command::{Command, WIRE};
use crate::model::ids::MachineName;
use crate::model::outcome::{ActionResult, Outcome};
use crate::ports::{Clock, Hands, HostSwitch};

/// The hands of a real host. What switches that host off is another thing in a rehearsal.
#[derive(Debug)]
pub(super) struct RealHands<C, W> {
    pub(super) clock: C,
    pub(super) fleet: Fleet,
    pub(super) kube: Arc<KubeLink>,
    pub(super) switches: Switches,
    pub(super) vaults: Unsealer<FleetWays, C>,
    pub(super) host: W,
}

impl<C: Clock + Clone + 'static, W: HostSwitch> Hands for RealHands<C, W> {
    async fn perform(&self, action: Action) -> Outcome {
        let began = self.clock.now().mono;
        let result = match (&action.effect, action.effect.host()) {
            (Effect::Wake { machine }, _) => self.switches.turn_on(machine, action.limit).await,
            (Effect::UnsealVault { vault }, _) => {
                Box::pin(self.vaults.unseal(vault, action.limit)).await
            }
            (Effect::PowerOffHere { .. }, _) => self.this_host(&action).await,
            (_, Some(host)) => self.over_ssh(host, &action).await,
            (_, None) => self.kube.perform(&action.effect, &action.expect, action.limit).await,
        };
        Outcome { action: action.id, result, began, ended: self.clock.now().mono }
    }
}

impl<C: Clock, W: HostSwitch> RealHands<C, W> {
    /// What was decided in another boot of this host is not done in this one.
    async fn this_host(&self, action: &Action) -> ActionResult {
        if action.expect.boot_id.as_ref() != Some(&self.clock.now().boot) {
            let why = "it was decided in another boot of this host".to_owned();
            return ActionResult::Refused { why };
        }
        self.host.power_off(action.limit).await
    }

    async fn over_ssh(&self, host: &MachineName, action: &Action) -> ActionResult {
        let (command, line) = match Command::line_of(action) {
            Ok(sent) => sent,
            Err(error) => return ActionResult::Failed { why: error.to_string() },
        };
        match self.fleet.run(host, &line, None, action.limit + WIRE).await {
            Ok(output) => parse::action_result(&command, &reply(output)),
            Err(error) if error.may_have_run() => ActionResult::Unknown { why: error.to_string() },
            Err(error) => ActionResult::Failed { why: error.to_string() },
        }
    }
}

/// The same, as the guard's parser takes it.
pub(super) fn reply(output: Output) -> Reply {
    Reply { status: output.status, stdout: output.stdout, stderr: output.stderr }
}
