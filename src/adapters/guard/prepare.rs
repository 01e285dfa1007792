//! Installs the guard on one node: look, install, prove. Over any transport.

use std::future::Future;

use super::install::{self, Preparation};
use super::{Reply, version, words};
use crate::model::command::SudoUser;
use crate::model::facts::Blind;
use crate::model::policy::Needs;

/// One account on one node. Each call is bounded by its transport.
pub trait Account: Sync {
    /// Runs a command line, with `stdin` as its standard input.
    fn run(
        &self,
        command: &str,
        stdin: Option<Vec<u8>>,
    ) -> impl Future<Output = Result<Reply, Blind>> + Send;
}

/// Why a node could not be prepared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// The account can't be reached. Nothing was changed.
    #[error("can't reach the account: {0}")]
    Unreachable(Blind),
    /// The person's account may not become root without a password. Nothing was changed; the
    /// script can be run by hand.
    #[error("the account can't become root by sudo: {why}")]
    NotRoot {
        /// sudo's words.
        why: String,
    },
    /// The look was not whole. Nothing was changed.
    #[error("the node's answer makes no sense: {why}")]
    Garbled {
        /// What it said.
        why: String,
    },
    /// Something has to be put right by a person first. Nothing was changed.
    #[error("first: {}", .obstacles.join("; "))]
    InTheWay {
        /// What.
        obstacles: Vec<String>,
    },
    /// A step of the installation failed. What was moved into place before it is whole.
    #[error("the installation stopped: {why}")]
    Stopped {
        /// The step's words.
        why: String,
    },
    /// Nobody knows how far the installation came. It can be run again.
    #[error("the connection was lost during the installation: look again")]
    Lost,
    /// Installed, but the tool's account can't use it.
    #[error("installed, but the tool's account gets: {why}")]
    NotProven {
        /// What it got.
        why: String,
    },
}

/// Finds out what would change. Changes nothing.
///
/// # Errors
/// [`PrepareError`], with nothing changed.
pub async fn look(
    person: &impl Account,
    user: &SudoUser,
    needs: &Needs,
) -> Result<Preparation, PrepareError> {
    let script = install::probe(user, needs).into_bytes();
    let reply =
        person.run(install::AS_ROOT, Some(script)).await.map_err(PrepareError::Unreachable)?;
    if let Some(state) = install::read_probe(&reply) {
        return Ok(install::plan(&state, user, needs));
    }
    let why = said(&reply);
    let sudo = String::from_utf8_lossy(&reply.stderr).contains("sudo");
    Err(if sudo { PrepareError::NotRoot { why } } else { PrepareError::Garbled { why } })
}

/// Installs what [`look`] found, then lets the tool's own account prove that it may use it.
///
/// # Errors
/// [`PrepareError`]: `InTheWay` before anything is changed, the others as they say.
pub async fn apply(
    person: &impl Account,
    tool: &impl Account,
    preparation: &Preparation,
) -> Result<(), PrepareError> {
    if !preparation.obstacles.is_empty() {
        return Err(PrepareError::InTheWay { obstacles: preparation.obstacles.clone() });
    }
    if !preparation.is_ready() {
        let script = preparation.script().into_bytes();
        let reply =
            person.run(install::AS_ROOT, Some(script)).await.map_err(|_| PrepareError::Lost)?;
        let done = reply.stdout.ends_with(b"ananke-prepare=done\n");
        match reply.status {
            Some(0) if done => {}
            None => return Err(PrepareError::Lost),
            Some(_) => return Err(PrepareError::Stopped { why: said(&reply) }),
        }
    }
    prove(tool).await
}

/// Lets the tool's own account run the guard.
///
/// # Errors
/// [`PrepareError::Unreachable`] and [`PrepareError::NotProven`].
pub async fn prove(tool: &impl Account) -> Result<(), PrepareError> {
    let reply = tool.run(&install::proof(), None).await.map_err(PrepareError::Unreachable)?;
    let expected = format!("ananke-guard {} version={}\n", super::PROTOCOL, version());
    if reply.status == Some(0) && reply.stdout == expected.as_bytes() {
        Ok(())
    } else {
        Err(PrepareError::NotProven { why: said(&reply) })
    }
}

fn said(reply: &Reply) -> String {
    let text = if reply.stderr.is_empty() { &reply.stdout } else { &reply.stderr };
    match (words(text), reply.status) {
        (said, _) if !said.is_empty() => said,
        (_, Some(status)) => format!("nothing, status {status}"),
        (_, None) => "nothing, and no exit status".to_owned(),
    }
}
